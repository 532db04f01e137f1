"""Terms: the licence outcome of each share that a use touches, territory by territory.

A share is a party's part of one right in one recording or work. A licence of the use's licensee *covers* it if

- the right is on its rate card;
- the recording, for the master, or the work is in its scope: everything; the recording by its id, its tags or its
  label; the work by its id, or through the recording by which it is used. A licensor of a work licenses nobody's
  recording of it;
- the share's party is among the parties of its scope, where it names any.

Each licence that covers a share is tried against the rules in this order: not replaced, in force on the day of
generation, purpose, territory, `max_consecutive_seconds`, `max_total_seconds`, `max_share_of_track`, `no_vocals`. The
outcome is one of these:

===================  ==================================================================================================
`licensed`           one licence permits the use, or one of several has the highest `precedence`; it pays
`held`               several permit it, and no precedence tells them apart: nobody is paid until one does
`outside_licence`    none permits it: the one that came furthest in the order of the rules is named, with the first
                     rule that it breaks; ties go to the latest `valid_from`, then to the id that sorts first
`no_licence`         none covers it
`opted_out`          the owner of the recording, or of the work, opted out of the purpose, there and on the day of
                     generation: under any licence
`term_ended`         all master shares of the recording that were ever on file there have ended: likewise
===================  ==================================================================================================

A licence is replaced from the day on which another licence of the same licensee that says so comes into force, if that
is not before its own first day. Amendments hold for tracks generated from their day on.

Times are compared as whole milliseconds and microseconds, parts of a track as whole products: exactly.
"""

from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.licences import Conditions, Licence
from sourceprint.royalties.rights.records import MASTER, WHOLE, RightsRecording
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.territories import Territories, validate_territory
from sourceprint.royalties.uses.use import Use, seconds_text

__all__ = ["JOINED_MS", "OUTCOMES", "LicenceTerms", "Remembered", "ShareOutcome", "UseTerms", "longest_passage_ms"]

JOINED_MS = 50
"""Spans of a use with no more than this between them are one passage: an ear takes them for one."""

OUTCOMES = ("licensed", "held", "outside_licence", "no_licence", "term_ended", "opted_out")
"""From the best to the worst: money waits for a use that may be of several recordings if any of them has the first."""

_MAX_TERRITORIES_TEXT = 80
_MOST_REMEMBERED = 5_000
_UNCONDITIONAL = Conditions()
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class ShareOutcome:
    """The licence outcome of one share.

    Attributes
    ----------
    outcome : str
        Of `OUTCOMES`.
    licence_ids : tuple of str
        The licence that pays, or whose rule is broken; all that permit, where it is held; else empty.
    rule : str
        The deciding rule, as "LIC-1: max_consecutive_seconds 15: 21.3 s of R1 in a row"; "" where licensed.
    """

    outcome: str
    licence_ids: tuple[str, ...] = ()
    rule: str = ""


class Remembered(dict[K, V]):
    """Answers to repeated questions: the last 5 000 at most, however many uses there are."""

    def __setitem__(self, question: K, answer: V) -> None:
        """Remember an answer."""
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        super().__setitem__(question, answer)


_NO_LICENCE = ShareOutcome("no_licence")
_Seen = tuple[str, str, tuple[str, ...], str, str]
"""What the licences see of a use, but for its conditions: licensee, recording, works, day and purpose."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One licence, as it holds on the day, held against one use: the first rule that is broken, and its words.

    `place` is that of the rule in the order of the rules; `_KEPT` where all are kept.
    """

    licence: Licence
    rights: frozenset[str]
    has_recording: bool
    place: int
    words: str

    def covers(self, right: str, subject_id: str, party_id: str) -> bool:
        """Return whether the licence is about a share."""
        scope = self.licence.scope
        return (
            (right in self.rights if right else self.rights != {MASTER})
            and (self.has_recording or (right != MASTER and scope.covers_work(subject_id)))
            and scope.covers_party(party_id)
        )


_KEPT = 8
_CONDITION_PLACES = range(4, _KEPT)


