"""Jobs: one table that servers fill and workers empty, each job done at least once, its outcome kept once.

A worker *claims* a job for the time of a lease and renews the lease while it works. A worker that falls silent loses
the job to another one. Each claim has a number, the *token*, and only the holder of the latest token may finish the
job: a worker that comes back after its lease ran out is refused. So the outcome of a job is written once; and as
results depend on audio, index and settings alone, it does not matter which worker wrote it.

A job whose workers were lost `MOST_LOSSES` times is not tried again: it may have killed them.

The next job is that of the best priority; among these, of the organisation with the fewest jobs running, then of the
one that was served longest ago, then the oldest. So 10 000 tracks of one organisation do not keep another one waiting.
A claim looks at the head of the line of each organisation and kind, by index: its cost goes by organisations, not by
jobs that wait.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import job, organisation

__all__ = [
    "ADDITION",
    "CHECK",
    "DONE",
    "FAILED",
    "KINDS",
    "MOST_LOSSES",
    "QUEUED",
    "RUNNING",
    "SCAN",
    "STATES",
    "Job",
    "JobClaim",
    "add_jobs",
    "claim",
    "count_before",
    "count_states",
    "find_job",
    "find_repeated",
    "finish",
    "give_back",
    "heartbeat",
    "list_jobs",
    "put_back",
    "queue_length",
]

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")
"""States of a job, in this order; the last two are final."""

SCAN, CHECK, ADDITION = KINDS = ("scan", "check", "addition")
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
        waiting = select(job.c.id).where(job.c.state == QUEUED).limit(1)
        if connection.scalar(expired) is None and (
            connection.scalar(waiting) is None or not _lines(connection, database.now(), kinds)
        ):
            return []
    with database.writing() as connection:
        now = database.now()
        _end_leases(connection, now)
        ids: list[str] = []
        for organisation_id, kind in _lines(connection, now, kinds):
            ids = _heads(connection, now, organisation_id, kind, most, lock=database.is_server)
            if ids:  # else another worker has taken them at this moment
                break
        until = time_text(database.clock() + timedelta(seconds=lease_seconds))
        claimed = {"state": RUNNING, "owner": owner, "token": job.c.token + 1, "lease_until": until}
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


def finish(
    connection: Connection,
    held: JobClaim,
    state: str,
    *,
    at: str,
    result: str = "",
    error: str = "",
    upload: str | None = None,
) -> bool:
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
    upload : str or None
        Name of its upload, where that is kept from here on.
    """
    outcome = {"state": state, "finished_at": at, "owner": None, "lease_until": None, "upload": upload}
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


def put_back(database: ServiceDatabase, claims: Sequence[JobClaim]) -> int:
    """Put jobs that cannot be done yet back into the line, if the claims are the latest; return how many."""
    back = {"state": QUEUED, "owner": None, "lease_until": None}
    with database.writing() as connection:
        return sum(connection.execute(update(job).where(_is_held(held)).values(**back)).rowcount for held in claims)


def find_job(connection: Connection, organisation_id: str, job_id: str) -> Job | None:
    """Return a job of an organisation; None where it has none with this id."""
    own = and_(job.c.organisation_id == organisation_id, job.c.id == job_id)
    row = connection.execute(select(job).where(own)).mappings().first()
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
    by: str = "",
    newest_first: bool = False,
) -> list[Job]:
    """Return jobs of an organisation in the order of their ids, that is, of submission, or the newest first.

    Parameters
    ----------
    connection : Connection
    organisation_id, kind : str
    state, reference : str
        Only these; "" for all.
    after : str
        Id of the last one that the caller has.
    limit : int
    by : str
        Only those that this key or person submitted; "" for all.
    """
    conditions = [job.c.organisation_id == organisation_id, job.c.kind == kind]
    conditions += [job.c.state == state] if state else []
    conditions += [job.c.reference == reference] if reference else []
    conditions += [job.c.created_by == by] if by else []
    conditions += [job.c.id < after if newest_first else job.c.id > after] if after else []
    order = job.c.id.desc() if newest_first else job.c.id
    rows = connection.execute(select(job).where(*conditions).order_by(order).limit(limit)).mappings()
    return [_job(row) for row in rows]


