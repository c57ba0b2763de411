"""Comments in: received, pulled, merged with what is known, and rechecked when they seem gone."""
