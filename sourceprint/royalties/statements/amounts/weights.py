"""Weights of uses: uses as units, and their parts of the revenue that they were earned with.

The royalty on a pot of revenue is shared out by weight, in whole 10**-12 minor units that sum to it exactly.
Attributed time is in microseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import Amount, shares_of
from sourceprint.royalties.rights.records import MASTER, WHOLE
from sourceprint.royalties.statements.amounts.reported_usage import Pot
from sourceprint.royalties.uses.use import Use

__all__ = [
    "ALL",
    "MASTER_ONLY",
    "WORKS_ONLY",
    "RevenuePart",
    "SharedPot",
    "Unit",
    "is_owed",
    "seconds",
    "units_of",
    "weights_of",
]

ALL, MASTER_ONLY, WORKS_ONLY = "all", "master", "works"
"""Which rights a use is owed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Uses that weigh as one in a track: one use, or one of the master and its twin of the composition."""

    uses: tuple[tuple[Use, str], ...]
    attributed_us: int


class SharedPot:
    """The royalties on a pot of revenue, shared out by weight among the uses that it was earned with.

    Parameters
    ----------
    pot : Pot
    weights : sequence of int
        At least one is positive.
    currency : str
        Of the pot.
    """

    def __init__(self, pot: Pot, weights: Sequence[int], currency: str) -> None:
        self.basis = pot.basis
        self._revenue = pot.revenue
        self._weights = dict(enumerate(weights))
        self._currency = currency
        self._owed: dict[int, dict[int, Amount]] = {}

    def owed(self, at: int, royalty_millionths: int) -> Amount:
        """Return the royalty of one weight at a royalty rate; all of them sum to the royalty on the pot."""
        if royalty_millionths not in self._owed:
            royalty = self._revenue * royalty_millionths / WHOLE
            self._owed[royalty_millionths] = shares_of(royalty, self._currency, self._weights)
        return self._owed[royalty_millionths][at]


@dataclass(frozen=True, slots=True)
class RevenuePart:
    """One part of a shared pot: its place among the weights, and its part in words."""

    pot: SharedPot
    at: int
    basis: str = ""


def units_of(uses: Iterable[Use]) -> tuple[Unit, ...]:
    """Return the uses of one track as they weigh: those of recordings, then those of works alone, each by id."""
    ordered = sorted(uses, key=lambda use: use.id)
    twins: dict[tuple[tuple[int, int], ...], Use] = {}
    for use in ordered:
        if use.layer == "composition":
            twins.setdefault(_passages(use), use)
    units: list[Unit] = []
    paired: set[str] = set()
    for use in ordered:
        if use.layer == "composition":
            continue
        left_open = not use.recording_id or use.state == "resolved"  # a person named the recording since
        twin = twins.pop(_passages(use), None) if left_open else None
        if twin is None:
            units.append(Unit(((use, ALL),), use.attributed_us))
        else:
            paired.add(twin.id)
            units.append(Unit(((use, MASTER_ONLY), (twin, WORKS_ONLY)), use.attributed_us))
    units += [
        Unit(((use, WORKS_ONLY),), use.attributed_us)
        for use in ordered
        if use.layer == "composition" and use.id not in paired
    ]
    return tuple(units)


def _passages(use: Use) -> tuple[tuple[int, int], ...]:
    return tuple((passage.start_ms, passage.end_ms) for passage in use.passages)


def is_owed(right: str, owed: str) -> bool:
    """Return whether a right is among those that a use is owed; "" is any right in a work."""
    return owed == ALL or (right == MASTER) == (owed == MASTER_ONLY)


def weights_of(method: str, units: tuple[Unit, ...]) -> list[tuple[int, str]]:
    """Return the weights of a track's units, then that of revenue without a unit; each with its part in words.

    Raises
    ------
    StatementError
        If coverage is asked for and the length of the track is not known.
    """
    if method == "coverage-weighted" and units and not units[0].uses[0][0].track_ms:
        raise StatementError(
            f"track {printable(units[0].uses[0][0].track_name)!r:.80}: its length is not known, which "
            "coverage-weighted divides by; scan it again, or state with another policy"
        )
    if method == "equal" and units:
        return [*((1, f" x 1 of {len(units)} recordings") for _ in units), (0, "")]
    attributed = sum(unit.attributed_us for unit in units)
    if not attributed:
        return [*((0, " x 0 (no time attributed)") for _ in units), (1, "")]
    track_us = 1000 * units[0].uses[0][0].track_ms if method == "coverage-weighted" else 0
    whole = max(attributed, track_us)  # passages that overlap may come to more than the track
    of = f"{seconds(whole)} s {'of the track' if whole > attributed else 'attributed'}"
    times = [*(unit.attributed_us for unit in units), whole - attributed]
    return [(time, f" x {seconds(time)} of {of}") for time in times]


def seconds(microseconds: int) -> str:
    """Return microseconds as seconds with at least three decimals."""
    return decimal_text(microseconds, 6, least=3)
