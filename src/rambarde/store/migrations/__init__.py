"""Alembic migrations, run when a database is opened. They only ever go forward."""

HEAD = "0007"
"""The newest revision. It lets `Database.open` skip importing Alembic when there is nothing to do."""
