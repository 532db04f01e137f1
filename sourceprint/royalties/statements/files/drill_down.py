"""A statement from the top down, one level at a time: payees, recordings and works, lines, uses; page by page.

The figures are those of the statement's own pages (`page_view`, `page_lines`); here no page has them all.
"""

from collections.abc import Sequence
from typing import Any

from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.statements.amounts.lines import KINDS, Line
from sourceprint.royalties.statements.files.line_tables import StatementNames
from sourceprint.royalties.statements.files.page_lines import LineView
from sourceprint.royalties.statements.files.page_view import KIND_WORDS, View
from sourceprint.royalties.statements.statement import Statement

__all__ = ["DrillDown"]


class DrillDown:
    """The levels of a statement.

    Parameters
    ----------
    statement : Statement
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._names = StatementNames(statement)
        self._view = View(statement)
        self._of_lines = LineView(statement.currency, self._names, {use.id: use for use in statement.uses})
        self._parts: dict[tuple[str, str], dict[tuple[str, str], list[Line]]] = {}
        for line in statement.lines:
            of_part = self._parts.setdefault((line.kind, line.party_id), {})
            of_part.setdefault((line.recording_id, line.work_id), []).append(line)

    def summary(self) -> dict[str, Any]:
        """Return what stands above the lines, as on the page of the statement."""
        return self._view.summary()

    def parts(self) -> list[dict[str, Any]]:
        """Return the payees, then the lines that nobody is paid for, by kind: number of lines, gross and net."""
        order = sorted(self._parts, key=lambda one: (KINDS.index(one[0]), one[1]))
        return [
            {
                "kind": kind,
                "party_id": party_id,
                "words": KIND_WORDS[kind],
                "name": self._names.party(party_id).name if party_id else "",
                **self._sums([line for lines in self._parts[kind, party_id].values() for line in lines]),
            }
            for kind, party_id in order
        ]

    def has(self, kind: str, party_id: str, subject: tuple[str, str] | None = None) -> bool:
        """Return whether there are such lines."""
        of_part = self._parts.get((kind, party_id))
        return of_part is not None and (subject is None or subject in of_part)

    def part(self, kind: str, party_id: str) -> dict[str, Any]:
        """Return what stands above the lines of a payee: words, name, sums, and for a payee its own page's tables."""
        lines = [line for of_one in self._parts[kind, party_id].values() for line in of_one]
        own = self._view.of_party(party_id) if kind == KINDS[0] else {}
        return {
            "words": KIND_WORDS[kind],
            "name": self._names.party(party_id).name if party_id else "",
            "reasons": sorted({line.reason for line in lines if line.reason})[:20],
            **{name: own.get(name) for name in ("balances", "advances", "held", "held_sum", "adjustments")},
            **self._sums(lines),
        }

    def subjects(self, kind: str, party_id: str) -> list[dict[str, Any]]:
        """Return the recordings and works in the lines of a payee or kind, the largest gross amount first."""
        found = [
            (sum_of(line.gross for line in lines), subject, lines)
            for subject, lines in self._parts[kind, party_id].items()
        ]
        found.sort(key=lambda one: (-one[0].grains, one[1]))
        return [{**self.subject(*subject), **self._sums(lines)} for _, subject, lines in found]

    def subject(self, recording_id: str, work_id: str) -> dict[str, str]:
        """Return ids, titles and codes of a recording and a work, either of which may be ""."""
        names = self._names
        return {
            "recording_id": recording_id,
            "work_id": work_id,
            "recording": names.title("recording", recording_id),
            "isrc": names.code("recording", recording_id),
            "work": names.title("work", work_id),
            "iswc": names.code("work", work_id),
        }

    def lines(self, kind: str, party_id: str, subject: tuple[str, str]) -> Sequence[Line]:
        """Return the lines of a payee or kind for a recording and work, in their order."""
        return self._parts[kind, party_id][subject]

    def written(self, lines: Sequence[Line]) -> dict[str, Any]:
        """Return lines as text, with their sums."""
        return self._of_lines.group(list(lines), (), whole=True)

    def line(self, number: int) -> Line | None:
        """Return a line by its number."""
        return self.statement.lines[number - 1] if 0 < number <= len(self.statement.lines) else None

    def uses(self, line: Line, start: int, size: int) -> list[dict[str, Any]]:
        """Return some of the contributions of uses to a line, exact."""
        return [self._of_lines.contribution(part, whole=True) for part in line.contributions[start : start + size]]

    def _sums(self, lines: Sequence[Line]) -> dict[str, Any]:
        gross, net = sum_of(line.gross for line in lines), sum_of(line.net for line in lines)
        return {
            "n_lines": len(lines),
            "usages": sum(line.usages for line in lines),
            "gross": self._money(gross),
            "net": self._money(net),
            "exact": net.text(self.statement.currency),
        }

    def _money(self, amount: Amount) -> str:
        return amount.shown(self.statement.currency)
