"""The JSON API that other systems of the city read and that a person's own programs write through."""