class UseTerms:
    """The terms of a use in one territory.

    Attributes
    ----------
    shared : bool
        Whether all uses that the licences see alike have these very terms; else they are of one use.
    by_party : bool
        Whether outcomes depend on the party of a share, as a licence names parties.
    """

    def __init__(self, judged: tuple[_Judged, ...], *, shared: bool) -> None:
        self.shared = shared
        self._judged = judged
        self.by_party = any(one.licence.scope.parties for one in judged)
        self._known: dict[tuple[str, str, str], ShareOutcome] = {}

    @property
    def permitting(self) -> tuple[Licence, ...]:
        """The licences that permit the use, covering any part of it, as they hold on its day; by id."""
        return tuple(sorted((one.licence for one in self._judged if one.place == _KEPT), key=lambda one: one.id))

    def priced_rights(self, work_id: str) -> frozenset[str]:
        """Return the rights in a work that a licence which permits the use has on its rate card."""
        rights = {
            right
            for one in self._judged
            if one.place == _KEPT and (one.has_recording or one.licence.scope.covers_work(work_id))
            for right in one.rights
        }
        return frozenset(rights - {MASTER})

    def outcome(self, right: str, subject_id: str, party_ids: tuple[str, ...]) -> ShareOutcome:
        """Return the outcome of a share.

        One that several parties claim together is held if more than one licence permits it to any of them; else it has
        the best outcome of all of them.

        Parameters
        ----------
        right : str
            "" is any right in a work.
        subject_id : str
            Of the recording for the master, else of the work; "" where it is not known.
        party_ids : tuple of str
            Who owns or claims it; ("",) where nobody on file does.
        """
        if len(party_ids) == 1 or not self.by_party:
            return self._outcome_of(right, subject_id, party_ids[0] if self.by_party else "")
        each = [self._outcome_of(right, subject_id, party_id) for party_id in party_ids]
        permitted = [said for said in each if said.outcome in ("licensed", "held")]
        named = tuple(sorted({licence_id for said in permitted for licence_id in said.licence_ids}))
        if len(named) > 1:
            return ShareOutcome("held", named, _contested(named))
        return min(each, key=lambda said: OUTCOMES.index(said.outcome))

    def _outcome_of(self, right: str, subject_id: str, party_id: str) -> ShareOutcome:
        key = (right, subject_id, party_id)
        if key not in self._known:
            covering = [one for one in self._judged if one.covers(*key)]
            self._known[key] = _decided(covering) if covering else _NO_LICENCE
        return self._known[key]


def _decided(covering: list[_Judged]) -> ShareOutcome:
    """Return the outcome of a share that these licences cover; they come latest first."""
    permitting = [one.licence for one in covering if one.place == _KEPT]
    if not permitting:
        nearest = max(covering, key=lambda one: one.place)  # the first of equals
        return ShareOutcome("outside_licence", (nearest.licence.id,), f"{nearest.licence.id}: {nearest.words}")
    highest = max(_precedence(licence) for licence in permitting)
    named = tuple(sorted(licence.id for licence in permitting if _precedence(licence) == highest))
    return ShareOutcome("licensed", named) if len(named) == 1 else ShareOutcome("held", named, _contested(named))


def _precedence(licence: Licence) -> int:
    return -1 if licence.precedence is None else licence.precedence


def _contested(licence_ids: tuple[str, ...]) -> str:
    return f"{' and '.join(licence_ids)} permit it, and no precedence says which of them pays"


class LicenceTerms:
    """The licences of one reading of the rights, applied to uses.

    Repeated questions are answered from memory: uses of one recording that break no condition have the same terms
    from one change of the licences to the next.

    Parameters
    ----------
    rights : Rights
        With the licences of the licensees, and the recordings of the uses where those are known.
    """

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._own: dict[str, list[Licence]] = {}
        self._successors: dict[tuple[str, str], list[Licence]] = {}
        for licence in sorted(rights.licences.values(), key=lambda one: (-one.valid_from.toordinal(), one.id)):
            self._own.setdefault(licence.licensee, []).append(licence)
            if licence.replaces:
                self._successors.setdefault((licence.licensee, licence.replaces), []).append(licence)
        self._on_days: Remembered[_Seen, tuple[_Judged, ...]] = Remembered()
        self._alike: Remembered[tuple[object, ...], UseTerms] = Remembered()
        self._conditions: Remembered[tuple[str, str, str], tuple[int, str]] = Remembered()

    def of(self, use: Use, territory: str) -> UseTerms:
        """Return the terms of a use of which recording and works are certain, or nothing is known.

        Parameters
        ----------
        use : Use
            Its territories and its state play no part; where it has candidates, ask for each of `readings`.
        territory : str
            Country code or "Worldwide", which asks for a licence without excluded territories.

        Raises
        ------
        ParameterError
            If the territory is unknown, or the day of generation is no date.
        """
        works = self._rights.works_of(use.recording_id) if use.recording_id else use.work_ids
        seen = (use.licensee, use.recording_id, works, use.generated_on, use.purpose)
        judged = self._on_days.get(seen)
        if judged is None:
            judged = self._on_days[seen] = self._on_day(use, works)
        # Not the day: the terms are the same from one change of the licences to the next.
        alike = (use.recording_id, works, territory, *((id(one.licence), one.place, one.words) for one in judged))
        if (found := self._alike.get(alike)) is not None:
            return found
        validate_territory(territory)
        there = tuple(self._in_territory(one, use, territory) for one in judged)
        if any(one.place in _CONDITION_PLACES for one in there):
            return UseTerms(there, shared=False)  # their words say by how much this use breaks a condition
        kept = (*alike, *(one.place for one in there))
        terms = self._alike.get(kept) or UseTerms(there, shared=True)
        self._alike[kept] = terms
        if all(one.licence.conditions == _UNCONDITIONAL for one in judged):
            self._alike[alike] = terms
        return terms

    def in_force(self, licence: Licence, day: date, territory: str) -> bool:
        """Return whether a licence holds on a day in a territory, replaced by none."""
        terms = licence.on(day)
        return self._out_of_force(terms, day) is None and terms.territories.covers(territory)

    def readings(self, use: Use) -> tuple[Use, ...]:
        """Return a use as one of each recording that it may be of; itself where that is certain or nothing is known."""
        if not use.candidates:
            return (use,)
        return tuple(use.of(one, self._rights.works_of(one)) for one in use.candidates)

    def _on_day(self, use: Use, works: tuple[str, ...]) -> tuple[_Judged, ...]:
        """Return the licences in scope held against a use, before the territory is asked."""
        day = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
        recording = self._rights.recordings.get(use.recording_id) if use.recording_id else None
        judged = []
        for licence in self._own.get(use.licensee, ()):
            terms = licence.on(day)
            has_recording = terms.scope.covers_recording(use.recording_id, recording)
            if has_recording or any(map(terms.scope.covers_work, works)):
                place, words = self._out_of_force(terms, day) or _other_purpose(terms, use) or (_KEPT, "")
                rights = frozenset(right for right, _ in terms.rate_card.rights)
                judged.append(_Judged(terms, rights, has_recording, place, words))
        return tuple(judged)

    def _out_of_force(self, terms: Licence, day: date) -> tuple[int, str] | None:
        followers = [
            other
            for other in self._successors.get((terms.licensee, terms.id), ())
            if terms.valid_from <= other.valid_from <= day and other.id != terms.id
        ]
        if followers:
            first = min(followers, key=lambda other: (other.valid_from, other.id))
            return 0, f"replaced by {first.id} from {first.valid_from}, generated {day}"
        if day < terms.valid_from:
            return 1, f"in force from {terms.valid_from}, generated {day}"
        if terms.valid_to is not None and terms.valid_to < day:
            return 1, f"expired on {terms.valid_to}, generated {day}"
        return None

    def _in_territory(self, one: _Judged, use: Use, territory: str) -> _Judged:
        if one.place != _KEPT:
            return one
        licence = one.licence
        if not licence.territories.covers(territory):
            words = f"holds in {_shown(licence.territories)}, used in {territory}"
            return _Judged(licence, one.rights, one.has_recording, 3, words)
        if licence.conditions == _UNCONDITIONAL:
            return one
        key = (use.id, use.recording_id, licence.id)
        if key not in self._conditions:
            recording = self._rights.recordings.get(use.recording_id) if use.recording_id else None
            self._conditions[key] = _conditions(licence, use, recording)
        place, words = self._conditions[key]
        return _Judged(licence, one.rights, one.has_recording, place, words)


