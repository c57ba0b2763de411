"""The door: pages, JSON, webhooks and the command line; settings, wiring, sign-in and French words."""
