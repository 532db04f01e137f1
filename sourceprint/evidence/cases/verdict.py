"""Verify a case file: list the checks, the failures, and the facts that it proves.

Needs nothing but the file: no index, no audio, no network. Everything that is wrong is named, not only the first.
Anybody can make a key and sign with it, so a case holds only if the caller vouches for the key, by the key itself or by
its fingerprint. Without that a case is consistent at best.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.disk import read_small
from fingerprint.errors import EvidenceError, LogError, ParameterError, VerificationError, printable
from index.recheck.trace import Trace
from sourceprint.evidence.cases.archive import (
    CASE,
    CHECKPOINT,
    LARGEST_BYTES,
    PAGE,
    README,
    RESULT,
    SIGNATURE,
    SUMS,
    TRACE,
    open_archive,
)
from sourceprint.evidence.cases.contents import (
    SIGNED,
    Remarks,
    case_facts,
    parse_json,
    readme_bytes,
    sums_bytes,
)
from sourceprint.evidence.cases.recomputation import Comparison, belonging, compare, read_trace_member
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.signatures import PublicKey, read_signature
from sourceprint.transparency import Checkpoint, LogReader

__all__ = ["CaseVerdict", "Check", "check_case", "read_case"]

_MISSING = "cannot be checked without {}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes
    ----------
    name : str
        In a word.
    what : str
        The fact that holds if there is no problem, as a sentence.
    problems : tuple of str
        Failures; a sentence for each.
    """

    name: str
    what: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """Verdict on a case.

    Attributes
    ----------
    name : str
        Name of the case.
    sha256 : str
        Of its file, in hexadecimal.
    checks : tuple of Check
        All of them, in their order.
    signer : PublicKey or None
        Whose key the case carries; None where that cannot be read. Its name is nobody's word but the signer's.
    trusted : PublicKey or str or None
        The same key as the caller gave it, with the name that the caller knows it by, or its fingerprint; None if it is
        none of those.
    result : ScanResult or None
        The result in it.
    comparison : Comparison or None
        Its figures, as stated and as computed again.
    remarks : Remarks or None
        Remarks of its maker.
    has_page : bool
        Whether a page is in it.
    """

    name: str
    sha256: str
    checks: tuple[Check, ...]
    signer: PublicKey | None
    trusted: PublicKey | str | None
    result: ScanResult | None
    comparison: Comparison | None
    remarks: Remarks | None
    has_page: bool

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong."""
        return tuple(problem for check in self.checks for problem in check.problems)

    @property
    def consistent(self) -> bool:
        """Whether nothing is wrong, without regard to the signer."""
        return not self.problems

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong, and the caller vouches for the key that signed."""
        return self.consistent and self.trusted is not None

    def insist(self, *, any_key: bool = False) -> None:
        """Make sure that the case holds.

        Parameters
        ----------
        any_key : bool
            Whether consistency is enough, without regard to the signer.

        Raises
        ------
        VerificationError
            If it does not; the message names everything that is wrong.
        """
        if not self.consistent:
            raise VerificationError(f"{self.name}: does not hold: {'; '.join(self.problems)}")
        if not self.holds and not any_key:
            raise VerificationError(
                f"{self.name}: not verified: it is signed, but nobody vouches for the key, and anybody can make one; "
                "give --key with the public key (.pub) of the signer, or its fingerprint, which you had from them by "
                "another way, or --any-key if it does not matter who signed"
            )


def read_case(path: Path) -> bytes:
    """Return the bytes of a file that may be a case.

    Raises
    ------
    EvidenceError
        If it cannot be read, or is larger than any case.
    """
    too_large = f"is no case, since it has more than {LARGEST_BYTES} bytes"
    return read_small(path, EvidenceError, most=LARGEST_BYTES, too_large=too_large, remedy="give the file of a case")


