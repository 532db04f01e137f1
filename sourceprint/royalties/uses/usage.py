"""Reported usage: a licensee's figures for generated tracks, by track and territory, for one period.

A sheet (.csv, .tsv, .xlsx) has one row for each generated track and territory; docs/formats/usage.md describes its
columns. A row without a track is about its territory as a whole. Where the delimiter is not the comma, a decimal comma
is read as a point.

All errors are listed, with their lines, up to a limit; no row is taken from a file with an error.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.money import LIMIT_MINOR, Whole, currency_exponent, parse_decimal, validate_currency
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.licences import validate_purpose
from sourceprint.royalties.territories import validate_territory
from sourceprint.sheets.opened import Sheet
from sourceprint.sheets.typed_rows import typed_rows

__all__ = ["COLUMNS", "NOT_SCANNED", "Usage", "UsageRow", "read_usage"]

NOT_SCANNED = "not scanned"
"""`UsageRow.matched_by` of a row whose track no scan is of."""

COLUMNS = (
    "track", "territory", "usages", "net_revenue", "currency", "generated_on", "purpose", "track_id", "used_on",
)  # fmt: skip

_LONGEST_TRACK = 4096
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Reported usage of one generated track, or of a territory as a whole.

    Attributes
    ----------
    track : str
        SHA-256 or name of the generated track; "" where `track_id` alone names it, or for the territory as a whole.
    territory : str
        Country code or "Worldwide".
    usages : int
        Streams, downloads, deliveries; at least 0. Without that column 1 for a track, 0 for a territory as a whole.
    revenue : Fraction or None
        Net revenue in minor units of `currency`, exact; negative where it is taken back; None where not reported.
    currency : str
        ISO 4217; "" without revenue.
    generated_on : str
        YYYY-MM-DD, or "" where not reported.
    purpose : str
        Of `sourceprint.royalties.rights.licences.PURPOSES`, or "" where not reported.
    track_id : str
        The licensee's own id of the track, or "" where not reported.
    used_on : str
        YYYY-MM-DD, the day of the usages, or "" where not reported.
    sha256, matched_by : str
        The scanned track that the row was found to be about, and by which of its names: digest, id, name or stem; ""
        before the search; "not scanned" where no scanned track was found.
    """

    track: str
    territory: str
    usages: Whole
    revenue: Fraction | None
    currency: str
    generated_on: str = ""
    purpose: str = ""
    track_id: str = ""
    used_on: str = ""
    sha256: str = ""
    matched_by: str = ""

    @property
    def key(self) -> str:
        """The key of the track: its SHA-256 where that is known, else its name or id; "" for a territory as a whole."""
        return self.sha256 or self.track or (f"id:{self.track_id}" if self.track_id else "")