def count_states(connection: Connection, organisation_id: str, kind: str, *, by: str = "") -> dict[str, int]:
    """Return how many jobs of a kind an organisation has in each state; with `by` those of one key or person."""
    own = and_(job.c.organisation_id == organisation_id, job.c.kind == kind, *([job.c.created_by == by] if by else []))
    counts = connection.execute(select(job.c.state, func.count()).where(own).group_by(job.c.state))
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in counts}


def count_before(connection: Connection, waiting: Job) -> int:
    """Return how many jobs of its organisation and kind are taken before a job that waits."""
    sooner = or_(job.c.priority < waiting.priority, and_(job.c.priority == waiting.priority, job.c.id < waiting.id))
    line = and_(job.c.state == QUEUED, job.c.organisation_id == waiting.organisation_id, job.c.kind == waiting.kind)
    return connection.scalar(select(func.count()).select_from(job).where(line, sooner)) or 0


def queue_length(connection: Connection) -> dict[str, int]:
    """Return how many jobs wait and run."""
    open_jobs = job.c.state.in_((QUEUED, RUNNING))
    counts = connection.execute(select(job.c.state, func.count()).where(open_jobs).group_by(job.c.state))
    return {QUEUED: 0, RUNNING: 0} | {row[0]: row[1] for row in counts}


def _lines(connection: Connection, now: str, kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the lines that have a job to be claimed, organisation and kind, in the order of their turns."""
    found = connection.execute(_turns(kinds or KINDS), {"now": now})
    return [(row.organisation_id, row.kind) for row in found]


@functools.cache  # idle workers ask ten times a second, and to build the query takes longer than to answer it
def _turns(kinds: tuple[str, ...]) -> Select[Any]:
    """Return the query of `_lines`: a look into an index for each organisation and kind."""
    running = (
        select(job.c.organisation_id, func.count().label("n"))
        .where(job.c.state == RUNNING)
        .group_by(job.c.organisation_id)
        .subquery()
    )
    first = job.alias()
    head = (
        select(first.c.id)
        .where(first.c.state == QUEUED, first.c.organisation_id == organisation.c.id)
        .order_by(first.c.priority, first.c.id)
        .limit(1)
    )
    heads = union_all(
        *(
            select(organisation.c.id.label("line"), head.where(first.c.kind == kind).scalar_subquery().label("job_id"))
            for kind in kinds
        )
    ).subquery()
    earlier = job.alias()
    served = (
        select(func.max(earlier.c.started_at))
        .where(earlier.c.organisation_id == heads.c.line)
        .scalar_subquery()
        .label("served")
    )
    in_hand = and_(job.c.state == RUNNING, job.c.lease_until >= bindparam("now"), job.c.kind.in_(_SERIAL))
    busy = select(job.c.organisation_id).where(in_hand).scalar_subquery()
    next_one = job.alias()
    return (
        select(next_one.c.organisation_id, next_one.c.kind)
        .select_from(heads)
        .join(next_one, next_one.c.id == heads.c.job_id)
        .outerjoin(running, running.c.organisation_id == heads.c.line)
        .where(or_(next_one.c.kind.not_in(_SERIAL), heads.c.line.not_in(busy)))
        .order_by(next_one.c.priority, func.coalesce(running.c.n, 0), func.coalesce(served, ""), next_one.c.id)
    )


def _heads(connection: Connection, now: str, organisation_id: str, kind: str, most: int, *, lock: bool) -> list[str]:
    """Return the next jobs of a line: one, or `most` of a serial kind; none if another worker has taken them."""
    is_serial = kind in _SERIAL
    if is_serial and lock:  # jobs that another worker claims at this moment are not seen before it commits
        connection.execute(select(func.pg_advisory_xact_lock(_SERIAL_LOCK, func.hashtext(organisation_id))))
        same = and_(job.c.organisation_id == organisation_id, job.c.kind == kind)
        in_hand = select(job.c.id).where(same, job.c.state == RUNNING, job.c.lease_until >= now).limit(1)
        if connection.scalar(in_hand) is not None:
            return []
    own = and_(job.c.state == QUEUED, job.c.organisation_id == organisation_id, job.c.kind == kind)
    query = select(job.c.id).where(own).order_by(job.c.priority, job.c.id).limit(most if is_serial else 1)
    return list(connection.scalars(query.with_for_update(skip_locked=True) if lock else query))


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
