"""Search: recordings, works, parties, licences, uses and statements by title, name, code or id.

An exact code or id comes first, then texts that contain the words; capitals and the hyphens of an ISRC do not count. A
recording or work is found by its owners too. Each kind gives its first `MOST` records: a longer list is for narrower
words, not for paging.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, case, literal, or_, select, true

from fingerprint.errors import ParameterError
from sourceprint.identifiers import iswc
from sourceprint.identifiers.isrc import compact as compact_isrc
from sourceprint.royalties.rights.schema import (
    licence,
    master_share,
    party,
    recording,
    statement,
    use,
    work,
    work_share,
)

__all__ = ["KINDS", "MOST", "SearchHit", "SearchHits", "search"]

MOST = 20
"""Most records of each kind."""

KINDS = ("recordings", "works", "parties", "licences", "uses", "statements")
_LONGEST = 512
_NOTHING = literal("")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A record that was found.

    Attributes
    ----------
    id, title : str
        The title is a name for a party, the licensee for a licence or statement, the track for a use.
    by : str
        Artists, writers, licensor or period.
    code : str
        ISRC, ISWC, IPI or currency.
    """

    id: str
    title: str
    by: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class SearchHits:
    """Records of one kind.

    Attributes
    ----------
    items : sequence of SearchHit
    more : bool
        Whether there are more than those.
    """

    items: Sequence[SearchHit] = field(default_factory=tuple)
    more: bool = False


def search(connection: Connection, text: str, kinds: Sequence[str] = KINDS) -> dict[str, SearchHits]:
    """Return the records that a text names, by kind; kinds without any are left out.

    Parameters
    ----------
    connection : Connection
    text : str
    kinds : sequence of str
        Of `KINDS`.

    Raises
    ------
    ParameterError
        If the text is blank or too long.
    """
    words = " ".join(text.split())
    if not words or len(words) > _LONGEST:
        raise ParameterError(f"search: write 1 to {_LONGEST} characters")
    found = {kind: _FINDERS[kind](connection, words) for kind in kinds}
    return {kind: hits for kind, hits in found.items() if hits.items}


def _recordings(connection: Connection, words: str) -> SearchHits:
    c, isrc = recording.c, compact_isrc(words)
    exact = [c.id == words, c.index_id == words, c.isrc == isrc]
    owned = c.id.in_(_owned(master_share, "recording_id", words))
    columns = (c.id, c.title, c.artists, c.isrc)
    alike = [*_has(words, c.title, c.artists, c.label, c.id), owned]
    return _hits(connection, columns, exact, alike, c.until.is_(None))


def _works(connection: Connection, words: str) -> SearchHits:
    c, code = work.c, iswc.compact(words)
    exact = [c.id == words, *([c.iswc == code] if code else [])]
    owned = c.id.in_(_owned(work_share, "work_id", words))
    columns = (c.id, c.title, c.writers, c.iswc)
    return _hits(connection, columns, exact, [*_has(words, c.title, c.writers, c.id), owned], c.until.is_(None))


def _parties(connection: Connection, words: str) -> SearchHits:
    c, digits = party.c, words.replace(" ", "").replace("-", "")
    exact = [c.id == words, c.ipi == digits, c.isni == digits, c.dpid == digits]
    columns = (c.id, c.name, _NOTHING, c.ipi)
    return _hits(connection, columns, exact, _has(words, c.name, c.id), c.until.is_(None))


def _licences(connection: Connection, words: str) -> SearchHits:
    c = licence.c
    columns = (c.id, c.licensee, c.licensor, _NOTHING)
    alike = _has(words, c.id, c.licensee, c.licensor)
    return _hits(connection, columns, [c.id == words], alike, c.until.is_(None))


def _uses(connection: Connection, words: str) -> SearchHits:
    c = use.c
    exact = [c.id == words, c.track_sha256 == words.lower()]
    columns = (c.id, c.track_name, c.generated_on, _NOTHING)
    return _hits(connection, columns, exact, _has(words, c.track_name, c.id), c.superseded_by.is_(None))


def _statements(connection: Connection, words: str) -> SearchHits:
    c = statement.c
    columns = (c.id, c.licensee, c.period_label, c.currency)
    exact = [c.id == words, c.digest == words.lower()]
    return _hits(connection, columns, exact, _has(words, c.id, c.licensee), true())


_FINDERS = dict(zip(KINDS, (_recordings, _works, _parties, _licences, _uses, _statements), strict=True))


def _hits(
    connection: Connection,
    columns: Sequence[ColumnElement[str]],
    exact: Sequence[ColumnElement[bool]],
    alike: Sequence[ColumnElement[bool]],
    current: ColumnElement[bool],
) -> SearchHits:
    is_exact = or_(*exact)
    query = select(*columns).where(current, or_(is_exact, *alike))
    rank = case((is_exact, 0), else_=1)
    rows = connection.execute(query.order_by(rank, columns[1], columns[0]).limit(MOST + 1)).all()
    items = [SearchHit(*(text.replace("|", ", ") for text in row)) for row in rows[:MOST]]
    return SearchHits(items, len(rows) > MOST)


def _has(words: str, *columns: Column[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions that a text has some words, whatever their capitals."""
    # SQLite knows the capitals of ASCII alone; the usual forms of other words are asked for by name.
    forms = {words} if words.isascii() else {words, words.lower(), words.upper(), words.title()}
    return [column.icontains(form, autoescape=True) for column in columns for form in sorted(forms)]


def _owned(shares: Table, subject: str, words: str) -> Any:
    """Return the query of records in which parties of this name or id have a current share."""
    named = select(party.c.id).where(party.c.until.is_(None), or_(party.c.id == words, *_has(words, party.c.name)))
    return select(shares.c[subject]).where(shares.c.until.is_(None), shares.c.party_id.in_(named))