def check_case(
    data: bytes,
    *,
    name: str,
    keys: Sequence[PublicKey | str] = (),
    log: LogReader | None = None,
    log_keys: Sequence[PublicKey] = (),
) -> CaseVerdict:
    """Verify a case.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name in messages, printable.
    keys : sequence of PublicKey or str
        Those that the caller vouches for, or their fingerprints; it must be signed with one of them. With none, it
        cannot hold, only be consistent.
    log : LogReader, optional
        The log of whose checkpoint the case holds a copy: both are compared.
    log_keys : sequence of PublicKey
        Keys of that log: one of them must have signed the checkpoint.

    Raises
    ------
    EvidenceError
        If it is no case at all. Faults of a case are in the verdict.
    """
    opened = open_archive(data, name=name)
    members = opened.members
    packing = Check(
        "packing", f"{len(members)} files, packed as Sourceprint does, and no byte beside them", opened.problems
    )
    signer, signature = _signature(members)
    trusted = next((key for key in keys if signer is not None and key in (signer, signer.fingerprint)), None)
    result, reading = _result(members)
    trace, landmarks = _trace(members)
    comparison, figures = _figures(result, trace)
    remarks, description = _description(members, result, trace, signer)
    checks = (packing, _digests(members), signature, *_key(signer, trusted, keys), reading, landmarks)
    checks += (_one_search(result, trace), figures, description, *_log(members, log, log_keys))
    digest = hashlib.sha256(data).hexdigest()
    return CaseVerdict(name, digest, checks, signer, trusted, result, comparison, remarks, PAGE in members)


def _digests(members: Mapping[str, bytes]) -> Check:
    what = f"{len([name for name in SIGNED if name in members])} files have the digests that SHA256SUMS lists"
    if SUMS not in members:
        return Check("digests", what, (f"the digests {_MISSING.format(SUMS)}",))
    if members[SUMS] == sums_bytes(members):
        return Check("digests", what, ())
    listed = set(members[SUMS].decode("utf-8", "replace").splitlines())
    actual = {name: sums_bytes({name: members[name]}).decode().rstrip("\n") for name in SIGNED if name in members}
    problems = [f"{name} is not the file that SHA256SUMS lists" for name, line in actual.items() if line not in listed]
    if not problems:
        problems = ["SHA256SUMS does not list exactly the files that are there, in their order"]
    return Check("digests", what, tuple(problems))


def _signature(members: Mapping[str, bytes]) -> tuple[PublicKey | None, Check]:
    if SIGNATURE not in members:
        return None, Check("signature", "", ("nobody has signed it: there is no SIGNATURE that can be read",))
    try:
        key, signature = read_signature(members[SIGNATURE])
    except ParameterError as error:
        return None, Check("signature", "", (f"SIGNATURE: {error}",))
    what = f"Ed25519, by key {key.id}, which calls itself {key.name}, over SHA256SUMS"
    if SUMS not in members:
        return key, Check("signature", what, (f"the signature {_MISSING.format(SUMS)}",))
    try:
        key.verify(members[SUMS], signature)
    except VerificationError as error:
        return key, Check("signature", what, (str(error),))
    return key, Check("signature", what, ())


def _key(
    signer: PublicKey | None, trusted: PublicKey | str | None, keys: Sequence[PublicKey | str]
) -> tuple[Check, ...]:
    """Compare the signer's key with those that the caller vouches for; no check where none was given."""
    if not keys:
        return ()
    what = "the key that signed is one that was given"
    if trusted is not None:
        return (Check("key", what, ()),)
    given = ", ".join(key if isinstance(key, str) else key.id for key in keys)
    by = "an unreadable key" if signer is None else f"key {signer.id}"
    return (Check("key", what, (f"it is signed by {by}, not by {given}, which was given as the signer's",)),)


