"""Stretches of a track that an alignment may claim.

In reading order:

support        stretches of an alignment in which its recording is found, and where they end
paths          passages of one recording on one path, cut so that they do not overlap
"""

from index.search.claims.paths import Span, apart
from index.search.claims.support import HeardStretch, ends_of, supported, whole_of

__all__ = ["HeardStretch", "Span", "apart", "ends_of", "supported", "whole_of"]
