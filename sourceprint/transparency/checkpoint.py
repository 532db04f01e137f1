"""Checkpoints: the signed root of a log at one size (C2SP tlog-checkpoint, in the form of a signed-note).

    <origin>                         name of the log, and of its key
    <size>                           number of entries
    <root>                           32 bytes in base64
                                     (extension lines of others are kept)
    — <key name> <key hash and signature in base64>

The signature is over the lines above the empty one, with their line breaks. Further signatures, such as those of
witnesses who saw the log grow, stay with the checkpoint; they are not checked here, and none is needed.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from fingerprint.errors import ParameterError, VerificationError, printable
from sourceprint.signatures import PrivateKey, PublicKey
from sourceprint.transparency.tree import HASH_BYTES

__all__ = ["MOST_CHECKPOINT_BYTES", "Checkpoint", "NoteSignature", "expect_origin", "key_hash", "verifier_key"]

MOST_CHECKPOINT_BYTES = 1 << 18  # sixteen signatures of the largest kind have about half of it
_MOST_SIGNATURES = 100
_MOST_ORIGIN = 255  # characters
_MOST_SIZE = (1 << 63) - 1
_ED25519 = b"\x01"  # type of key in a signed-note
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line.

    Attributes
    ----------
    name : str
        Name of the key.
    key_hash : bytes
        4 bytes that tell keys of one name apart; they prove nothing.
    signature : bytes
        The signature, of any kind.
    """

    name: str
    key_hash: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its line break."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_hash + self.signature).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root of a log at one size, and who signed it.

    Attributes
    ----------
    origin : str
        Name of the log.
    size : int
        Number of entries.
    root : bytes
        Root of their tree, 32 bytes.
    extensions : tuple of str
        Further lines that were signed.
    signatures : tuple of NoteSignature
        In the order of the text; all of them, by any key.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    signatures: tuple[NoteSignature, ...] = ()

    @classmethod
    def parse(cls, data: bytes, name: str = "checkpoint") -> Self:
        """Return the checkpoint of a text; no signature is checked.

        Parameters
        ----------
        data : bytes
            The text, in exactly one form.
        name : str
            Its name in messages.

        Raises
        ------
        VerificationError
            If it is no checkpoint.
        """
        if len(data) > MOST_CHECKPOINT_BYTES:
            raise _malformed(name, f"has {len(data)} bytes; the limit is {MOST_CHECKPOINT_BYTES}")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _malformed(name, "is not UTF-8") from error
        if any(ord(character) < 32 and character != "\n" for character in text):
            raise _malformed(name, "holds a control character")
        body, divider, signed = text.rpartition("\n\n")
        lines = body.split("\n")
        if not divider or not signed.endswith("\n"):
            raise _malformed(name, "lacks the empty line, or the line of a signature below it")
        if len(lines) < 3 or not all(lines):
            raise _malformed(name, "lacks origin, size or root, or has an empty line among them")
        if not lines[1].isascii() or not lines[1].isdigit() or str(int(lines[1][:20])) != lines[1]:
            raise _malformed(name, f"line 2: {lines[1]!r:.30} is no number of entries")
        if int(lines[1]) > _MOST_SIZE:
            raise _malformed(name, f"line 2: {lines[1]} entries; the limit is {_MOST_SIZE}")
        root = _from_base64(lines[2])
        if len(root) != HASH_BYTES:
            raise _malformed(name, f"line 3: {lines[2]!r:.50} is no root, which is {HASH_BYTES} bytes in base64")
        signature_lines = signed.split("\n")[:-1]
        if len(signature_lines) > _MOST_SIGNATURES:
            raise _malformed(name, f"has {len(signature_lines)} signatures; the limit is {_MOST_SIGNATURES}")
        signatures = tuple(_parse_signature(line, name) for line in signature_lines)
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]), signatures)

    @property
    def text(self) -> str:
        """The lines that are signed."""
        root = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))

    def to_bytes(self) -> bytes:
        """Return the whole text, as `parse` reads it."""
        return (self.text + "\n" + "".join(signature.line for signature in self.signatures)).encode("utf-8")

    def signed(self, key: PrivateKey) -> Self:
        """Return the checkpoint with one more signature, by the key of the log."""
        mine = NoteSignature(self.origin, key_hash(self.origin, key.public), key.sign(self.text.encode("utf-8")))
        return replace(self, signatures=(*self.signatures, mine))

    def signed_by(self, key: PublicKey) -> bool:
        """Return whether it has a signature that names this key; the signature itself is not checked."""
        known = (self.origin, key_hash(self.origin, key))
        return any((one.name, one.key_hash) == known for one in self.signatures)

    def verify(self, keys: PublicKey | Sequence[PublicKey], name: str = "checkpoint") -> tuple[PublicKey, ...]:
        """Make sure that the key of the log signed it, or one of its keys where it has changed them.

        Parameters
        ----------
        keys : PublicKey or sequence of PublicKey
            Keys of the log; one of them must have signed.
        name : str
            What the checkpoint is called in messages.

        Returns
        -------
        tuple of PublicKey
            Those that signed.

        Raises
        ------
        VerificationError
            If none signed, or a signature by one of them does not fit.
        """
        known = (keys,) if isinstance(keys, PublicKey) else tuple(keys)
        signers = tuple(key for key in known if self.signed_by(key))
        if not signers:
            those = " or ".join(f"{key.id} ({key.name})" for key in known)
            raise VerificationError(
                f"{name}: not signed by key {those}; give the key of the log {printable(self.origin)}, which its owner "
                "publishes"
            )
        for key in signers:
            self._verify_by(key, name)
        return signers

    def _verify_by(self, key: PublicKey, name: str) -> None:
        known = (self.origin, key_hash(self.origin, key))
        for signature in (one.signature for one in self.signatures if (one.name, one.key_hash) == known):
            try:
                key.verify(self.text.encode("utf-8"), signature)
            except VerificationError as error:
                raise VerificationError(
                    f"{name}: edited: its signature by key {key.id} ({key.name}) is not over these lines; do not rely "
                    "on it, and get the checkpoint again from the log, or from who keeps a copy"
                ) from error


