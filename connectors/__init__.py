"""Values to and from the far side: the social networks and the 311 systems; no database."""
