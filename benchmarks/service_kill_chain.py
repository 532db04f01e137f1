"""A service that is killed again and again with jobs in hand, and what must hold afterwards.

A chain is one data folder. In each round requests come in, and the server, a worker, or all processes at once are ended
by SIGKILL: in turn after a random time, and at a random operation (`benchmarks.service_child`). Then the server is
started again if it is gone, and the round is over when all its jobs are final. Between kills workers are stopped
(SIGSTOP) in the middle of a job, their leases end, and they go on when another worker has done the job: their outcomes
must be refused. Leases are ended by setting back their times in the database, as the clock of the processes cannot be
set.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select, update

from benchmarks.service_child import HIT
from benchmarks.service_kill_checks import Killed, check_chain
from benchmarks.service_kill_work import Asked, Clients, Music, Receiver, requests_of
from benchmarks.service_processes import ServerProcess, data_with_index, workers_of
from fingerprint.errors import RightsDatabaseError
from sourceprint.royalties.people import add_people
from sourceprint.service.access.api_keys import KeyScope, issue_key
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION, add_organisation
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.hooks.webhooks import add_webhook
from sourceprint.service.line.jobs import QUEUED, RUNNING
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import delivery, job, outbox

__all__ = ["VICTIMS", "Chain", "run_chain"]

VICTIMS: Final = ("worker", "server", "all processes")
ADDING: Final = "adding"
_OPERATIONS: Final = {"server": 50, "worker": 60}  # in a round, about
_WORKERS: Final = 2
_LATE: Final = "came after its lease had ended was refused"
_PATIENCE_SECONDS: Final = 300.0
_SILENCE_SECONDS: Final = 45.0  # after which leases are taken for those of dead workers
_STILL_SECONDS: Final = 4.0
_ROUNDS_PER_KILL: Final = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain to be run.

    Attributes
    ----------
    seed : int
    kills, late : int
        After how many kills it ends, and how many late outcomes are forced meanwhile.
    minutes : float
        After which it ends before.
    database : str
        URL of PostgreSQL; "" for SQLite.
    """

    seed: int
    kills: int
    late: int
    minutes: float = 180.0
    database: str = ""