def longest_passage_ms(use: Use) -> int:
    """Return the length of the longest passage of a use in milliseconds; those within `JOINED_MS` are one passage."""
    longest = start = end = 0
    for number, passage in enumerate(use.passages):
        if number == 0 or passage.start_ms - end > JOINED_MS:
            start = passage.start_ms
        end = passage.end_ms
        longest = max(longest, end - start)
    return longest


def _other_purpose(terms: Licence, use: Use) -> tuple[int, str] | None:
    if use.purpose in terms.purposes:
        return None
    return 2, f"permits {', '.join(terms.purposes)}, made for {use.purpose}"


def _conditions(licence: Licence, use: Use, recording: RightsRecording | None) -> tuple[int, str]:
    """Return place and words of the first condition that a use breaks; `_KEPT` and "" if it breaks none."""
    conditions = licence.conditions
    name = use.recording_id or ", ".join(use.work_ids) or use.index_id
    passage = longest_passage_ms(use)
    if conditions.max_consecutive_ms is not None and passage > conditions.max_consecutive_ms:
        limit = seconds_text(1000 * conditions.max_consecutive_ms)
        return 4, f"max_consecutive_seconds {limit}: {seconds_text(1000 * passage)} s of {name} in a row"
    total = seconds_text(use.attributed_us)
    if conditions.max_total_ms is not None and use.attributed_us > conditions.max_total_ms * 1000:
        return 5, f"max_total_seconds {seconds_text(1000 * conditions.max_total_ms)}: {total} s of {name}"
    share = conditions.max_share_of_track_millionths
    if share is not None and use.attributed_us * WHOLE > share * use.track_ms * 1000:
        track = seconds_text(1000 * use.track_ms)
        return 6, f"max_share_of_track {format_percent(share)}: {total} s of {name} in a track of {track} s"
    # A use of the composition alone takes nothing from a recording, so no vocals either.
    if conditions.no_vocals and not (use.layer == "composition" and not use.recording_id):
        vocals = recording.vocals if recording is not None else ""
        if vocals == "yes":
            return 7, f"no_vocals: {name} has vocals"
        if vocals != "no":
            return 7, f"no_vocals: whether {name} has vocals is not known"
    return _KEPT, ""


def _shown(territories: Territories) -> str:
    """Return the territories as text, which may name most of the world, in bounded length."""
    text = str(territories)
    return text if len(text) <= _MAX_TERRITORIES_TEXT else f"{text[:_MAX_TERRITORIES_TEXT]}..."
