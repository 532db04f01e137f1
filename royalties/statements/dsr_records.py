r"""The records of the DSR-shaped file, cell by cell: what `dsr` writes and `dsr_validation` reads again.

DSR-shaped; not certified. The layout follows DDEX Digital Sales Report, Royalty Reporting Profile (cells of the schema
1.0.1; architecture, Part 1, 1.4). A file is UTF-8 text of one record per line, cells split by TAB, several values in a
cell by `|`; `\` before `|` or `\` makes them text; lines that start with `#` are comments. Nothing stands round a
delimiter. The rights are those of `royalties.rights.records.WORK_RIGHTS`. Order: HEAD, summary records (SY07), blocks,
FOOT.
"""

import re
from dataclasses import dataclass

__all__ = ["NOTICE", "RECORDS", "Cell", "split_values", "to_text"]

NOTICE = "DSR-shaped; not certified"
"""What the first line of every file says."""


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

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SEPARATOR = re.compile(r"(?<!\\)((?:\\\\)*)\|")


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
