"""From a comment to a 311 request, and back to the citizen."""
