"""Sums of shares: the part of one right in one recording or work that is on file, by territory and day.

Input: all shares of one subject and one right. Territories divide into those that any share names and the rest of the
world; time divides at the days on which a share begins or ends. Territories with the same shares come out as one sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise

from sourceprint.royalties.rights.records import WHOLE, Share
from sourceprint.royalties.territories import COUNTRIES, WORLDWIDE, Territories
from sourceprint.text.tables import first_of

__all__ = ["REST_OF_THE_WORLD", "Sum", "sums_of_shares", "territories_text"]

REST_OF_THE_WORLD = "the rest of the world"

_ALWAYS = date.min.toordinal()
_FOREVER = date.max.toordinal() + 1
_MAX_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Sum:
    """Shares that hold together, in some territories on some days.

    Attributes
    ----------
    territories : tuple of str
        Sorted country codes, then `REST_OF_THE_WORLD` if it belongs to them; or "Worldwide" alone.
    valid_from, valid_to : date or None
        First and last day; None is open.
    shares : tuple of Share
        Shares that hold there and then, by id.
    """

    territories: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    shares: tuple[Share, ...]

    @property
    def on_file(self) -> int:
        """Millionths on file, with a known party or without."""
        return sum(share.millionths for share in self.shares)

    @property
    def unclaimed(self) -> int:
        """Millionths of the whole that no known party has; 0 where known parties have the whole or more."""
        return max(0, WHOLE - sum(share.millionths for share in self.shares if share.party_id))

    @property
    def over(self) -> int:
        """Millionths on file beyond the whole."""
        return max(0, self.on_file - WHOLE)

    def where_and_when(self) -> str:
        """Return territories and days as text, such as "in DE, FR from 2026-01-01 to 2026-06-30"."""
        return f"{territories_text(self.territories)}{_days_text(self.valid_from, self.valid_to)}"


def sums_of_shares(shares: Sequence[Share]) -> tuple[Sum, ...]:
    """Return the sums of the shares of one subject and one right.

    Parameters
    ----------
    shares : sequence of Share
        Of one subject and one right, in any order; shares with reversed dates hold on no day.

    Returns
    -------
    tuple of Sum
        By first day, then territories. Days before the first of all shares are left out. Later days and other
        territories come out even where no share holds, with a sum of no shares.

    Examples
    --------
    >>> half = Share("S1", "R1", "P1", "Master", 500_000, Territories(("DE",)))
    >>> whole = Share("S2", "R1", "P2", "Master", 1_000_000)
    >>> for one in sums_of_shares([half, whole]):
    ...     print(one.where_and_when(), one.on_file, one.over)
    in DE 1500000 500000
    in the rest of the world 1000000 0
    """
    ordered = sorted((share for share in shares if not share.is_reversed), key=lambda share: share.id)
    spans = [_span(share) for share in ordered]
    together: dict[tuple[int, int, tuple[int, ...]], list[str]] = {}
    if not ordered:
        return ()
    first = min(start for start, _ in spans)
    for names, covering in _regions(tuple(share.territories for share in ordered)):
        for stretch in _stretches(first, [(*spans[number], number) for number in covering]):
            together.setdefault(stretch, []).extend(names)
    sums = [
        Sum(
            territories=_sorted_names(names),
            valid_from=None if start == _ALWAYS else date.fromordinal(start),
            valid_to=None if end == _FOREVER else date.fromordinal(end - 1),
            shares=tuple(ordered[number] for number in numbers),
        )
        for (start, end, numbers), names in sorted(together.items())
    ]
    sums.sort(key=lambda one: (one.valid_from or date.min, one.territories))
    return tuple(sums)


def territories_text(territories: Sequence[str]) -> str:
    """Return territories as text, such as "worldwide", "in DE, FR", "in the rest of the world".

    Examples
    --------
    >>> territories_text(["Worldwide"]), territories_text(["DE", "FR"])
    ('worldwide', 'in DE, FR')
    """
    if list(territories) == [WORLDWIDE]:
        return "worldwide"
    return f"in {first_of(territories, _MAX_SHOWN)}"


@lru_cache(maxsize=4096)  # a catalogue has few combinations of territories, each of them slow to divide
def _regions(territories: tuple[Territories, ...]) -> tuple[tuple[tuple[str, ...], tuple[int, ...]], ...]:
    """Return names of territories that the same shares cover, with the positions of these shares."""
    named = {code for one in territories for code in (*one.included, *one.excluded) if code != WORLDWIDE}
    alike: dict[tuple[int, ...], list[str]] = {}
    for code in sorted(named):
        covering = tuple(number for number, one in enumerate(territories) if one.covers(code))
        alike.setdefault(covering, []).append(code)
    if named < COUNTRIES:
        rest = tuple(number for number, one in enumerate(territories) if WORLDWIDE in one.included)
        alike.setdefault(rest, []).append(REST_OF_THE_WORLD if named else WORLDWIDE)
    return tuple((tuple(names), covering) for covering, names in alike.items())


def _stretches(first: int, spans: list[tuple[int, int, int]]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return consecutive spans of days from `first` on, with the positions of the shares that hold in each."""
    edges = sorted({first, _FOREVER, *(day for start, end, _ in spans for day in (start, end))})
    stretches: list[tuple[int, int, tuple[int, ...]]] = []
    for start, end in pairwise(edges):
        holding = tuple(number for begin, stop, number in spans if begin <= start < stop)
        if stretches and stretches[-1][2] == holding:
            stretches[-1] = (stretches[-1][0], end, holding)
        else:
            stretches.append((start, end, holding))
    return stretches


def _span(share: Share) -> tuple[int, int]:
    """Return the first day and the day after the last, as ordinals."""
    start = _ALWAYS if share.valid_from is None else share.valid_from.toordinal()
    return start, _FOREVER if share.valid_to is None else share.valid_to.toordinal() + 1


def _sorted_names(names: list[str]) -> tuple[str, ...]:
    if WORLDWIDE in names:
        return (WORLDWIDE,)
    return tuple(sorted(names, key=lambda name: (name == REST_OF_THE_WORLD, name)))


def _days_text(valid_from: date | None, valid_to: date | None) -> str:
    if valid_from is None:
        return "" if valid_to is None else f" until {valid_to}"
    return f" from {valid_from} on" if valid_to is None else f" from {valid_from} to {valid_to}"
