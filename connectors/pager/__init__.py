"""The city's pager, or whatever else it has to reach people: a signed webhook."""
