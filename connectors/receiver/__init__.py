"""The city's pager, or any other program of the city that is told what happens: a signed webhook."""
