"""One session of a run: search the files that are not known yet, and write the row of each as soon as it is done.

`Session.scan` takes items (`sourceprint.inputs`) and yields one `Outcome` for each that was searched, or was found to
have the content of another; it may be called again and again, as files arrive. Rows on record that stand are left alone
and counted. Given a `Mover`, a file is moved as soon as its row is on the disk, and the row has its new path.

A file that was in hand when an earlier session ended without a word may have ended it, as where memory runs out and the
system ends all processes. Such a file is searched with no other beside it; one that was in hand at `MOST_DEATHS` such
ends gets a row that says so, and is not tried again before that is asked for.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from fingerprint.errors import EvidenceError, StorageFullError, printable
from fingerprint.extract import is_fingerprint_file
from sourceprint.inputs import other_files_json
from sourceprint.items import Item, OtherFile, Refusal
from sourceprint.outputs import program_version
from sourceprint.scans.journal import Entry, Journal
from sourceprint.scans.moves import Mover, finish_moves
from sourceprint.scans.plan import Plan, by_suspicion, content_of, make_plan, size_of
from sourceprint.scans.results import ScanResult, plain_json
from sourceprint.scans.run_folder import TRACES, latest_results, made_by_others, not_searched, suspects
from sourceprint.scans.run_inputs import Feed, Search, Stop
from sourceprint.scans.scan import Scan
from sourceprint.scans.scan_json import renamed_row, scan_row, scan_timing
from sourceprint.scans.summary import summarise, summary_to_json
from sourceprint.workers import uninterrupted

__all__ = ["MOST_DEATHS", "Outcome", "Session"]

MOST_DEATHS = 4
"""Sessions that may end without a word while a file is in hand, before it is given up.

