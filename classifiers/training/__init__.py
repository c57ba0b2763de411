"""How the shipped model is made and measured; nothing that serves imports it."""
