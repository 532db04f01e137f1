"""What must hold of a service that was killed: jobs done once, rows, catalogue, log, webhooks, uploads."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from benchmarks.service_kill_work import Asked, Music, Receiver, report_content, row_content
from index.folder.index import Index
from sourceprint.royalties.rights.schema import chain_entry
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.line.jobs import DONE
from sourceprint.service.line.retention import drop_leftovers
from sourceprint.service.log_keys import public_log_key
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import delivery, job, outbox
from sourceprint.signatures import load_public
from sourceprint.transparency.log import LogReader
from sourceprint.transparency.verification import verify_log

__all__ = ["Killed", "check_chain"]

_OLD_SECONDS: Final = 100_000.0


@dataclass(frozen=True, slots=True)
class Killed:
    """A service that was killed and then stopped, and what its clients asked for.

    Attributes
    ----------
    folder : DataFolder
    database : ServiceDatabase
    music : Music
    asked : sequence of Asked
    answered : dict
        Ids of jobs by the key of their request.
    receiver : Receiver
        Of the webhooks of the organisation that scans and checks.
    checkpoints : sequence of bytes
        Of the log, kept meanwhile.
    adding : str
        The organisation that adds.
    """

    folder: DataFolder
    database: ServiceDatabase
    music: Music
    asked: Sequence[Asked]
    answered: dict[str, tuple[str, ...]]
    receiver: Receiver
    checkpoints: Sequence[bytes]
    adding: str


def check_chain(killed: Killed) -> tuple[dict[str, int], list[str]]:
    """Return how much was compared, and the failures in sentences."""
    counts: dict[str, int] = {}
    failures: list[str] = []
    with killed.database.reading() as connection:
        jobs = {row["id"]: dict(row) for row in connection.execute(select(job)).mappings()}
        entries = connection.execute(
            select(outbox.c.sequence, outbox.c.log_index, outbox.c.entry).order_by(outbox.c.log_index)
        ).all()
        sent = [dict(row) for row in connection.execute(select(delivery)).mappings()]
    events = Counter((entry["event"], entry["subject"]) for entry in (json.loads(bytes(row.entry)) for row in entries))
    _check_jobs(killed, jobs, events, counts, failures)
    _check_catalogue(killed, counts, failures)
    _check_log(killed, entries, events, counts, failures)
    _check_webhooks(killed, jobs, sent, counts, failures)
    _check_uploads(killed, counts, failures)
    return counts, failures


def _check_jobs(
    killed: Killed,
    jobs: dict[str, dict[str, Any]],
    events: Counter[tuple[str, str]],
    counts: dict[str, int],
    failures: list[str],
) -> None:
    ids: list[str] = []
    counts |= {"scans": 0, "checks": 0, "additions": 0, "tried again": 0}
    for asked in killed.asked:
        answered = killed.answered.get(asked.key, ())
        ids += answered
        if len(answered) != len(asked.names):
            failures.append(f"request {asked.key}: {len(answered)} jobs for {len(asked.names)}")
            continue
        for job_id, name in zip(answered, asked.names, strict=True):
            where, found = f"{asked.kind} {job_id} of {asked.key}", jobs.get(job_id)
            if found is None or found["state"] != DONE:
                state = "is not there" if found is None else f"is {found['state']}: {found['error']}"
                failures.append(f"{where}: was acknowledged, and {state}")
                continue
            counts[f"{asked.kind}s"] += 1
            counts["tried again"] += found["token"] > 1
            if (n_outcomes := events[f"{asked.kind}.{DONE}", f"{asked.kind}:{job_id}"]) != 1:
                failures.append(f"{where}: {n_outcomes} outcomes in the log")
            if not _is_right(killed.music, asked.kind, name, json.loads(found["result"])):
                failures.append(f"{where}: another result than that of the command for {name}")
    if len(set(ids)) != len(ids):
        failures.append(f"{len(ids) - len(set(ids))} requests were answered with a job of another")
    failures += [f"job {job_id}: is there, and nobody was told of it" for job_id in jobs.keys() - set(ids)]


def _is_right(music: Music, kind: str, name: str, result: dict[str, Any]) -> bool:
    if kind == "scan":
        return bool(row_content(result) == music.rows[name])
    if kind == "check":
        return bool(report_content(result) == music.reports[name])
    return result["kind"] in ("added", "unchanged") and result["recording_id"] == name


def _check_catalogue(killed: Killed, counts: dict[str, int], failures: list[str]) -> None:
    added = sorted(name for asked in killed.asked if asked.kind == "addition" for name in asked.names)
    index = Index.open(killed.folder.organisation(killed.adding).index)
    there = sorted(one.id for one in index.snapshot().recordings)
    if there != added:
        lost, more = set(added) - set(there), Counter(there) - Counter(added)
        failures.append(f"catalogue: {len(lost)} of {len(added)} recordings lost, {more.total()} too many")
    failures += [f"catalogue: {damaged.path.name} {damaged.what}" for damaged in index.verify()]
    counts["recordings"] = len(there)


def _check_log(
    killed: Killed,
    entries: Sequence[Any],
    events: Counter[tuple[str, str]],
    counts: dict[str, int],
    failures: list[str],
) -> None:
    with killed.database.reading() as connection:
        key = load_public(public_log_key(killed.folder, connection))
    for kept in [None, *killed.checkpoints]:
        verdict = verify_log(killed.folder.log, key=key, older=kept)
        if not verdict.holds:
            first = verdict.findings[0] if verdict.findings else None
            failures.append(
                f"log: does not hold: {'no trusted key' if first is None else f'{first.where}: {first.what}'}"
            )
    logged = [bytes(entry) for entry in LogReader(killed.folder.log).entries()]
    if [row.log_index for row in entries] != list(range(len(entries))):
        failures.append("log: the numbers of the outbox have a hole, or an entry has none")
    if logged != [bytes(row.entry) for row in entries]:
        failures.append(f"log: has {len(logged)} entries, other than the {len(entries)} of the outbox")
    doubled = len(logged) - len({json.loads(entry)["id"] for entry in logged})
    if doubled:
        failures.append(f"log: {doubled} entries are there twice")
    with killed.folder.organisation(DEFAULT_ORGANISATION).rights().reading() as connection:
        chain = list(connection.scalars(select(chain_entry.c.sequence)))
    noted = {sequence: events["rights.changed", f"chain:{sequence}"] for sequence in chain}
    if any(count != 1 for count in noted.values()):
        failures.append(f"log: changes of rights are not there once each: {noted}")
    counts |= {"log entries": len(logged), "checkpoints": len(killed.checkpoints), "changes of rights": len(chain)}


def _check_webhooks(
    killed: Killed,
    jobs: dict[str, dict[str, Any]],
    sent: Sequence[dict[str, Any]],
    counts: dict[str, int],
    failures: list[str],
) -> None:
    told = Counter(json.loads(one["body"])["data"]["id"] for one in sent)
    wanted = {job_id for job_id, one in jobs.items() if one["organisation_id"] == DEFAULT_ORGANISATION}
    if told != Counter(wanted):
        failures.append(f"webhooks: {len(sent)} messages of {len(wanted)} jobs")
    calls = killed.receiver.calls
    missed = [one["id"] for one in sent if not calls[one["id"]] or one["delivered_at"] is None]
    if missed or calls.keys() - {one["id"] for one in sent}:
        failures.append(f"webhooks: {len(missed)} of {len(sent)} messages were not delivered")
    counts |= {"webhooks": len(calls), "webhooks sent again": sum(calls.values()) - len(calls)}


def _check_uploads(killed: Killed, counts: dict[str, int], failures: list[str]) -> None:
    """Have the housekeeper delete the uploads that kills left behind, as if they were old."""
    left = list(killed.folder.uploads.iterdir())
    for path in left:
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - _OLD_SECONDS))
    drop_leftovers(killed.database, killed.folder.uploads)
    if list(killed.folder.uploads.iterdir()):
        failures.append("uploads: files that no job needs stay")
    counts["leftover uploads"] = len(left)
