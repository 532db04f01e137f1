"""Check who signed a statement: the named key, the signature beside it, and the keys that the caller trusts.

The signature is over SHA256SUMS, which has the digest of every other file: `statement.json` and the files of each
party. Somebody can remove a signature and every mention of it, which leaves an unsigned statement: a reader who expects
a signature must name the key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.disk import read_small
from fingerprint.errors import ParameterError, StatementError, VerificationError
from sourceprint.royalties.statements.files.folder import SIGNATURE, SUMS
from sourceprint.royalties.statements.statement import Statement
from sourceprint.signatures import PublicKey, read_signature

__all__ = ["Authorship", "authorship_of"]

_MOST_BYTES = 4_096  # of a signature; ours have some two hundred


@dataclass(frozen=True, slots=True)
class Authorship:
    """The signer of a statement, as far as it can be checked.

    Attributes
    ----------
    signer : PublicKey or None
        The key that the statement names; None is unsigned.
    trusted : PublicKey or str or None
        The same key as the caller gave it, or its fingerprint; None if it is none of those.
    problems : tuple of (str, str)
        Faults: the file, and the fault in words.
    """

    signer: PublicKey | None
    trusted: PublicKey | str | None
    problems: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """Who signed, in a sentence."""
        if self.signer is None:
            return "NOT VERIFIED: unsigned, so anybody may have written it"
        whose = f"signed by key {self.signer.id} ({self.signer.name})"
        if self.problems:
            return f"NOT VERIFIED: it says that it is {whose}"
        return f"{whose}, which was given" if self.trusted else f"NOT VERIFIED: {whose}, for which nobody vouches"

    def insist(self, name: str, *, any_key: bool = False) -> None:
        """Make sure that somebody vouches for the key of a signed statement.

        Raises
        ------
        VerificationError
            If the statement is signed, by none of the keys that were given, and `any_key` is false.
        """
        if self.signer is not None and self.trusted is None and not any_key:
            raise VerificationError(
                f"{name}: not verified: it is signed, but nobody vouches for the key, and anybody can make one; give "
                "--key with the public key (.pub) of the signer, or its fingerprint, which you had from them by "
                "another way, or --any-key if it does not matter who signed"
            )


def authorship_of(statement: Statement, folder: Path | None, keys: Sequence[PublicKey | str] = ()) -> Authorship:
    """Return who signed a statement.

    Parameters
    ----------
    statement : Statement
    folder : Path or None
        Where its files are; None where there is only its JSON, which has no signature by itself.
    keys : sequence of PublicKey or str
        Those that the caller vouches for, or their fingerprints: it must be signed with one of them. With none, any
        signer will do, and none is trusted.
    """
    signer = PublicKey.parse(statement.signer) if statement.signer else None
    given = ", ".join(key if isinstance(key, str) else key.id for key in keys)
    problems: list[tuple[str, str]] = []
    if signer is None:
        if folder is not None and (folder / SIGNATURE).exists():
            problems.append((SIGNATURE, "is there, though the statement says that nobody signs it"))
        if keys:
            problems.append(("statement.json", f"is unsigned, and must be signed by {given}"))
        return Authorship(None, None, tuple(problems))
    trusted = next((key for key in keys if key in (signer, signer.fingerprint)), None)
    if folder is None:
        problems.append((SIGNATURE, "is in the folder of the statement, beside its other files; name the folder"))
    else:
        problems += [(SIGNATURE, what) for what in _flaws(folder, signer)]
    if keys and trusted is None:
        problems.append(("statement.json", f"is signed by key {signer.id}, not by {given}, which was given"))
    return Authorship(signer, trusted, tuple(problems))


def _flaws(folder: Path, signer: PublicKey) -> list[str]:
    """Return the faults of the signature in a folder."""
    path = folder / SIGNATURE
    if not path.is_file() or path.is_symlink():
        return [f"is missing, though the statement says that key {signer.id} signs it"]
    try:
        data = read_small(
            path, StatementError, most=_MOST_BYTES, too_large="is no signature", remedy="take it as it was written"
        )
        key, signature = read_signature(data)
        if key != signer:
            return [f"is of key {key.id}, and the statement says that key {signer.id} signs it"]
        key.verify((folder / SUMS).read_bytes(), signature)
    except (ParameterError, StatementError, VerificationError) as error:
        return [str(error)]
    except OSError as error:
        return [f"is over {SUMS}, which cannot be read ({error.strerror})"]
    return []