def _log(members: Mapping[str, bytes], log: LogReader | None, keys: Sequence[PublicKey]) -> tuple[Check, ...]:
    """Compare the checkpoint in a case with its log and the keys of that; no check where there is nothing of these."""
    if CHECKPOINT not in members:
        return () if log is None and not keys else (Check("log", "", ("the case holds no checkpoint of a log",)),)
    try:
        checkpoint = Checkpoint.parse(members[CHECKPOINT], CHECKPOINT)
        what = f"checkpoint of {printable(checkpoint.origin)} with {checkpoint.size} entries"
        if keys:
            checkpoint.verify(keys, CHECKPOINT)
        fault = "" if log is None else log.disagreement(checkpoint, keys)
    except (LogError, VerificationError) as error:
        return (Check("log", "", (str(error),)),)
    compared = "; not compared with the log: give --log"
    if log is not None:
        compared = ": the log that was given begins with exactly these"
    signed = "; signed by its key" if keys else "; signature not verified: give --log-key"
    return (Check("log", what + compared + signed, (f"{what}: {fault}",) if fault else ()),)


def _result(members: Mapping[str, bytes]) -> tuple[ScanResult | None, Check]:
    what = "result.json is a scan result with matches"
    if RESULT not in members:
        return None, Check("result", what, (f"the result {_MISSING.format(RESULT)}",))
    try:
        result = read_result(parse_json(members[RESULT]))
    except ParameterError as error:
        return None, Check("result", what, (f"result.json: {error}",))
    return result, Check("result", what, () if result.matches else ("result.json: states no match",))


def _trace(members: Mapping[str, bytes]) -> tuple[Trace | None, Check]:
    what = "trace.spt holds the landmarks of whole passages"
    if TRACE not in members:
        return None, Check("landmarks", what, (f"the landmarks {_MISSING.format(TRACE)}",))
    try:
        return read_trace_member(members[TRACE]), Check("landmarks", what, ())
    except EvidenceError as error:
        return None, Check("landmarks", what, (str(error),))


def _one_search(result: ScanResult | None, trace: Trace | None) -> Check:
    what = "result and landmarks are of one search: same file, index, parameters and settings"
    if result is None or trace is None:
        return Check("search", what, (f"whether both are of one search {_MISSING.format('result and landmarks')}",))
    return Check("search", what, belonging(result, trace))


def _figures(result: ScanResult | None, trace: Trace | None) -> tuple[Comparison | None, Check]:
    if result is None or trace is None:
        return None, Check("figures", "", (f"the figures {_MISSING.format('result and landmarks')}",))
    try:
        comparison = compare(result, trace)
    except (VerificationError, EvidenceError) as error:
        return None, Check("figures", "", (str(error),))
    what = f"all {len(comparison.figures)} follow from {comparison.n_landmarks} pairs of landmarks, aligned again"
    return comparison, Check("figures", what, comparison.problems)


def _description(
    members: Mapping[str, bytes], result: ScanResult | None, trace: Trace | None, signer: PublicKey | None
) -> tuple[Remarks | None, Check]:
    what = "case.json and README.txt say of file, index, parameters, settings and signer what the other files do"
    try:
        if CASE not in members:
            raise ParameterError("is not there")
        facts = parse_json(members[CASE])
        remarks = Remarks.of_case(facts)
    except ParameterError as error:
        return None, Check("description", what, (f"case.json: {error}",))
    if result is None or trace is None or signer is None:
        missing = f"case.json {_MISSING.format('result, landmarks and signer')}"
        return remarks, Check("description", what, (missing,))
    expected = case_facts(result, trace, signer, remarks, optional=members)
    names = dict.fromkeys([*expected, *facts])
    wrong = [name for name in names if name not in facts or name not in expected or facts[name] != expected[name]]
    problems = [f"case.json: {printable(name[:80])} is not what the other files say" for name in wrong]
    if README in members and members[README] != readme_bytes(result, signer, optional=members):
        problems.append("README.txt: is not what Sourceprint writes for the other files")
    return remarks, Check("description", what, tuple(problems))
