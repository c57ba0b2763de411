"""Pretend Instagram accounts."""
