"""What is kept: the words, the errors, the tables, the transaction, the scope and the rows that are work."""
