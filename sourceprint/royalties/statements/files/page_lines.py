"""Lines of a statement as text for a page, each followed to its uses, with sums."""

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import ZERO, Amount, shown_decimals, sum_of
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.statements.amounts.lines import Contribution, Line
from sourceprint.royalties.statements.files.line_tables import StatementNames
from sourceprint.royalties.uses.use import Use
from sourceprint.text.tables import exact_clock

__all__ = ["MAX_DRILLED", "LineView", "followed_lines"]

MAX_DRILLED = 2_000
"""Most uses of lines that are followed on one page; `statement.json` has all."""


class LineView:
    """Lines of a statement, written out for a page.

    Parameters
    ----------
    currency : str
    names : StatementNames
    uses : mapping of str to Use
        All uses of the statement, by id.
    """

    def __init__(self, currency: str, names: StatementNames, uses: Mapping[str, Use]) -> None:
        self._currency = currency
        self._names = names
        self._uses = uses

    def group(self, lines: list[Line], followed: Collection[int], *, whole: bool) -> dict[str, Any]:
        """Return lines with the sums of their amounts, and the differences of the sums from those of rounded amounts.

        Parameters
        ----------
        lines : list of Line
        followed : collection of int
            Numbers of the lines whose uses are listed.
        whole : bool
            Whether the page is that of the whole statement; the page of a party has no amounts of others.
        """
        columns = {
            "gross": [line.gross for line in lines],
            "deductions": [-_deducted(line) for line in lines],
            "net": [line.net for line in lines],
        }
        decimals = shown_decimals(self._currency)
        sums = {name: sum_of(amounts) for name, amounts in columns.items()}
        off = {
            name: sums[name].rounded(decimals) - sum_of(amount.rounded(decimals) for amount in amounts)
            for name, amounts in columns.items()
        }
        return {
            "n_lines": len(lines),
            "lines": (self._line(line, followed, whole=whole) for line in lines),  # once: a page is made line by line
            **{name: self._money(amount) for name, amount in sums.items()},
            "off": {name: self._money(amount) for name, amount in off.items()} if any(off.values()) else None,
        }

    def _line(self, line: Line, followed: Collection[int], *, whole: bool) -> dict[str, Any]:
        names = self._names
        return {
            "number": line.number,
            "recording": names.title("recording", line.recording_id),
            "isrc": names.code("recording", line.recording_id),
            "work": names.title("work", line.work_id),
            "iswc": names.code("work", line.work_id),
            "right": line.right,
            "territory": line.territory,
            "licence": line.licence_id,
            "usages": line.usages,
            "seconds": _seconds(line.attributed_us),
            "gross": self._money(line.gross),
            "deductions": self._money(-_deducted(line)),
            "deducted": [f"{one.name} {self._money(-one.amount)}" for one in line.deductions],
            "net": self._money(line.net),
            "reason": line.reason,
            "shares_on": line.shares_on,
            "exact": line.gross.text(self._currency),
            "n_uses": len(line.contributions),
            "uses": [self.contribution(part, whole=whole) for part in line.contributions]
            if line.number in followed
            else None,
        }

    def contribution(self, part: Contribution, *, whole: bool) -> dict[str, Any]:
        """Return the part of a line that one use adds; `whole` as for `group`."""
        use = self._uses.get(part.use_id)
        parts = (part.right_millionths, part.work_millionths, part.share_millionths)
        right, work, share = map(format_percent, parts)
        return {
            "use_id": part.use_id,
            "track": use.track_name if use else "",
            "passages": [
                f"{exact_clock(passage.start_ms)} to {exact_clock(passage.end_ms)}, "
                f"from {exact_clock(passage.recording_start_ms)}"
                for passage in (use.passages if use else ())
            ],
            "state": f"{use.state}: {use.state_rule}" if use else "no use",
            "confidence": str(use.confidence) if use else "",
            "method": part.method,
            # The whole amount of a use is other people's money too: only the page of the whole has it.
            "amount": part.amount.text(self._currency) if whole else "",
            "basis": part.basis if whole else "",
            "parts": f"{right} of the right, {work} of the work, {share} share",
            "share_id": part.share_id,
            "exact": part.gross.text(self._currency),
        }

    def by_track(self, lines: Iterable[Line]) -> dict[str, Amount]:
        """Return gross amounts by generated track."""
        amounts: dict[str, Amount] = {}
        for line in lines:
            for part in line.contributions:
                use = self._uses.get(part.use_id)
                track = (use.track_name or use.track_sha256) if use else "no track"
                amounts[track] = amounts.get(track, ZERO) + part.gross
        return amounts

    def _money(self, amount: Amount) -> str:
        return amount.shown(self._currency)


def followed_lines(lines: Iterable[Line]) -> tuple[set[int], int]:
    """Return the numbers of the lines whose uses are listed on a page, and the number of other lines."""
    numbers: set[int] = set()
    left, others = MAX_DRILLED, 0
    for line in lines:
        if len(line.contributions) <= left:
            numbers.add(line.number)
            left -= len(line.contributions)
        else:
            others += 1
    return numbers, others


def _deducted(line: Line) -> Amount:
    return sum_of(one.amount for one in line.deductions)


def _seconds(microseconds: int) -> str:
    return decimal_text(round(Fraction(microseconds, 1000)), 3)
