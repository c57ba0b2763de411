"""Who and what the city is: people, roles, boroughs, accounts and their tokens, keys, and how long things are kept."""
