"""The demonstration: a fictional city, its people, its story, and the pretend networks around the real product."""
