"""Migrations of the tables, run by alembic: `env` is its entry, `versions` holds a module for each version."""
