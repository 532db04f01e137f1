"""Resolve overlaps: give each second of a generated track to one claim, split it, or leave it unresolved.

The inputs are the claims on one track (`sourceprint.royalties.uses.claims`) and the policy. The results are holdings,
one for each use to make, with its passages (ms) and its attributed time (us). The track is cut at every start and end
of a claim. Within such an interval the same claims compete throughout, and these rules apply in turn:

1. Claims on the recording outrank claims on the composition alone; these count where the policy fills with them.
2. Claims for the same recording (the same works, in the composition layer) are one.
3. Recordings with the same owners, works and licences are one claim, of the one with most evidence in the track, ties
   by id: the money is the same either way.
4. `decide_by` evidence: a claim with `evidence_factor` times fewer landmarks per second than the first is out; equals
   never beat each other. `decide_by` split or unresolved skip this.
5. Several are left: split, in equal parts (whole microseconds, by largest remainder, ties by id), or unresolved: one
   holding for all of them, without a recording. Where all of them perform the same single work, that work is certain:
   it gets a holding of the composition layer beside the unresolved one, with the same passages. The same time then
   counts once in each layer.

So in each layer attributed time never exceeds the union of the matched passages. A passage that wins nothing ends in a
withdrawn holding of no attributed time that names the winner.

The cuts are swept in order, O(n log n) for n claims, and as much again as claims lie over each other.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sourceprint.royalties.apportionment import largest_remainder
from sourceprint.royalties.uses.claims import Claim, Claimant, Owners
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.use import UsePassage

__all__ = ["Holding", "resolve_overlaps", "union_of_passages"]

_Key = tuple[str, ...]


@dataclass(slots=True)
class Holding:
    """The content of one use to make.

    Attributes
    ----------
    layer : str
    claimant : Claimant
        Its recording or works; of an unresolved overlap, all recordings that may be meant, and `rule` as its problem.
    state : str
        "unresolved" where the recording or work of its time is not known, such as after a tie; "withdrawn" where no
        claim of it won any time; else "".
    rule : str
        Why it is in this state, in words; "" where `state` is.
    notes : set of str
        Further remarks that a reader of the result must know.
    claims : list of Claim
        That it rests on, each once, by rank.
    passages : list of UsePassage
        By start.
    attributed_us : int
        Microseconds that it won; 0 where it is withdrawn.
    """

    layer: str
    claimant: Claimant
    state: str = ""
    rule: str = ""
    notes: set[str] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    passages: list[UsePassage] = field(default_factory=list)
    attributed_us: int = 0


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Winning claims of an interval, one unless it is contested, and the names of all who claimed it."""

    layer: str
    winners: tuple[Claim, ...]
    contenders: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Interval:
    """Where the same claims compete throughout: those of the winning layer, by rank, and who has it."""

    start_ms: int
    end_ms: int
    claims: list[Claim]
    verdict: _Verdict

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


def resolve_overlaps(claims: Iterable[Claim], policy: Policy, owners: Owners) -> list[Holding]:
    """Return the holdings of one track.

    Parameters
    ----------
    claims : iterable of Claim
        In any order: the result does not depend on it, but for the numbers of passages.
    owners : Owners
        Of the rights that the claims were made with.

    Returns
    -------
    list of Holding
        By layer, recordings first; in each those with a claimant, those without one, and the withdrawn ones.
    """
    ranked = sorted(claims, key=lambda claim: claim.rank)
    court = _Court(policy, owners, ranked)
    book = _Book(policy, ranked)
    for start, end, active in _intervals(ranked):
        book.enter(start, end, active, court.judge(active))
    return book.close()


def _intervals(ranked: Sequence[Claim]) -> Iterator[tuple[int, int, list[Claim]]]:
    """Yield start and end of each interval that is claimed, and its claims by rank."""
    events = sorted(
        [(claim.start_ms, 1, n) for n, claim in enumerate(ranked)]
        + [(claim.end_ms, 0, n) for n, claim in enumerate(ranked)]
    )
    active: set[int] = set()
    reached = 0
    for time, opens, n in events:
        if active and time > reached:
            yield reached, time, [ranked[m] for m in sorted(active)]
        reached = time
        if opens:
            active.add(n)
        else:
            active.discard(n)


