"""Terms: what the licences on file say about a use, territory by territory.

In come one use and the rights; of these, the licences of the use's licensee whose scope covers it count:

- everything; the recording by its id, its tags or its label; where a composition alone is used, a work that it uses.
  Whoever licenses a work cannot license somebody else's recording of it.

Each is tried against the rules in this order: not replaced, in force on the day of generation, purpose, territory,
`max_consecutive_seconds`, `max_total_seconds`, `max_share_of_track`, `no_vocals`. A licence that breaks none permits
the use; where several do, the one with the latest `valid_from` applies, then the one whose id sorts first. Where none
does, the one that came furthest in this order is named with the first rule that it breaks; ties as before. Without any
licence in scope the outcome is `no_licence`.

A licence is replaced from the day on which another licence of the same licensee that says so comes into force, if that
is not before its own first day.

Times are compared as whole milliseconds and microseconds, parts of a track as whole products: exactly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sourceprint.royalties.money import format_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.licences import Conditions, Licence
from sourceprint.royalties.rights.records import WHOLE, RightsRecording
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.territories import Territories, validate_territory
from sourceprint.royalties.uses.use import LicenceOutcome, Use

__all__ = ["JOINED_MS", "apply_terms", "longest_passage_ms"]

JOINED_MS = 50
"""Spans of a use with no more than this between them are one passage: an ear takes them for one."""

_MAX_TERRITORIES_TEXT = 80


@dataclass(frozen=True, slots=True)
class _Judged:
    """One licence held against one use: the first rule broken before the territory is asked, and the first after."""

    licence: Licence
    before: tuple[int, str]
    after: tuple[int, str]

    def broken_in(self, territory: str) -> tuple[int, str]:
        """Return the place of the first rule broken, in their order, and its words; `_NONE` where all are kept."""
        if self.before != _NONE:
            return self.before
        if not self.licence.territories.covers(territory):
            return 3, f"holds in {_shown(self.licence.territories)}, used in {territory}"
        return self.after


_NONE = (8, "")
_UNCONDITIONAL = Conditions()


def apply_terms(use: Use, rights: Rights, *, territories: Iterable[str]) -> tuple[LicenceOutcome, ...]:
    """Return what the licences say about a use.

    Parameters
    ----------
    use : Use
        Its `outcomes` and its state play no part.
    rights : Rights
        With the licences of the licensee, and the recording of the use where that is known.
    territories : iterable of str
        Country codes or "Worldwide", in any order; "Worldwide" asks for a licence without excluded territories.

    Returns
    -------
    tuple of LicenceOutcome
        One for each territory, sorted by territory.

    Raises
    ------
    ParameterError
        If a territory is unknown, or the day of generation is no date.
    """
    day = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
    recording = rights.recordings.get(use.recording_id) if use.recording_id else None
    own = [licence for licence in rights.licences.values() if licence.licensee == use.licensee]
    successors: dict[str, list[Licence]] = {}
    for licence in own:
        if licence.replaces:
            successors.setdefault(licence.replaces, []).append(licence)
    in_scope = [
        licence
        for licence in own
        if licence.scope.covers(recording_id=use.recording_id, recording=recording, work_ids=use.work_ids)
    ]
    # Latest first, then by id: of two sorts by different keys, the second keeps the order of the first within ties.
    in_scope.sort(key=lambda licence: licence.id)
    in_scope.sort(key=lambda licence: licence.valid_from, reverse=True)
    judged = [
        _Judged(
            licence,
            _before_territory(licence, use, day, successors.get(licence.id, [])),
            _conditions(licence, use, recording),
        )
        for licence in in_scope
    ]
    wanted = sorted({validate_territory(territory) for territory in territories})
    return tuple(_outcome(territory, judged) for territory in wanted)


def longest_passage_ms(use: Use) -> int:
    """Return the length of the longest passage of a use in milliseconds; those within `JOINED_MS` are one passage."""
    longest = start = end = 0
    for number, passage in enumerate(use.passages):
        if number == 0 or passage.start_ms - end > JOINED_MS:
            start = passage.start_ms
        end = passage.end_ms
        longest = max(longest, end - start)
    return longest


def _outcome(territory: str, judged: list[_Judged]) -> LicenceOutcome:
    if not judged:
        return LicenceOutcome(territory, "no_licence", "", "")
    # max keeps the first of equals, and the licences come latest first.
    nearest, (place, words) = max(
        ((one, one.broken_in(territory)) for one in judged), key=lambda with_rule: with_rule[1][0]
    )
    if (place, words) == _NONE:
        return LicenceOutcome(territory, "licensed", nearest.licence.id, "")
    return LicenceOutcome(territory, "outside_licence", nearest.licence.id, f"{nearest.licence.id}: {words}")


def _before_territory(licence: Licence, use: Use, day: date, successors: list[Licence]) -> tuple[int, str]:
    in_force = [
        other for other in successors if licence.valid_from <= other.valid_from <= day and other.id != licence.id
    ]
    if in_force:
        first = min(in_force, key=lambda other: (other.valid_from, other.id))
        return 0, f"replaced by {first.id} from {first.valid_from}, generated {day}"
    if day < licence.valid_from:
        return 1, f"in force from {licence.valid_from}, generated {day}"
    if licence.valid_to is not None and licence.valid_to < day:
        return 1, f"expired on {licence.valid_to}, generated {day}"
    if use.purpose not in licence.purposes:
        return 2, f"permits {', '.join(licence.purposes)}, made for {use.purpose}"
    return _NONE


def _conditions(licence: Licence, use: Use, recording: RightsRecording | None) -> tuple[int, str]:
    conditions = licence.conditions
    if conditions == _UNCONDITIONAL:
        return _NONE
    name = use.recording_id or ", ".join(use.work_ids) or use.index_id
    passage = longest_passage_ms(use)
    if conditions.max_consecutive_ms is not None and passage > conditions.max_consecutive_ms:
        limit = _seconds(Fraction(conditions.max_consecutive_ms, 1000))
        return 4, f"max_consecutive_seconds {limit}: {_seconds(Fraction(passage, 1000))} s of {name} in a row"
    total = _seconds(Fraction(use.attributed_us, 1_000_000))
    if conditions.max_total_ms is not None and use.attributed_us > conditions.max_total_ms * 1000:
        return 5, f"max_total_seconds {_seconds(Fraction(conditions.max_total_ms, 1000))}: {total} s of {name}"
    share = conditions.max_share_of_track_millionths
    if share is not None and use.attributed_us * WHOLE > share * use.track_ms * 1000:
        track = _seconds(Fraction(use.track_ms, 1000))
        return 6, f"max_share_of_track {format_percent(share)}: {total} s of {name} in a track of {track} s"
    # A use of the composition alone takes nothing from a recording, so no vocals either.
    if conditions.no_vocals and not (use.layer == "composition" and not use.recording_id):
        vocals = recording.vocals if recording is not None else ""
        if vocals == "yes":
            return 7, f"no_vocals: {name} has vocals"
        if vocals != "no":
            return 7, f"no_vocals: whether {name} has vocals is not known"
    return _NONE


def _seconds(exact: Fraction) -> str:
    """Return seconds, whole microseconds at the finest, without zeros at the end."""
    whole, rest = divmod(int(exact * 1_000_000), 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def _shown(territories: Territories) -> str:
    """Return the territories as text, which may name most of the world, in bounded length."""
    text = str(territories)
    return text if len(text) <= _MAX_TERRITORIES_TEXT else f"{text[:_MAX_TERRITORIES_TEXT]}..."
