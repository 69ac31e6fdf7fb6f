"""Store: the database schema and its queries."""
