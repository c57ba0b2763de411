"""What the commands of `parvis` do; `api/cli.py` has their options."""
