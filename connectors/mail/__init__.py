"""Letters to those who work here, through the mail server of the city."""
