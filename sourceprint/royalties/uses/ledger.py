"""The ledger of uses: results of a scan in, uses in the database out; only ever added to.

One attribution is one transaction. The results are read track by track, the rights of a batch of tracks at a time, so
memory grows with the number of tracks by no more than a digest for each. Uses of the same track and licensee from
earlier attributions that are not found again are superseded, never deleted; those that are found again, with the same
id, stay as they are, with their state. So attributing the same results with the same policy, rights and usage changes
nothing.

A state that a person gave to a use that is superseded goes on to the use in its place, if there is one of the same
recording, works and passages; otherwise the report names it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from fingerprint.digests import exact_json
from fingerprint.errors import ParameterError, RightsError, UnknownRightsError, printable
from sourceprint.royalties.periods import Period, parse_date
from sourceprint.royalties.rights.database import Database, actor, in_chunks, timestamp
from sourceprint.royalties.rights.licences import PURPOSES
from sourceprint.royalties.rights.rights import current_revision, load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.territories import WORLDWIDE, validate_territory
from sourceprint.royalties.uses.attribution import TrackOrigin, attribute
from sourceprint.royalties.uses.claims import Owners
from sourceprint.royalties.uses.policy import Policy, policy_document
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.royalties.uses.states import StateChange, change_to_recording, enter_changes, latest_states
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import STATES, Use, use_from_json, use_to_json
from sourceprint.royalties.uses.uses_text import AttributionReport
from sourceprint.scans.results import ResultMatch, ScanResult

__all__ = ["attribute_results", "current_uses", "list_uses"]

_BATCH_TRACKS = 1000


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
) -> AttributionReport:
    """Turn the results of a scan into uses, and enter them.

    Parameters
    ----------
    database : Database
        With the rights of the recordings, and the licences of the licensee.
    results_path : Path
        What `sourceprint match --jsonl` wrote.
    policy : Policy
    licensee : str
        Party id of who made the tracks.
    usage : Usage or None
        What is reported of the tracks: their day of generation, purpose and territories; those of a territory as a
        whole hold for every track.
    generated_on, purpose : str
        For tracks of which the usage says nothing; "" as a day where there is none.
    territories : iterable of str
        Likewise; none is Worldwide.
    by : str or None
        Who does this; None asks the environment.
    now : datetime or None
        When; None is now.

    Raises
    ------
    ParameterError
        If the day, a territory or the purpose is none.
    UnknownRightsError
        If the licensee is not on file.
    RightsError
        If the results cannot be read, a track has no day of generation, or two tracks would take the same usage.
    """
    defaults = TrackOrigin(
        licensee,
        parse_date(generated_on, what="generated_on").isoformat() if generated_on else "",
        _purpose(purpose),
        tuple(sorted({validate_territory(code) for code in territories})) or (WORLDWIDE,),
    )
    scans = ScanFile(results_path)
    with database.writing() as connection:
        _require_licensee(connection, licensee, database.name)
        book = _Attribution(connection, policy, defaults, usage or Usage(()), actor(by), timestamp(now))
        for batch in in_chunks(scans, _BATCH_TRACKS):
            book.enter(batch)
        return book.close(scans)


def current_uses(
    connection: Connection,
    licensee: str,
    *,
    tracks: Iterable[str] | None = None,
    generated_between: Period | None = None,
    at: str | None = None,
) -> Iterator[Use]:
    """Yield the uses of a licensee in their latest state, by track and id.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Party id.
    tracks : iterable of str or None
        SHA-256 or names of generated tracks; None is all of them.
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
    found = connection.execute(query.execution_options(yield_per=_BATCH_TRACKS))
    rows = (row for row in found if wanted is None or row.track_sha256 in wanted or row.track_name in wanted)
    for chunk in in_chunks(rows):
        latest = latest_states(connection, [row.id for row in chunk], at=at)
        for row in chunk:
            use = use_from_json(json.loads(row.document))
            change = latest.get(row.id)
            yield use if change is None else change.applied_to(use)


