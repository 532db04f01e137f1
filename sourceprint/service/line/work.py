"""The work of each kind of job: the same calls as those of the commands, with the outcome in the table.

Audio is decoded in a process apart, with limits of time and memory (`sourceprint.workers`): a hostile upload ends that
process, and its job has a result that says so. A job *fails* where it could not be done at all, as there is no
index; audio that cannot be searched is an outcome like any other.
"""

import json
import logging
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from fingerprint.errors import (
    IndexLockedError,
    IndexMissingError,
    LogError,
    SourceprintError,
    VerificationError,
    printable,
)
from index.search.match import SearchOptions
from index.storage.snapshot import Snapshot
from sourceprint.catalogue.additions import Addition, AdditionOutcome
from sourceprint.faults import fault_of, log_fault
from sourceprint.gate.check import check_scan, search_options, unknown_ids
from sourceprint.gate.policy_toml import default_policy, load_policy
from sourceprint.gate.report import json_report
from sourceprint.gate.verdict import Report
from sourceprint.inputs import NamedInputs
from sourceprint.items import Item
from sourceprint.places import today
from sourceprint.scans.results import plain_json
from sourceprint.scans.scan import open_for
from sourceprint.scans.scan_json import scan_row
from sourceprint.service.access.grants import CatalogueGrant, count_matches, find_grant, hide_fields, shown_digest
from sourceprint.service.api_words import in_api_words
from sourceprint.service.data_folder import DataFolder, OrganisationFolder
from sourceprint.service.hooks.webhooks import announce
from sourceprint.service.line.arguments import AdditionArguments, CheckArguments, ScanArguments, decode_arguments
from sourceprint.service.line.evidence import EvidenceDocument, keep_evidence, make_evidence
from sourceprint.service.line.jobs import (
    ADDITION,
    CHECK,
    DONE,
    FAILED,
    MOST_LOSSES,
    SCAN,
    Job,
    JobClaim,
    finish,
    put_back,
)
from sourceprint.service.line.objects import fetch_object, is_object
from sourceprint.service.line.scan_series import ScanSeries
from sourceprint.service.problem_kinds import kind_of, type_of
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event

__all__ = ["Workshop"]

