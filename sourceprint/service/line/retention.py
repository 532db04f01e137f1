"""Retention: results are erased when their time is over, and uploads that no job needs are deleted.

An upload is deleted with the outcome of its job. A leftover, as after a crash between the two, or from a request
that ended before its job was made, is found here.
"""

import shutil
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from sourceprint.service.line.evidence import drop_evidence
from sourceprint.service.line.jobs import DONE, FAILED, QUEUED, RUNNING
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import job

__all__ = ["drop_leftovers", "erase_old_results"]

_LEFTOVER_SECONDS = 7_200.0  # longer than an upload may take
_AT_ONCE = 500


def erase_old_results(database: ServiceDatabase, uploads: Path, *, days: int) -> int:
    """Erase results and kept audio of jobs that were final so many days ago; return how many. 0 days erase nothing."""
    if not days:
        return 0
    before, erased = time_text(database.clock() - timedelta(days=days)), 0
    old = job.c.state.in_((DONE, FAILED)) & (job.c.finished_at < before) & job.c.erased_at.is_(None)
    while True:
        with database.writing() as connection:
            query = (
                select(job.c.id, job.c.organisation_id, job.c.kind, job.c.upload)
                .where(old)
                .order_by(job.c.id)
                .limit(_AT_ONCE)
            )
            rows = connection.execute(query).all()
            at = database.now()
            ids = [row.id for row in rows]
            connection.execute(update(job).where(job.c.id.in_(ids)).values(result=None, upload=None, erased_at=at))
            drop_evidence(connection, ids)
            for row in rows:
                note_event(
                    connection, f"{row.kind}.erased", at=at, organisation=row.organisation_id, actor="retention",
                    subject=f"{row.kind}:{row.id}", data={"days": days},
                )  # fmt: skip
        for row in rows:
            if row.upload is not None:
                (uploads / row.upload).unlink(missing_ok=True)
        erased += len(rows)
        if len(rows) < _AT_ONCE:
            return erased


def drop_leftovers(database: ServiceDatabase, uploads: Path, *, keep_audio: bool = False) -> int:
    """Delete uploads that are hours old and belong to no job that waits or runs; return how many."""
    if keep_audio:
        return 0
    with database.reading() as connection:
        waits = job.c.upload.is_not(None) & job.c.state.in_((QUEUED, RUNNING))
        needed = set(connection.scalars(select(job.c.upload).where(waits)))
    dropped = 0
    for path in sorted(uploads.iterdir()):
        is_old = time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS
        if not is_old or path.name in needed:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # of a worker that was killed
        else:
            path.unlink(missing_ok=True)
        dropped += 1
    return dropped
