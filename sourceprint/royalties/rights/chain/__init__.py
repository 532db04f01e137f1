"""Hash chain of a database: coverage, growth and verification.

`begin_chain`, `extents` and `extend_chain` are for the database. `show_past` shows an earlier state, `chain_head` names
the present one, and `chain.verification` checks the whole chain.
"""

from sourceprint.royalties.rights.chain.coverage import extents
from sourceprint.royalties.rights.chain.entries import Head, begin_chain, chain_head, extend_chain
from sourceprint.royalties.rights.chain.past import show_past

__all__ = ["Head", "begin_chain", "chain_head", "extend_chain", "extents", "show_past"]