_LOG = logging.getLogger("sourceprint.service")
_OPEN_INDEXES = 4
_LOCKED_SECONDS = 1.0  # until the index of another writer is asked for again


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Outcome of one job: its state, its JSON, and counts and digests for the log."""

    state: str
    document: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    evidence: Sequence[EvidenceDocument] = ()
    recordings: dict[str, int] = field(default_factory=dict)  # matched time of each, in milliseconds


@dataclass(slots=True)
class Workshop:
    """Everything that a worker needs, and the indexes that it has open.

    Parameters
    ----------
    database : ServiceDatabase
    folder : DataFolder
    keep_audio : bool
        Whether uploads stay when their job is done.
    upload_mb : int
        Size limit of an object that is fetched.
    """

    database: ServiceDatabase
    folder: DataFolder
    keep_audio: bool = False
    upload_mb: int = 1_000
    _snapshots: OrderedDict[Path, Snapshot] = field(default_factory=OrderedDict)
    _series: ScanSeries = field(default_factory=ScanSeries)

    def rest(self) -> None:
        """Let the process of the last scans end, where no job has come for some seconds."""
        self._series.rest()

    def close(self) -> None:
        """End the process of the last scans."""
        self._series.end()

    def do(self, claims: Sequence[JobClaim]) -> int:
        """Do jobs of one kind that were claimed together, and write their outcomes; return how many were written."""
        tired = [held for held in claims if held.job.losses >= MOST_LOSSES]
        written = sum(self._write(held, _given_up(held.job)) for held in tired)
        fresh = [held for held in claims if held.job.losses < MOST_LOSSES]
        if fresh and fresh[0].job.kind == ADDITION:
            for replacing in (False, True):
                same = [held for held in fresh if _addition(held.job).replace == replacing]
                written += self._add(same, replacing=replacing) if same else 0
            return written
        for held in fresh:
            work = {SCAN: self._scan, CHECK: self._check}[held.job.kind]
            written += self._write(held, _contained(lambda: work(held.job)))  # noqa: B023 - called at once
        return written

    def _scan(self, job: Job) -> _Outcome:
        arguments = decode_arguments(job.arguments, ScanArguments)
        options, owner = arguments.options(), self.folder.organisation(job.organisation_id)
        path = self._audio(job, arguments.path)
        snapshot = self._open(owner, options, "add recordings before you scan")
        n_bytes = path.stat().st_size if path.exists() else None
        item = Item(path, id=job.reference, called=arguments.name)
        with self._traces(arguments.evidence) as traces:
            scan = self._series.scan(job.organisation_id, snapshot, item, options, traces)
            row = plain_json(scan_row(scan, n_bytes=n_bytes))
            documents = (
                []
                if traces is None
                else make_evidence(
                    arguments.evidence, row, traces, path, keys=owner.keys, checkpoint=self._checkpoint()
                )
            )
        facts: dict[str, Any] = {"track": scan.sha256, "index": scan.searched.digest, "status": scan.status}
        return _Outcome(DONE, row, facts | {"matches": len(scan.matches)}, documents)

    def _check(self, job: Job) -> _Outcome:
        arguments = decode_arguments(job.arguments, CheckArguments)
        own, given = self.folder.organisation(job.organisation_id), self._grant(job)
        owner = own if given is None else self.folder.organisation(given.owner_id)
        path = self._audio(job, arguments.path)
        file = own.policies / f"{arguments.policy}.toml" if arguments.policy else None
        policy = default_policy() if file is None else load_policy(file)
        remedy = "add recordings, or name the grant of another catalogue with grant=ID"
        snapshot = self._open(owner, SearchOptions(), remedy if given is None else "ask its owner")
        item = Item(path, id=job.reference, called=arguments.name)
        day, unknown = date.fromisoformat(arguments.day) if arguments.day else today(), unknown_ids(snapshot, policy)
        documents: Sequence[EvidenceDocument] = ()
        with self._traces(arguments.evidence) as traces:
            scan = self._series.scan(job.organisation_id, snapshot, item, search_options(policy), traces)
            verdict = check_scan(scan, snapshot, policy, day=day)
            if traces is not None and verdict.result is not None:
                row = plain_json(verdict.result)
                documents = make_evidence(
                    arguments.evidence,
                    row,
                    traces,
                    path,
                    keys=own.keys,
                    checkpoint=self._checkpoint(),
                    given=given,
                )
        name = f"{arguments.policy}.toml" if arguments.policy else ""
        report = Report(policy, name, day, arguments.fail_on, (verdict,), unknown, "", not arguments.day, ())
        found = () if verdict.result is None else verdict.result.matches
        track = "" if verdict.result is None else verdict.result.track.sha256 or ""
        searched = snapshot.digest if given is None else shown_digest(snapshot.digest, given)
        facts = {"track": track, "index": searched, "policy": policy.sha256, "action": verdict.action}
        document = json.loads(json_report(report))
        return _Outcome(
            DONE,
            document if given is None else hide_fields(document, given),
            facts | {"matches": len(found)},
            documents,
            {one.recording_id: one.recording_match_ms for one in found},
        )

    def _add(self, claims: Sequence[JobClaim], *, replacing: bool) -> int:
        """Add or replace recordings of one organisation, in one commit where all are done within a minute."""
        own = self.folder.organisation(claims[0].job.organisation_id)
        own.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        items, there, n_unread = [], [], 0
        for held in claims:
            asked = _addition(held.job)
            try:
                path = self._audio(held.job, asked.path)
            except SourceprintError as error:
                n_unread += self._write(held, _failed(error))
                continue
            there.append(held)
            items.append(Item(path, asked.id, asked.title, asked.artists, asked.isrc, "", asked.tags, (), asked.name))
        if not there:
            return n_unread
        try:
            with closing(Addition(own.index, jobs=1, replacing=replacing).run(NamedInputs(tuple(items), ()))) as run:
                outcomes = list(run)  # all, before one is written down: they are safe once they are committed
        except IndexLockedError as error:  # by a command, or by a worker whose lease ended: it will be free again
            _LOG.warning("additions wait: %s", error)
            put_back(self.database, there)
            time.sleep(_LOCKED_SECONDS)
            return n_unread
        except SourceprintError as error:
            return n_unread + sum(self._write(held, _failed(error)) for held in there)
        pairs = zip(there, outcomes, strict=True)
        return n_unread + sum(self._write(held, _of_addition(outcome)) for held, outcome in pairs)

    @contextmanager
    def _traces(self, wanted: Sequence[str]) -> Iterator[Path | None]:
        """Yield a folder for the trace of a search of which evidence is wanted; it is gone after the block."""
        if not wanted:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="traces-", dir=self.folder.uploads) as folder:
            yield Path(folder)

    def _grant(self, job: Job) -> CatalogueGrant | None:
        """Return the grant by which a job searches another catalogue, which must still hold."""
        if job.grant_id is None:
            return None
        with self.database.reading() as connection:
            return find_grant(connection, job.grant_id, now=self.database.now())

    def _audio(self, job: Job, path: str) -> Path:
        """Return the file of a job; an object is fetched. ParameterError if it cannot be."""
        if not is_object(path):
            return Path(path) if job.upload is None else self.folder.uploads / job.upload
        target = self._fetched(job, path)
        if not target.exists():
            try:
                fetch_object(path, target, limit_mb=self.upload_mb)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
        return target

    def _fetched(self, job: Job, url: str) -> Path:
        ending = ".spf" if url.lower().endswith(".spf") else ""
        return self.folder.uploads / f"object-{job.id}-{job.token}{ending}"

    def _checkpoint(self) -> bytes | None:
        """Return the newest checkpoint of the log; None where it is damaged, which the outcome of a job survives."""
        try:
            return self.folder.checkpoint()
        except (VerificationError, LogError) as error:
            _LOG.error("the log has no checkpoint to hand on: %s", error)
            return None

    def _open(self, owner: OrganisationFolder, options: SearchOptions, remedy: str) -> Snapshot:
        """Open the index of an organisation, or its changes since it was opened last."""
        empty = IndexMissingError(f"the catalogue holds no recording; {remedy}")
        if not owner.index.exists():
            raise empty
        snapshot = open_for(owner.index, options, reuse=self._snapshots.pop(owner.index, None))
        self._snapshots[owner.index] = snapshot
        while len(self._snapshots) > _OPEN_INDEXES:
            self._snapshots.popitem(last=False)
        if not len(snapshot.recordings):
            raise empty
        return snapshot

    def _write(self, held: JobClaim, outcome: _Outcome) -> bool:
        """Write an outcome, with its entry in the log and its webhooks; False where the claim is not the latest."""
        for fetched in self.folder.uploads.glob(f"object-{held.job.id}-{held.job.token}*"):
            fetched.unlink(missing_ok=True)
        job, at, checkpoint = held.job, self.database.now(), self._checkpoint()
        text = json.dumps(outcome.document, ensure_ascii=False)
        if outcome.state == FAILED or job.kind == ADDITION:  # with a message of the index or the disk
            text = self.folder.without_places(text)
        kept = {"result": text} if outcome.state == DONE else {"error": text}
        upload = job.upload if self.keep_audio else None
        with self.database.writing() as connection:
            if not finish(connection, held, outcome.state, at=at, upload=upload, **kept):
                _LOG.warning("%s %s: an outcome that came after its lease had ended was refused", job.kind, job.id)
                return False
            keep_evidence(connection, job.id, outcome.evidence)
            event = f"{job.kind}.{outcome.state}"
            note_event(
                connection, event, at=at, organisation=job.organisation_id, actor="worker",
                subject=f"{job.kind}:{job.id}", data=outcome.facts,
            )  # fmt: skip
            if job.grant_id is not None:
                count_matches(connection, job.grant_id, outcome.recordings, at=at)
            data = {"id": job.id, "reference": job.reference or None, "state": outcome.state}
            announce(connection, job.organisation_id, event, data, at=at, checkpoint=checkpoint)
        if job.upload is not None and not self.keep_audio:
            (self.folder.uploads / job.upload).unlink(missing_ok=True)
        return True


def _contained(work: Callable[[], _Outcome]) -> _Outcome:
    try:
        return work()
    except SourceprintError as error:
        return _failed(error)
    except Exception as error:  # noqa: BLE001 - costs this job alone; the traceback goes to the log of the program
        fault = fault_of(error)
        log_fault(fault, "a job of the service")
        return _Outcome(FAILED, _problem("unexpected failure", fault.reason), {"fault": fault.id})


def _failed(error: SourceprintError) -> _Outcome:
    _, title = kind_of(error)
    return _Outcome(FAILED, _problem(title, in_api_words(str(error))), {"error": title})


def _problem(title: str, detail: str) -> dict[str, Any]:
    return {"type": type_of(title), "title": title, "detail": detail}


def _given_up(job: Job) -> _Outcome:
    detail = f"{job.losses} workers ended at this {job.kind}; it is not tried again"
    return _Outcome(FAILED, _problem("given up", detail), {"error": "given up"})


def _addition(job: Job) -> AdditionArguments:
    return decode_arguments(job.arguments, AdditionArguments)


def _of_addition(outcome: AdditionOutcome) -> _Outcome:
    document = {
        "kind": outcome.kind,
        "recording_id": outcome.recording_id,
        "duration_ms": outcome.duration_ms,
        "remarks": list(outcome.remarks),
    }
    facts = {"kind": outcome.kind, "recording": outcome.recording_id}
    if outcome.kind == "failed":
        detail = printable(" ".join(outcome.remarks))
        status = {"status": outcome.status or None}
        return _Outcome(FAILED, {**_problem("recording not added", detail), **status, **document}, facts)
    return _Outcome(DONE, document, facts)
