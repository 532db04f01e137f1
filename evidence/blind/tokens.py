"""Tokens: what stands in a blind index in place of the id of a recording.

    blind-<grant id>-<token>      e.g. blind-0f3a61d2c94be785-mzxw6ytboi4dsnrsgq3tqojqgi

The grant id is 16 hexadecimal digits; the token is HMAC-SHA256 of the id, cut to 128 bits, in base32 (RFC 4648, small
letters, 26 of them). Its key is HMAC-SHA256 of the grant id under the *secret* of the label, 32 random bytes in the
file `blind.secret` of its keys folder. So tokens are equal within a grant, unrelated between grants, and say nothing
about the id to whoever lacks the secret; the label works them out again from the secret and its ids, and keeps no list.
"""

import base64
import hashlib
import hmac
import os
import re
from contextlib import suppress
from pathlib import Path

from evidence.signing import read_private_bytes
from fingerprint.errors import EvidenceError, printable
from index.durable import create_private, refusals

__all__ = ["SECRET_NAME", "TOKEN", "Tokens", "load_secret", "make_secret"]

SECRET_NAME = "blind.secret"
TOKEN = re.compile(r"blind-([0-9a-f]{16})-[a-z2-7]{26}")
"""A token anywhere in a text; its group is the grant id."""

_SECRET_BYTES = 32
_TOKEN_BYTES = 16
_PURPOSE = b"sourceprint blind tokens 1\0"


class Tokens:
    """The tokens of one grant.

    Parameters
    ----------
    secret : bytes
        That of the label.
    grant_id : str
        16 hexadecimal digits.

    Examples
    --------
    >>> Tokens(bytes(32), "0123456789abcdef").of("a-1")
    'blind-0123456789abcdef-...'
    """

    def __init__(self, secret: bytes, grant_id: str) -> None:
        self._grant_id = grant_id
        self._key = hmac.digest(secret, _PURPOSE + grant_id.encode("ascii"), hashlib.sha256)

    def of(self, recording_id: str) -> str:
        """Return the token of a recording."""
        data = recording_id.encode("utf-8", "surrogatepass")  # ids may come from file names that are no UTF-8
        digest = hmac.digest(self._key, data, hashlib.sha256)[:_TOKEN_BYTES]
        return f"blind-{self._grant_id}-{base64.b32encode(digest).decode('ascii').rstrip('=').lower()}"


def make_secret(folder: Path) -> bytes:
    """Return the secret of a keys folder; made, for its owner alone, if there is none yet, and never overwritten.

    Raises
    ------
    EvidenceError
        If there is something else, or others may read it.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses.
    """
    path = folder / SECRET_NAME
    if not os.path.lexists(path):
        with refusals(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # made by another process since we looked: theirs is the one
            create_private(path, os.urandom(_SECRET_BYTES))
    return load_secret(folder)


def load_secret(folder: Path) -> bytes:
    """Return the secret of a keys folder.

    Raises
    ------
    EvidenceError
        If there is none, or something else, or others may read it.
    """
    path = folder / SECRET_NAME
    if not os.path.lexists(path):
        raise EvidenceError(
            f"{printable(path)}: there is no such file, and tokens can be resolved only with the one they were made "
            "with; name the folder that export --blind used (--keys)"
        )
    secret = read_private_bytes(path)
    if len(secret) != _SECRET_BYTES:
        raise EvidenceError(
            f"{printable(path)}: {len(secret)} bytes, a secret has {_SECRET_BYTES}; restore it from a copy: with "
            "another one, no token that was handed out can be resolved"
        )
    return secret
