"""Pages of the web that posts link to."""
