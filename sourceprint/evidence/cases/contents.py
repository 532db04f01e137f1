"""Build the members of a case, and check them when a case is verified.

`result.json` is the result of the scan, `trace.spt` the landmarks (`index.recheck.trace_file`), `case.json` describes
both in words and digests, `SHA256SUMS` has the digest of every other member, and `SIGNATURE` is over `SHA256SUMS`. The
sentences on the facts that a case proves belong to the schema: other words need another version of it.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from string import Template
from typing import Any

from fingerprint.digests import strict_json
from fingerprint.errors import ParameterError, printable
from index.recheck.trace import Trace
from sourceprint.evidence.cases.archive import (
    CASE,
    CHECKPOINT,
    LIMITS,
    OPTIONAL,
    PAGE,
    README,
    RESULT,
    SIGNATURE,
    SUMS,
    TRACE,
)
from sourceprint.scans.results import ScanResult
from sourceprint.signatures import PublicKey

__all__ = [
    "DOES_NOT_PROVE",
    "PROVES",
    "SCHEMA",
    "SIGNED",
    "Remarks",
    "case_facts",
    "parse_json",
    "readme_bytes",
    "sums_bytes",
]

SCHEMA = "sourceprint/case/1"

SIGNED = tuple(name for name in LIMITS if name not in (SUMS, SIGNATURE))
"""Members that `SHA256SUMS` lists."""

PROVES = (
    "The owner of the signing key signed exactly these files: not a byte of them has changed since.",
    "The figures stated for every passage (where it lies in both recordings, how it was changed, how many landmarks "
    "agree, how probable that is by chance) follow from the landmarks and scores in the case.",
    "The landmarks that are given as those of the file and those that are given as the recording's agree in time, in "
    "pitch and in how they sound, along the line that is stated.",
)

DOES_NOT_PROVE = (
    "That the landmarks are those of the file and of the recording that are named: whoever has the audio can make them "
    "again and compare.",
    "What the file is, who made it, or how: its digest names its bytes and nothing else.",
    "What the catalogue held: the digest of the index stands for it, and titles, names and codes are as it had them.",
    "That the scores of decoys and rivals, and how much was searched, were as stated: the probabilities rest on them, "
    "and only a new search can confirm them.",
    "That nothing else was found in the file, or that no recording outside the catalogue fits better.",
    "Who owns the recording or the work, or whether its use was licensed.",
    "When the case was made: a date in it is what its maker says.",
    "Whose key it is: compare its id with the owner's by another way than the one by which the case came.",
    "That the words and pictures of the page are right: they are signed, but not computed again.",
)

_WHAT = "evidence of reuse: passages of catalogue recordings that a scan found in an audio file"
_ABOUT = {
    CASE: "this description",
    RESULT: "the result of the scan, with every figure",
    TRACE: "the landmarks from which the figures can be computed again",
    PAGE: "the evidence as a page for a browser",
    CHECKPOINT: "the newest signed checkpoint of a transparency log",
    README: "how to verify this by hand",
    SUMS: "SHA-256 of every other file but the signature",
    SIGNATURE: "the signer's public key, and the Ed25519 signature of SHA256SUMS",
}
_MOST_NOTE = 10_000  # characters
_MOST_VERSION = 100


@dataclass(frozen=True, slots=True)
class Remarks:
    """Remarks of the maker of a case; nothing in the case supports them.

    Attributes
    ----------
    made_on : date or None
        When it was made.
    note : str
        Any words; "" for none.
    version : str
        Version of Sourceprint it was made with.

    Raises
    ------
    ParameterError
        If the note or the version is too long.
    """

    made_on: date | None
    note: str
    version: str

    def __post_init__(self) -> None:
        if len(self.note) > _MOST_NOTE:
            raise ParameterError(f"note of {len(self.note)} characters: must have {_MOST_NOTE} at most; shorten it")
        if not 1 <= len(self.version) <= _MOST_VERSION:
            raise ParameterError(f"version {self.version!r:.80}: must have 1 to {_MOST_VERSION} characters")

    @classmethod
    def of_case(cls, facts: Mapping[str, Any]) -> "Remarks":
        """Return those in a `case.json`.

        Raises
        ------
        ParameterError
            If one is missing or of the wrong kind.
        """
        made_on, note, made_by = facts.get("made_on"), facts.get("note"), facts.get("made_by")
        version = made_by.get("version") if isinstance(made_by, dict) else None
        if not isinstance(version, str) or not (note is None or (isinstance(note, str) and note)):
            raise ParameterError("note, version: must be texts")
        if made_on is None:
            return cls(None, note or "", version)
        try:
            return cls(date.fromisoformat(made_on), note or "", version)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"made_on={made_on!r:.80}: must be a day as in 2026-01-31") from error


def case_facts(
    result: ScanResult, trace: Trace, signer: PublicKey, remarks: Remarks, *, optional: Collection[str]
) -> dict[str, Any]:
    """Return the content of `case.json`: a function of the other members, the signer and the maker's remarks."""
    return {
        "schema": SCHEMA,
        "what": _WHAT,
        "made_by": {"program": "sourceprint", "version": remarks.version},
        "made_on": None if remarks.made_on is None else remarks.made_on.isoformat(),
        "note": remarks.note or None,
        "signer": {"id": signer.id, "name": signer.name},
        "file": {"name": result.name, "sha256": result.sha256, "duration_ms": result.duration_ms},
        "index": {
            "digest": result.index_digest,
            "recordings": result.index.recordings,
            "searched": result.search.recordings,
        },
        "parameters": {
            "algorithm": result.algorithm,
            "params_digest": result.params_digest,
            "fmin_hz": trace.fmin_hz,
            "cells_per_octave": trace.parts[0].circumstances.cells_per_octave if trace.parts else None,
        },
        "settings": {
            "settings_digest": result.settings_digest,
            "max_false_per_1000h": result.max_false_per_1000h,
            "scales": list(trace.scales),
        },
        "members": dict(_about(optional)),
        "proves": list(PROVES),
        "does_not_prove": list(DOES_NOT_PROVE),
    }


