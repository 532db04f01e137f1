"""Commands about transparency logs: log verify, show, prove and check-proof.

- `folders`: verify and show
- `proofs`: prove and check-proof
"""

from sourceprint.commands.log import proofs
from sourceprint.commands.log.folders import log

__all__ = ["log", "proofs"]
