"""Migrations of the service's tables, run by alembic: `env` is its entry, `versions` has a module per version."""
