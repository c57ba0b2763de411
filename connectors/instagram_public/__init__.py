"""The public pages of an Instagram profile, read only, off by default."""
