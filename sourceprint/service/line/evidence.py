"""Evidence of a job: its page and its signed case, made with the outcome, while the audio is there.

The page is the one that `sourceprint evidence` puts into a case, the case the one that it writes, with the newest
checkpoint of the log: `sourceprint verify` accepts it. Under a grant, result and trace have only the fields that the
grant shows before a page is made of them, and there are no cases: their landmarks are the owner's.

Documents are kept in the service's database, in the transaction of the outcome, and erased with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from fingerprint.errors import SourceprintError
from index.recheck.trace import Trace
from index.recheck.trace_file import read_trace, write_trace
from index.storage.recordings import Recording
from sourceprint.evidence.cases.case import make_case, read_trace_bytes
from sourceprint.evidence.cases.contents import Remarks
from sourceprint.evidence.pages.report import single_page
from sourceprint.outputs import program_version
from sourceprint.scans.results import read_result
from sourceprint.service.access.grants import CatalogueGrant, hide_in, shown_digest, shown_id
from sourceprint.service.store.schema import evidence
from sourceprint.signatures import load_private, only_private

__all__ = [
    "EVIDENCE_CASE",
    "EVIDENCE_KINDS",
    "EVIDENCE_PAGE",
    "EvidenceDocument",
    "drop_evidence",
    "find_evidence",
    "keep_evidence",
    "list_evidence",
    "make_evidence",
]

EVIDENCE_PAGE, EVIDENCE_CASE = EVIDENCE_KINDS = ("page", "case")
"""Kinds of evidence."""


@dataclass(frozen=True, slots=True)
class EvidenceDocument:
    """A page or a case, or the reason why there is none.

    Attributes
    ----------
    kind : str
        Of `EVIDENCE_KINDS`.
    content : bytes or None
    reason : str or None
    """

    kind: str
    content: bytes | None
    reason: str | None


def make_evidence(
    wanted: Sequence[str],
    row: dict[str, Any],
    traces: Path,
    audio: Path,
    *,
    keys: Path,
    checkpoint: bytes | None = None,
    given: CatalogueGrant | None = None,
) -> list[EvidenceDocument]:
    """Return the documents that are wanted of a result; an unsuitable one is a reason, not an error.

    Parameters
    ----------
    wanted : sequence of str
        Of `EVIDENCE_KINDS`.
    row : dict
        The result, as JSON.
    traces : Path
        A folder with the trace of this search alone.
    audio : Path
        The track.
    keys : Path
        Folder of the key that signs.
    checkpoint : bytes, optional
        The newest of the log, for a case.
    given : CatalogueGrant, optional
        The grant by which the catalogue was searched.
    """
    if not row["matches"]:
        reason = f"nothing was found in {row['track']['name']}, so there is no evidence"
        return [EvidenceDocument(kind, None, reason) for kind in wanted]
    try:
        (trace,) = traces.iterdir()
        if given is not None:
            row = hide_in(row, given, unstated=0)  # the page states none of these
            write_trace(trace, _hidden(read_trace(trace), given))
        result = read_result(row)
        page = single_page(result, trace, audio=audio)
    except SourceprintError as error:
        return [EvidenceDocument(kind, None, str(error)) for kind in wanted]
    made = [EvidenceDocument(EVIDENCE_PAGE, page, None)] if EVIDENCE_PAGE in wanted else []
    if EVIDENCE_CASE in wanted:
        try:
            signer, remarks = load_private(only_private(keys)), Remarks(None, "", program_version())
            case = make_case(result, read_trace_bytes(trace, result), signer, remarks, page=page, checkpoint=checkpoint)
            made.append(EvidenceDocument(EVIDENCE_CASE, case, None))
        except SourceprintError as error:
            made.append(EvidenceDocument(EVIDENCE_CASE, None, str(error)))
    return made


def keep_evidence(connection: Connection, job_id: str, documents: Sequence[EvidenceDocument]) -> None:
    """Keep documents, inside the transaction of the outcome of their job."""
    rows = [{"job_id": job_id, "kind": one.kind, "content": one.content, "reason": one.reason} for one in documents]
    if rows:
        connection.execute(insert(evidence), rows)


def find_evidence(connection: Connection, job_id: str, kind: str) -> EvidenceDocument | None:
    """Return a document of a job; None where none was asked for, or it was erased."""
    row = connection.execute(
        select(evidence.c.content, evidence.c.reason).where(evidence.c.job_id == job_id, evidence.c.kind == kind)
    ).first()
    return None if row is None else EvidenceDocument(kind, row.content and bytes(row.content), row.reason)


def list_evidence(connection: Connection, job_id: str) -> dict[str, str]:
    """Return the kinds of documents that were asked for with a job, each with the reason why it is missing, or ""."""
    query = select(evidence.c.kind, evidence.c.reason).where(evidence.c.job_id == job_id)
    return {row.kind: row.reason or "" for row in connection.execute(query)}


def drop_evidence(connection: Connection, job_ids: Sequence[str]) -> None:
    """Erase the documents of jobs, inside the transaction that erases their results."""
    connection.execute(delete(evidence).where(evidence.c.job_id.in_(job_ids)))


def _hidden(trace: Trace, given: CatalogueGrant) -> Trace:
    """Return a trace whose recordings have only the fields that a grant shows."""

    def hidden(recording: Recording) -> Recording:
        shown = {name: getattr(recording, name) for name in ("title", "artists", "isrc") if name in given.fields}
        return Recording(shown_id(recording.id, given), **shown, duration_ms=recording.duration_ms)

    parts = tuple(
        replace(
            part,
            passages=tuple(
                replace(
                    one,
                    recording=hidden(one.recording),
                    also_fits=tuple(shown_id(other, given) for other in one.also_fits),
                    alternatives=tuple(replace(other, recording=hidden(other.recording)) for other in one.alternatives),
                )
                for one in part.passages
            ),
        )
        for part in trace.parts
    )
    return replace(trace, parts=parts, index_digest=shown_digest(trace.index_digest, given))
