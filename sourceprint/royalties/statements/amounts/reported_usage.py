"""Reported usage and revenue by territory and generated track, as inputs of a policy's methods.

The inputs are the rows of usage as reported, and the uses. The results are, for each territory, its tracks with their
usages, and revenue in minor units of the statement's currency, exact. The rules:

- A track that no row names counts in the territories that the file has rows for as a whole, else in those of its uses,
  with one usage. A track that rows name counts in the territories of those rows only.
- Revenue of a territory as a whole is the revenue earned there besides the rows that state revenue of a track. It
  belongs to the tracks that state none, in proportion to their usages.
- A track, or usage reported of territories as a whole, has rows for countries or for Worldwide, never for both, and
  each track has one name.

So every reported amount is counted exactly once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.money import amount_text
from sourceprint.royalties.statements.amounts.exchange import Converter
from sourceprint.royalties.territories import WORLDWIDE
from sourceprint.royalties.uses.usage import NOT_SCANNED, Usage, UsageRow
from sourceprint.royalties.uses.use import Use

__all__ = ["Pot", "ReportedUsage", "Track"]


TrackDay = tuple[str, str]
"""Key of a track, and the day of usages or ""."""


@dataclass(frozen=True, slots=True)
class Pot:
    """Revenue in minor units of the statement's currency, exact, and in words where it came from."""

    revenue: Fraction
    basis: str


@dataclass(frozen=True, slots=True)
class Track:
    """One generated track in one territory, on one day where usages are reported by day.

    Attributes
    ----------
    key : str
        Its SHA-256 where that is known, else its name or id in the usage file.
    name : str
        For people.
    generated_on : str
        YYYY-MM-DD, or "" where not known.
    usages : int
    rows : tuple of UsageRow
        Its reported rows in the territory; empty where there are none.
    used_on : str
        YYYY-MM-DD, the day of these usages; "" where they are reported for the period as a whole.
    is_first : bool
        Whether no earlier usages of it are reported in the territory.
    """

    key: str
    name: str
    generated_on: str
    usages: int
    rows: tuple[UsageRow, ...]
    used_on: str = ""
    is_first: bool = True

    @property
    def is_scanned(self) -> bool:
        """Whether the track was scanned, as far as anybody looked: its uses are known then."""
        return all(row.matched_by != NOT_SCANNED for row in self.rows)

    @property
    def states_revenue(self) -> bool:
        """Whether revenue of its own is reported."""
        return any(row.revenue is not None for row in self.rows)


