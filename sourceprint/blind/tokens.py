"""Tokens, which stand in a blind index for the ids of recordings; and results in which they become ids again.

    blind-<grant id>-<token>      e.g. blind-0f3a61d2c94be785-mzxw6ytboi4dsnrsgq3tqojqgi

The grant id is 16 hexadecimal digits; the token is HMAC-SHA256 of the id, cut to 128 bits, in base32 (RFC 4648, small
letters, 26 of them). Its key is HMAC-SHA256 of the grant id under the *secret* of the label, 32 random bytes in the
file `blind.secret` of its keys folder. So tokens are equal within a grant, unrelated between grants, and say nothing
about the id without the secret; the label computes them again from the secret and its ids, and keeps no list.

`reveal_file` takes JSON Lines (`match --jsonl`, the results of a run) or one JSON document (`check --format json`), and
returns the same, in the same order and layout; text without tokens stays as it is, byte for byte. A token is replaced
anywhere in a text, `also_fits` included; beside a `recording_id` (in version 1 of results `asset_id`) the fields
`isrc`, `title` and `artists` are set. Tokens that cannot be resolved here stay: they are another label's, or of
recordings removed since.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fingerprint import disk
from fingerprint.errors import EvidenceError, printable
from index.storage.durable import create_private, refusals
from index.storage.recordings import Recording
from sourceprint.signatures import read_private_bytes

__all__ = ["SECRET_NAME", "TOKEN", "Revealer", "Tokens", "load_secret", "make_secret", "reveal_file"]

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
    """Make the secret of a keys folder, for its owner alone, and return it.

    Raises
    ------
    EvidenceError
        If there is one already: with another, no token that was handed out could be resolved.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses.
    """
    path = folder / SECRET_NAME
    with refusals(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        create_private(path, os.urandom(_SECRET_BYTES))
    except FileExistsError as error:
        raise EvidenceError(
            f"{printable(path)}: exists already, and secrets are never overwritten: tokens that were handed out need it"
        ) from error
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
            "with; name the folder of keys that has it (--keys), or, before the first blind index, make it with "
            "`sourceprint keys secret`"
        )
    secret = read_private_bytes(path)
    if len(secret) != _SECRET_BYTES:
        raise EvidenceError(
            f"{printable(path)}: {len(secret)} bytes, a secret has {_SECRET_BYTES}; restore it from a copy: with "
            "another one, no token that was handed out can be resolved"
        )
    return secret


_MOST_GRANTS = 64  # each takes the tokens of the whole catalogue in memory: 15 MB for 100 000 recordings
_MARK = b"blind-"
_STYLES: tuple[dict[str, Any], ...] = ({}, {"separators": (",", ":")}, {"separators": (",", ":"), "sort_keys": True})


class Revealer:
    """Turns tokens into recordings, and counts.

    Parameters
    ----------
    recordings : iterable of Recording
        The catalogue of the label as it is now.
    secret : bytes
        Secret that made the tokens.
    renamed : mapping, optional
        Ids that recordings had before, and those that they have now.
    """

    def __init__(
        self, recordings: Iterable[Recording], secret: bytes, renamed: Mapping[str, str] | None = None
    ) -> None:
        self._recordings = {recording.id: recording for recording in recordings}
        former = {name: now for name, now in (renamed or {}).items() if now in self._recordings}
        self._ids = {**former, **{name: name for name in self._recordings}}
        self._secret = secret
        self._by_grant: dict[str, dict[str, str]] = {}
        self._found: dict[str, str] = {}
        self._unknown: set[str] = set()

    @property
    def n_revealed(self) -> int:
        """Different tokens that were resolved."""
        return len(self._found)

    @property
    def n_unknown(self) -> int:
        """Different tokens that were not."""
        return len(self._unknown)

    def reveal(self, value: Any) -> Any:
        """Return plain JSON types with every token resolved that can be.

        Raises
        ------
        EvidenceError
            If the tokens are of more grants than results of one licensee can be.
        """
        if isinstance(value, str):
            return TOKEN.sub(lambda found: self._id(found[0], found[1]) or found[0], value)
        if isinstance(value, list):
            return [self.reveal(item) for item in value]
        if not isinstance(value, dict):
            return value
        fields = {self.reveal(name): self.reveal(item) for name, item in value.items()}
        token = value.get("recording_id", value.get("asset_id"))
        if isinstance(token, str) and (whole := TOKEN.fullmatch(token)) and (name := self._id(token, whole[1])):
            recording = self._recordings[name]
            fields["isrc"] = recording.isrc or None
            fields["title"] = recording.title or None
            fields["artists"] = list(recording.artists)
        return fields

    def _id(self, token: str, grant_id: str) -> str | None:
        if grant_id not in self._by_grant:
            if len(self._by_grant) >= _MOST_GRANTS:
                raise EvidenceError(
                    f"the results hold tokens of more than {_MOST_GRANTS} grants; reveal the results of each licensee "
                    "apart"
                )
            tokens = Tokens(self._secret, grant_id)
            self._by_grant[grant_id] = {tokens.of(name): now for name, now in self._ids.items()}
        found = self._by_grant[grant_id].get(token)
        if found is None:
            self._unknown.add(token)
        else:
            self._found[token] = found
        return found


def reveal_file(path: Path, revealer: Revealer) -> Iterator[bytes]:
    """Yield the content of a file of results with its tokens resolved, in chunks: lines, or one document.

    Raises
    ------
    EvidenceError
        If it cannot be read, or is neither JSON Lines nor JSON.
    """
    with disk.refusals(path, EvidenceError, remedy="give a file of results"), path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
        file.seek(0)
        if not _is_json(first):
            yield _revealed_document(path, file.read(), revealer)
            return
        for number, line in enumerate(file, start=1):
            yield _revealed_line(path, number, line, revealer) if _MARK in line else line


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return not line  # an empty file has no results, and is no document either
    return True


def _revealed_line(path: Path, number: int, line: bytes, revealer: Revealer) -> bytes:
    try:
        record = json.loads(line)
        # As it was written, where one of the usual ways to write it gives the very line.
        style = next((style for style in _STYLES if _dumped(record, style) == line.rstrip(b"\r\n")), _STYLES[0])
        return _dumped(revealer.reveal(record), style) + line[len(line.rstrip(b"\r\n")) :]
    except (ValueError, RecursionError) as error:
        raise EvidenceError(
            f"{printable(path)}, line {number}: is no JSON; give the results as they were sent"
        ) from error


def _revealed_document(path: Path, data: bytes, revealer: Revealer) -> bytes:
    if _MARK not in data:
        return data
    try:
        return _dumped(revealer.reveal(json.loads(data)), {"indent": 2}) + b"\n"
    except (ValueError, RecursionError) as error:
        raise EvidenceError(
            f"{printable(path)}: neither JSON Lines nor one JSON document; give what match --jsonl, a run or check "
            "--format json wrote"
        ) from error


def _dumped(value: Any, style: dict[str, Any]) -> bytes:
    return json.dumps(value, **style).encode("ascii")
