"""One entry of a log with its proof, as a file that is checked without the log (`sourceprint/log-proof/1`, JSON).

It holds the entry, its number, the hashes beside its way to the root, and the signed checkpoint that states the root.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from fingerprint.digests import pretty_json, strict_json
from fingerprint.errors import EvidenceError, ParameterError
from sourceprint.signatures import PublicKey
from sourceprint.transparency.checkpoint import Checkpoint
from sourceprint.transparency.log import LogReader
from sourceprint.transparency.tree import inclusion_path, leaf_hash, verify_inclusion

__all__ = ["MOST_PROOF_BYTES", "EntryProof"]

MOST_PROOF_BYTES = 1 << 20
_SCHEMA = "sourceprint/log-proof/1"
_MOST_HASHES = 64


@dataclass(frozen=True, slots=True)
class EntryProof:
    """The proof that an entry is in a log.

    Attributes
    ----------
    index : int
        Number of the entry, from 0.
    entry : bytes
        The entry.
    path : tuple of bytes
        Hashes from the leaf's neighbour up.
    checkpoint : bytes
        The signed checkpoint whose root they lead to.
    """

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: bytes

    @classmethod
    def of(cls, log: LogReader, index: int) -> Self:
        """Return the proof of an entry by the newest checkpoint of a log.

        Raises
        ------
        ParameterError
            If the log has no such entry.
        VerificationError
            If the log is damaged: a proof that does not hold is never handed out.
        LogError
            If the log cannot be read.
        """
        checkpoint, tiles = log.view()
        entry = tiles.entry(index)
        path = tuple(inclusion_path(index, checkpoint.size, tiles.node))
        verify_inclusion(index, checkpoint.size, leaf_hash(entry), path, checkpoint.root)
        return cls(index, entry, path, checkpoint.to_bytes())

    @classmethod
    def parse(cls, data: bytes, name: str) -> Self:
        """Return the proof in a file; it is not checked.

        Raises
        ------
        EvidenceError
            If it is no such file.
        """
        try:
            fields = strict_json(data)
        except ParameterError as error:
            raise EvidenceError(f"{name}: {error}; give a proof that `sourceprint log prove` wrote") from error
        if not isinstance(fields, dict) or fields.get("schema") != _SCHEMA:
            raise EvidenceError(f"{name}: no proof of schema {_SCHEMA}; give one that `sourceprint log prove` wrote")
        index, path = fields.get("index"), fields.get("proof")
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise _wrong(name, "index", "the number of an entry")
        if not isinstance(path, list) or len(path) > _MOST_HASHES:
            raise _wrong(name, "proof", f"a list of at most {_MOST_HASHES} hashes")
        if not isinstance(checkpoint := fields.get("checkpoint"), str):
            raise _wrong(name, "checkpoint", "the text of a checkpoint")
        hashes = tuple(_bytes_of(each, name, "proof") for each in path)
        return cls(index, _bytes_of(fields.get("entry"), name, "entry"), hashes, checkpoint.encode("utf-8", "replace"))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {
            "schema": _SCHEMA,
            "index": self.index,
            "entry": base64.b64encode(self.entry).decode("ascii"),
            "proof": [base64.b64encode(each).decode("ascii") for each in self.path],
            "checkpoint": self.checkpoint.decode("utf-8"),
        }

    def to_bytes(self) -> bytes:
        """Return it as a file."""
        return pretty_json(self.to_json(), utf8=True)

    def verify(self, key: PublicKey | Sequence[PublicKey] | None) -> Checkpoint:
        """Make sure that the entry is in the log of the checkpoint, and that its key signed the checkpoint.

        Parameters
        ----------
        key : PublicKey, sequence of PublicKey, or None
            Key of the log, or its keys where it has changed them. None leaves out the signature: the rest then proves
            nothing to anybody but its maker.

        Returns
        -------
        Checkpoint

        Raises
        ------
        VerificationError
            If not.
        """
        checkpoint = Checkpoint.parse(self.checkpoint)
        if key:
            checkpoint.verify(key)
        verify_inclusion(self.index, checkpoint.size, leaf_hash(self.entry), self.path, checkpoint.root)
        return checkpoint


def _bytes_of(value: object, name: str, field: str) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(name, field, "base64") from error


def _wrong(name: str, field: str, wanted: str) -> EvidenceError:
    return EvidenceError(f"{name}: `{field}` is not {wanted}; give a proof that `sourceprint log prove` wrote")
