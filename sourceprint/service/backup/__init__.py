"""A copy of a whole service while it runs, and a service made of such a copy."""
