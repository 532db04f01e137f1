"""Shared by all routes: the caller, uploads, refusals, pages of jobs."""