def readme_bytes(result: ScanResult, signer: PublicKey, *, optional: Collection[str]) -> bytes:
    """Return `README.txt`, for readers who have the case but not the program."""
    template = Template(files("sourceprint.evidence.cases").joinpath("README.txt").read_text(encoding="ascii"))
    members = "\n".join(f"  {name:<12} {about}" for name, about in _about(optional))
    names = {found.recording_id: found.title or found.recording_id for found in result.matches}
    text = template.substitute(
        file=printable(result.name),
        sha256=result.sha256,
        found="\n".join(f"  {printable(title)} ({printable(recording_id)})" for recording_id, title in names.items()),
        members=members,
        key_id=signer.id,
        key_name=signer.name,
        proves="\n".join(f"- {sentence}" for sentence in PROVES),
        does_not_prove="\n".join(f"- {sentence}" for sentence in DOES_NOT_PROVE),
    )
    return text.encode("utf-8")


def sums_bytes(members: Mapping[str, bytes]) -> bytes:
    """Return `SHA256SUMS` over the members that it lists, as `sha256sum --check` reads it.

    Examples
    --------
    >>> print(sums_bytes({"README.txt": b""}).decode(), end="")
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  README.txt
    """
    lines = (f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in SIGNED if name in members)
    return "".join(lines).encode("ascii")


def _about(optional: Collection[str]) -> list[tuple[str, str]]:
    """Return the members and their descriptions; of those that may be missing, the ones that are there."""
    return [(name, about) for name, about in _ABOUT.items() if name not in OPTIONAL or name in optional]


def parse_json(data: bytes) -> dict[str, Any]:
    """Return the object in the text of a member.

    Raises
    ------
    ParameterError
        If it is no JSON object, names a field twice, has a number that is none, or is nested too deep.

    Examples
    --------
    >>> parse_json(b'{"p": 1e-9}')
    {'p': 1e-09}
    >>> parse_json(b'{"p": NaN}')
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: NaN is no number
    """
    value = strict_json(data)
    if not isinstance(value, dict):
        raise ParameterError("is no JSON object")
    return value
