"""The pretend Graph API and the pretend consent dialog of Meta."""
