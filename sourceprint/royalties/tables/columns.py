"""Columns of the tables of rights: BWARM's names for tables and columns, and ours where it has none.

A shape has the names of its file, and its columns in order, each with a reader of cells. Headings are compared without
case, spaces and punctuation; older names that are still in use follow the present ones.
Sources: DDEX BWARM, clauses 6.4 to 6.16; `mastershares`, `resourceparts` and `optchoices` are ours, as are the columns
that `docs/formats/rights-tables.md` marks so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sourceprint.identifiers import dpid, ipi, isni, isrc, iswc
from sourceprint.royalties.tables.cells import (
    read_choice,
    read_date,
    read_duration_ms,
    read_flag,
    read_id,
    read_list,
    read_milliseconds,
    read_purposes,
    read_rights,
    read_tags,
    read_weight,
    warn_of_isrc,
)
from sourceprint.sheets.headings import field_named

__all__ = ["NOT_USED", "SHAPES", "SINGLE", "Column", "Shape", "columns_by_field"]

Reader = Callable[[str], "str | int"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    field : str
        Name inside the importer.
    names : tuple of str
        Headings in files; the first is exported.
    read : callable
        Reader of a clean text that is not empty; raises ParameterError.
    needed : bool
        Whether the column must exist and all of its cells be filled.
    exported : bool
        False where another column holds the same value.
    warn : callable or None
        Returns a warning about the value, or "".
    """

    field: str
    names: tuple[str, ...]
    read: Reader = str
    needed: bool = False
    exported: bool = True
    warn: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One table.

    Attributes
    ----------
    kind : str
        Name of the table in the schema; "single" is the spreadsheet for people.
    table_type : str
        BWARM's name, as in a manifest; "" for the spreadsheet.
    files : tuple of str
        File names without ending; the first is exported.
    columns : tuple of Column
        In the order of export.
    """

    kind: str
    table_type: str
    files: tuple[str, ...]
    columns: tuple[Column, ...]


def _validity() -> tuple[Column, Column]:
    return (
        Column("valid_from", ("ValidityStartDate", "valid_from"), read_date),
        Column("valid_to", ("ValidityEndDate", "valid_to"), read_date),
    )


def _territories() -> tuple[Column, Column]:
    return (
        Column("territories", ("TerritoryCode", "Territories")),
        Column("excluded", ("ExcludedTerritoryCode", "excluded_territories")),
    )


_WORK_ID = ("MusicalWorkRecordId", "MusicalWorkId", "FeedProvidersWorkId", "work_id")
_RECORDING_ID = ("ResourceRecordId", "FeedProvidersRecordingId", "recording_id")
_PARTY_ID = ("PartyRecordId", "FeedProvidersPartyId", "party_id")
_PARTY_ROLE = Column("role", ("PartyRole", "role"))
_PERCENTAGE = Column("share", ("RightSharePercentage", "share"))

SHAPES: tuple[Shape, ...] = (
    Shape(
        "party",
        "Parties",
        ("parties",),
        (
            Column("id", _PARTY_ID, read_id, needed=True),
            Column("isni", ("ISNI",), isni.validate),
            Column("ipi", ("IpiNameNumber", "IPI"), ipi.validate),
            Column("dpid", ("DPID",), dpid.validate, warn=dpid.warning),
            Column("name", ("FullName", "name", "party"), needed=True),
        ),
    ),
    Shape(
        "recording",
        "Resources",
        ("resources", "recordings"),
        (
            Column("id", _RECORDING_ID, read_id, needed=True),
            Column("resource_type", ("ResourceType",)),
            Column("isrc", ("ISRC",), isrc.validate, warn=warn_of_isrc),
            Column("title", ("Title", "RecordingTitle"), needed=True),
            Column("subtitle", ("SubTitle",)),
            Column("artists", ("DisplayArtistName", "artists"), read_list),
            Column("duration", ("Duration",), read_duration_ms),
            Column("duration_ms", ("DurationMs",), read_milliseconds, exported=False),
            Column("label", ("LabelName", "label")),
            Column("index_id", ("IndexId",), read_id),
            Column("vocals", ("Vocals",), read_flag),
            Column("tags", ("Tags",), read_tags),
        ),
    ),
    Shape(
        "work",
        "MusicalWorks",
        ("musicalworks", "works"),
        (
            Column("id", _WORK_ID, read_id, needed=True),
            Column("iswc", ("ISWC",), iswc.validate),
            Column("title", ("MusicalWorkTitle", "WorkTitle", "title"), needed=True),
            Column("writers", ("Writers",), read_list),
            Column("disputed", ("HasRightShareInDispute", "HasRightsInDispute"), read_flag),
        ),
    ),
    Shape(
        "recording_work",
        "WorkResourceLinks",
        ("workresourcelinks", "worksrecordings", "musicalworkresources"),
        (
            Column("link_id", ("LinkRecordId", "FeedProvidersLinkId"), read_id),
            Column("work_id", _WORK_ID, read_id, needed=True),
            Column("recording_id", _RECORDING_ID, read_id, needed=True),
            Column("weight", ("WorkPercentage", "weight")),
        ),
    ),
    Shape(
        "recording_part",
        "ResourceParts",
        ("resourceparts", "recordingparts"),
        (
            Column("recording_id", _RECORDING_ID, read_id, needed=True),
            Column("part_id", ("PartResourceRecordId", "part_id"), read_id, needed=True),
            Column("start_ms", ("StartMs",), read_milliseconds, needed=True),
            Column("end_ms", ("EndMs",), read_milliseconds, needed=True),
        ),
    ),
    Shape(
        "master_share",
        "MasterShares",
        ("mastershares",),
        (
            Column("id", ("MasterShareRecordId",), read_id),
            Column("subject_id", _RECORDING_ID, read_id, needed=True),
            Column("party_id", _PARTY_ID, read_id),
            _PARTY_ROLE,
            _PERCENTAGE,
            *_validity(),
            *_territories(),
        ),
    ),
    Shape(
        "work_share",
        "MusicalWorkRightShares",
        ("musicalworkrightshares", "workrightshares"),
        (
            Column("id", ("MusicalWorkRightShareRecordId", "FeedProvidersWorkRightShareId"), read_id),
            Column("subject_id", _WORK_ID, read_id, needed=True),
            Column("party_id", _PARTY_ID, read_id),
            _PARTY_ROLE,
            _PERCENTAGE,
            Column("share_type", ("RightShareType",)),
            Column("rights", ("RightsType", "right"), read_rights, needed=True),
            *_validity(),
            *_territories(),
        ),
    ),
    Shape(
        "opt",
        "OptChoices",
        ("optchoices", "optin", "optout", "optins", "optouts"),
        (
            Column("id", ("OptChoiceRecordId",), read_id),
            Column("recording", _RECORDING_ID, read_id),
            Column("isrc", ("ISRC",), isrc.validate, warn=warn_of_isrc),
            Column("work", _WORK_ID, read_id),
            Column("iswc", ("ISWC",), iswc.validate),
            Column("party", _PARTY_ID, read_id),
            Column("choice", ("OptChoice", "choice", "opt"), read_choice, needed=True),
            Column("purposes", ("Purposes", "purpose"), read_purposes),
            *_validity(),
            *_territories(),
            Column("weight", ("Weight",), read_weight),
            Column("reason", ("Reason",)),
        ),
    ),
)

SINGLE = Shape(
    "single",
    "",
    (),
    (
        Column("recording_id", ("recording_id",), read_id),
        Column("index_id", ("index_id",), read_id),
        Column("isrc", ("isrc",), isrc.validate, warn=warn_of_isrc),
        Column("recording_title", ("recording_title",)),
        Column("artists", ("artists",), read_list),
        Column("label", ("label",)),
        Column("duration", ("duration",), read_duration_ms),
        Column("duration_ms", ("duration_ms",), read_milliseconds),
        Column("vocals", ("vocals",), read_flag),
        Column("tags", ("tags",), read_tags),
        Column("work_id", ("work_id",), read_id),
        Column("iswc", ("iswc",), iswc.validate),
        Column("work_title", ("work_title",)),
        Column("writers", ("writers",), read_list),
        Column("disputed", ("disputed",), read_flag),
        Column("party_id", ("party_id",), read_id),
        Column("party", ("party",)),
        Column("ipi", ("ipi",), ipi.validate),
        Column("isni", ("isni",), isni.validate),
        Column("dpid", ("dpid",), dpid.validate, warn=dpid.warning),
        Column("role", ("role",)),
        Column("rights", ("right",), read_rights),
        Column("share", ("share",)),
        Column("territories", ("territories",)),
        Column("excluded", ("excluded_territories",)),
        Column("valid_from", ("valid_from",), read_date),
        Column("valid_to", ("valid_to",), read_date),
    ),
)
"""Spreadsheet for people, under all headings of `sourceprint.sheets.headings`; see `staged_records`."""


def columns_by_field() -> dict[str, Column]:
    """Return the columns of the spreadsheet by the name of their field in every kind of sheet."""
    return {field_named(column.names[0]) or column.field: column for column in SINGLE.columns}


NOT_USED = {
    "alternativemusicalworktitles": "alternative titles of works",
    "workalternativetitles": "alternative titles of works",
    "musicalworkidentifiers": "proprietary ids of works",
    "workidentifiers": "proprietary ids of works",
    "alternativeresourcetitles": "alternative titles of recordings",
    "recordingalternativetitles": "alternative titles of recordings",
    "resourceidentifiers": "proprietary ids of recordings",
    "recordingidentifiers": "proprietary ids of recordings",
    "releases": "releases",
    "releaseidentifiers": "ids of releases",
    "unmatchedresources": "recordings without a work",
    "unclaimedmusicalworkrightshares": "unclaimed shares, which follow from the shares themselves",
    "unclaimedworkrightshares": "unclaimed shares, which follow from the shares themselves",
}
"""Tables of BWARM without anything that is kept here, and their content."""
