"""Pretend LinkedIn company pages."""
