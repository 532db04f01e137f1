"""The hash chain of a database: what it covers, how it grows, and whether it holds.

Faces: `begin_chain`, `extents` and `extend_chain` for the database itself, `chain_head` for what names it,
`chain.verification` for whoever checks.
"""

from sourceprint.royalties.rights.chain.coverage import extents
from sourceprint.royalties.rights.chain.entries import Head, begin_chain, chain_head, extend_chain

__all__ = ["Head", "begin_chain", "chain_head", "extend_chain", "extents"]
