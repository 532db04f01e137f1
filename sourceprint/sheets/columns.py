"""Match the columns of an open sheet to fields: by the user's mapping, else by known names.

The user's mapping is a `ColumnMap`: headings mapped to fields (`--columns "Song Title=title,ISRC code=isrc"`, or
`@FILE` with one such pair per line) and headings set aside (`--ignore-columns`). `matched_columns` finds the column of
every field that a reader uses. It names the unused columns, and stops where one of them looks like data that must not
be lost: a share, or the title, the ISRC, the territory or the party that no other column gives.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fingerprint.disk import decoded, read_small
from fingerprint.errors import ParameterError, SourceprintError, printable
from sourceprint.identifiers.isrc import is_valid
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.headings import FIELDS, GENERIC, NAMES, field_named
from sourceprint.sheets.opened import Sheet
from sourceprint.text.tables import first_of, listed

__all__ = ["READ", "ColumnMap", "MatchedColumns", "matched_columns", "named_columns", "read_pairs"]

READ = "columns read"
"""Start of the note that names each column that is read, with its field."""

_MAX_FILE_BYTES = 1 << 20
_MAX_PAIRS = 1_000
_MAX_HEADING = 200
_MOST_NAMED = 60  # columns in a note; all of any real sheet
_ALIKE = {
    "share": re.compile(r"share|split|percent|ownership|royalt|%", re.IGNORECASE),
    "title": re.compile(r"titl|\bsong|track ?name|\bname of (the )?(track|song)|titre|t[ií]tulo", re.IGNORECASE),
    "isrc": re.compile("isrc", re.IGNORECASE),
    "territories": re.compile(r"territor|countr", re.IGNORECASE),
    "party": re.compile(r"\bow[en]*rs?\b|owner|holder|payee|benefici|licensor|\bpart(y|ies)\b", re.IGNORECASE),
    "publisher": re.compile(r"publisher", re.IGNORECASE),
}
_UP_TO_100 = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,10})?) ?%?")
_SHARE_OF_VALUES = 0.8  # of the cells of a sample that must be ISRCs for the column to look like one of them


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A user's mapping of columns to fields.

    Attributes
    ----------
    fields : mapping
        Field (`sourceprint.sheets.headings`) by heading, as it was written.
    ignored : tuple of str
        Headings of columns that are not to be used.
    inherited : set of str
        `normalised` headings that come from a map of before: a sheet need not have them.
    by_options : bool
        Whether the user can say more by the options of a command, which messages then name.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    inherited: Set[str] = frozenset()
    by_options: bool = True

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], ignored: Iterable[str] = ()) -> Self:
        """Return the map of pairs of heading and field, the field in any of the names that it is known by.

        Raises
        ------
        ParameterError
            If a heading is empty, or no field has that name.
        """
        fields: dict[str, str] = {}
        for heading, word in pairs:
            name = printable(heading)
            if not normalised(heading) or len(heading) > _MAX_HEADING:
                raise ParameterError(f"column {name!r:.80}: a heading has 1 to {_MAX_HEADING} characters; write one")
            known = field_named(word)
            if known is None:
                words = ", ".join(FIELDS)
                raise ParameterError(f"column {name!r:.80}: no field {printable(word)!r:.40}; fields are {words}")
            fields[heading] = known
        others = tuple(heading for heading in ignored if normalised(heading))
        if len(fields) + len(others) > _MAX_PAIRS:
            raise ParameterError(f"columns: {len(fields) + len(others)} headings, at most {_MAX_PAIRS} are possible")
        return cls(fields, others)

    def over(self, other: "ColumnMap") -> "ColumnMap":
        """Return this map, extended by another's entries for headings that this one lacks."""
        said = {normalised(heading) for heading in (*self.fields, *self.ignored)}
        fields = {heading: name for heading, name in other.fields.items() if normalised(heading) not in said}
        ignored = tuple(heading for heading in other.ignored if normalised(heading) not in said)
        inherited = frozenset(map(normalised, (*fields, *ignored)))
        return ColumnMap(
            {**fields, **self.fields}, (*ignored, *self.ignored), inherited | self.inherited, self.by_options
        )

    def absent(self, header: Sequence[str]) -> list[str]:
        """Return the headings that this map names itself, not by inheritance, and that a sheet lacks."""
        there = self.inherited | set(map(normalised, header))
        return [heading for heading in (*self.fields, *self.ignored) if normalised(heading) not in there]

    def field_of(self, heading: str) -> str | None:
        """Return the field of a column: as the user says, else as its name says; None of one that is set aside."""
        key = normalised(heading)
        if key in self._ignored_keys:
            return None
        given = {normalised(one): name for one, name in self.fields.items()}
        return given.get(key) or field_named(heading)

    def names(self) -> Set[str]:
        """Return the `normalised` names of columns that are known, the user's included."""
        return NAMES.keys() | {normalised(heading) for heading in self.fields}

    @property
    def _ignored_keys(self) -> Set[str]:
        return {normalised(heading) for heading in self.ignored}


