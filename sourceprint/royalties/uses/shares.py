"""The shares that a use touches: their owners in its territory on its day, and their licence outcomes.

The inputs are a use and the rights. The results are *judged shares*. The master divides by the shares of the recording;
each right in the works first by the works' parts of the recording, then by the shares in that right of each work.
Shares above 100 % hold the whole of it (`overclaim`), as a work in dispute does (`held`); the part missing to 100 %,
and shares that name no party, are `unclaimed`. A right in a work counts where a share of it is on file or a licence
that permits the use has it on its rate card; where that is none, the work is one share without a right.

The parts of each right of a recording or work sum to the whole of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from sourceprint.royalties.apportionment import largest_remainder
from sourceprint.royalties.deals.standing import opted_out, term_ended
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.records import MASTER, WHOLE
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.uses.terms import OUTCOMES, LicenceTerms, Remembered, ShareOutcome, UseTerms
from sourceprint.royalties.uses.use import Use

__all__ = ["JudgedShare", "RightOutcome", "UseShares", "judge_uses"]

_Subject = tuple[str, str]
"""Kind and id of what a share is in: a recording or a work."""

_Parts = tuple[tuple[str, int], ...]
"""Licences of the same shares, each with the part of its amount that it pays for them."""


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """One share that a use touches, with its licence outcome.

    Attributes
    ----------
    right : str
        "" is all rights in a work of which no share and no price is on file.
    recording_id, work_id : str
        The recording that is used, and the work where the right is in one; "" where not known.
    work_millionths : int
        The work's part of the recording.
    kind : str
        "payable"; "unclaimed" where no party is on file, "overclaim" where shares sum to more than the whole, "held"
        where the work is in dispute.
    party_id, share_id : str
        "" where there is none, or not one alone.
    millionths : int
        Of the right in the recording or work.
    reason : str
        Why it is not payable, or "".
    outcome : ShareOutcome
    """

    right: str
    recording_id: str
    work_id: str
    work_millionths: int
    kind: str
    party_id: str
    share_id: str
    millionths: int
    reason: str
    outcome: ShareOutcome


@dataclass(frozen=True, slots=True)
class RightOutcome:
    """The licence outcome of a use in one territory, for shares of one right.

    The right "" is all rights in a work of which no share and no price is on file.
    """

    territory: str
    right: str
    outcome: ShareOutcome


@dataclass(frozen=True, slots=True)
class _Holder:
    kind: str
    millionths: int
    party_id: str = ""
    share_id: str = ""
    reason: str = ""
    claimants: tuple[str, ...] = ("",)


_NOBODY = _Holder("unclaimed", WHOLE)


class UseShares:
    """The shares that uses touch, at one reading of the rights.

    Parameters
    ----------
    rights : Rights
        With the recordings, works and shares of the uses, and the licences of the licensee.
    """

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._holders: Remembered[tuple[str, str, str, date], tuple[_Holder, ...]] = Remembered()
        self._rights_on_file: Remembered[tuple[str, str, date], frozenset[str]] = Remembered()
        self._judged: Remembered[tuple[object, ...], tuple[JudgedShare, ...]] = Remembered()
        self._known_outcomes: Remembered[tuple[object, ...], tuple[tuple[str, tuple[ShareOutcome, ...]], ...]] = (
            Remembered()
        )
        self._known_parts: Remembered[tuple[object, ...], tuple[_Parts, ...]] = Remembered()
        self._known_bars: Remembered[tuple[object, ...], tuple[tuple[_Subject, ShareOutcome], ...]] = Remembered()
        self.terms = LicenceTerms(rights)

    def of(self, use: Use, territory: str, day: date) -> tuple[JudgedShare, ...]:
        """Return the shares of a use in a territory, the master's first, as they are owned on a day.

        Parameters
        ----------
        use : Use
            Without candidates: ask for each of `LicenceTerms.readings`.
        """
        terms = self.terms.of(use, territory)
        bars = self._bars(use, territory, day)
        if not terms.shared:
            return tuple(self._judge(use, terms, territory, day, dict(bars)))
        key = (terms, use.layer, day, *bars)
        if key not in self._judged:
            self._judged[key] = tuple(self._judge(use, terms, territory, day, dict(bars)))
        return self._judged[key]

    def outcomes(self, use: Use) -> Iterator[RightOutcome]:
        """Yield the licence outcomes of a use in each of its territories, by right, each outcome once, best first.

        The shares are those of the day of generation. Of a use that may be of several recordings, each right has the
        outcomes of one of them: the first whose best outcome is the best of all.
        """
        day = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
        readings = self.terms.readings(use)
        for territory in use.territories:
            best: dict[str, tuple[ShareOutcome, ...]] = {}
            for reading in readings:
                for right, outcomes in self._outcomes_of(reading, territory, day):
                    if right not in best or _rank(outcomes[0]) < _rank(best[right][0]):
                        best[right] = outcomes
            for right, outcomes in best.items():
                yield from (RightOutcome(territory, right, outcome) for outcome in outcomes)

    def licensed_parts(self, use: Use, territory: str, day: date) -> tuple[_Parts, ...]:
        """Return the parts of an amount that licences pay for, in 10**-18 of it; the shares are not built.

        Each item is for shares that the same licences permit: one, or all between which they are held; each with the
        part that it pays, the product of its rate card's part for a right, the work's part and the share.

        Parameters
        ----------
        use : Use
            Without candidates, as in `of`.
        """
        terms = self.terms.of(use, territory)
        bars = self._bars(use, territory, day)
        key = (terms, use.layer, day, *bars)
        if (known := self._known_parts.get(key)) is not None:
            return known
        barred = dict(bars)
        made_on = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
        found: dict[tuple[str, ...], dict[str, int]] = {}
        for right, work_id, work_millionths in self._parts(use, terms, territory, day):
            # Owners are looked up only where licences tell them apart.
            holders = self._of(use, right, work_id, territory, day) if terms.by_party else (_NOBODY,)
            for holder in holders:
                outcome = _outcome(terms, barred, right, use.recording_id, work_id, holder)
                if outcome.outcome not in ("licensed", "held"):
                    continue
                parts = found.setdefault(outcome.licence_ids, {})
                for licence_id in outcome.licence_ids:
                    rights = dict(self._rights.licences[licence_id].on(made_on).rate_card.rights)
                    part = rights.get(right, 0) * work_millionths * holder.millionths
                    parts[licence_id] = parts.get(licence_id, 0) + part
        listed = tuple(tuple(parts.items()) for parts in found.values())
        if terms.shared:
            self._known_parts[key] = listed
        return listed

    def _outcomes_of(self, use: Use, territory: str, day: date) -> tuple[tuple[str, tuple[ShareOutcome, ...]], ...]:
        """Return the outcomes of the shares of a use by their right, the best first; the shares are not built."""
        terms = self.terms.of(use, territory)
        bars = self._bars(use, territory, day)
        key = (terms, use.layer, day, *bars)
        if (known := self._known_outcomes.get(key)) is not None:
            return known
        by_right: dict[str, set[ShareOutcome]] = {}
        barred = dict(bars)
        for right, work_id, _ in self._parts(use, terms, territory, day):
            # Owners are looked up only where licences tell them apart.
            holders = self._of(use, right, work_id, territory, day) if terms.by_party else (_NOBODY,)
            for holder in holders:
                outcome = _outcome(terms, barred, right, use.recording_id, work_id, holder)
                by_right.setdefault(right, set()).add(outcome)
        found = tuple((right, tuple(sorted(outcomes, key=_rank))) for right, outcomes in by_right.items())
        if terms.shared:
            self._known_outcomes[key] = found
        return found

    def _judge(
        self, use: Use, terms: UseTerms, territory: str, day: date, bars: Mapping[_Subject, ShareOutcome]
    ) -> Iterator[JudgedShare]:
        for right, work_id, work_millionths in self._parts(use, terms, territory, day):
            for holder in self._of(use, right, work_id, territory, day):
                yield JudgedShare(
                    right=right,
                    recording_id=use.recording_id,
                    work_id=work_id,
                    work_millionths=work_millionths,
                    kind=holder.kind,
                    party_id=holder.party_id,
                    share_id=holder.share_id,
                    millionths=holder.millionths,
                    reason=holder.reason,
                    outcome=_outcome(terms, bars, right, use.recording_id, work_id, holder),
                )

    def _bars(self, use: Use, territory: str, day: date) -> tuple[tuple[_Subject, ShareOutcome], ...]:
        """Return the recordings and works of a use that are opted out, or past their term."""
        key = (use.recording_id, use.work_ids, use.purpose, use.generated_on, territory, day)
        if key not in self._known_bars:
            made_on = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
            found: list[tuple[_Subject, ShareOutcome]] = []
            if use.recording_id:
                if out := opted_out(self._rights, use.recording_id, "", use.purpose, territory, made_on):
                    found.append((("recording", use.recording_id), ShareOutcome("opted_out", (), out)))
                elif ended := term_ended(self._rights, use.recording_id, territory, day):
                    found.append((("recording", use.recording_id), ShareOutcome("term_ended", (), ended)))
            for work_id, _ in self._works(use):
                if out := opted_out(self._rights, "", work_id, use.purpose, territory, made_on):
                    found.append((("work", work_id), ShareOutcome("opted_out", (), out)))
            self._known_bars[key] = tuple(found)
        return self._known_bars[key]

    def _parts(self, use: Use, terms: UseTerms, territory: str, day: date) -> Iterator[tuple[str, str, int]]:
        """Yield each right that a use touches, the work that it is in, and the work's part of the recording.

        The master comes first, with "" as its work. "" is the right in a work of which no right is known.
        """
        if use.layer == "recording":
            yield MASTER, "", WHOLE
        for work_id, weight in self._works(use):
            rights = terms.priced_rights(work_id) | self._on_file(work_id, territory, day)
            for right in sorted(rights) or [""]:
                yield right, work_id, weight

    def _works(self, use: Use) -> list[tuple[str, int]]:
        """Return the works of a use with their parts, which sum to the whole; one without an id where none is known."""
        if use.recording_id:
            weights = dict(self._rights.work_weights.get(use.recording_id, {}))
        else:
            weights = largest_remainder(WHOLE, dict.fromkeys(use.work_ids, 1)) if use.work_ids else {}
        return sorted(weights.items()) or [("", WHOLE)]

    def _on_file(self, work_id: str, territory: str, day: date) -> frozenset[str]:
        key = (work_id, territory, day)
        if key not in self._rights_on_file:
            shares = self._rights.work_shares.get(work_id, ())
            self._rights_on_file[key] = frozenset(share.right for share in shares if share.holds(territory, day))
        return self._rights_on_file[key]

    def _of(self, use: Use, right: str, work_id: str, territory: str, day: date) -> tuple[_Holder, ...]:
        """Return the holders of a right in the recording or a work, there and then; their parts sum to the whole."""
        subject_id = use.recording_id if right == MASTER else work_id
        known = (subject_id, right, territory, day)
        if known not in self._holders:
            self._holders[known] = self._held(*known)
        return self._holders[known]

    def _held(self, subject_id: str, right: str, territory: str, day: date) -> tuple[_Holder, ...]:
        if not subject_id:
            what = "recording" if right == MASTER else "work"
            return (_Holder("unclaimed", WHOLE, reason=f"no {what} on file"),)
        if not right:
            return (_Holder("unclaimed", WHOLE, reason=f"no shares of {subject_id} on file"),)
        table = self._rights.master_shares if right == MASTER else self._rights.work_shares
        shares = [s for s in table.get(subject_id, ()) if s.right == right and s.holds(territory, day)]
        total = sum(share.millionths for share in shares)
        claimants = tuple(sorted({share.party_id for share in shares})) or ("",)
        work = None if right == MASTER else self._rights.works.get(subject_id)
        if work is not None and work.disputed == "yes":
            return (_Holder("held", WHOLE, reason=f"work {subject_id} is in dispute", claimants=claimants),)
        if total > WHOLE:
            claims = ", ".join(f"{share.party_id or 'unknown'} {format_percent(share.millionths)}" for share in shares)
            reason = f"shares of {subject_id} sum to {format_percent(total)}: {claims}"
            return (_Holder("overclaim", WHOLE, reason=reason, claimants=claimants),)
        holders = [
            _Holder("payable", share.millionths, share.party_id, share.id, claimants=(share.party_id,))
            if share.party_id
            else _Holder(
                "unclaimed",
                share.millionths,
                share_id=share.id,
                reason=f"share {share.id} of {subject_id} names no party",
            )
            for share in shares
        ]
        if total < WHOLE:
            on_file = f"shares of {subject_id} sum to {format_percent(total)}"
            reason = on_file if shares else f"no shares of {subject_id} on file"
            holders.append(_Holder("unclaimed", WHOLE - total, reason=reason))
        return tuple(holders)


def judge_uses(connection: Connection, uses: Iterable[Use]) -> dict[str, tuple[RightOutcome, ...]]:
    """Return the licence outcomes of uses, by id of the use, in the order of `UseShares.outcomes`.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    uses : iterable of Use
        All of one licensee.
    """
    found = list(uses)
    recordings = {one for use in found for one in (use.recording_id, *use.candidates)}
    works = {work_id for use in found for work_id in use.work_ids}
    licensees = {use.licensee for use in found}
    rights = load_rights(
        connection, recording_ids=recordings, work_ids=works, licensee="".join(licensees), owners=False
    )
    shares = UseShares(rights)
    return {use.id: tuple(shares.outcomes(use)) for use in found}


def _outcome(
    terms: UseTerms,
    bars: Mapping[_Subject, ShareOutcome],
    right: str,
    recording_id: str,
    work_id: str,
    holder: _Holder,
) -> ShareOutcome:
    """Return the outcome of a share; of a recording or work that no licence can permit, that."""
    kind, subject_id = ("recording", recording_id) if right == MASTER else ("work", work_id)
    return bars.get((kind, subject_id)) or terms.outcome(right, subject_id, holder.claimants)


def _rank(outcome: ShareOutcome) -> tuple[int, tuple[str, ...], str]:
    return OUTCOMES.index(outcome.outcome), outcome.licence_ids, outcome.rule
