"""The news of the city's own site (RSS, Atom)."""
