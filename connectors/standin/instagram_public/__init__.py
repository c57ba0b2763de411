"""The pretend web calls that instaloader makes."""
