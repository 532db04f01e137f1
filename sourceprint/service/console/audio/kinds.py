"""Kinds of jobs on tracks, and the scope that each needs."""

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.jobs import CHECK, SCAN

__all__ = ["SCOPES"]

SCOPES = {SCAN: KeyScope.SCAN, CHECK: KeyScope.CHECK}
"""The scope that submits, shows and erases jobs of a kind."""
