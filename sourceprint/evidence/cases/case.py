"""A run and the name of a file in it go in, a signed case comes out: one file that can be mailed and verified alone.

The figures are computed again before anything is signed, so that no case is made that would not be verified. The same
run, remarks and key give the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from fingerprint.digests import pretty_json
from fingerprint.disk import read_small
from fingerprint.errors import EvidenceError, ParameterError, VerificationError, printable
from index.storage.durable import publish
from sourceprint.evidence.cases.archive import (
    CASE,
    CHECKPOINT,
    LIMITS,
    PAGE,
    README,
    RESULT,
    SIGNATURE,
    SUMS,
    TRACE,
    pack,
)
from sourceprint.evidence.cases.contents import (
    Remarks,
    case_facts,
    parse_json,
    readme_bytes,
    sums_bytes,
)
from sourceprint.evidence.cases.recomputation import belonging, compare, read_trace_member
from sourceprint.outputs import expect_free, writing
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import Run
from sourceprint.signatures import PrivateKey, signature_bytes

__all__ = ["choose", "make_case", "read_trace_bytes", "read_trace_file", "write_case"]

_MOST_CANDIDATES = 10  # listed in a message


def choose(results: Sequence[ScanResult], wanted: str) -> ScanResult:
    """Return the result that is meant.

    Parameters
    ----------
    results : sequence of ScanResult
        Those of a run.
    wanted : str
        The name of a file as the run has it, its SHA-256, the last part of its path, or any part of its name; the
        first of these by which there is any counts.

    Raises
    ------
    EvidenceError
        If there is none, or more than one; the message names them.
    """
    ways = (
        [result for result in results if result.name == wanted],
        [result for result in results if result.sha256 and result.sha256 == wanted.lower()],
        [result for result in results if Path(result.name).name == wanted],
        [result for result in results if wanted and wanted in result.name],
    )
    found = next((way for way in ways if way), [])
    if not found:
        raise EvidenceError(
            f"{printable(wanted)}: no file of this run has that name or SHA-256; `sourceprint results RUN --format csv "
            "--only-matched` lists those in which something was found"
        )
    if len(found) > 1:
        more = f" and {len(found) - _MOST_CANDIDATES} more" if len(found) > _MOST_CANDIDATES else ""
        names = ", ".join(printable(result.name) for result in found[:_MOST_CANDIDATES]) + more  # whole, to be copied
        raise EvidenceError(f"{printable(wanted)}: could be {names}; give the whole name")
    return found[0]


def read_trace_file(run: Run, result: ScanResult) -> bytes:
    """Return the content of the trace file that belongs to a result; errors as `read_trace_bytes`."""
    return read_trace_bytes(run.trace_path(result), result)


def read_trace_bytes(path: Path, result: ScanResult) -> bytes:
    """Return the content of the trace file of a result.

    Raises
    ------
    EvidenceError
        If there is none, or it is larger than a case may hold.
    """
    too_large = "larger than a case may hold; scan the file in parts"
    try:
        return read_small(path, EvidenceError, most=LIMITS[TRACE], too_large=too_large)
    except EvidenceError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
    what = "its trace is missing from the run" if result.matches else "nothing was found in it"
    raise EvidenceError(f"{printable(result.name)}: {what}; a case needs a file that was matched")


def make_case(
    result: ScanResult,
    trace: bytes,
    key: PrivateKey,
    remarks: Remarks,
    *,
    page: bytes | None = None,
    checkpoint: bytes | None = None,
) -> bytes:
    """Return the file of a case.

    Parameters
    ----------
    result : ScanResult
        Result of the file.
    trace : bytes
        The content of its trace file.
    key : PrivateKey
        Who signs.
    remarks : Remarks
        Remarks of the signer.
    page : bytes, optional
        The evidence as one HTML page.
    checkpoint : bytes, optional
        The newest signed checkpoint of a transparency log, so that a copy of it lies with every reader of the case.

    Raises
    ------
    EvidenceError
        If nothing was found in the file, if trace and result are not of the same search, if the figures do not follow
        from the landmarks, or if it is too large for a case.
    """
    name = printable(result.name)
    if not result.matches:
        what = "nothing was found in it" if result.searched else f"it could not be searched ({result.status})"
        raise EvidenceError(f"{name}: {what}, so there is no evidence to sign; choose a file that was matched")
    try:
        row = parse_json(pretty_json(result.raw))
        landmarks = read_trace_member(trace)
        problems = belonging(result, landmarks) or compare(result, landmarks).problems
    except (ParameterError, ValueError, VerificationError) as error:
        problems = (str(error),)
    if problems:
        raise EvidenceError(
            f"{name}: its result and its trace do not fit together ({problems[0]}); scan the file again, with --out "
            "naming a new folder"
        )
    extra = {name: data for name, data in ((PAGE, page), (CHECKPOINT, checkpoint)) if data is not None}
    members = {
        CASE: pretty_json(case_facts(result, landmarks, key.public, remarks, optional=extra)),
        RESULT: pretty_json(row),
        TRACE: trace,
        **extra,
        README: readme_bytes(result, key.public, optional=extra),
    }
    members[SUMS] = sums_bytes(members)
    members[SIGNATURE] = signature_bytes(key, members[SUMS])
    return pack(members)


def write_case(path: Path, case: bytes, *, replace: bool = False) -> None:
    """Write the file of a case in one step.

    Raises
    ------
    EvidenceError
        If there is something at `path` that may not be replaced, or the system refuses to write.
    StorageFullError
        If the disk is full; an existing file is as it was.
    """
    expect_free(path, replace=replace)
    with writing(path):
        publish(path, case)
