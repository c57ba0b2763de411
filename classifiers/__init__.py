"""Text to verdict: what a comment says, how sure we are, and why; no database, no network."""
