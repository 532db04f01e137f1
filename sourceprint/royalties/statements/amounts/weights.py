"""What weighs how much within one generated track: uses as units, and their parts of the revenue of the track.

Parts within a track are whole billionths, shared out by largest remainder (rounded down for coverage), so that exact
amounts keep short denominators. Attributed time is in microseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.money import largest_remainder
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.uses.use import Use

__all__ = [
    "ALL",
    "BILLION",
    "MASTER_ONLY",
    "WORKS_ONLY",
    "RevenuePart",
    "Unit",
    "billionths",
    "parts_of",
    "rights_owed",
    "seconds",
    "units_of",
]

BILLION = 1_000_000_000

ALL, MASTER_ONLY, WORKS_ONLY = "all", "master", "works"
"""Which rights a use is owed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Uses that weigh as one in a track: one use, or one of the master and its twin of the composition."""

    uses: tuple[tuple[Use, str], ...]
    attributed_us: int


@dataclass(frozen=True, slots=True)
class RevenuePart:
    """A part of revenue: exactly, and in words."""

    size: Fraction
    basis: str


def units_of(uses: Iterable[Use]) -> tuple[Unit, ...]:
    """Return the uses of one track as they weigh, by id."""
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


def rights_owed(licence: Licence, owed: str) -> tuple[tuple[str, int], ...]:
    """Return the rights of a rate card that are owed."""
    return tuple(
        (right, millionths)
        for right, millionths in licence.rate_card.rights
        if millionths and (owed == ALL or (right == MASTER) == (owed == MASTER_ONLY))
    )


def parts_of(method: str, units: tuple[Unit, ...]) -> list[RevenuePart]:
    """Return the parts of a track's revenue that its units have; what they do not sum to is unmatched.

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
    whole_us = sum(unit.attributed_us for unit in units)
    if method == "equal":
        weights = dict.fromkeys(range(len(units)), 1)
        words = [f"1 of {len(units)} recordings"] * len(units)
    elif method == "coverage-weighted" and units and whole_us <= (track_us := 1000 * units[0].uses[0][0].track_ms):
        sizes = [unit.attributed_us * BILLION // track_us for unit in units]
        return [
            RevenuePart(Fraction(size, BILLION), f" x {billionths(size)} ({_covered(unit.attributed_us, track_us)})")
            for size, unit in zip(sizes, units, strict=True)
        ]
    else:
        weights = {at: unit.attributed_us for at, unit in enumerate(units)}
        words = [f"{seconds(unit.attributed_us)} s of {seconds(whole_us)} s attributed" for unit in units]
    if not any(weights.values()):
        return [RevenuePart(Fraction(0), " x 0 (no time attributed)")] * len(units)
    sizes = list(largest_remainder(BILLION, weights).values())
    return [
        RevenuePart(Fraction(size, BILLION), f" x {billionths(size)} ({word})")
        for size, word in zip(sizes, words, strict=True)
    ]


def _covered(part_us: int, whole_us: int) -> str:
    return f"{seconds(part_us)} s of {seconds(whole_us)} s of the track"


def billionths(size: int) -> str:
    """Return billionths as a decimal with nine decimals."""
    return f"{size // BILLION}.{size % BILLION:09d}"


def seconds(microseconds: int) -> str:
    """Return microseconds as seconds with at least three decimals."""
    whole, rest = divmod(microseconds, 1_000_000)
    decimals = f"{rest:06d}"
    return f"{whole}.{decimals[:3]}{decimals[3:].rstrip('0')}"
