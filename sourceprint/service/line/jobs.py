"""Jobs: one table that servers fill and workers empty, each job done at least once, its outcome kept once.

A worker *claims* a job for the time of a lease and renews the lease while it works. A worker that falls silent loses
the job to another one. Each claim has a number, the *token*, and only the holder of the latest token may finish the
job: a worker that comes back after its lease ran out is refused. So the outcome of a job is written once; and as
results depend on audio, index and settings alone, it does not matter which worker wrote it.

A job whose workers were lost `MOST_LOSSES` times is not tried again: it may have killed them.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, insert, or_, select, update

from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import job

__all__ = [
    "ADDITION",
    "CHECK",
    "DONE",
    "FAILED",
    "MOST_LOSSES",
    "QUEUED",
    "RUNNING",
    "SCAN",
    "STATES",
    "Job",
    "JobClaim",
    "add_jobs",
    "claim",
    "find_job",
    "find_repeated",
    "finish",
    "give_back",
    "heartbeat",
    "list_jobs",
    "queue_length",
]

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")
"""States of a job, in this order; the last two are final."""

SCAN, CHECK, ADDITION = "scan", "check", "addition"
"""Kinds of jobs."""

MOST_LOSSES = 4
"""Workers that may be lost at a job before it is given up."""

_SERIAL_LOCK = 0x53504A  # any number that other programs are unlikely to lock on the same server
_SERIAL = (ADDITION,)  # one at a time in each organisation, as an index has one writer


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is on file.

    Attributes
    ----------
    id : str
        UUID 7.
    organisation_id : str
    grant_id : str or None
        The grant by which another organisation's catalogue is searched.
    kind, state : str
    priority : int
        Smaller is sooner.
    reference : str
        The caller's own id, or "".
    arguments : str
        JSON; its fields belong to the kind.
    upload : str or None
        Name in the folder of uploads, while it is there.
    created_at, created_by : str
    started_at, finished_at, erased_at : str or None
    result, error : str or None
        JSON, once it is final.
    token, losses : int
    idempotency_key, request_digest : str or None
    """

    id: str
    organisation_id: str
    grant_id: str | None
    kind: str
    state: str
    priority: int
    reference: str
    arguments: str
    upload: str | None
    created_at: str
    created_by: str
    started_at: str | None
    finished_at: str | None
    erased_at: str | None
    result: str | None
    error: str | None
    token: int
    losses: int
    idempotency_key: str | None
    request_digest: str | None


@dataclass(frozen=True, slots=True)
class JobClaim:
    """A job that a worker holds.

    Attributes
    ----------
    job : Job
    owner : str
        The worker.
    """

    job: Job
    owner: str


def add_jobs(
    connection: Connection, organisation_id: str, kind: str, rows: list[dict[str, Any]], *, at: str, by: str
) -> list[str]:
    """Add jobs to the line, and return their ids.

    Parameters
    ----------
    connection : Connection
        Inside a transaction that writes.
    organisation_id, kind : str
    rows : list of dict
        `arguments`, and where they apply `priority`, `reference`, `upload`, `grant_id`, `idempotency_key` and
        `request_digest`.
    at, by : str
        When and by which key.
    """
    ids = sorted(str(uuid7()) for _ in rows)  # those of one millisecond are in no order
    values = [
        {
            "id": job_id,
            "organisation_id": organisation_id,
            "kind": kind,
            "state": QUEUED,
            "created_at": at,
            "created_by": by,
            "priority": 1,
            "reference": "",
            "upload": None,
            "grant_id": None,
            "idempotency_key": None,
            "request_digest": None,
            **row,
        }
        for job_id, row in zip(ids, rows, strict=True)
    ]
    if values:
        connection.execute(insert(job), values)
    return ids


def claim(
    database: ServiceDatabase, owner: str, *, lease_seconds: int, kinds: tuple[str, ...] = (), most: int = 1
) -> list[JobClaim]:
    """Take the next jobs: one, or several additions of one organisation, which are committed together.

    Parameters
    ----------
    database : ServiceDatabase
    owner : str
        Id of the worker, unlike any other's.
    lease_seconds : int
        Time until the claim ends unless it is renewed.
    kinds : tuple of str
        Only these; all by default.
    most : int
        How many additions at once.
    """
    with database.reading() as connection:  # most of the time nothing waits: then no lock is taken
        expired = select(job.c.id).where(_has_expired(database.now())).limit(1)
        if not _waiting(connection, database.now(), kinds) and connection.scalar(expired) is None:
            return []
    with database.writing() as connection:
        now = database.now()
        _end_leases(connection, now)
        rows = _waiting(connection, now, kinds, lock=database.is_server)
        if rows and rows[0]["kind"] in _SERIAL:
            rows = _waiting_in_turn(connection, now, rows[0], most, lock=database.is_server)
        until = time_text(database.clock() + timedelta(seconds=lease_seconds))
        claimed = {"state": RUNNING, "owner": owner, "token": job.c.token + 1, "lease_until": until}
        ids = [row["id"] for row in rows]
        started = func.coalesce(job.c.started_at, now)
        connection.execute(update(job).where(job.c.id.in_(ids)).values(**claimed, started_at=started))
        found = connection.execute(select(job).where(job.c.id.in_(ids)).order_by(job.c.id)).mappings()
        return [JobClaim(_job(row), owner) for row in found]


def heartbeat(database: ServiceDatabase, owner: str, *, lease_seconds: int) -> int:
    """Renew the leases of a worker that have not run out, and return how many."""
    now = database.now()
    until = time_text(database.clock() + timedelta(seconds=lease_seconds))
    held = and_(job.c.owner == owner, job.c.state == RUNNING, job.c.lease_until >= now)
    with database.reading() as connection:
        if connection.scalar(select(func.count()).select_from(job).where(held)) == 0:
            return 0
    with database.writing() as connection:
        return connection.execute(update(job).where(held).values(lease_until=until)).rowcount


