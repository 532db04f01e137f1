"""Identifiers of works, parties and releases: a module each, with compact, validate, is_valid, a printed form."""
