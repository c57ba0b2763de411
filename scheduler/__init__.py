"""When: the clock, the engine, and the one page that lists all that happens by itself."""
