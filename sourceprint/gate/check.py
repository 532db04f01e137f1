"""Check audio files against a release policy: search each and decide on it.

Paths (files, folders, fingerprint files) become verdicts. No input is skipped: a path that does not exist, a pattern
that the shell left standing as nothing matched it, a folder without audio, and files in a folder that may be audio and
cannot be searched are verdicts too, and errors; so are files that arrive in a folder meanwhile. Nor does an index
without recordings pass anything.
"""

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

from fingerprint.errors import CatalogueError, printable
from index.search.match import STANDARD, THOROUGH, SearchOptions
from index.storage.snapshot import Snapshot
from sourceprint.folders.listing import Folders
from sourceprint.gate.policy import ERROR, GatePolicy
from sourceprint.gate.verdict import Verdict, decide
from sourceprint.inputs import NamedInputs, collect
from sourceprint.items import Item, Refusal
from sourceprint.lists import ListReading
from sourceprint.scans.scan import Scan, scan_files
from sourceprint.scans.scan_json import result_matches, scan_result

__all__ = ["check_files", "check_scan", "named_files", "search_options", "unknown_ids"]


def named_files(
    paths: Sequence[str],
    *,
    folders: Folders | None = None,
    piped: Item | None = None,
    reading: ListReading | None = None,
) -> NamedInputs:
    """Return the files that paths name, each once, and the paths that name none.

    Parameters
    ----------
    paths : sequence of str
        As given by the user.
    folders, piped, reading
        As `sourceprint.inputs.collect` takes them.
    """
    known: list[str] = []
    refusals = []
    for path in dict.fromkeys(paths):
        if _is_pattern(path) and not os.path.lexists(path) and "://" not in path:
            refusals.append(Refusal(printable(path), "this pattern matches no file; check folder and spelling"))
        else:
            known.append(path)
    found = collect(known, folders=folders, piped=piped, reading=reading)
    items, others = tuple(dict.fromkeys(found.items)), tuple(dict.fromkeys(found.others))
    return NamedInputs(items, (*refusals, *dict.fromkeys(found.refusals)), others, found.notes)


def unknown_ids(snapshot: Snapshot, policy: GatePolicy) -> tuple[str, ...]:
    """Return the recordings that a policy names by id and that the index has not, nor had, in the order of the policy.

    Raises
    ------
    CatalogueError
        If the index holds no recording: a check against it would pass everything.
    """
    recordings = snapshot.recordings
    if not len(recordings):
        raise CatalogueError(
            f"{printable(snapshot.folder)}: this index holds no recording, so every file would pass; add recordings, "
            "or name the index that is meant"
        )
    ids = policy.exact_ids
    return tuple(one for one, at in zip(ids, recordings.find_all(ids).tolist(), strict=True) if at < 0)


def check_files(
    snapshot: Snapshot,
    inputs: NamedInputs,
    *,
    policy: GatePolicy,
    day: date,
    jobs: int | None = None,
    traces: Path | None = None,
    late: Callable[[], Iterable[Refusal]] = tuple,
) -> Generator[Verdict, None, None]:
    """Search every file and yield its verdict: first the paths that name no file, then the files in order.

    Parameters
    ----------
    snapshot : Snapshot
        The index, as `sourceprint.scans.scan.open_for` opens it.
    inputs : NamedInputs
        As `named_files` returns it.
    policy : GatePolicy
        Its settings are those of the search.
    day : date
        Of the release.
    jobs : int, optional
        Worker processes; by default as many as suit the number of files and the machine.
    traces : Path, optional
        As `scan_files` takes it.
    late : callable
        Returns, at the end, files that arrived meanwhile and were not searched.

    Raises
    ------
    CatalogueError
        If the index turns out to be damaged.
    """
    for refusal in inputs.refusals:
        yield _refused(refusal)
    options = search_options(policy)
    policy = _of_now(policy, snapshot)
    scans = scan_files(snapshot.folder, inputs.items, options=options, jobs=jobs, traces=traces, reuse=snapshot)
    with closing(scans):
        for scan in scans:
            yield _decided(scan, policy, day)
    for refusal in late():
        yield _refused(refusal)


def search_options(policy: GatePolicy) -> SearchOptions:
    """Return the options of the search that a policy asks for."""
    return replace(
        THOROUGH if policy.thorough else STANDARD,
        max_false_per_1000h=policy.max_false_per_1000h,
        near_limit_per_1000h=policy.near_limit_per_1000h,
    )


def check_scan(scan: Scan, snapshot: Snapshot, policy: GatePolicy, *, day: date) -> Verdict:
    """Return the verdict on a file that was scanned in a snapshot with the options of a policy (`search_options`)."""
    return _decided(scan, _of_now(policy, snapshot), day)


def _decided(scan: Scan, policy: GatePolicy, day: date) -> Verdict:
    near = result_matches(scan.near, scan.duration_seconds or 0.0)
    return decide(scan_result(scan), policy, day=day, near=near)


def _of_now(policy: GatePolicy, snapshot: Snapshot) -> GatePolicy:
    """Return a policy that names recordings by the ids that they have now, too: results state those."""
    recordings = snapshot.recordings
    ids = policy.exact_ids
    found = zip(ids, recordings.find_all(ids).tolist(), strict=True)
    now = {one: name for one, at in found if at >= 0 and (name := recordings[at].id) != one}
    if not now:
        return policy

    def renamed(ids: tuple[str, ...]) -> tuple[str, ...]:
        return (*ids, *(now[one] for one in ids if one in now))

    return replace(
        policy,
        rules=tuple(replace(rule, recordings=renamed(rule.recordings)) for rule in policy.rules),
        licences=tuple(replace(licence, recordings=renamed(licence.recordings)) for licence in policy.licences),
    )


def _refused(refusal: Refusal) -> Verdict:
    return Verdict(refusal.name, ERROR, "refused", refusal.reason)


def _is_pattern(path: str) -> bool:
    return any(character in path for character in "*?[")
