"""Statements as the pages show them: issued ones by id, drafts by licensee and period; the last few stay at hand.

A draft is computed from what is on file, so it is kept for one state of the database alone.
"""

import threading
from collections import OrderedDict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query

from fingerprint.errors import ParameterError
from sourceprint.places import today
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.entries import chain_head
from sourceprint.royalties.statements.files.drill_down import DrillDown
from sourceprint.royalties.statements.register import load_statement
from sourceprint.service.console.visitors import Visitor
from sourceprint.service.web.acts.statements import make_statement

__all__ = ["ShownStatements", "StatementQuery", "draft_query", "shown_statement", "statement_address"]

_MOST_KEPT = 4

Text = Annotated[str, Query(max_length=600)]


class StatementQuery:
    """Which statement a page is about.

    Parameters
    ----------
    of : str
        Id of one that was issued; "" for a draft.
    licensee, period : str
        Of a draft.
    so_far : bool
        Whether its period may not have ended.
    """

    def __init__(self, of: Text = "", licensee: Text = "", period: Text = "", so_far: bool = False) -> None:
        self.of, self.licensee, self.period, self.so_far = of, licensee, period, so_far


class ShownStatements:
    """The statements that were shown last, taken apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], DrillDown] = OrderedDict()

    def get(self, visitor: Visitor, wanted: StatementQuery) -> DrillDown:
        """Return a statement of the visitor's organisation.

        Raises
        ------
        UnknownRightsError
            If it has no such statement or licensee.
        ParameterError
            If the query names neither a statement nor a draft.
        StatementError
            If the draft cannot be computed.
        """
        key = _key(visitor, wanted)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = DrillDown(_statement(visitor, wanted))
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made


_SHOWN = ShownStatements()


def shown_statement(visitor: Visitor, wanted: StatementQuery) -> DrillDown:
    """Return a statement taken apart, as `ShownStatements.get`."""
    return _SHOWN.get(visitor, wanted)


def draft_query(licensee: str, period: str) -> StatementQuery:
    """Return the draft of a period, or the amounts so far where it has not ended."""
    return StatementQuery(licensee=licensee, period=period, so_far=Period.parse(period).end >= today())


def statement_address(wanted: StatementQuery, page: str = "", **more: Any) -> str:
    """Return the address of a page about a statement."""
    about = {"of": wanted.of, "licensee": wanted.licensee, "period": wanted.period, "so_far": "1" * wanted.so_far}
    named = {name: str(value) for name, value in (about | more).items() if value not in ("", None)}
    return f"/console/statement{page}?{urlencode(named)}"


def _key(visitor: Visitor, wanted: StatementQuery) -> tuple[str, ...]:
    place = (str(visitor.server.folder.root), visitor.organisation)
    if wanted.of:
        return (*place, wanted.of)
    with visitor.caller.rights.reading() as connection:
        head = chain_head(connection)
    return (*place, wanted.licensee, wanted.period, str(wanted.so_far), head.text, today().isoformat())


def _statement(visitor: Visitor, wanted: StatementQuery) -> Any:
    if wanted.of:
        return load_statement(visitor.caller.rights, wanted.of)
    if not (wanted.licensee and wanted.period):
        raise ParameterError("statement: name its id, or licensee and period of a draft")
    return make_statement(
        visitor.caller, licensee=wanted.licensee, period=wanted.period, draft=not wanted.so_far,
        provisional=wanted.so_far,
    )  # fmt: skip