@dataclass(slots=True)
class _Service:
    """The processes of a chain, and this end of their database."""

    server: ServerProcess
    database: ServiceDatabase
    folder: DataFolder
    clients: Clients
    music: Music
    chance: random.Random
    aims: Path
    counts: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    in_hand: Counter[str] = field(default_factory=Counter)
    asked: list[Asked] = field(default_factory=list)
    checkpoints: list[bytes] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    usual_seconds: float = 2.0
    more: int = 0

    # --- looks into the database ---

    def open_jobs(self) -> dict[tuple[str, str], int]:
        """Return the number of jobs that are not final, by state and kind."""
        query = select(job.c.state, job.c.kind, func.count()).where(job.c.state.in_((QUEUED, RUNNING)))
        with self.database.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query.group_by(job.c.state, job.c.kind))}

    def hand(self) -> set[str]:
        """Return words for everything that waits or is under way."""
        words = {f"{kind}s {'running' if state == RUNNING else 'waiting'}" for state, kind in self.open_jobs()}
        with self.database.reading() as connection:
            if connection.scalar(select(delivery.c.id).where(delivery.c.next_at.is_not(None)).limit(1)) is not None:
                words.add("webhooks pending")
            if connection.scalar(select(outbox.c.sequence).where(outbox.c.log_index.is_(None)).limit(1)) is not None:
                words.add("entries not in the log yet")
        return words

    def end_leases(self, *, deliveries: bool = False) -> None:
        """Let the leases of running jobs end, and webhooks become due if that is asked for."""
        past = time_text(self.database.clock() - timedelta(seconds=1))
        with self.database.writing() as connection:
            connection.execute(update(job).where(job.c.state == RUNNING).values(lease_until=past))
            if deliveries:
                due = delivery.c.next_at.is_not(None)
                connection.execute(update(delivery).where(due).values(next_at=past))

    # --- a round ---

    def round(self, number: int, victim: str, *, aimed: bool) -> None:
        """Submit the requests of a round, kill a victim, and wait until all is done."""
        wanted = requests_of(number, self.music, self.chance)
        self.asked += wanted
        role = victim if victim in _OPERATIONS else self.chance.choice(sorted(_OPERATIONS))
        self.more = 2 * (victim == "worker")  # the server need not start again: two more; a fourth loss is the last
        if aimed:
            self._aim(role)
        clients = self.clients.submit(wanted)
        add_people(self.folder.organisation(DEFAULT_ORGANISATION).rights(), [f"Person {number}"])
        began = self._wait(self._has_begun, _PATIENCE_SECONDS)
        if not began:
            self.failures.append(f"round {number}: no job was begun in {_PATIENCE_SECONDS:g} s")
        elif victim and not aimed:
            for _ in range(1 + self.more):
                time.sleep(self.chance.uniform(0.0, self.usual_seconds))
                self._kill(victim)
        self._settle(number, clients, victim, role)
        self.counts["rounds"] += 1

    def _aim(self, role: str) -> None:
        made = self.aims / "new-aim"
        made.write_text(str(self.chance.randint(1, _OPERATIONS[role])), encoding="ascii")
        made.replace(self.aims / f"aim-{role}")

    def _has_begun(self) -> bool:
        jobs = self.open_jobs()
        is_over = not jobs and all(one.key in self.clients.answered for one in self.asked)
        return any(state == RUNNING for state, _ in jobs) or self._is_hit or is_over

    @property
    def _is_hit(self) -> bool:
        return (self.aims / HIT).exists()

    def _kill(self, victim: str) -> None:
        """Kill a worker, the server, or all; note what was in hand."""
        in_hand = self.hand()
        if victim == "worker":
            found = workers_of(self.server.running.pid)
            if not found:
                return
            _signal(self.chance.choice(found), signal.SIGKILL)
        elif victim == "server":
            self.server.kill()
        else:
            self.server.kill_all()
        self._count(victim, "computing or waiting, at a random time", in_hand)

    def _count(self, victim: str, words: str, in_hand: set[str]) -> None:
        self.counts["kills"] += 1
        self.victims[victim] += 1
        self.points[words] += 1
        self.in_hand.update(in_hand or {"nothing"})

    def _settle(self, number: int, clients: Any, victim: str, role: str) -> None:
        """Start the server again where it is gone, until every request is answered and every job final."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        last, changed = self.open_jobs(), time.monotonic()
        while True:
            if self._is_hit:
                words = (self.aims / HIT).read_text(encoding="utf-8")
                if not words:
                    continue
                (self.aims / HIT).unlink()
                in_hand = self.hand()
                if victim == "all processes":
                    self.server.kill_all()
                self._count(victim, f"{role}: {words}", in_hand)
                if self.more:
                    self.more -= 1
                    self._aim(role)
            if not self.server.is_alive:
                self.server.kill()
                self.server.start()
                if victim == "all processes":
                    self.end_leases()
            now = self.open_jobs()
            if not now and not clients.is_alive() and self.server.is_alive and not self._is_hit:
                break
            if now != last:
                last, changed = now, time.monotonic()
            elif time.monotonic() - changed > _SILENCE_SECONDS:
                self.counts["leases that had to end"] += 1
                self.end_leases()
                changed = time.monotonic()
            if time.monotonic() > deadline:
                self.failures.append(f"round {number}: not done in {_PATIENCE_SECONDS:g} s: {now}")
                break
            time.sleep(0.05)
        for each in _OPERATIONS:
            (self.aims / f"aim-{each}").unlink(missing_ok=True)
        with suppress(OSError):
            self.checkpoints += [made for made in [self.folder.checkpoint()] if made is not None]

    # --- late outcomes ---

    def late_outcome(self, number: int) -> None:
        """Stop a worker in the middle of a job until another one has done it, and see that its outcome is refused."""
        wanted = requests_of(number, self.music, self.chance)
        self.asked += wanted
        clients = self.clients.submit(wanted)
        self._wait(self._has_begun, _PATIENCE_SECONDS)
        refused, is_held = self._n_late(), False
        stopped = self._stop_one()
        try:
            self._wait(lambda: not clients.is_alive() and self._is_still(), _PATIENCE_SECONDS)
            is_held = bool(self.open_jobs())
            self.end_leases()
            self._wait(lambda: not self.open_jobs(), _PATIENCE_SECONDS / 4)
        except RightsDatabaseError:  # it was stopped inside a transaction
            is_held = False
        finally:
            for pid in stopped:
                _signal(pid, signal.SIGCONT)
        if not self._wait(lambda: not self.open_jobs(), _PATIENCE_SECONDS):
            self.failures.append(f"round {number}: the job of a stopped worker was not done by another")
        elif is_held:
            self.counts["late outcomes"] += 1
            if self._wait(lambda: self._n_late() > refused, 30.0):
                self.counts["late outcomes refused"] += self._n_late() - refused
            else:
                self.failures.append(f"round {number}: a late outcome was not refused, or never came")

    def _stop_one(self) -> list[int]:
        """Stop a worker that has a process for a file: it is at work, and in no transaction; none if all is done."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        workers = workers_of(self.server.running.pid)
        while time.monotonic() < deadline and self.open_jobs():
            for _ in range(20):
                for pid in workers:
                    if _has_children(pid):
                        _signal(pid, signal.SIGSTOP)
                        return [pid]
                time.sleep(0.01)
        return []

    def _is_still(self) -> bool:
        """Whether nothing changed for some seconds: the other worker has done all but the job of the stopped one."""
        jobs = self.open_jobs()
        time.sleep(_STILL_SECONDS)
        return self.open_jobs() == jobs

    def _n_late(self) -> int:
        return self.server.errors.read_text(encoding="utf-8").count(_LATE)

    def _wait(self, holds: Any, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds():
                return True
            time.sleep(0.02)
        return False


def run_chain(chain: Chain, music: Music, folder: Path) -> dict[str, Any]:
    """Return counts of kills, of jobs and of everything compared, and failures in sentences.

    Parameters
    ----------
    chain : Chain
    music : Music
    folder : Path
        For the data folder; new.
    """
    receiver = Receiver()
    with receiver.listening() as hook:
        service = _set_up(chain, music, folder, hook)
        chance, number = service.chance, 0
        try:
            began = time.monotonic()
            service.round(number, "", aimed=False)  # a rehearsal
            service.usual_seconds = min(5.0, time.monotonic() - began)
            until = began + 60.0 * chain.minutes
            while service.counts["kills"] < chain.kills and not service.failures and time.monotonic() < until:
                number += 1
                if number > _ROUNDS_PER_KILL * chain.kills:
                    service.failures.append(f"{service.counts['kills']} kills in {number} rounds")
                    break
                service.round(number, VICTIMS[number % 3], aimed=chance.random() < 0.6)
                print(f"{folder.name}: {service.counts['kills']} kills in {number} rounds", file=sys.stderr)
                if service.counts["late rounds"] * chain.kills < chain.late * service.counts["kills"]:
                    number += 1
                    service.counts["late rounds"] += 1
                    service.late_outcome(number)
            return _ended(service, receiver)
        finally:
            service.server.kill_all()
            service.database.close()


def _set_up(chain: Chain, music: Music, folder: Path, hook: str) -> _Service:
    data, aims = folder / "data", folder / "aims"
    aims.mkdir(parents=True)
    settings = {
        "SOURCEPRINT_LEASE_SECONDS": "60",
        "SOURCEPRINT_PER_MINUTE": "100000",
        "SOURCEPRINT_WEBHOOK_PRIVATE": "yes",
    }
    options = ["--workers", str(_WORKERS), "--readable", str(music.tracks[0].parent)]
    options += ["--database", chain.database] if chain.database else []
    program = ("-m", "benchmarks.service_child", str(aims))
    server = ServerProcess(data, tuple(options), settings, program)
    place = data_with_index(data, music.index, database=chain.database)
    server.start()
    database = ServiceDatabase.open(place.database_place)
    at = database.now()
    with database.writing() as connection:
        add_organisation(connection, ADDING, ADDING, at=at, actor="benchmark")
        _, adding = issue_key(connection, ADDING, "benchmark", list(KeyScope), at=at, actor="benchmark")
        add_webhook(connection, DEFAULT_ORGANISATION, hook, (), at=at, actor="benchmark")
    clients = Clients(server.url, {"search": server.key, "add": adding})
    return _Service(server, database, place, clients, music, random.Random(f"service {chain.seed}"), aims)


def _ended(service: _Service, receiver: Receiver) -> dict[str, Any]:
    """Repeat every request, let all be delivered, stop the server, and check everything."""
    for asked in service.asked:
        service.clients.ask(asked)
    for _ in range(30):
        service.end_leases(deliveries=True)
        if not service._wait(lambda: "webhooks pending" in service.hand(), 0.05):
            break
        time.sleep(1.2)
    code = service.server.stop()
    failures = [*service.failures, *service.clients.failures, *receiver.failures]
    failures += [f"the server was asked to stop and ended with {code}"] if code else []
    compared, found = check_chain(
        Killed(
            service.folder,
            service.database,
            service.music,
            service.asked,
            service.clients.answered,
            receiver,
            service.checkpoints,
            ADDING,
        )
    )
    return {
        "kills": service.counts["kills"],
        "rounds": service.counts["rounds"],
        "victims": dict(service.victims),
        "points": dict(service.points),
        "in_hand": dict(service.in_hand),
        "late": service.counts["late outcomes"],
        "late_refused": service.counts["late outcomes refused"],
        "silent": service.counts["leases that had to end"],
        "repeats": service.clients.repeats,
        "compared": compared,
        "failures": failures + found,
    }


def _has_children(pid: int) -> bool:
    with suppress(OSError):
        return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").strip())
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
