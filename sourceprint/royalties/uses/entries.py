"""Enter one attribution into the ledger: tracks in batches, and their uses compared with those on file.

Uses of the same track and licensee that are found again, with the same id, stay as they are, with their state; so
attributing the same results with the same policy, rights and usage changes nothing. Those that are not found again are
superseded, never deleted, but only by a scan that is as full as the one that found them
(`sourceprint.royalties.uses.searches`). After a narrower scan, uses that it did not search for stay. Its uses of a
recording that a fuller scan found already are not entered. Time that it gives to another recording is held for a person
to decide, as it would be paid twice.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from fingerprint.digests import exact_json
from fingerprint.errors import RightsError, printable
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.rights import Rights, current_revision, load_rights
from sourceprint.royalties.rights.schema import attribution, use_event
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.uses.attribution import TrackOrigin, attribute
from sourceprint.royalties.uses.claims import Owners
from sourceprint.royalties.uses.decisions import CONFLICT, NO_CONFLICT, carry_over, overlap, same_subject, stored_uses
from sourceprint.royalties.uses.policy import Policy, policy_document
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.royalties.uses.searches import Holds, ScanLog, TrackSearch, search_of
from sourceprint.royalties.uses.shares import UseShares
from sourceprint.royalties.uses.states import StateChange, enter_changes, latest_states
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import Use, use_bytes
from sourceprint.royalties.uses.uses_text import AttributionReport
from sourceprint.scans.results import ResultMatch, ScanResult
from sourceprint.text.tables import first_of

__all__ = ["AttributionEntry", "AttributionSource"]

_SHOWN = 5  # tracks in a refusal
_COUNTED = (
    *("passages", "added", "unchanged", "superseded"),
    *("carried_over", "asked_again", "kept", "not_entered", "in_conflict"),
)  # of the report


@dataclass(frozen=True, slots=True)
class AttributionSource:
    """The inputs of an attribution.

    Attributes
    ----------
    policy : Policy
    defaults : TrackOrigin
        Of tracks that the usage does not describe.
    usage : Usage
        The licensee's report.
    made_by, made_at : str
        Who and when.
    holds : callable
        As `sourceprint.royalties.uses.searches.Holds`.
    reason : str
        Why these scans supersede all earlier ones, however full; "" where they do not.
    """

    policy: Policy
    defaults: TrackOrigin
    usage: Usage
    made_by: str
    made_at: str
    holds: Holds
    reason: str = ""


@dataclass(slots=True)
class _OnFile:
    """Uses on file that a scan did not find again: those that it supersedes, and those that stay.

    Attributes
    ----------
    gone : list of str
        Ids of the uses that are superseded.
    kept : dict of str to list of Use
        Those that stay, by track.
    narrower : dict of str to str
        Why each of these stays: the narrower part of the scan, by id.
    """

    gone: list[str] = field(default_factory=list)
    kept: dict[str, list[Use]] = field(default_factory=dict)
    narrower: dict[str, str] = field(default_factory=dict)


class AttributionEntry:
    """One attribution while it is being made.

    Attributes
    ----------
    changed_tracks : set of str
        SHA-256 of the tracks of which uses were added or superseded.
    """

    def __init__(self, connection: Connection, source: AttributionSource) -> None:
        self.changed_tracks: set[str] = set()
        self._connection = connection
        self._source = source
        self._licensee = source.defaults.licensee
        self._log = ScanLog(connection, self._licensee, source.reason)
        self._everywhere = {row.territory for row in source.usage.territory_rows}
        self._id: int | None = None
        self._any_conflicts: bool | None = None  # on file before this attribution; those it makes itself need no end
        self._taken: dict[str, str] = {}  # row of usage -> SHA-256 of the track that took it
        self._statuses = Counter[str]()
        self._states = Counter[str]()
        self._attributed_us = Counter[str]()
        self._outcomes = Counter[str]()
        self._counts = Counter[str]()
        self._narrower = Counter[str]()
        self._contested = Counter[tuple[str, ...]]()
        self._lost_decisions: list[str] = []
        self._undated: list[str] = []  # tracks; once there is one, nothing more is entered, and the end refuses

    def enter(self, batch: list[ScanResult]) -> None:
        """Attribute a batch of tracks: enter their new uses, supersede others, and carry decisions over.

        Once a track has no day of generation, nothing more is entered, and `close` raises.

        Raises
        ------
        RightsError
            If two tracks would take the same usage.
        """
        self._statuses.update(result.status for result in batch)
        searched = [result for result in batch if result.searched]
        rights = self._rights(searched)
        owners = Owners(rights)
        found: dict[str, Use] = {}
        track_ids: dict[str, str] = {}
        for result in searched:
            origin = self._origin(result)
            if self._undated:
                continue
            rows = self._source.usage.rows_of(result.sha256, result.name, result.track_id)
            track_ids[result.sha256] = result.track_id or (rows[0].track_id if rows else "")
            if result.matches:
                uses = attribute(result, rights, self._source.policy, origin, owners=owners)
                found |= {use.id: use for use in uses}
        if self._undated:
            return
        shares = UseShares(rights)
        for use in found.values():
            self._states[use.state] += 1
            self._attributed_us[use.state] += use.attributed_us
            outcomes = [one.outcome for one in shares.outcomes(use)]
            self._outcomes.update(one.outcome for one in outcomes)
            self._contested.update({one.licence_ids for one in outcomes if one.outcome == "held"})
        self._enter_uses(found, {result.sha256: result for result in searched})
        self._log.enter(((result, track_ids.get(result.sha256, result.track_id)) for result in batch), self._number)

    def close(self, scans: ScanFile) -> AttributionReport:
        """Finish the entry of the attribution, and return its report.

        Raises
        ------
        RightsError
            If tracks have no day of generation; the message counts them and names the first.
        """
        if self._undated:
            tracks = "track" if len(self._undated) == 1 else "tracks"
            raise RightsError(
                f"{tracks} {first_of(self._undated, _SHOWN)}: the day of generation is not known, which licences "
                "depend on; give it for all tracks with --generated DATE, or by track in column generated_on of the "
                "usage"
            )
        if self._id is not None:
            entry = update(attribution).where(attribution.c.id == self._id)
            self._connection.execute(entry.values(results_sha256=scans.sha256))
        reported = {row.key for row in self._source.usage.rows if row.key}
        return AttributionReport(
            attribution_id=self._id,
            licensee=self._licensee,
            policy_name=self._source.policy.name,
            policy_digest=self._source.policy.digest,
            rights_revision=current_revision(self._connection),
            results_sha256=scans.sha256,
            tracks=dict(sorted(self._statuses.items())),
            repeated=scans.repeated,
            states={state: (n, self._attributed_us[state]) for state, n in sorted(self._states.items())},
            outcomes=dict(sorted(self._outcomes.items())),
            decisions_without_use=tuple(sorted(self._lost_decisions)),
            usage_without_result=tuple(sorted(reported - self._taken.keys())),
            kept_because=dict(sorted(self._narrower.items())),
            contested={" and ".join(ids): n for ids, n in sorted(self._contested.items())},
            **{name: self._counts[name] for name in _COUNTED},
        )

    def _rights(self, searched: Iterable[ScanResult]) -> Rights:
        matches = [match for result in searched for match in result.matches]
        self._counts["passages"] += sum(len(match.passages) for match in matches)
        return load_rights(
            self._connection,
            index_ids=sorted(
                {m.recording_id for m in matches} | {a for m in matches for s in m.passages for a in s.also_fits}
            ),
            isrcs=sorted({isrc for match in matches for isrc in _isrcs(match)}),
            licensee=self._licensee,
            owners=False,
        )

    def _origin(self, result: ScanResult) -> TrackOrigin:
        usage, defaults = self._source.usage, self._source.defaults
        key = usage.key_of(result.sha256, result.name, result.track_id)
        rows = usage.rows_of(result.sha256, result.name, result.track_id)
        if key and self._taken.setdefault(key, result.sha256) != result.sha256:
            raise RightsError(
                f"usage of {printable(key):.200}: two tracks of the results have this name, one of them "
                f"{printable(result.name):.200}; name tracks by their SHA-256 in the usage"
            )
        generated_on = (rows[0].generated_on if rows else "") or defaults.generated_on
        if not generated_on:
            self._undated.append(f"{printable(result.name):.200}")
        return TrackOrigin(
            self._licensee,
            generated_on,
            (rows[0].purpose if rows else "") or defaults.purpose,
            tuple(sorted({row.territory for row in rows} | self._everywhere)) or defaults.territories,
        )

    def _enter_uses(self, found: dict[str, Use], results: dict[str, ScanResult]) -> None:
        """Compare the uses of some tracks with those on file: supersede the missing ones, add the new ones."""
        on_file: dict[str, int] = {}
        for chunk in in_chunks(results):
            query = select(use_table.c.row_id, use_table.c.id).where(
                use_table.c.licensee == self._licensee,
                use_table.c.track_sha256.in_(chunk),
                use_table.c.superseded_by.is_(None),
            )
            on_file |= {row.id: row.row_id for row in self._connection.execute(query)}
        self._keep_first_schema(found, on_file)
        again = found.keys() & on_file.keys()
        missing = sorted(on_file.keys() - found.keys())
        known = self._set_apart(missing, results) if missing else _OnFile()
        new = [found[one] for one in sorted(found.keys() - on_file.keys())]
        if known.kept:
            new = self._without_known(new, known)
        self._counts["unchanged"] += len(again)
        self._supersede([on_file[one] for one in known.gone])
        if new:
            number = self._number()
            self._connection.execute(insert(use_table), [self._row(use, number) for use in new])
            self.changed_tracks.update(use.track_sha256 for use in new)
        self._counts["added"] += len(new)
        by, at = self._source.made_by, self._source.made_at
        decided = carry_over(self._connection, known.gone, new, made_by=by, made_at=at)
        self._counts["carried_over"] += decided.carried_over
        self._counts["asked_again"] += decided.asked_again
        self._lost_decisions += decided.without_use
        enter_changes(self._connection, decided.changes)
        enter_changes(self._connection, self._conflicts([*new, *(found[one] for one in sorted(again))], known))

    def _keep_first_schema(self, found: dict[str, Use], on_file: Iterable[str]) -> None:
        """Put uses on file of schema 1 in place of those found that say the same, so that they stay as they are."""
        same: dict[bytes, str] = {}
        for use in stored_uses(self._connection, set(on_file) - found.keys()):
            if use.outcomes:
                same = same or {_found_again(one): one.id for one in found.values()}
                if (new := same.get(_found_again(use))) in found:
                    del found[new]
                    found[use.id] = use

    def _set_apart(self, missing: list[str], results: dict[str, ScanResult]) -> _OnFile:
        """Return the uses on file that were not found again, split into superseded ones and those that stay."""
        groups: dict[tuple[str, str], list[Use]] = {}
        for use in stored_uses(self._connection, missing):
            groups.setdefault((use.track_sha256, use.index_digest), []).append(use)
        earlier = self._log.earlier({track for track, _ in groups})
        known = _OnFile()
        for (track, index_digest), uses in groups.items():
            before = [search for search in earlier.get(track, ()) if search.index_digest == index_digest]
            why = self._narrower_than(before or [TrackSearch(index_digest)], uses, results[track])
            if why:
                known.kept.setdefault(track, []).extend(uses)
                known.narrower |= dict.fromkeys((use.id for use in uses), why)
            else:
                known.gone += [use.id for use in uses]
                self.changed_tracks.add(track)
        return known

    def _narrower_than(self, earlier: Iterable[TrackSearch], uses: Iterable[Use], result: ScanResult) -> str:
        """Return why a scan is narrower than those that found some uses of its track; "" where it is not."""
        if self._source.reason:
            return ""
        search, mentioned = search_of(result), _mentioned(result)
        found = {use.index_id for use in uses}
        reasons = (search.narrower_than(before, found, mentioned, self._source.holds) for before in earlier)
        return next((reason for reason in reasons if reason), "")

    def _without_known(self, new: Iterable[Use], known: _OnFile) -> list[Use]:
        """Return new uses but for those of which a fuller scan found the same recording or works in the track.

        Each use that stays is counted once: as one in place of a new use, or as one that was not found again.
        """
        entered: list[Use] = []
        narrower = dict(known.narrower)
        for use in new:
            same = [other for other in known.kept.get(use.track_sha256, ()) if same_subject(use, other)]
            if not same:
                entered.append(use)
                continue
            self._counts["not_entered"] += 1
            for other in same:
                narrower.pop(other.id, None)
        self._counts["kept"] += len(narrower)
        self._narrower.update(narrower.values())
        return entered

    def _supersede(self, row_ids: list[int]) -> None:
        self._counts["superseded"] += len(row_ids)
        for chunk in in_chunks(row_ids):
            superseded = update(use_table).where(use_table.c.row_id.in_(chunk))
            self._connection.execute(superseded.values(superseded_by=self._number()))

    def _conflicts(self, uses: list[Use], known: _OnFile) -> list[StateChange]:
        """Return the reviews of uses whose time a fuller scan gave to others, and the end of those that need none."""
        if self._any_conflicts is None:
            marks = select(use_event.c.id).where(use_event.c.reason.startswith(CONFLICT)).limit(1)
            self._any_conflicts = self._connection.scalar(marks) is not None
        if not known.kept and not self._any_conflicts:
            return []
        latest = latest_states(self._connection, [use.id for use in uses])
        kept = self._counting(known)
        changes = []
        for use in uses:
            reason = latest[use.id].reason if use.id in latest else NO_CONFLICT
            if use.state == "withdrawn" or not reason.startswith((CONFLICT, NO_CONFLICT)):
                continue  # a person decided, or is asked to
            marked = reason.startswith(CONFLICT)
            other = next((one for one in kept.get(use.track_sha256, ()) if overlap(use, one)), None)
            if other is not None and not marked:
                what = printable(other.recording_id or ", ".join(other.work_ids) or other.index_id)
                why = f"an earlier scan, not superseded by this one, gave time of it to {what} ({other.id})"
                changes.append(self._change(use, "review", CONFLICT + why))
                self._counts["in_conflict"] += 1
            elif other is None and marked:
                changes.append(self._change(use, use.state, NO_CONFLICT + use.state_rule))
        return changes

    def _counting(self, known: _OnFile) -> dict[str, list[Use]]:
        """Return the uses that stay and count for something, by track; those in conflict themselves are left out."""
        latest = latest_states(self._connection, [use.id for uses in known.kept.values() for use in uses])
        counting: dict[str, list[Use]] = {}
        for track, uses in known.kept.items():
            for use in uses:
                change = latest.get(use.id)
                state = change.state if change else use.state
                if state != "withdrawn" and not (change and change.reason.startswith(CONFLICT)):
                    counting.setdefault(track, []).append(use)
        return counting

    def _change(self, use: Use, state: str, reason: str) -> StateChange:
        return StateChange(use.id, state, reason, self._source.made_at, self._source.made_by)

    def _number(self) -> int:
        """Return the number of this attribution, which exists as soon as it changes something."""
        if self._id is None:
            row = {
                "made_at": self._source.made_at,
                "made_by": self._source.made_by,
                "licensee": self._licensee,
                "results_sha256": "",
                "policy_digest": self._source.policy.digest,
                "policy": exact_json(policy_document(self._source.policy)).decode(),
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
            "document": use_bytes(use).decode(),
        }


def _found_again(use: Use) -> bytes:
    """Return a key that is equal for a use of schema 1 and the same use as it is found today."""
    return use_bytes(replace(use, id="", outcomes=(), candidates=(), state="", state_rule="", rights_revision=0))


def _isrcs(match: ResultMatch) -> set[str]:
    """Return the codes of a match and of its alternatives."""
    alternatives = (one.isrc for passage in match.passages for one in passage.alternatives)
    return {isrc for isrc in (match.isrc, *alternatives) if isrc}


def _mentioned(result: ScanResult) -> set[str]:
    """Return the ids in the index of all recordings that a scan found in a track."""
    found = {match.recording_id for match in result.matches}
    return found | {other for match in result.matches for passage in match.passages for other in passage.also_fits}
