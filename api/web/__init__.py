"""Pages for people: one file for one part of the work."""