@dataclass(frozen=True, slots=True)
class Usage:
    """Reported usage of one period.

    Attributes
    ----------
    rows : tuple of UsageRow
        In the order of the file.
    sha256 : str
        Of the file, 64 hexadecimal digits; "" where there was none.
    """

    rows: tuple[UsageRow, ...]
    sha256: str = ""
    _by_track: Mapping[str, tuple[UsageRow, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_track: dict[str, list[UsageRow]] = {}
        for row in self.rows:
            by_track.setdefault(row.key, []).append(row)
        object.__setattr__(self, "_by_track", {track: tuple(rows) for track, rows in by_track.items()})

    @property
    def territory_rows(self) -> tuple[UsageRow, ...]:
        """The rows that are about a territory as a whole."""
        return self._by_track.get("", ())

    def key_of(self, sha256: str, name: str, track_id: str = "") -> str:
        """Return how the file names a track: by SHA-256, the licensee's id, path or file name; "" if it does not.

        Examples
        --------
        >>> Usage((UsageRow("one.wav", "DE", 3, None, ""),)).key_of("0" * 64, "out/one.wav")
        'one.wav'
        """
        whole = unicodedata.normalize("NFC", name)
        for key in (sha256, track_id and f"id:{track_id}", whole, re.split(r"[/\\]", whole)[-1]):
            if key and key in self._by_track:
                return key
        return ""

    def rows_of(self, sha256: str, name: str, track_id: str = "") -> tuple[UsageRow, ...]:
        """Return the rows about one generated track, named as `key_of` finds it; empty where there are none."""
        key = self.key_of(sha256, name, track_id)
        return self._by_track[key] if key else ()

    @property
    def names_tracks(self) -> bool:
        """Whether any row is about a track."""
        return any(self._by_track)


def read_usage(path: Path) -> Usage:
    """Read reported usage from a table: a workbook if its name ends in .xlsx, else delimited text.

    Raises
    ------
    RightsError
        If the file cannot be read, lacks a needed column, has no rows, changes meanwhile, or has wrong rows; the
        message lists those by line.
    """

    def reader(sheet: Sheet) -> Callable[[int, dict[str, str]], UsageRow]:
        return _Table(decimal_comma=sheet.delimiter != ",").row

    rows, sha256 = typed_rows(path, COLUMNS, (("territory",), ("usages", "net_revenue")), reader)
    if not rows:
        raise RightsError(
            f"{printable(path)}: no rows under the header; where nothing is reported leave the file out, where nothing "
            "was used write tracks with 0 usages"
        )
    return Usage(rows, sha256)


class _Table:
    """The rows of one file as they come, each held against those before it."""

    def __init__(self, *, decimal_comma: bool) -> None:
        self._decimal_comma = decimal_comma
        self._seen: dict[tuple[str, str, str, str], int] = {}
        self._counted: set[tuple[str, str, str]] = set()  # track, territory, day
        self._facts: dict[str, tuple[str, str, int]] = {}  # track -> generated_on, purpose, line

    def row(self, line: int, values: dict[str, str]) -> UsageRow:
        track, track_id = _track(values.get("track", "")), _track(values.get("track_id", ""), what="track_id")
        territory = validate_territory(values.get("territory", ""))
        revenue, currency = self._revenue(values.get("net_revenue", ""), values.get("currency", ""))
        purpose = values.get("purpose", "").lower()
        if purpose:
            validate_purpose(purpose)
        days = {
            what: parse_date(values[what], what=what).isoformat() if values.get(what) else ""
            for what in ("generated_on", "used_on")
        }
        usages = _usages(values.get("usages"), counts_once=bool(track or track_id))
        row = UsageRow(track, territory, usages, revenue, currency, purpose=purpose, track_id=track_id, **days)
        counted = (row.key, territory, row.used_on)
        if values.get("usages") is None and counted in self._counted:
            row = replace(row, usages=0)  # the same usages, with revenue in another currency
        self._counted.add(counted)
        self._check_against_others(line, row)
        return row

    def _revenue(self, written: str, currency: str) -> tuple[Fraction | None, str]:
        if not written:
            return None, validate_currency(currency) if currency else ""
        if not currency:
            raise ParameterError(f"net_revenue {written!r:.40} has no currency; write its code in column currency")
        code = validate_currency(currency)
        if "," in written:
            if not self._decimal_comma or "." in written or written.count(",") > 1:
                raise ParameterError(
                    f"net_revenue {written!r:.40}: write it without grouping and with a decimal point, as 1234.56"
                )
            written = written.replace(",", ".")
        minor = Fraction(parse_decimal(written, what="net_revenue")) * 10 ** currency_exponent(code)
        if abs(minor) > LIMIT_MINOR:
            raise ParameterError(
                f"net_revenue {written!r:.70}: beyond {LIMIT_MINOR} minor units of {code}; check the unit"
            )
        return minor, code

    def _check_against_others(self, line: int, row: UsageRow) -> None:
        key = (row.key, row.territory, row.currency, row.used_on)
        if key in self._seen:
            what = f"track {printable(row.key):.80} in {row.territory}" if row.key else f"territory {row.territory}"
            on = f" on {row.used_on}" if row.used_on else ""
            raise ParameterError(f"{what}{on} is reported on line {self._seen[key]} already; add the two up in one row")
        self._seen[key] = line
        if not row.key:
            return
        generated_on, purpose, first = self._facts.setdefault(row.key, (row.generated_on, row.purpose, line))
        if (row.generated_on, row.purpose) != (generated_on, purpose):
            raise ParameterError(
                f"track {printable(row.key):.80}: generated_on {row.generated_on or 'empty'}, purpose "
                f"{row.purpose or 'empty'}, but on line {first} {generated_on or 'empty'}, {purpose or 'empty'}; "
                "a track is generated once"
            )


def _track(written: str, *, what: str = "track") -> str:
    if len(written) > _LONGEST_TRACK:
        raise ParameterError(f"{what} has {len(written)} characters, at most {_LONGEST_TRACK} are possible")
    if not written.isprintable():
        raise ParameterError(f"{what} {printable(written):.80}: has control characters; name it by its SHA-256")
    return written.lower() if _SHA256.fullmatch(written) else unicodedata.normalize("NFC", written)


def _usages(written: str | None, *, counts_once: bool) -> int:
    if written is None or (not written and not counts_once):
        return int(counts_once)
    if not re.fullmatch(r"[0-9]{1,19}", written) or int(written) > LIMIT_MINOR:
        raise ParameterError(
            f"usages {written!r:.40}: write a whole number from 0 to {LIMIT_MINOR}, without grouping"
            + ("; 0 where there were none" if not written else "")
        )
    return int(written)
