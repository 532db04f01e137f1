"""One use with all that a decision on it rests on: recordings, owners and licences there and then, and its history."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.review.estimates import Estimate, Estimator, policies_of
from sourceprint.royalties.rights.records import RightsRecording
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.uses.shares import JudgedShare, UseShares
from sourceprint.royalties.uses.states import (
    TRANSITIONS,
    StateChange,
    contenders_of,
    lacks_recording,
    last_changes,
    latest_states,
    use_history,
)
from sourceprint.royalties.uses.use import Use, use_from_json

__all__ = ["OwnedShare", "UseFacts", "current_use", "use_facts"]


@dataclass(frozen=True, slots=True)
class OwnedShare:
    """One share that a use touches, as it is owned on the day of generation.

    Attributes
    ----------
    right, subject, owner, share : str
        "Master" or a right in a work; the recording or work; the name of the party, or why there is none; per cent.
    outcome, licences, rule : str
        The licence outcome, its licences, the deciding rule.
    territories : tuple of str
        Where this is so.
    """

    right: str
    subject: str
    owner: str
    share: str
    outcome: str
    licences: str
    rule: str
    territories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UseFacts:
    """A use, and what a decision on it rests on.

    Attributes
    ----------
    use : Use
        In its present state.
    recordings : tuple of RightsRecording
        Its recording, or all on file that it may be of.
    licensee : str
        Name of the party that made the track.
    shares : tuple of OwnedShare
    history : list of StateChange
        From its first state.
    last_change : int
        Number of the last change; 0 without one.
    estimate : Estimate
        The money that it would move.
    basis : list of str
        How that comes about, by licence and territory.
    """

    use: Use
    recordings: tuple[RightsRecording, ...]
    licensee: str
    shares: tuple[OwnedShare, ...]
    history: list[StateChange]
    last_change: int
    estimate: Estimate
    basis: list[str]

    @property
    def contenders(self) -> tuple[str, ...]:
        """The recordings of which a person may name one."""
        return contenders_of(self.use)

    @property
    def possible(self) -> tuple[str, ...]:
        """States that a person may give to it now."""
        if self.history[0].state == "withdrawn":
            return ()
        states = TRANSITIONS[self.use.state]
        if not lacks_recording(self.use):
            return states
        kept = {"disputed", "withdrawn"} | ({"resolved"} if self.contenders else set())
        return tuple(one for one in states if one in kept)


def use_facts(connection: Connection, use_id: str) -> UseFacts:
    """Return a current use with the facts of a decision.

    Raises
    ------
    UnknownRightsError
        If the id is not that of a current use.
    """
    found, attribution_id = _current(connection, use_id)
    recording_ids = (found.recording_id,) if found.recording_id else found.candidates
    rights = load_rights(connection, recording_ids=recording_ids, work_ids=found.work_ids, licensee=found.licensee)
    names = {one: party.name for one, party in rights.parties.items()}
    shares, day = UseShares(rights), parse_date(found.generated_on, what=f"generated_on of use {use_id}")
    territories: dict[JudgedShare, list[str]] = {}
    for territory in found.territories:
        for reading in shares.terms.readings(found):
            for share in shares.of(reading, territory, day):
                territories.setdefault(share, []).append(territory)
    estimator = Estimator(connection, found.licensee, [found], policies_of(connection, [attribution_id]))
    return UseFacts(
        found,
        tuple(rights.recordings[one] for one in recording_ids if one in rights.recordings),
        names.get(found.licensee, found.licensee),
        tuple(_owned(share, names, tuple(where)) for share, where in territories.items()),
        use_history(connection, use_id),
        last_changes(connection, [use_id]).get(use_id, 0),
        estimator.of(found),
        estimator.lines(found),
    )


def current_use(connection: Connection, use_id: str) -> Use:
    """Return a current use; UnknownRightsError as `use_facts`."""
    return _current(connection, use_id)[0]


def _current(connection: Connection, use_id: str) -> tuple[Use, int]:
    """Return a current use in its present state, and the number of its attribution."""
    query = select(use_table.c.document, use_table.c.attribution_id)
    row = connection.execute(query.where(use_table.c.id == use_id, use_table.c.superseded_by.is_(None))).first()
    if row is None:
        raise UnknownRightsError(f"use {printable(use_id):.60}: is not among the current uses; open the list again")
    first = use_from_json(json.loads(row.document))
    change = latest_states(connection, [use_id]).get(use_id)
    return (first if change is None else change.applied_to(first)), row.attribution_id


def _owned(share: JudgedShare, names: dict[str, str], territories: tuple[str, ...]) -> OwnedShare:
    return OwnedShare(
        share.right or "all rights",
        share.work_id or share.recording_id,
        names.get(share.party_id, share.party_id) or share.reason or "nobody on file",
        format_percent(share.millionths),
        share.outcome.outcome,
        ", ".join(share.outcome.licence_ids),
        share.outcome.rule,
        territories,
    )