def finish(connection: Connection, held: JobClaim, state: str, *, at: str, result: str = "", error: str = "") -> bool:
    """Write the outcome of a job, if the claim is the latest; return whether it was.

    Parameters
    ----------
    connection : Connection
        Inside the transaction of everything else that the outcome changes.
    held : JobClaim
    state : str
        "done" or "failed".
    at : str
    result, error : str
        JSON, or "".
    """
    outcome = {"state": state, "finished_at": at, "owner": None, "lease_until": None, "upload": None}
    outcome |= {"result": result or None, "error": error or None}
    return connection.execute(update(job).where(_is_held(held)).values(**outcome)).rowcount == 1


def give_back(database: ServiceDatabase, owner: str, *, lost: bool) -> int:
    """Put the jobs of a worker back into the line; return how many.

    Parameters
    ----------
    database : ServiceDatabase
    owner : str
    lost : bool
        Whether the worker ended at them; else it was asked to stop.
    """
    held = and_(job.c.owner == owner, job.c.state == RUNNING)
    back = {"state": QUEUED, "owner": None, "lease_until": None, "losses": job.c.losses + int(lost)}
    with database.writing() as connection:
        return connection.execute(update(job).where(held).values(**back)).rowcount


def find_job(connection: Connection, organisation_id: str, job_id: str, *, kind: str = "") -> Job | None:
    """Return a job of an organisation; None where it has none with this id."""
    own = and_(job.c.organisation_id == organisation_id, job.c.id == job_id)
    row = connection.execute(select(job).where(own, *([job.c.kind == kind] if kind else []))).mappings().first()
    return None if row is None else _job(row)


def find_repeated(connection: Connection, organisation_id: str, idempotency_key: str) -> Job | None:
    """Return the job that was submitted with an idempotency key, if there is one."""
    same = and_(job.c.organisation_id == organisation_id, job.c.idempotency_key == idempotency_key)
    row = connection.execute(select(job).where(same)).mappings().first()
    return None if row is None else _job(row)


def list_jobs(
    connection: Connection,
    organisation_id: str,
    kind: str,
    *,
    state: str = "",
    reference: str = "",
    after: str = "",
    limit: int = 100,
) -> list[Job]:
    """Return jobs of an organisation in the order of their ids, that is, of submission.

    Parameters
    ----------
    connection : Connection
    organisation_id, kind : str
    state, reference : str
        Only these; "" for all.
    after : str
        Id of the last one that the caller has.
    limit : int
    """
    conditions = [job.c.organisation_id == organisation_id, job.c.kind == kind]
    conditions += [job.c.state == state] if state else []
    conditions += [job.c.reference == reference] if reference else []
    conditions += [job.c.id > after] if after else []
    rows = connection.execute(select(job).where(*conditions).order_by(job.c.id).limit(limit)).mappings()
    return [_job(row) for row in rows]


def queue_length(connection: Connection) -> dict[str, int]:
    """Return how many jobs wait and run."""
    open_jobs = job.c.state.in_((QUEUED, RUNNING))
    counts = connection.execute(select(job.c.state, func.count()).where(open_jobs).group_by(job.c.state))
    return {QUEUED: 0, RUNNING: 0} | {row[0]: row[1] for row in counts}


def _waiting(
    connection: Connection,
    now: str,
    kinds: tuple[str, ...],
    *,
    organisation: str = "",
    limit: int = 1,
    lock: bool = False,
) -> list[RowMapping]:
    """Return the next jobs of the line; none of a serial kind where its organisation has one in hand."""
    in_hand = and_(job.c.state == RUNNING, job.c.lease_until >= now, job.c.kind.in_(_SERIAL))
    busy = select(job.c.organisation_id).where(in_hand).scalar_subquery()
    conditions = [job.c.state == QUEUED, or_(job.c.kind.not_in(_SERIAL), job.c.organisation_id.not_in(busy))]
    conditions += [job.c.kind.in_(kinds)] if kinds else []
    conditions += [job.c.organisation_id == organisation] if organisation else []
    query = select(job.c.id, job.c.kind, job.c.organisation_id).where(*conditions)
    query = query.order_by(job.c.priority, job.c.id).limit(limit)
    return list(connection.execute(query.with_for_update(skip_locked=True) if lock else query).mappings())


def _waiting_in_turn(connection: Connection, now: str, first: RowMapping, most: int, *, lock: bool) -> list[RowMapping]:
    """Return the next jobs of a serial kind of one organisation; none if another worker took one meanwhile."""
    own = first["organisation_id"]
    if lock:  # what another worker claims at this moment is not seen before it is committed
        connection.execute(select(func.pg_advisory_xact_lock(_SERIAL_LOCK, func.hashtext(own))))
    return _waiting(connection, now, (first["kind"],), organisation=own, limit=most, lock=lock)


def _end_leases(connection: Connection, now: str) -> None:
    """Put jobs back whose worker fell silent, and count the loss."""
    back = {"state": QUEUED, "owner": None, "lease_until": None, "losses": job.c.losses + 1}
    connection.execute(update(job).where(_has_expired(now)).values(**back))


def _has_expired(now: str) -> ColumnElement[bool]:
    return and_(job.c.state == RUNNING, job.c.lease_until < now)


def _is_held(held: JobClaim) -> ColumnElement[bool]:
    return and_(job.c.id == held.job.id, job.c.state == RUNNING, job.c.token == held.job.token)


def _job(row: RowMapping) -> Job:
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})
