"""Statements: from uses and revenue to amounts owed, in the forms that people and programs read."""
