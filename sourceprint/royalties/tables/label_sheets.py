"""A label's own sheet, and the right and owner of its shares where no column names them.

A label keeps one row per recording: ISRC, title, artist, label, file, territory, share. It names no right, since a
label owns the recording, and often no owner, since that is the label. `single_columns` finds the columns of such a
sheet, of a distributor's export, and of our own spreadsheet. Where a column for right or owner is missing it takes a
default, and says so in sentences for the importing person:

- without a column for the right, shares are shares in the recording (Master), unless the sheet has works
- without a column for the party, shares are those of the label in the row; in a sheet of works without labels, those
  of the publisher
- a column with the bare name `title` is the title of the work where the sheet has works and no recordings
"""

from dataclasses import dataclass, replace

from fingerprint.errors import RightsError
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.tables.columns import columns_by_field
from sourceprint.sheets.columns import READ, ColumnMap, MatchedColumns, matched_columns
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.headings import FIELDS
from sourceprint.sheets.opened import Sheet

__all__ = ["LabelSheet", "single_columns"]

_GUARDED = frozenset({"share", "title", "isrc", "territories"})
_WORK = ("work_id", "iswc", "work_title")
_RECORDING = ("recording_id", "index_id", "isrc", "artists", "path", "label", "release", "upc")
_PARTY = ("party_id", "party", "ipi", "isni")
_PUBLISHER = frozenset({"publisher", "publishername", "musicpublisher"})
_ELSEWHERE = {
    "id": (
        "the column id is the id in the index for add and is not used here, where recordings are found by their ISRC; "
        '--columns "HEADING=index_id" takes it'
    )
}


@dataclass(frozen=True, slots=True)
class LabelSheet:
    """Columns of a sheet, and the defaults for missing ones.

    Attributes
    ----------
    matched : MatchedColumns
        Positions and headings by `Column.field`.
    right : str
        Right of every share where it follows from the sheet without a column; else "".
    owner_is_label : bool
        Whether the label of a row is the party of its share.
    taken : tuple of str
        Sentences about the columns and defaults that were taken.
    """

    matched: MatchedColumns
    right: str
    owner_is_label: bool
    taken: tuple[str, ...]


def single_columns(sheet: Sheet, given: ColumnMap) -> LabelSheet:
    """Return the columns of a sheet, with the defaults for missing ones.

    Raises
    ------
    RightsError
        If two columns mean the same, or an unused one looks like a share, a title, an ISRC, a territory or a party.
    """
    columns = columns_by_field()
    given = _publisher_given(sheet, _given(sheet, given))
    guarded = _GUARDED | _parties_guarded(sheet, given)
    found = matched_columns(sheet, tuple(columns), given, RightsError, guarded=guarded, elsewhere=_ELSEWHERE)
    has = found.headings.keys()
    taken = []
    right, owner_is_label = "", False
    if "share" in has:
        if "right" not in has and not has & set(_WORK):
            right = MASTER
            taken.append("no column names the right: every share is a share in the recording (Master)")
        if "label" in has and not has & set(_PARTY):
            owner_is_label = True
            taken.append(f"no column names the owner: it is the label, from column {found.headings['label']!r:.60}")
    elif has & {"isrc", "title"}:
        taken.append("no column has shares: recordings are imported without owners")
    matched = replace(
        found,
        positions={columns[name].field: position for name, position in found.positions.items()},
        headings={columns[name].field: heading for name, heading in found.headings.items()},
        notes=tuple(note for note in found.notes if not note.startswith(READ)),
    )
    taken = [*(note for note in found.notes if note.startswith(READ)), *taken]
    return LabelSheet(matched, right, owner_is_label, tuple(taken))


def _given(sheet: Sheet, given: ColumnMap) -> ColumnMap:
    """Return the user's map, with the bare heading `title` as the work's title in a sheet of works alone."""
    fields = {given.field_of(heading) for heading in sheet.header}
    if not fields & {"iswc", "work_id", "writers"} or fields & {*_RECORDING, "work_title"}:
        return given
    bare = [heading for heading in sheet.header if heading.strip().lower() == FIELDS["title"][-1]]
    return given.over(ColumnMap(dict.fromkeys(bare, "work_title")))


def _publisher_given(sheet: Sheet, given: ColumnMap) -> ColumnMap:
    """Return the user's map, with the publisher as the party of shares in works that no other column names."""
    fields = {given.field_of(heading) for heading in sheet.header}
    if "share" not in fields or not fields & set(_WORK) or fields & {*_PARTY, "label"}:
        return given
    publishers = [heading for heading in sheet.header if normalised(heading) in _PUBLISHER]
    return given.over(ColumnMap(dict.fromkeys(publishers, "party")))


def _parties_guarded(sheet: Sheet, given: ColumnMap) -> set[str]:
    """Return the kinds of parties that must not be lost in a sheet of shares without a column for the party."""
    fields = {given.field_of(heading) for heading in sheet.header}
    if "share" not in fields or fields & set(_PARTY):
        return set()
    return {"party", "publisher"} if fields & set(_WORK) else {"party"}
