"""Scan and audio of a use, as far as this service keeps them: the newest scan of its track, the files of both sides.

A file is taken if its digest is the one that the scan, or the catalogue, states. Where there is none, a sentence says
why: a service keeps no audio unless it is set up to (`SOURCEPRINT_KEEP_AUDIO`), and erases it with the result.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fingerprint.errors import AudioError, UnknownRecordingError
from fingerprint.extract import is_fingerprint_file
from sourceprint.audio_digests import known_audio_digest
from sourceprint.evidence.pages.sounds import Sound
from sourceprint.royalties.uses.use import Use
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.service.console.visitors import Visitor
from sourceprint.service.line.evidence import EVIDENCE_PAGE
from sourceprint.service.line.jobs import ADDITION, SCAN
from sourceprint.service.line.objects import is_object
from sourceprint.service.store.schema import evidence, job
from sourceprint.service.web.recordings import find_own_recording

__all__ = ["KeptScan", "kept_scan", "recording_audio", "track_audio"]

_MOST_FILES = 5  # of the newest jobs, that are looked at for one track or recording
_DELETED = "is not kept: this service deletes it with the outcome, or it was erased since"


@dataclass(frozen=True, slots=True)
class KeptScan:
    """A scan of a track whose result is kept.

    Attributes
    ----------
    job_id : str
    result : ScanResult
    has_page : bool
        Whether it was kept with a page of evidence.
    """

    job_id: str
    result: ScanResult
    has_page: bool


def kept_scan(visitor: Visitor, use: Use) -> KeptScan | None:
    """Return the newest scan of the track of a use, one with a page of evidence before all others."""
    kept = (evidence.c.job_id == job.c.id) & (evidence.c.kind == EVIDENCE_PAGE) & evidence.c.content.is_not(None)
    query = (
        select(job.c.id, job.c.result, evidence.c.job_id.label("with_page"))
        .outerjoin(evidence, kept)
        .where(job.c.organisation_id == visitor.organisation, job.c.kind == SCAN)
        .where(job.c.result.contains(f'"{use.track_sha256}"'))
        .order_by(evidence.c.job_id.is_(None), job.c.id.desc())
        .limit(1)
    )
    with visitor.server.database.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return KeptScan(row.id, read_result(json.loads(row.result)), row.with_page is not None)


def track_audio(visitor: Visitor, use: Use) -> Sound:
    """Return the audio file of the track of a use, or why there is none."""
    paths = list(_paths(visitor, SCAN, f'"{use.track_sha256}"'))
    if not paths:
        return Sound(None, "The track was not scanned by this service, so there is no audio of it.")
    return _first_of(paths, use.track_sha256, "The audio of the track")


def recording_audio(visitor: Visitor, use: Use) -> Sound:
    """Return the audio file of the recording of a use, or why there is none."""
    try:
        found = find_own_recording(visitor.caller, use.index_id)
    except UnknownRecordingError:
        return Sound(None, "The recording is not in the catalogue of this service, so there is no audio of it.")
    if not found.sha256:
        return Sound(None, "The catalogue states no digest of the recording's audio, so there is none.")
    paths = list(_paths(visitor, ADDITION, json.dumps(found.id, ensure_ascii=False)))
    return _first_of(paths, found.sha256, "The audio of the recording")


def _paths(visitor: Visitor, kind: str, in_result: str) -> Iterator[Path | None]:
    """Yield the files of the newest jobs with a text in their result; None for one that is not there any more."""
    query = (
        select(job.c.upload, job.c.arguments)
        .where(job.c.organisation_id == visitor.organisation, job.c.kind == kind, job.c.result.contains(in_result))
        .order_by(job.c.id.desc())
        .limit(_MOST_FILES)
    )
    with visitor.server.database.reading() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        path = _path(visitor, row)
        yield path if path is not None and path.is_file() and not is_fingerprint_file(path) else None


def _path(visitor: Visitor, row: Any) -> Path | None:
    if row.upload is not None:
        return visitor.server.folder.uploads / str(row.upload)
    named = str(json.loads(row.arguments).get("path", ""))
    return None if not named or is_object(named) else Path(named)


def _first_of(paths: list[Path | None], sha256: str, what: str) -> Sound:
    there = [path for path in paths if path is not None]
    for path in there:
        facts = path.stat()
        if _digest(path, facts.st_size, facts.st_mtime_ns) == sha256:
            return Sound(path)
    if there:
        return Sound(None, f"{what} is not kept: the file of that name is another one now.")
    return Sound(None, f"{what} {_DELETED}.")


@lru_cache(maxsize=1_000)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    try:
        return known_audio_digest(path)
    except AudioError:
        return ""