def list_uses(
    database: Database, licensee: str, *, states: Iterable[str] = (), tracks: Iterable[str] = ()
) -> list[Use]:
    """Return the current uses of a licensee for people to go through: by name of track, then by time.

    Parameters
    ----------
    database : Database
    licensee : str
        Party id.
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
        _require_licensee(connection, licensee, database.name)
        current = current_uses(connection, licensee, tracks=set(tracks) or None)
        found = [use for use in current if not wanted or use.state in wanted]
    return sorted(found, key=lambda use: (use.track_name, use.track_sha256, [s.start_ms for s in use.passages], use.id))


def _require_licensee(connection: Connection, licensee: str, place: str) -> None:
    if licensee not in load_rights(connection, licensee=licensee).parties:
        raise UnknownRightsError(
            f"licensee {printable(licensee):.80}: no such party in {place}; import it with its licences"
        )


class _Attribution:
    """One attribution while it is being made: batches of tracks go in, a report comes out."""

    def __init__(
        self, connection: Connection, policy: Policy, defaults: TrackOrigin, usage: Usage, made_by: str, made_at: str
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._defaults = defaults
        self._usage = usage
        self._made_by = made_by
        self._made_at = made_at
        self._everywhere = {row.territory for row in usage.territory_rows}
        self._id: int | None = None
        self._taken: dict[str, str] = {}  # row of usage -> SHA-256 of the track that took it
        self._statuses = Counter[str]()
        self._states = Counter[str]()
        self._attributed_us = Counter[str]()
        self._outcomes = Counter[str]()
        self._counts = Counter[str]()
        self._lost_decisions: list[str] = []

    def enter(self, batch: list[ScanResult]) -> None:
        """Attribute a batch of tracks, and enter what is new."""
        self._statuses.update(result.status for result in batch)
        searched = [result for result in batch if result.searched]
        matches = [match for result in searched for match in result.matches]
        rights = load_rights(
            self._connection,
            index_ids=sorted(
                {m.recording_id for m in matches} | {a for m in matches for s in m.passages for a in s.also_fits}
            ),
            isrcs=sorted({isrc for match in matches for isrc in _isrcs(match)}),
            licensee=self._defaults.licensee,
            owners=False,
        )
        owners = Owners(rights)
        self._counts["passages"] += sum(len(match.passages) for match in matches)
        found: dict[str, Use] = {}
        for result in searched:
            origin = self._origin(result)
            if result.matches:
                found |= {use.id: use for use in attribute(result, rights, self._policy, origin, owners=owners)}
        for use in found.values():
            self._states[use.state] += 1
            self._attributed_us[use.state] += use.attributed_us
            self._outcomes.update(outcome.outcome for outcome in use.outcomes)
        self._enter_uses(found, [result.sha256 for result in searched])

    def close(self, scans: ScanFile) -> AttributionReport:
        """Finish the entry of the attribution, and say what was done."""
        if self._id is not None:
            entry = update(attribution).where(attribution.c.id == self._id)
            self._connection.execute(entry.values(results_sha256=scans.sha256))
        reported = {row.track for row in self._usage.rows if row.track}
        return AttributionReport(
            attribution_id=self._id,
            licensee=self._defaults.licensee,
            policy_name=self._policy.name,
            policy_digest=self._policy.digest,
            rights_revision=current_revision(self._connection),
            results_sha256=scans.sha256,
            tracks=dict(sorted(self._statuses.items())),
            repeated=scans.repeated,
            passages=self._counts["passages"],
            states={state: (n, self._attributed_us[state]) for state, n in sorted(self._states.items())},
            outcomes=dict(sorted(self._outcomes.items())),
            added=self._counts["added"],
            unchanged=self._counts["unchanged"],
            superseded=self._counts["superseded"],
            carried_over=self._counts["carried over"],
            decisions_without_use=tuple(sorted(self._lost_decisions)),
            usage_without_result=tuple(sorted(reported - self._taken.keys())),
        )

    def _origin(self, result: ScanResult) -> TrackOrigin:
        key = self._usage.key_of(result.sha256, result.name)
        rows = self._usage.rows_of(result.sha256, result.name)
        if key and self._taken.setdefault(key, result.sha256) != result.sha256:
            raise RightsError(
                f"usage of {printable(key):.200}: two tracks of the results have this name, one of them "
                f"{printable(result.name):.200}; name tracks by their SHA-256 in the usage"
            )
        generated_on = (rows[0].generated_on if rows else "") or self._defaults.generated_on
        if not generated_on:
            raise RightsError(
                f"track {printable(result.name):.200}: the day of generation is not known, which licences depend on; "
                "give it for all tracks, or by track in column generated_on of the usage"
            )
        return TrackOrigin(
            self._defaults.licensee,
            generated_on,
            (rows[0].purpose if rows else "") or self._defaults.purpose,
            tuple(sorted({row.territory for row in rows} | self._everywhere)) or self._defaults.territories,
        )

    def _enter_uses(self, found: dict[str, Use], tracks: list[str]) -> None:
        """Set the uses of some tracks against those on file: what is gone is superseded, what is new is added."""
        on_file: dict[str, int] = {}
        for chunk in in_chunks(tracks):
            query = select(use_table.c.row_id, use_table.c.id).where(
                use_table.c.licensee == self._defaults.licensee,
                use_table.c.track_sha256.in_(chunk),
                use_table.c.superseded_by.is_(None),
            )
            on_file |= {row.id: row.row_id for row in self._connection.execute(query)}
        gone = sorted(on_file.keys() - found.keys())
        new = sorted(found.keys() - on_file.keys())
        self._counts["unchanged"] += len(found.keys() & on_file.keys())
        if not gone and not new:
            return
        number = self._number()
        for chunk in in_chunks(gone):
            rows = [on_file[one] for one in chunk]
            superseded = update(use_table).where(use_table.c.row_id.in_(rows)).values(superseded_by=number)
            self._connection.execute(superseded)
        if new:
            self._connection.execute(insert(use_table), [self._row(found[one], number) for one in new])
        self._counts["superseded"] += len(gone)
        self._counts["added"] += len(new)
        self._carry_over(gone, [found[one] for one in new])

    def _carry_over(self, gone: list[str], new: list[Use]) -> None:
        """Let the decisions of people on superseded uses go on to those in their place.

        A use that comes back has older decisions of its own: what was decided on the one in its place is later.
        """
        decided = latest_states(self._connection, gone)
        if not decided:
            return
        already = latest_states(self._connection, [use.id for use in new])
        in_place = {_substance(use_to_json(use)): use for use in new}
        changes = []
        for chunk in in_chunks(sorted(decided)):
            rows = self._connection.execute(
                select(use_table.c.id, use_table.c.document).where(use_table.c.id.in_(chunk))
            )
            for old, document in sorted({row.id: row.document for row in rows}.items()):
                follower = in_place.get(_substance(json.loads(document)))
                if follower is None:
                    self._lost_decisions.append(old)
                elif follower.id not in already or _decision(already[follower.id]) != _decision(decided[old]):
                    changes += self._carried(decided[old], follower)
        enter_changes(self._connection, changes)
        self._counts["carried over"] += len(changes)

    def _carried(self, decided: StateChange, follower: Use) -> list[StateChange]:
        """Return the decision on a superseded use as one on the use in its place."""
        reason = f"carried over from {decided.use_id}: {decided.reason}"
        change = StateChange(follower.id, decided.state, reason, self._made_at, self._made_by)
        if decided.named is None:
            return [change]
        try:
            return [change_to_recording(self._connection, follower, decided.named.recording_id, change)]
        except RightsError:  # the recording that was named is not on file any more
            self._lost_decisions.append(decided.use_id)
            return []

    def _number(self) -> int:
        """Return the number of this attribution, which exists as soon as it changes something."""
        if self._id is None:
            row = {
                "made_at": self._made_at,
                "made_by": self._made_by,
                "licensee": self._defaults.licensee,
                "results_sha256": "",
                "policy_digest": self._policy.digest,
                "policy": exact_json(policy_document(self._policy)).decode(),
                "rights_revision": current_revision(self._connection),
            }
            key = self._connection.execute(insert(attribution).values(row)).inserted_primary_key
            self._id = int(key[0]) if key else 0
        return self._id

    @staticmethod
    def _row(use: Use, number: int) -> dict[str, Any]:
        return {
            "id": use.id,
            "attribution_id": number,
            "superseded_by": None,
            "licensee": use.licensee,
            "track_sha256": use.track_sha256,
            "track_name": use.track_name,
            "generated_on": use.generated_on,
            "recording_id": use.recording_id,
            "document": exact_json(use_to_json(use), known=True).decode(),  # its id was made of it
        }


def _decision(change: StateChange) -> tuple[str, str]:
    """Return the state that a person gave, and the recording that was named with it."""
    return change.state, change.named.recording_id if change.named else ""


def _substance(document: dict[str, Any]) -> str:
    """Return what two uses of one passage have in common, whatever policy and rights they were made with."""
    keys = ("layer", "licensee", "recording_id", "work_ids", "spans")
    return exact_json([document["track"]["sha256"], *(document[key] for key in keys)]).decode()


def _purpose(purpose: str) -> str:
    if purpose not in PURPOSES:
        raise ParameterError(f"purpose {purpose!r:.40}: write one of {', '.join(PURPOSES)}")
    return purpose


def _isrcs(match: ResultMatch) -> set[str]:
    """Return the codes of a match and of its alternatives."""
    alternatives = (one.isrc for passage in match.passages for one in passage.alternatives)
    return {isrc for isrc in (match.isrc, *alternatives) if isrc}