@dataclass(frozen=True, slots=True)
class MatchedColumns:
    """Where the fields of a reader stand in a sheet.

    Attributes
    ----------
    positions : mapping of str to int
        Column by field.
    headings : mapping of str to str
        Its name by field, as the sheet has it.
    notes : tuple of str
        Sentences: each column that is read, with its field, and each that is ignored.
    """

    positions: Mapping[str, int]
    headings: Mapping[str, str]
    notes: tuple[str, ...]


def named_columns(
    sheet: Sheet,
    names: Mapping[str, Sequence[str]],
    needed: Sequence[Sequence[str]],
    failure: type[SourceprintError],
) -> MatchedColumns:
    """Return where the fields of a table stand whose columns have fixed names.

    Parameters
    ----------
    sheet : Sheet
    names : mapping of str to sequence of str
        Names of the column by field, the usual one first.
    needed : sequence of sequence of str
        Fields; of each, one at least must be there.
    failure : type
        The error to raise.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if a needed column is missing, or two columns mean the same.
    """
    by_name = {normalised(name): said for said, known in names.items() for name in known}
    headings: dict[str, str] = {}
    positions: dict[str, int] = {}
    unknown = []
    for position, heading in enumerate(sheet.header):
        meant = by_name.get(normalised(heading))
        if meant is None:
            unknown += [heading] if heading.strip() else []
            continue
        if meant in headings:
            one, other = printable(headings[meant]), printable(heading)
            same = normalised(one) == normalised(other)
            double = f"two columns {other!r:.60}" if same else f"columns {one!r:.60} and {other!r:.60} mean the same"
            raise failure(f"{sheet.name}: {double}; remove one")
        headings[meant], positions[meant] = heading, position
    if missing := [choice for choice in needed if not headings.keys() & set(choice)]:
        wanted = ", ".join(" or ".join(names[one][0] for one in choice) for choice in missing)
        raise failure(f"{sheet.name}: no column {wanted}; add it to the first row (found: {listed(sheet.header)})")
    notes = (f"columns ignored: {listed(unknown, most=_MOST_NAMED)}",) if unknown else ()
    return MatchedColumns(positions, headings, notes)