def expect_origin(origin: str) -> None:
    """Make sure that a text may name a log and its key.

    Raises
    ------
    ParameterError
        If it is empty, long, or has white space, `+` or characters that cannot be printed.
    """
    if not 0 < len(origin) <= _MOST_ORIGIN or not _is_key_name(origin) or not origin.isprintable():
        raise ParameterError(
            f"origin {origin!r:.80}: must be 1 to {_MOST_ORIGIN} characters without white space and +; take the "
            "address of the log without https://, such as log.example.com/music"
        )


def key_hash(name: str, key: PublicKey) -> bytes:
    """Return the 4 bytes that name a key in a signature line."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + _ED25519 + key.raw).digest()[:4]


def verifier_key(origin: str, key: PublicKey) -> str:
    """Return the key of a log as other programs want it (a *vkey*, as Go's `note.NewVerifier` reads it).

    Examples
    --------
    >>> verifier_key("log.example", PublicKey(bytes(32), "tone"))
    'log.example+f3e73440+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return f"{origin}+{key_hash(origin, key).hex()}+{base64.b64encode(_ED25519 + key.raw).decode('ascii')}"


def _parse_signature(line: str, name: str) -> NoteSignature:
    words = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(words) != 2 or not _is_key_name(words[0]):
        raise _malformed(name, f"{line!r:.80} is no signature, which is a dash, the name of a key, and base64")
    data = _from_base64(words[1])
    if len(data) <= 4:
        raise _malformed(name, f"the signature of {words[0]!r:.60} is no base64, or too short")
    return NoteSignature(words[0], data[:4], data[4:])


def _is_key_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(character.isspace() for character in text)


def _from_base64(text: str) -> bytes:
    """Return the bytes of base64 in its one form; none if it is no such text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode("ascii") == text else b""


def _malformed(name: str, fault: str) -> VerificationError:
    return VerificationError(f"{name}: no checkpoint: {fault}; get it again from the log, or from who keeps a copy")
