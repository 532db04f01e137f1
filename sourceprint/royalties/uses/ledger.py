"""The ledger of uses: results of a scan in, uses in the database out; only ever added to.

One attribution is one transaction (`sourceprint.royalties.uses.entries`). The results are read track by track, the
rights of a batch of tracks at a time, so memory grows with the number of tracks by no more than a digest for each.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, or_, select

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.royalties.garbage import rare_collections
from sourceprint.royalties.periods import Period, parse_date
from sourceprint.royalties.rights.database import Database, actor, in_chunks, timestamp
from sourceprint.royalties.rights.licences import validate_purpose
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.rights.schema import party as party_table
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.territories import WORLDWIDE, validate_territory
from sourceprint.royalties.uses.attribution import TrackOrigin
from sourceprint.royalties.uses.entries import AttributionEntry, AttributionSource
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.royalties.uses.searches import Holds
from sourceprint.royalties.uses.shares import RightOutcome, judge_uses
from sourceprint.royalties.uses.states import LONGEST_REASON, latest_states
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import STATES, Use, use_from_json
from sourceprint.royalties.uses.uses_text import AttributionReport
from sourceprint.text.nearest import nearest

__all__ = ["attribute_results", "current_uses", "list_uses", "require_licensee"]

_BATCH_TRACKS = 1000


@rare_collections()
def attribute_results(
    database: Database,
    results_path: Path,
    policy: Policy,
    *,
    licensee: str,
    usage: Usage | None = None,
    generated_on: str = "",
    territories: Iterable[str] = (),
    purpose: str = "generate",
    by: str | None = None,
    now: datetime | None = None,
    holds: Holds | None = None,
    supersede: str = "",
    dry_run: bool = False,
    before_keeping: Callable[[Connection, Collection[str], AttributionReport], None] | None = None,
) -> AttributionReport:
    """Turn the results of a scan into uses, and enter them.

    Parameters
    ----------
    database : Database
        With the rights of the recordings, and the licences of the licensee.
    results_path : Path
        Scan results as JSON lines, from `sourceprint match --jsonl` or a run.
    licensee : str
        Party id of who made the tracks.
    usage : Usage or None
        The report on the tracks: their day of generation, purpose and territories; those of a territory as a
        whole hold for every track.
    generated_on, purpose : str
        For tracks that the usage does not describe; "" as a day where there is none.
    territories : iterable of str
        Likewise; none is Worldwide.
    holds : callable or None
        As `sourceprint.royalties.uses.searches.Holds`; None knows of no index.
    supersede : str
        Why these scans supersede all earlier ones of the same tracks, however full; "" where they do not.
    by, now : str or None, datetime or None
        Who attributes, as `actor` has it, and when; by default now.
    dry_run : bool
        Whether to report only, and keep nothing; `attribution_id` of the report is then None.
    before_keeping : callable or None
        Called with the connection, the tracks (SHA-256) of which uses were added or superseded, and the report, before
        it is kept; if it raises, nothing is entered.

    Raises
    ------
    ParameterError
        If the day, a territory or the purpose is none, or the reason is too long.
    UnknownRightsError
        If the licensee is not on file.
    RightsError
        If the results cannot be read, a track has no day of generation, or two tracks would take the same usage.
    """
    defaults = TrackOrigin(
        licensee,
        parse_date(generated_on, what="generated_on").isoformat() if generated_on else "",
        validate_purpose(purpose),
        tuple(sorted({validate_territory(code) for code in territories})) or (WORLDWIDE,),
    )
    reason = printable(supersede.strip())
    if len(reason) > LONGEST_REASON:
        raise ParameterError(
            f"supersede: the reason has {len(reason)} characters, {LONGEST_REASON} at most; write a sentence"
        )
    source = AttributionSource(
        policy, defaults, usage or Usage(()), actor(by), timestamp(now), holds or _nowhere, reason
    )
    scans = ScanFile(results_path)
    try:
        with database.writing() as connection:
            require_licensee(connection, licensee, database.name)
            entry = AttributionEntry(connection, source)
            for batch in in_chunks(scans, _BATCH_TRACKS):
                entry.enter(batch)
            report = entry.close(scans)
            if before_keeping is not None:
                before_keeping(connection, entry.changed_tracks, report)
            if dry_run:
                raise _NotKeptError
    except _NotKeptError:
        return replace(report, attribution_id=None)
    return report


class _NotKeptError(Exception):
    """Ends a dry run: the transaction takes its entries back."""


def current_uses(
    connection: Connection,
    licensee: str,
    *,
    tracks: Iterable[str] | None = None,
    digests: Collection[str] | None = None,
    generated_between: Period | None = None,
    at: str | None = None,
) -> Iterator[Use]:
    """Yield the uses of a licensee in their latest state, by track and id.

    Parameters
    ----------
    tracks : iterable of str or None
        SHA-256 or names of generated tracks; None is all of them.
    digests : collection of str or None
        Likewise, by SHA-256 alone, which are looked up and not gone through.
    generated_between : Period or None
        Days of generation; None is any.
    at : str or None
        Moment (UTC, as `timestamp` writes it) of which the ledger is read; None is now.
    """
    made = attribution.alias("made")
    replaced = attribution.alias("replaced")
    query = (
        select(use_table.c.id, use_table.c.track_sha256, use_table.c.track_name, use_table.c.document)
        .where(use_table.c.licensee == licensee)
        .order_by(use_table.c.track_sha256, use_table.c.id)
    )
    if at is None:
        query = query.where(use_table.c.superseded_by.is_(None))
    else:
        query = (
            query.join(made, made.c.id == use_table.c.attribution_id)
            .outerjoin(replaced, replaced.c.id == use_table.c.superseded_by)
            .where(made.c.made_at <= at, or_(use_table.c.superseded_by.is_(None), replaced.c.made_at > at))
        )
    if generated_between is not None:
        first, last = generated_between.start.isoformat(), generated_between.end.isoformat()
        query = query.where(use_table.c.generated_on.between(first, last))
    wanted = None if tracks is None else set(tracks)
    queries = [query]
    if digests is not None:
        queries = [query.where(use_table.c.track_sha256.in_(chunk)) for chunk in in_chunks(sorted(digests))]
    found = (row for one in queries for row in connection.execute(one.execution_options(yield_per=_BATCH_TRACKS)))
    rows = (row for row in found if wanted is None or row.track_sha256 in wanted or row.track_name in wanted)
    for chunk in in_chunks(rows):
        latest = latest_states(connection, [row.id for row in chunk], at=at)
        for row in chunk:
            use = use_from_json(json.loads(row.document))
            change = latest.get(row.id)
            yield use if change is None else change.applied_to(use)


def list_uses(
    database: Database, licensee: str, *, states: Iterable[str] = (), tracks: Iterable[str] = ()
) -> list[tuple[Use, tuple[RightOutcome, ...]]]:
    """Return the current uses of a licensee for people to go through, with the licence outcomes of now.

    They come by name of track, then by time.

    Parameters
    ----------
    states, tracks : iterable of str
        Only those; tracks by SHA-256 or name; none is any.

    Raises
    ------
    ParameterError
        If there is no such state.
    UnknownRightsError
        If the licensee is not on file.
    """
    wanted = set(states)
    if unknown := sorted(wanted - set(STATES)):
        raise ParameterError(f"state {printable(unknown[0])!r:.40}: write one of {', '.join(STATES)}")
    with database.reading() as connection:
        require_licensee(connection, licensee, database.name)
        current = current_uses(connection, licensee, tracks=set(tracks) or None)
        found = [use for use in current if not wanted or use.state in wanted]
        outcomes = judge_uses(connection, found)
    found.sort(key=lambda use: (use.track_name, use.track_sha256, [s.start_ms for s in use.passages], use.id))
    return [(use, outcomes[use.id]) for use in found]


def require_licensee(connection: Connection, licensee: str, place: str = "the rights on file") -> None:
    """Refuse a licensee that is not on file in a database, given by its name for messages.

    Raises
    ------
    UnknownRightsError
        If there is no such party; the message names the nearest id.
    """
    if licensee in load_rights(connection, licensee=licensee).parties:
        return
    ids = connection.scalars(select(party_table.c.id).where(party_table.c.until.is_(None)))
    near = nearest(licensee, sorted(ids))
    hint = f"the nearest id is {printable(near)}; mend it, or " if near else ""
    raise UnknownRightsError(
        f"licensee {printable(licensee):.80}: no such party in {place}; {hint}import it with its licences"
    )


def _nowhere(_digest: str, _recording: str) -> bool:
    return False
