"""Store: the database. SQLite by default, PostgreSQL for many gateways. One noun per module."""