class _Court:
    """Decides who has an interval, from the claims on it."""

    def __init__(self, policy: Policy, owners: Owners, ranked: Sequence[Claim]) -> None:
        self._policy = policy
        self._owners = owners
        self._place: dict[tuple[str, str], int] = {}  # of each claimant, by its best claim in the whole track
        for place, claim in enumerate(ranked):
            self._place.setdefault((claim.layer, claim.claimant.key), place)

    def judge(self, active: Sequence[Claim]) -> _Verdict | None:
        """Return the verdict; None where only compositions claim and the policy ignores those."""
        pool = [claim for claim in active if claim.layer == "recording"]
        if not pool and self._policy.overlap.composition == "fill":
            pool = list(active)
        if not pool:
            return None
        best: dict[str, Claim] = {}
        for claim in pool:  # by rank, so the first of each claimant is its best
            best.setdefault(claim.claimant.key, claim)
        names = tuple(sorted({claim.claimant.name for claim in pool}))
        left, notes = self._one_per_owner(list(best.values()))
        if self._policy.overlap.decide_by == "evidence" and len(left) > 1:
            first, factor = left[0][0], Fraction(self._policy.overlap.evidence_factor)
            beaten = [claim for evidence, claim in left if evidence < first and evidence * factor <= first]
            left = [(evidence, claim) for evidence, claim in left if claim not in beaten]
            if beaten:
                notes.append(f"overlap.decide_by evidence: before {_names(beaten)}")
        winners = tuple(claim for _, claim in left)
        return _Verdict(pool[0].layer, winners, names if len(names) > 1 else (), tuple(notes))

    def _one_per_owner(self, claims: list[Claim]) -> tuple[list[tuple[Fraction, Claim]], list[str]]:
        """Return one claim for recordings of the same owners, with their best evidence here, and notes on others."""
        if len(claims) == 1 or claims[0].layer == "composition":
            return [(claim.evidence, claim) for claim in claims], []
        groups: dict[Hashable, list[Claim]] = {}
        for claim in claims:
            owners = None if claim.claimant.problem else self._owners.key(claim.claimant.recording_ids[0])
            groups.setdefault(claim.claimant.key if owners is None else owners, []).append(claim)
        left: list[tuple[Fraction, Claim]] = []
        notes: list[str] = []
        for group in groups.values():  # in order of the best evidence of each
            chosen = min(group, key=lambda claim: self._place[claim.layer, claim.claimant.key])
            left.append((group[0].evidence, chosen))
            if len(group) > 1:
                notes.append(f"overlap: same owners as {_names(claim for claim in group if claim is not chosen)}")
        return left, notes


