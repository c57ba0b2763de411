"""A comment is classified, and a person decides: the queue, suggestions, decisions and replies."""