A worker that dies is seen, and two are enough (`sourceprint.workers`). What ended a whole session is not: whoever kills
one, and kills it again, must not make it give up a file.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one file.

    Attributes
    ----------
    name : str
        The file, fit for a message.
    kind : {"matched", "no match", "failed"}
        "failed": it could not be searched.
    remarks : tuple of str
        Why it failed.
    entry : Entry or None
        Its row; None where it got none.
    """

    name: str
    kind: Literal["matched", "no match", "failed"]
    remarks: tuple[str, ...] = ()
    entry: Entry | None = None


@dataclass(slots=True)
class _Counts:
    given: int = 0
    known: int = 0
    searched: int = 0
    copies: int = 0
    failed: int = 0  # of those given, known ones included
    again: Counter[str] = field(default_factory=Counter)


class Session:
    """One scan that writes to a run; a context manager.

    Parameters
    ----------
    folder : Path
        The folder of the run; made if it is missing.
    search : Search
        Index and settings.
    arguments : mapping
        Arguments of the command, for the log; plain JSON types.
    retry_failed : bool
        Whether files that failed before are searched again.

    Attributes
    ----------
    refusals : list of Refusal
        Inputs that could not be used, from `refuse`, and files that are not complete.
    others : tuple of OtherFile
        Files in folders that are no audio, from `pass_over`.
    summary : Summary
        Totals of all rows on record, as of the last `report`.
    made_by_others : dict
        How many rows on record other versions of the program had made when the session began, by version.

    Raises
    ------
    EvidenceError, StorageFullError
        On entering or later: as `sourceprint.scans.journal.Journal`.
    CatalogueError, ParameterError
        On entering or later: as `sourceprint.scans.scan.scan_files`.
    """

    def __init__(
        self, folder: Path, search: Search, *, arguments: Mapping[str, Any] | None = None, retry_failed: bool = False
    ) -> None:
        self.refusals: list[Refusal] = []
        self.others: tuple[OtherFile, ...] = ()
        self.summary = summarise([])
        self.made_by_others: dict[str, int] = {}
        self._journal = Journal(folder)
        self._search = search
        self._arguments = dict(arguments or {})
        self._retry_failed = retry_failed
        self._counts = _Counts()
        self._deaths: dict[str, int] = {}
        self._started_at = time.monotonic()
        self._has_begun = False
        self._told: set[tuple[str, str, str]] = set()
        self._cut: dict[str, str] = {}

    def __enter__(self) -> Self:
        searched = self._search.searched()  # before anything is made: a mistyped index leaves no folder behind
        self._journal.__enter__()
        self._has_begun = True
        try:
            finish_moves(self._journal)
            self._deaths = suspects(self._journal.folder)
            self._told = not_searched(self._journal.folder)
            self.made_by_others = made_by_others(self._journal.folder, self._journal.entries, program_version())
            self._journal.begin(
                version=program_version(),
                arguments=self._arguments,
                index_digest=searched.digest,
                settings_digest=searched.settings_digest,
            )
        except BaseException as error:
            self._journal.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._journal.__exit__(kind, error, trace)

    @property
    def journal(self) -> Journal:
        """The journal that the session writes to."""
        return self._journal

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Count named inputs that cannot be used."""
        self.refusals += refusals
        self._counts.given += len(refusals)
        self._counts.failed += len(refusals)
        for refusal in refusals:
            self._tell("refused", refusal.name, refusal.reason)

    def pass_over(self, others: Sequence[OtherFile]) -> None:
        """Record the files in folders that are no audio, in place of earlier ones."""
        self.others = tuple(others)
        for other in others:
            self._tell("passed over", other.name, other.reason)

    def leave(self, path: Path, reason: str) -> Outcome:
        """Record a file that has a result and is not complete, and return its outcome."""
        refusal = Refusal(printable(path), reason, path)
        self.refusals.append(refusal)
        self._tell("refused", refusal.name, refusal.reason)
        return Outcome(refusal.name, "failed", (reason,))

    def _tell(self, event: str, name: str, reason: str) -> None:
        """Log a file that was not searched, or not all of it, once for all sessions."""
        if (event, name, reason) not in self._told:
            self._told.add((event, name, reason))
            self._journal.log(event, name=name, reason=reason)

    @property
    def cut(self) -> dict[str, str]:
        """Files of this session of which the end is missing, by path, and the note that says so."""
        return dict(self._cut)

    def plan(self, items: Sequence[Item], *, step: Callable[[], None] = lambda: None) -> Plan:
        """Return the plan for some files; `step` is called for each file examined."""
        searched = self._search.searched()
        plan = make_plan(
            items,
            self._journal.entries.values(),
            index_digest=searched.digest,
            settings_digest=searched.settings_digest,
            retry_failed=self._retry_failed,
            step=step,
        )
        self._counts.given += len(items)
        self._counts.known += len(plan.kept)
        self._counts.failed += sum(not entry.searched for entry in plan.kept)
        self._cut |= {entry.name: entry.cut for entry in plan.kept if entry.cut}
        self._counts.again.update(plan.again.values())
        return plan

    def scan(
        self, plan: Plan, *, stop: Stop | None = None, mover: Mover | None = None
    ) -> Generator[Outcome, None, None]:
        """Carry out a plan, and yield the outcome of each file but those whose rows are kept.

        Parameters
        ----------
        plan : Plan
            As `plan` returned it.
        stop : Stop, optional
            When it is set, files that are under way are finished, and no other is begun.
        mover : Mover, optional
            Moves the files that could be searched, those whose rows are kept too.
        """
        if mover is not None:
            for entry in plan.kept:
                if entry.searched and not entry.cut and mover.wants(Path(entry.name)):
                    self._moved(entry, mover)
        for item, entry in plan.copies:
            yield self._copied(item, entry, plan.again.get(str(item.path)), mover)
        for part in by_suspicion(plan, self._deaths):
            yield from self._searched(part, stop, mover)
        self._journal.sync()

    def _searched(self, plan: Plan, stop: Stop | None, mover: Mover | None) -> Generator[Outcome, None, None]:
        left: list[Item] = []
        feed = Feed(plan.search, stop, self._search.permit)
        with closing(self._scans(feed)) as scans:
            for position, scan in enumerate(scans):
                followers = plan.followers.get(position, [])
                entry = self._recorded(scan, plan.again.get(str(scan.path)), mover)
                yield _outcome(entry, scan.reason)
                for item in followers:
                    if entry.sha256 and content_of(item.path) == (is_fingerprint_file(scan.path), entry.sha256):
                        yield self._copied(item, entry, plan.again.get(str(item.path)), mover)
                    else:
                        left.append(item)  # one of the two has changed meanwhile
        if left:
            yield from self._searched(Plan(search=left, again=plan.again), stop, mover)

    def _scans(self, feed: Feed) -> Generator[Scan, None, None]:
        """Yield the scan of every item, in order; one that ended too many sessions is not searched."""
        if len(feed) == 1 and self._deaths.get(str(feed[0].path), 0) >= MOST_DEATHS and not self._retry_failed:
            for item in feed:
                reason = (
                    f"{MOST_DEATHS} scans were killed while they worked on it; it may need more memory than there is; "
                    "cut it in parts, or have failed files tried again"
                )
                yield Scan(item.path, self._search.searched(), "decode_error", reason)
            return
        yield from self._search.scans(
            feed, self._journal.folder / TRACES, begun=lambda path: self._journal.log("begun", name=str(path))
        )

    @property
    def has_begun(self) -> bool:
        """Whether there is a run to report on."""
        return self._has_begun

    @property
    def n_given(self) -> int:
        """Files of this session, and refusals."""
        return self._counts.given

    @property
    def n_failed(self) -> int:
        """Those of them that could not be searched, now or before."""
        return self._counts.failed

    @property
    def again(self) -> Counter[str]:
        """How many files had a result that does not stand, by reason as in `Plan.again`."""
        return self._counts.again.copy()

    def report(self) -> dict[str, Any]:
        """Return the totals of the run, as plain JSON types.

        Returns
        -------
        dict
            `run` (its folder), `session` (files `given`, of those `searched`, `copies` of others, `known` before and
            `failed`; `again`: number by reason; `refused` and `other_files`: name and reason of files that may be audio
            and were not searched, and of files that are none; `seconds`), `summary` (as
            `sourceprint.scans.summary.summary_to_json`, of all that is on record).
        """
        counts = self._counts
        self.summary = summarise(latest_results(self._journal.folder))
        return {
            "run": str(self._journal.folder),
            "session": {
                "given": counts.given,
                "searched": counts.searched,
                "copies": counts.copies,
                "known": counts.known,
                "failed": counts.failed,
                "refused": [{"name": refusal.name, "reason": refusal.reason} for refusal in self.refusals],
                "other_files": other_files_json(self.others),
                "again": dict(sorted(counts.again.items())),
                "seconds": round(time.monotonic() - self._started_at, 3),
            },
            "summary": summary_to_json(self.summary),
        }

    def _recorded(self, scan: Scan, again: str | None, mover: Mover | None) -> Entry:
        """Write the row of a scan."""
        if not scan.sha256 and (content := content_of(scan.path)) is not None:
            scan = replace(scan, sha256=content[1])  # so that it is known again, although it ended its worker
        # The size is that of now: should the content have changed since it was read, it is looked at again next time.
        row = scan_row(scan, n_bytes=size_of(scan.path))
        facts = {"status": scan.status, "again": again, "timing_ms": plain_json(scan_timing(scan))}
        if scan.fault is not None:
            facts["fault"] = {"id": scan.fault.id, "traceback": scan.fault.traceback}
        with uninterrupted():
            entry = self._kept(row, scan.path, mover, "scanned", **facts)
            self._deaths.pop(str(scan.path), None)
            self._counts.searched += 1
            self._counts.failed += scan.failed
        return entry

    def _copied(self, item: Item, entry: Entry, again: str | None, mover: Mover | None) -> Outcome:
        """Write the row of a file that has the content of another."""
        row = renamed_row(self._journal.row(entry), str(item.path), track_id=item.id)
        with uninterrupted():
            copy = self._kept(row, item.path, mover, "known", of=entry.name, again=again)
            self._counts.copies += 1
            self._counts.failed += not entry.searched
        return _outcome(copy, row.reason or "")

    def _moved(self, entry: Entry, mover: Mover) -> None:
        """Move a file whose row is kept."""
        with uninterrupted():
            self._kept(self._journal.row(entry), Path(entry.name), mover, "known", of=entry.name, again=None)

    def _kept(self, row: ScanResult, path: Path, mover: Mover | None, event: str, **facts: Any) -> Entry:
        """Write the row of a file; one that is to be moved has it under the name of its place, and is brought there."""
        place: Path | None = None
        refused: EvidenceError | StorageFullError | None = None
        if mover is not None and row.searched and not row.cut and mover.wants(path):
            try:
                place = mover.reserve(path, row.sha256)
            except (EvidenceError, StorageFullError) as error:
                refused = error
        if place is not None:
            row = renamed_row(row, str(place), moved_from=str(path))
        entry = self._journal.append(row)
        self._cut.pop(str(path), None)
        if row.cut:
            self._cut[str(path)] = row.cut
        if place is not None:
            facts["moved_from"] = str(path)
        self._journal.log(event, name=entry.name, **facts)
        if refused is not None:
            raise refused  # now that the row is safe
        if mover is not None and place is not None:
            mover.bring(entry)
        return entry


def _outcome(entry: Entry, reason: str) -> Outcome:
    kind: Literal["matched", "no match", "failed"] = "failed"
    if entry.searched:
        kind = "matched" if entry.status == "matched" else "no match"
    return Outcome(printable(entry.name), kind, (reason,) if kind == "failed" else (), entry)
