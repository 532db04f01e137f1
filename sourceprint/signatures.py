"""Ed25519 keys and signatures (RFC 8032); the only module that talks to `cryptography`.

A key is two files with one name. `NAME.pem` is the private key (PKCS 8, PEM, not encrypted), which only its owner may
read: mode 0600, and with wider permissions it is refused. `NAME.pub` is the public key, one line of text that can be
mailed:

    sourceprint-ed25519 <32 bytes in base64> <name>

The *id* of a key is the first 16 hexadecimal digits of the SHA-256 of its 32 bytes. The name is for people; it is not
signed and proves nothing. Signatures are 64 bytes, and the same for the same key and data.
"""

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from fingerprint import disk
from fingerprint.errors import EvidenceError, ParameterError, VerificationError, printable
from index.storage.durable import create_private, publish, refusals

__all__ = [
    "PRIVATE_SUFFIX",
    "PUBLIC_SUFFIX",
    "PrivateKey",
    "PublicKey",
    "create_key",
    "load_private",
    "load_public",
    "only_private",
    "private_keys",
    "read_private_bytes",
    "read_signature",
    "signature_bytes",
]

PRIVATE_SUFFIX = ".pem"
PUBLIC_SUFFIX = ".pub"

_KIND = "sourceprint-ed25519"
_KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_MOST_BYTES = 65_536  # of a file that is read as a key; ours have some hundred


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Key that checks signatures.

    Attributes
    ----------
    raw : bytes
        The 32 bytes of the key.
    name : str
        For people: 1 to 64 letters, digits and `. _ @ + -`, the first a letter or digit. Keys with the same bytes are
        equal, under any names.

    Raises
    ------
    ParameterError
        If either is not that.
    """

    raw: bytes
    name: str = field(compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != _KEY_BYTES:
            raise ParameterError(f"public key of {len(self.raw)} bytes: must have {_KEY_BYTES}")
        _check_name(self.name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key of one line of text.

        Raises
        ------
        ParameterError
            If it is no such line.

        Examples
        --------
        >>> key = PublicKey.parse("sourceprint-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= example")
        >>> key.name, key.id, PublicKey.parse(key.text) == key
        ('example', '21fe31dfa154a261', True)
        """
        words = text.split()
        if len(words) == 3 and words[0] == _KIND:
            try:
                raw = base64.b64decode(words[1], validate=True)
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) == _KEY_BYTES and base64.b64encode(raw).decode("ascii") == words[1]:
                return cls(raw, words[2])
        raise ParameterError(
            f"{printable(text.strip()[:80])}: no public key; one is a line of {_KIND}, base64 and a name"
        )

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the fingerprint: a name for the key, no proof of it."""
        return self.fingerprint[:16]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key, 64 hexadecimal digits: stands for the key itself."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def text(self) -> str:
        """The key as a line of text, without the line break."""
        return f"{_KIND} {base64.b64encode(self.raw).decode('ascii')} {self.name}"

    def verify(self, data: bytes, signature: bytes) -> None:
        """Make sure that the owner of this key signed exactly these bytes.

        Raises
        ------
        VerificationError
            If not.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature as error:
            raise VerificationError(
                f"the signature is not one of key {self.id} ({self.name}) over this content: either was altered, or "
                "somebody else signed it"
            ) from error


