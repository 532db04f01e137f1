"""The hash chain of a database: what it covers, how it grows, and whether it holds.

Faces: `begin_chain`, `extents` and `extend_chain` for the database itself, `show_past` for reading what was,
`chain_head` for naming it, `chain.verification` for whoever checks.
"""

from sourceprint.royalties.rights.chain.coverage import extents
from sourceprint.royalties.rights.chain.entries import Head, begin_chain, chain_head, extend_chain
from sourceprint.royalties.rights.chain.past import show_past

__all__ = ["Head", "begin_chain", "chain_head", "extend_chain", "extents", "show_past"]
