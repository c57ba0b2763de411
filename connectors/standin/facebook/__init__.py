"""Pretend Facebook Pages."""