class PrivateKey:
    """Key that makes signatures.

    Parameters
    ----------
    seed : bytes
        The 32 bytes of the private key.
    name : str
        As for `PublicKey`.

    Attributes
    ----------
    public : PublicKey
        The public key that belongs to it.
    """

    def __init__(self, seed: bytes, name: str) -> None:
        if len(seed) != _KEY_BYTES:
            raise ParameterError(f"private key of {len(seed)} bytes: must have {_KEY_BYTES}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), name)

    @classmethod
    def generate(cls, name: str) -> Self:
        """Return a new key, from the random numbers of the operating system."""
        return cls(os.urandom(_KEY_BYTES), name)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes: 64 bytes, always the same."""
        return self._key.sign(data)

    def to_pem(self) -> bytes:
        """Return the key as PKCS 8 in PEM, not encrypted."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signature_bytes(key: PrivateKey, sums: bytes) -> bytes:
    """Return a signature as a file: a line with the public key, and one with the signature of `sums` in base64."""
    return _signature_text(key.public, key.sign(sums))


def read_signature(data: bytes) -> tuple[PublicKey, bytes]:
    """Return the public key and the signature in such a file.

    Raises
    ------
    ParameterError
        If it is not exactly in the form of `signature_bytes`.
    """
    lines = data.decode("ascii", "replace").split("\n")
    key = PublicKey.parse(lines[0])
    try:
        signature = base64.b64decode(lines[1] if len(lines) > 1 else "", validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if _signature_text(key, signature) != data:
        raise ParameterError("must be two lines: the public key, and the signature in base64")
    return key, signature


def _signature_text(key: PublicKey, signature: bytes) -> bytes:
    return f"{key.text}\n{base64.b64encode(signature).decode('ascii')}\n".encode("ascii")


def create_key(folder: Path, name: str) -> tuple[PrivateKey, Path]:
    """Make a key and write both its files; the folder is made, for its owner alone, if it is missing.

    Parameters
    ----------
    folder : Path
        Where keys are kept.
    name : str
        As for `PublicKey`; the files are called by it.

    Returns
    -------
    key : PrivateKey
    path : Path
        The file of the private key.

    Raises
    ------
    ParameterError
        If the name is unsuitable.
    EvidenceError
        If there is a key of this name: keys are never overwritten.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses.
    """
    _check_name(name)
    path, public_path = folder / (name + PRIVATE_SUFFIX), folder / (name + PUBLIC_SUFFIX)
    for there in (path, public_path):
        if os.path.lexists(there):
            raise _exists(there)
    with refusals(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = PrivateKey.generate(name)
    try:
        create_private(path, key.to_pem())
    except FileExistsError as error:  # made by another process since we looked
        raise _exists(path) from error
    try:
        publish(public_path, f"{key.public.text}\n".encode("ascii"))
    except BaseException:
        path.unlink()  # half a key would be in the way of the next attempt
        raise
    return key, path


def load_private(path: Path) -> PrivateKey:
    """Read a private key; its name is that of the file without `.pem`.

    Raises
    ------
    EvidenceError
        If it cannot be read, is no private Ed25519 key, is encrypted, or if others than its owner may read the file.
    """
    where = printable(path)
    if path.suffix != PRIVATE_SUFFIX or not _NAME.fullmatch(path.stem):
        raise EvidenceError(
            f"{where}: a private key is a file NAME{PRIVATE_SUFFIX}, of letters, digits and . _ @ + -; give the one "
            "that `sourceprint keys create` made"
        )
    data = read_private_bytes(path)
    if data.startswith(_KIND.encode("ascii")):
        raise EvidenceError(
            f"{where}: a public key, where the private one is needed; give the file that ends in .pem, which only its "
            "owner has"
        )
    if b"ENCRYPTED" in data:
        raise EvidenceError(
            f"{where}: an encrypted key, and passwords are not supported; decrypt it "
            "(openssl pkcs8 -in FILE -out NEW.pem), and keep it where only you can read it"
        )
    try:
        key = load_pem_private_key(data, None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{where}: no private key in PEM; make one with `sourceprint keys create`") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"{where}: a private key, but not of Ed25519; make one with `sourceprint keys create`")
    return PrivateKey(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()), path.stem)


def load_public(path: Path) -> PublicKey:
    """Read a public key.

    Raises
    ------
    EvidenceError
        If it cannot be read, or is none.
    """
    where = printable(path)
    with disk.refusals(path, EvidenceError, remedy="give the file of a key"), path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    if b"PRIVATE KEY" in data:
        raise EvidenceError(
            f"{where}: a private key, which must never leave its owner; give the public key, the file that ends in .pub"
        )
    try:
        return PublicKey.parse(data.decode("ascii"))
    except (UnicodeDecodeError, ParameterError) as error:
        raise EvidenceError(
            f"{where}: no public key; one is a single line that begins with {_KIND}, as `sourceprint keys "
            "create` writes it"
        ) from error


def private_keys(folder: Path) -> Iterator[Path]:
    """Yield the files of private keys in a folder, by name; none if there is no such folder."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix == PRIVATE_SUFFIX and path.is_file())


def only_private(folder: Path) -> Path:
    """Return the file of the only private key in a folder.

    Raises
    ------
    EvidenceError
        If there is none, or more than one.
    """
    paths = list(private_keys(folder))
    if not paths:
        raise EvidenceError(f"{printable(folder)}: holds no private key; make one with `sourceprint keys create`")
    if len(paths) > 1:
        names = ", ".join(printable(path.name) for path in paths)
        raise EvidenceError(f"{printable(folder)}: holds {len(paths)} private keys ({names}); name one of them")
    return paths[0]


def read_private_bytes(path: Path) -> bytes:
    """Return the content of a file that only its owner may read.

    Raises
    ------
    EvidenceError
        If it cannot be read, or others may read it.
    """
    with disk.refusals(path, EvidenceError, remedy="give the file of a key"), path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise EvidenceError(
                f"{printable(path)}: mode {mode:04o}, so other users may read it; run chmod 600 on it, and "
                "make a new one if anybody could have read it"
            )
        return file.read(_MOST_BYTES)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"name {name!r:.80}: must be 1 to 64 letters, digits and . _ @ + -, the first a letter or digit"
        )


def _exists(path: Path) -> EvidenceError:
    return EvidenceError(f"{printable(path)}: exists already, and keys are never overwritten; give another name")
