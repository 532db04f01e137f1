"""A transparency log: entries that nobody can alter or remove without a copy elsewhere showing it.

Bytes come in; files of hashes and entries, signed checkpoints and proofs go out (docs/formats/log.md).

- `tree`: hashes, roots, proofs of inclusion and consistency
- `checkpoint`: the signed root of a log at one size
- `tiles`: hashes and entries as files of a folder
- `log`: a log on the disk, read and appended to
- `succession`: logs that go on from another, after a backup was put back
- `entry_proof`: one entry with its proof, as a file
- `verification`: the check of a whole folder
"""

from sourceprint.transparency.checkpoint import MOST_CHECKPOINT_BYTES, Checkpoint, expect_origin, key_hash, verifier_key
from sourceprint.transparency.entry_proof import MOST_PROOF_BYTES, EntryProof
from sourceprint.transparency.log import Log, LogReader
from sourceprint.transparency.succession import RESTORED, Predecessor, predecessor_data
from sourceprint.transparency.tiles import MOST_ENTRY_BYTES
from sourceprint.transparency.tree import verify_consistency, verify_inclusion
from sourceprint.transparency.verification import KeyChange, LogFinding, LogVerdict, verify_log

__all__ = [
    "MOST_CHECKPOINT_BYTES",
    "MOST_ENTRY_BYTES",
    "MOST_PROOF_BYTES",
    "RESTORED",
    "Checkpoint",
    "EntryProof",
    "KeyChange",
    "Log",
    "LogFinding",
    "LogReader",
    "LogVerdict",
    "Predecessor",
    "expect_origin",
    "key_hash",
    "predecessor_data",
    "verifier_key",
    "verify_consistency",
    "verify_inclusion",
    "verify_log",
]