def read_pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of heading and field from texts such as "Song Title=title,ISRC code=isrc", or @FILE.

    A file has one pair per line; empty lines and lines that start with `#` are passed over. A comma in a heading is
    part of it: a pair ends at its field.

    Raises
    ------
    ParameterError
        If a text is no such pair, or a file cannot be read.

    Examples
    --------
    >>> read_pairs(["Song Title=title,Artist, main = artist"])
    [('Song Title', 'title'), ('Artist, main', 'artist')]
    """
    pairs: list[tuple[str, str]] = []
    for text in texts:
        if text.startswith("@"):
            pairs += [_pair(line) for line in _file_lines(Path(text[1:]))]
            continue
        parts: list[str] = []
        for part in text.split(","):
            if parts and "=" not in parts[-1]:
                parts[-1] += "," + part
            else:
                parts.append(part)
        pairs += [_pair(part) for part in parts]
    return pairs


def matched_columns(
    sheet: Sheet,
    uses: Sequence[str],
    given: ColumnMap,
    failure: type[SourceprintError],
    *,
    guarded: Set[str],
    elsewhere: Mapping[str, str] | None = None,
) -> MatchedColumns:
    """Return which columns hold the fields that a reader uses.

    Parameters
    ----------
    sheet : Sheet
        Open.
    uses : sequence of str
        The fields.
    given : ColumnMap
        The user's mapping.
    failure : type
        The error to raise.
    guarded : set of str
        Kinds of data that must not be lost: of "share", "title", "isrc", "territories", "party", "publisher".
    elsewhere : mapping, optional
        By unused field: the reason, and the remedy if it is meant.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if two columns mean the same, or one that is not used looks like a guarded field.
    """
    found: dict[str, list[tuple[int, int, str]]] = {}
    unused: list[tuple[int, str]] = []
    ignored: list[tuple[int, str]] = []
    mapped = {normalised(heading) for heading in given.fields}
    aside = {normalised(heading) for heading in given.ignored}
    for position, heading in enumerate(sheet.header):
        key = normalised(heading)
        if not heading.strip():
            continue
        name = given.field_of(heading)
        if name in uses and name is not None:
            found.setdefault(name, []).append((_rank(name, key, key in mapped), position, heading))
            continue
        ignored.append((position, f"{printable(heading):.60}"))
        if name is None and key not in aside:
            unused.append((position, heading))
    positions: dict[str, int] = {}
    headings: dict[str, str] = {}
    n_given_way = 0
    for name, candidates in found.items():
        best, *others = sorted(candidates)
        for other in others:
            if other[0] == best[0]:
                raise failure(_double(sheet, best[2], other[2], given))
            ignored.append((other[1], f"{printable(other[2]):.60} ({printable(best[2])!r:.60} is read)"))
            n_given_way += 1
        positions[name], headings[name] = best[1], best[2]
    for position, heading in unused:
        if (alike := _looks_like(sheet, position, heading, guarded, set(positions))) is not None:
            shown = f"{printable(heading):.60}"
            remedy = "rename it to what it is, or remove it"
            if given.by_options:
                remedy = (
                    f'say what it is with --columns "{shown}=FIELD", or set it aside with --ignore-columns "{shown}"'
                )
            raise failure(f"{sheet.name}: column {shown!r} looks like {alike} and would go unused; {remedy}")
    notes: list[str] = []
    plain = {name for name, heading in headings.items() if normalised(heading) in _plain(name)}
    if ignored or plain != headings.keys():
        read = [f"{printable(at)!r:.60}{'' if name in plain else f' as {name}'}" for name, at in headings.items()]
        notes.append(f"{READ}: {', '.join(read) or 'none'}")
    if ignored:
        remedy = ""
        if unused or n_given_way:
            says = '--columns "HEADING=FIELD" reads one' if given.by_options else "rename one to be read"
            remedy = f"; {says}; fields here: {', '.join(uses)}"
        notes.append(f"columns ignored: {first_of([text for _, text in sorted(ignored)], _MOST_NAMED)}{remedy}")
    if absent := given.absent(sheet.header):
        there_not = listed(absent, quoted=True)
        notes.append(f"no column {there_not}, which --columns or --ignore-columns names; write it as the sheet does")
    for name, why in (elsewhere or {}).items():
        if any(given.field_of(heading) == name for heading in sheet.header if heading):
            notes.append(why)
    return MatchedColumns(positions, headings, tuple(notes))


def _rank(name: str, key: str, is_mapped: bool) -> int:
    """Return how much a column is meant, the least first; of paths, the names stand in order of preference."""
    if is_mapped:
        return -1
    if name == "path":
        return next((n for n, one in enumerate(FIELDS[name]) if normalised(one) == key), len(FIELDS[name]))
    return int(key in GENERIC)


def _plain(name: str) -> tuple[str, str]:
    """Return the names, as `normalised`, under which a column states its field itself."""
    return normalised(name), normalised(FIELDS[name][0])


def _double(sheet: Sheet, first: str, second: str, given: ColumnMap) -> str:
    one, other = printable(first), printable(second)
    if normalised(first) == normalised(second):
        return f"{sheet.name}: two columns {other!r:.60}; remove one"
    option = ", or set it aside with --ignore-columns" if given.by_options else ""
    return f"{sheet.name}: columns {one!r:.60} and {other!r:.60} mean the same; remove one{option}"


def _looks_like(sheet: Sheet, position: int, heading: str, guarded: Set[str], there: Set[str]) -> str | None:
    """Return the kind of data that must not be lost which an unused column looks like, or None."""
    words = {"share": "a share", "title": "a title", "isrc": "an ISRC", "territories": "a territory"}
    words |= dict.fromkeys(("party", "publisher"), "the party of a share")
    for name, pattern in _ALIKE.items():
        if name in guarded and (name == "share" or name not in there) and pattern.search(heading):
            return words[name]
    cells = [row[position] for row in sheet.sample if position < len(row) and row[position].strip()]
    if not cells:
        return None
    if "isrc" in guarded and "isrc" not in there and sum(map(is_valid, cells)) >= _SHARE_OF_VALUES * len(cells):
        return words["isrc"]
    if "share" in guarded and "share" not in there and "party" in there and all(map(_may_be_share, cells)):
        return f"{words['share']}, beside the names of owners"
    return None


def _may_be_share(cell: str) -> bool:
    """Whether a cell has a number above 0 and up to 100, a percent sign behind it or not."""
    matched = _UP_TO_100.fullmatch(cell.strip())
    return matched is not None and 0 < float(matched[1].replace(",", ".")) <= 100


def _pair(text: str) -> tuple[str, str]:
    heading, sign, word = text.rpartition("=")
    if not sign or not heading.strip() or not word.strip():
        raise ParameterError(f'columns {printable(text.strip())!r:.80}: write HEADING=FIELD, as in "Song Title=title"')
    return heading.strip(), word.strip()


def _file_lines(path: Path) -> list[str]:
    name = printable(path)
    too_large = f"more than {_MAX_FILE_BYTES} bytes; is it a list of columns?"
    data = read_small(path, ParameterError, most=_MAX_FILE_BYTES, too_large=too_large, name=name)
    text = decoded(data, name, ParameterError)
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
