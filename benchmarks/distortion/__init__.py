"""Distortions of an excerpt before the search, each with its exact map of time and pitch."""