class _Book:
    """Adds up the time of each claimant, interval by interval."""

    def __init__(self, policy: Policy, ranked: Sequence[Claim]) -> None:
        by_evidence = policy.overlap.decide_by == "evidence"
        self._outcome = policy.overlap.otherwise if by_evidence else policy.overlap.decide_by
        self._rule = f"overlap.{'otherwise' if by_evidence else 'decide_by'} {self._outcome}"
        self._ranked = ranked
        self._holdings: dict[_Key, Holding] = {}
        self._rests_on: set[tuple[int, int]] = set()  # holding, claim; by identity, both live as long as this
        self._split_ms: dict[tuple[_Key, ...], int] = {}
        self._lost: dict[int, str] = {}  # passage -> why, of the first interval that it lost

    def enter(self, start: int, end: int, active: Sequence[Claim], verdict: _Verdict | None) -> None:
        """Enter one interval."""
        if verdict is None:
            for claim in active:
                self._lost.setdefault(claim.number, "overlap.composition ignore")
            return
        layer, winners = verdict.layer, verdict.winners
        interval = _Interval(start, end, [claim for claim in active if claim.layer == layer], verdict)
        if len(winners) == 1:
            self._enter_one(winners[0].claimant, interval)
        elif self._outcome == "split":
            ordered = sorted(winners, key=lambda claim: claim.claimant.key)
            for winner in ordered:
                holding = self._holding(_key(layer, winner.claimant), layer, winner.claimant, winner.claimant.problem)
                holding.notes.add(f"{self._rule}: {_names(winners)}")
                self._add(holding, interval, {winner.claimant.key})
            keys = tuple(_key(layer, winner.claimant) for winner in ordered)
            self._split_ms[keys] = self._split_ms.get(keys, 0) + end - start
        else:
            names = tuple(sorted({n for w in winners for n in w.claimant.recording_ids or (w.claimant.name,)}))
            works = {winner.claimant.work_ids for winner in winners}
            nobody = Claimant("", winners[0].claimant.name, names, works.pop() if len(works) == 1 else ())
            self._enter_nobody(nobody, f"{self._rule}: {_names(winners)}", interval)
        held = {winner.claimant.key for winner in winners}
        for claim in active:
            if claim.layer != layer:
                self._lost.setdefault(claim.number, f"overlap: {_names(winners)} found as recording")
            elif claim.claimant.key not in held:
                self._lost.setdefault(claim.number, f"overlap: ranks behind {_names(winners)}")

    def close(self) -> list[Holding]:
        """Share out split time, give claims that won nothing a holding of their own, and return all in order."""
        for keys, milliseconds in self._split_ms.items():
            for key, microseconds in largest_remainder(1000 * milliseconds, dict.fromkeys(keys, 1)).items():
                self._holdings[key].attributed_us += microseconds
        winning = {claim.number for holding in self._holdings.values() for claim in holding.claims}
        for claim in self._ranked:
            if claim.number not in winning and not claim.also:
                key = ("withdrawn", *_key(claim.layer, claim.claimant))
                holding = self._holding(key, claim.layer, claim.claimant, self._lost[claim.number], "withdrawn")
                holding.claims.append(claim)
        for holding in self._holdings.values():
            if len(holding.claims) > 1:
                holding.claims.sort(key=lambda claim: claim.rank)
            if holding.state == "withdrawn":
                holding.passages = union_of_passages(holding.claims)
        ordered = sorted(self._holdings, key=lambda key: (self._holdings[key].layer != "recording", key))
        return [self._holdings[key] for key in ordered]

    def _enter_one(self, claimant: Claimant, interval: _Interval) -> None:
        layer = interval.verdict.layer
        if claimant.problem:
            self._enter_nobody(claimant, claimant.problem, interval)
            return
        holding = self._holding(_key(layer, claimant), layer, claimant)
        self._add(holding, interval, {claimant.key})
        holding.attributed_us += 1000 * interval.length_ms

    def _enter_nobody(self, nobody: Claimant, rule: str, interval: _Interval) -> None:
        """Enter an interval of which the recording, or the work, is not known."""
        layer = interval.verdict.layer
        names = nobody.recording_ids or (nobody.name,)
        winners = {winner.claimant.key for winner in interval.verdict.winners}
        without_works = replace(nobody, work_ids=(), problem=rule)
        held = [self._holding(("unresolved", layer, *names), layer, without_works, rule)]
        if layer == "recording" and len(nobody.work_ids) == 1:
            claimant = Claimant("\t".join(nobody.work_ids), names[0], names, nobody.work_ids)
            beside = self._holding(("beside", *nobody.work_ids, *names), "composition", claimant)
            beside.notes.add(
                f"overlap: {', '.join(names)} all perform {nobody.work_ids[0]}, the recording is unresolved"
            )
            held.append(beside)
        for holding in held:
            self._add(holding, interval, winners)
            holding.attributed_us += 1000 * interval.length_ms

    def _holding(self, key: _Key, layer: str, claimant: Claimant, rule: str = "", state: str = "unresolved") -> Holding:
        if key not in self._holdings:
            self._holdings[key] = Holding(layer, claimant, state if rule else "", rule)
        return self._holdings[key]

    def _add(self, holding: Holding, interval: _Interval, keys: set[str]) -> None:
        """Add an interval to the passages of a holding, and the claims of these claimants to its own."""
        mine = [claim for claim in interval.claims if claim.claimant.key in keys]
        for claim in mine:
            if (id(holding), id(claim)) not in self._rests_on:
                self._rests_on.add((id(holding), id(claim)))
                holding.claims.append(claim)
                if claim.note:
                    holding.notes.add(claim.note)
        holding.notes.update(interval.verdict.notes)
        _extend(holding.passages, interval.start_ms, interval.end_ms, mine[0], interval.verdict.contenders)


def union_of_passages(claims: Iterable[Claim]) -> list[UsePassage]:
    """Return the union of the claimed time, each moment on the line of the claim that starts first."""
    passages: list[UsePassage] = []
    reached = 0
    for claim in sorted(claims, key=lambda claim: (claim.start_ms, claim.rank)):
        if claim.end_ms > reached:
            _extend(passages, max(reached, claim.start_ms), claim.end_ms, claim, ())
            reached = claim.end_ms
    return passages


def _extend(passages: list[UsePassage], start: int, end: int, claim: Claim, contenders: tuple[str, ...]) -> None:
    """Add a passage, to the last one where it goes on there."""
    recording_start, recording_end = claim.recording_ms(start), claim.recording_ms(end)
    last = passages[-1] if passages else None
    if last is not None and (last.end_ms, last.contenders, last.number) == (start, contenders, claim.number):
        passages.pop()
        start, recording_start = last.start_ms, last.recording_start_ms
    passages.append(UsePassage(start, end, recording_start, recording_end, contenders, claim.number))


def _key(layer: str, claimant: Claimant) -> _Key:
    return (layer, claimant.key)


def _names(claims: Iterable[Claim]) -> str:
    return ", ".join(sorted({claim.claimant.name for claim in claims}))
