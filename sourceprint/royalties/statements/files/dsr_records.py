r"""The records of the DSR-shaped file, cell by cell: what `dsr` writes and `dsr_validation` reads again.

DSR-shaped; not certified. The layout follows DDEX Digital Sales Report, Royalty Reporting Profile (cells of the schema
1.0.1; architecture, Part 1, 1.4). A file is UTF-8 text of one record per line, cells split by TAB, several values in a
cell by `|`; `\\` before `|` or `\\` makes them text; lines that start with `#` are comments. Nothing stands round a
delimiter. The rights are those of `sourceprint.royalties.rights.records.WORK_RIGHTS`. Order: HEAD, summary records
(SY07), blocks, FOOT. `complaint` says what is wrong with a single value, by kind of cell.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from fingerprint.errors import ParameterError
from sourceprint.royalties.money import Amount, currency_exponent, parse_decimal
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.records import WORK_RIGHTS
from sourceprint.royalties.territories import validate_territory

__all__ = ["NOTICE", "RECORDS", "Cell", "complaint", "exact_amount", "split_values", "to_text"]

NOTICE = "DSR-shaped; not certified"
"""What the first line of every file says."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SEPARATOR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_INTEGER = re.compile(r"0|[1-9][0-9]*")
_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"PT(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a record.

    Attributes
    ----------
    name : str
    kind : str
        text, integer, amount, percentage, date, datetime, duration, currency, territory or right.
    mandatory : bool
    several : bool
        Whether it may hold several values.
    """

    name: str
    kind: str = "text"
    mandatory: bool = False
    several: bool = False


def _record(*cells: str) -> tuple[Cell, ...]:
    """Return cells from "Name", "Name:kind"; a ! marks the mandatory ones, a * those of several values."""
    made = []
    for cell in cells:
        name, _, kind = cell.rstrip("!*").partition(":")
        marks = cell[len(cell.rstrip("!*")) :]
        made.append(Cell(name, kind or "text", "!" in marks, "*" in marks))
    return tuple(made)


RECORDS: dict[str, tuple[Cell, ...]] = {
    "HEAD": _record(
        "RecordType!",
        "MessageVersion!",
        "Profile!",
        "ProfileVersion!",
        "MessageId!",
        "MessageCreatedDateTime:datetime!",
        "FileNumber:integer!",
        "NumberOfFiles:integer!",
        "UsageStartDate:date!",
        "UsageEndDate:date!",
        "SenderPartyId!",
        "SenderName!",
        "ServiceDescription",
        "RecipientPartyId",
        "RecipientName",
        "RepresentedRepertoire*",
    ),
    "SY07": _record(
        "RecordType!",
        "SummaryRecordId!",
        "DistributionChannel",
        "DistributionChannelDPID",
        "CommercialModel",
        "UseType",
        "Territory:territory!",
        "RightsType:right!",
        "ServiceDescription",
        "Usages:integer!",
        "Users:integer",
        "Currency:currency!",
        "NetRevenue:amount",
        "RightsController",
        "RightsControllerPartyId",
        "AllocatedUsages:integer",
        "AllocatedRevenue:amount!",
        "AllocatedNetRevenue:amount!",
    ),
    "RE01": _record(
        "RecordType!",
        "BlockId!",
        "ReleaseReference!",
        "DspReleaseId!",
        "ProprietaryReleaseId*",
        "CatalogNumber",
        "ICPN",
        "DisplayArtistName!",
        "DisplayArtistPartyId",
        "Title!",
        "SubTitle",
        "ReleaseType",
        "Label",
        "PLine",
        "DataProvider",
    ),
    "AS01": _record(
        "RecordType!",
        "BlockId!",
        "ResourceReference!",
        "DspResourceId!",
        "ISRC",
        "Title!",
        "SubTitle",
        "DisplayArtistName!",
        "DisplayArtistPartyId",
        "Duration:duration!",
        "ResourceType!",
    ),
    "MW01": _record(
        "RecordType!",
        "BlockId!",
        "DspWorkId!",
        "ISWC",
        "Title!",
        "SubTitle",
        "ComposerAuthor*",
        "ComposerAuthorPartyId*",
        "Arranger*",
        "ArrangerPartyId*",
        "MusicPublisher*",
        "MusicPublisherPartyId*",
        "WorkContributor*",
        "WorkContributorPartyId*",
        "DataProvider",
        "ProprietaryWorkId",
    ),
    "RU02": _record(
        "RecordType!",
        "BlockId!",
        "SummaryRecordId!",
        "DspReleaseId!*",
        "Usages:integer!*",
        "ReleaseTitle*",
        "ReleaseURL*",
    ),
    "SU03": _record(
        "RecordType!",
        "BlockId!",
        "SalesTransactionId!",
        "SummaryRecordId!",
        "DspReleaseId!",
        "Usages:integer",
        "NetRevenue:amount!",
        "ValidityPeriodStart:date",
        "ValidityPeriodEnd:date",
    ),
    "LI01": _record(
        "RecordType!",
        "BlockId!",
        "SummaryRecordId!",
        "RightsController!",
        "RightsControllerPartyId",
        "RightsControllerWorkId",
        "RightSharePercentage:percentage!",
        "RightsType:right",
        "AllocatedNetRevenue:amount!",
        "AllocatedAmount:amount!",
    ),
    "FOOT": _record(
        "RecordType!",
        "NumberOfLinesInFile:integer!",
        "NumberOfLinesInReport:integer",
        "NumberOfSummaryRecords:integer!",
        "NumberOfBlocksInFile:integer!",
        "NumberOfBlocksInReport:integer",
    ),
}
"""Cells in order, by type of record; in this order the records of a block follow each other."""


def to_text(text: str) -> str:
    r"""Return text fit for a cell: tabs, line breaks and other controls become one space, `\` and `|` are escaped.

    Examples
    --------
    >>> print(to_text(" A\tB | C\\D "))
    A B \| C\\D
    """
    return _CONTROLS.sub(" ", text).strip().replace("\\", "\\\\").replace("|", "\\|")


def split_values(cell: str) -> list[str]:
    r"""Return the values of a cell, unescaped.

    Examples
    --------
    >>> split_values(r"a|b\|c|d\\")
    ['a', 'b|c', 'd\\']
    """
    marked = _SEPARATOR.sub("\\1\x00", cell)
    return [re.sub(r"\\(.)", r"\1", value) for value in marked.split("\x00")]


def complaint(kind: str, value: str) -> str:
    """Return what is wrong with one value of a cell of a kind, or "".

    Examples
    --------
    >>> complaint("duration", "PT3M20S"), complaint("duration", "3:20")
    ('', 'must be a length of time such as PT3M20S (ISO 8601)')
    """
    check = _CHECKS.get(kind)
    return check(value) if check else ""


def exact_amount(text: str) -> Amount | None:
    """Return an amount, exactly; None where it is none."""
    try:
        return Amount.parse(text)
    except ParameterError:
        return None


def _refusal(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            parse(text)
        except ParameterError as error:
            return str(error)
        return ""

    return check


def _pattern(pattern: re.Pattern[str], rule: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else rule


def _datetime(text: str) -> str:
    matched = _DATETIME.fullmatch(text)
    return _refusal(parse_date)(matched[1]) if matched else "must be a time such as 2026-10-15T00:00:00Z (RFC 3339)"


def _percentage(text: str) -> str:
    try:
        number = parse_decimal(text)
    except ParameterError as error:
        return str(error)
    return "" if Decimal(0) <= number <= Decimal(100) else "must be from 0 to 100; a quarter is 25"


def _territory(text: str) -> str:
    try:
        return "" if validate_territory(text) == text else f"must be written {validate_territory(text)}"
    except ParameterError as error:
        return str(error)


_CHECKS: dict[str, Callable[[str], str]] = {
    "integer": _pattern(_INTEGER, "must be a whole number from 0"),
    "amount": _refusal(Amount.parse),
    "percentage": _percentage,
    "date": _refusal(parse_date),
    "datetime": _datetime,
    "duration": _pattern(_DURATION, "must be a length of time such as PT3M20S (ISO 8601)"),
    "currency": _refusal(currency_exponent),
    "territory": _territory,
    "right": lambda text: "" if text in WORK_RIGHTS else f"must be one of {', '.join(WORK_RIGHTS)}",
}