class ReportedUsage:
    """The reported usage, joined with the uses of the same tracks.

    Parameters
    ----------
    usage : Usage
    uses : iterable of Use
        Of all tracks that the statement considers.

    Raises
    ------
    StatementError
        If a row names two different tracks, two names are of one track, or a Worldwide row is beside a country's.
    """

    def __init__(self, usage: Usage, uses: Iterable[Use]) -> None:
        named: dict[str, tuple[str, str, str]] = {}  # by name in the file: sha256, name, generated_on
        unnamed: dict[str, tuple[str, str, set[str]]] = {}  # by sha256: name, generated_on, territories
        for use in uses:
            key = usage.key_of(use.track_sha256, use.track_name)
            if (
                key
                and named.setdefault(key, (use.track_sha256, use.track_name, use.generated_on))[0] != use.track_sha256
            ):
                raise StatementError(
                    f"usage of track {printable(key)!r:.80}: two generated tracks have this name, "
                    f"{named[key][0]} and {use.track_sha256}; name them by their SHA-256"
                )
            if not key:
                of_track = unnamed.setdefault(use.track_sha256, (use.track_name, use.generated_on, set()))
                of_track[2].update(use.territories)
        _check_names(usage, named)
        self._tracks: dict[str, dict[TrackDay, Track]] = {}
        self._whole: dict[str, list[UsageRow]] = {}
        for row in _sorted(usage.rows):
            if not row.key:
                self._whole.setdefault(row.territory, []).append(row)
                continue
            sha256, name, generated_on = named.get(row.key, (row.key, row.track or row.track_id, row.generated_on))
            in_territory = self._tracks.setdefault(row.territory, {})
            of_day = (sha256, row.used_on)
            before = in_territory.get(of_day, Track(sha256, name, generated_on, 0, (), row.used_on))
            in_territory[of_day] = replace(before, usages=before.usages + row.usages, rows=(*before.rows, row))
        for sha256, (name, generated_on, territories) in sorted(unnamed.items()):
            for territory in sorted(self._whole or territories):
                self._tracks.setdefault(territory, {})[sha256, ""] = Track(sha256, name, generated_on, 1, ())
        for in_territory in self._tracks.values():
            seen: set[str] = set()
            for of_day, track in sorted(in_territory.items()):
                in_territory[of_day] = replace(track, is_first=track.key not in seen)
                seen.add(track.key)
        self._check_territories()

    def _check_territories(self) -> None:
        if WORLDWIDE in self._whole and len(self._whole) > 1:
            raise _twice("a territory as a whole", min(self._whole.keys() - {WORLDWIDE}))
        countries = sorted(self._tracks.keys() - {WORLDWIDE})
        for track in self.tracks(WORLDWIDE).values():
            beside = [country for country in countries if track.key in self._keys(country)]
            if beside:
                raise _twice(f"track {printable(track.name)!r:.80}", beside[0])

    @property
    def territories(self) -> tuple[str, ...]:
        """All territories that anything is reported of, or that uses of tracks count in, sorted."""
        return tuple(sorted({*self._tracks, *self._whole}))

    @property
    def counted(self) -> frozenset[tuple[str, str]]:
        """All tracks that count anywhere, by key, with the territory."""
        return frozenset((key, territory) for territory in self._tracks for key in self._keys(territory))

    def _keys(self, territory: str) -> set[str]:
        return {track.key for track in self._tracks.get(territory, {}).values()}

    def tracks(self, territory: str) -> dict[TrackDay, Track]:
        """Return the tracks that count in a territory, by key and day of usage, sorted."""
        return dict(sorted(self._tracks.get(territory, {}).items()))

    def rows_as_a_whole(self, territory: str) -> list[UsageRow]:
        """Return the rows of a territory that name no track."""
        return self._whole.get(territory, [])

    def states_revenue(self, territory: str) -> bool:
        """Return whether any revenue is reported of a territory."""
        rows = self.rows_as_a_whole(territory)
        return any(row.revenue is not None for row in rows) or any(
            track.states_revenue for track in self._tracks.get(territory, {}).values()
        )

    def pool(self, territory: str, converter: Converter) -> Pot:
        """Return all revenue of a territory but that of tracks that were not scanned."""
        own = [row for track in self.tracks(territory).values() if track.is_scanned for row in track.rows]
        return _pot([*self._whole.get(territory, []), *own], f"pool of {territory}", converter)

    def not_scanned(self, territory: str, converter: Converter) -> list[tuple[Track, Pot]]:
        """Return the tracks of a territory that were not scanned and state revenue, with that revenue."""
        tracks = self.tracks(territory).values()
        found = [track for track in tracks if not track.is_scanned and track.states_revenue]
        return [(track, _pot(track.rows, "revenue", converter)) for track in found]

    def pots(self, territory: str, converter: Converter) -> tuple[dict[TrackDay, Pot], Pot | None]:
        """Return the revenue of each track and day of a territory, and the rest of no track (None if there is none).

        Raises
        ------
        StatementError
            If some tracks state revenue, and others none, without revenue of the territory as a whole.
        """
        tracks = self.tracks(territory)
        whole = [row for row in self._whole.get(territory, []) if row.revenue is not None]
        silent = [track for track in tracks.values() if not track.states_revenue]
        if silent and not whole:
            raise StatementError(
                f"usage of {printable(silent[0].name)!r:.80} in {territory}: no revenue is reported, as of others "
                "there; write 0 if there was none, or give the revenue of the territory as a whole"
            )
        pots: dict[TrackDay, Pot] = {}
        for key, track in tracks.items():
            if track.states_revenue:
                pots[key] = _pot(track.rows, "revenue", converter)
        if not whole:
            return pots, None
        common = _pot(whole, f"revenue of {territory}", converter)
        usages = sum(track.usages for track in silent)
        if not usages:
            return pots, common
        for track in silent:
            basis = f"{common.basis} x {track.usages} of {usages} usages"
            pots[track.key, track.used_on] = Pot(common.revenue * track.usages / usages, basis)
        return pots, None


def _check_names(usage: Usage, named: Mapping[str, tuple[str, str, str]]) -> None:
    """Refuse a row that nothing else goes by and that is another name of a track that the usage names already."""
    free = Usage(tuple(row for row in usage.rows if row.key and row.key not in named))
    for key, (sha256, name, _) in sorted(named.items()):
        if other := free.key_of(sha256, name):
            raise StatementError(
                f"usage of track {printable(other)!r:.80}: is the track that the usage also calls "
                f"{printable(key)!r:.80}; give each track one name, best its SHA-256"
            )


def _twice(what: str, country: str) -> StatementError:
    return StatementError(
        f"usage of {what}: Worldwide beside {country}, which would count twice; report countries, or the world alone"
    )


def _sorted(rows: Iterable[UsageRow]) -> list[UsageRow]:
    return sorted(
        rows,
        key=lambda row: (row.territory, row.key, row.currency, row.used_on, row.usages, row.revenue or Fraction(0)),
    )


def _pot(rows: Iterable[UsageRow], what: str, converter: Converter) -> Pot:
    by_currency = _by_currency(rows)
    texts = [amount_text(revenue, one) + converter.basis(one) for one, revenue in by_currency.items()]
    converted = (converter.convert(revenue, one) for one, revenue in by_currency.items())
    return Pot(sum(converted, Fraction(0)), f"{what} {' + '.join(texts)}")


def _by_currency(rows: Iterable[UsageRow]) -> dict[str, Fraction]:
    sums: dict[str, Fraction] = {}
    for row in rows:
        if row.revenue is not None:
            sums[row.currency] = sums.get(row.currency, Fraction(0)) + row.revenue
    return dict(sorted(sums.items()))
