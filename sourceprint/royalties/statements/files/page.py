"""Render a statement as a page that people read: one HTML file that needs nothing else.

`statement_page` is the whole statement; `party_page` is one party's part: its own lines, balance and
adjustments, nobody else's money. Each says which version of the program wrote it (`page_content`).

Pages are self-contained (no script, no network), light or dark as the reader's system
is, and print on A4. All text from outside is escaped. Lines are all shown; beyond `page_view.MAX_DRILLED` uses, the
lines that are left are not followed to their uses, and the page says so.

There is one kind of picture, horizontal bars as SVG inside the page: each has its label before it and its amount, as
text, behind it. Colours are the page's own. The lengths of the bars are floats, which is all that floats are used for:
every amount that is read is text that the caller wrote.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.outputs import program_version
from sourceprint.royalties.money import Amount
from sourceprint.royalties.statements.files.page_lines import MAX_DRILLED
from sourceprint.royalties.statements.files.page_view import View
from sourceprint.royalties.statements.statement import Statement
from sourceprint.text.templates import rendered

__all__ = ["Bar", "bar_chart", "party_file_name", "party_page", "party_pages", "statement_page"]

_PACKAGE = "sourceprint.royalties.statements.files"
_LABEL_LETTERS = 20
_WIDTH, _ROW, _LEFT, _RIGHT = 440, 22, 160, 330  # of a picture, of one bar in it; between which the bars are


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes
    ----------
    label : str
        The name of its quantity.
    amount : Amount
        Its length; may be negative.
    text : str
        The amount as it is read.
    """

    label: str
    amount: Amount
    text: str


def bar_chart(bars: list[Bar], *, title: str, description: str) -> Markup:
    """Return a chart of horizontal bars as an `<svg>` element.

    Parameters
    ----------
    bars : list of Bar
        From top to bottom; at least one.
    title, description : str
        The meaning of the picture, for readers who hear it.
    """
    lengths = [float(str(bar.amount)) for bar in bars]
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    scale = (_RIGHT - _LEFT) / ((high - low) or 1.0)
    zero = _LEFT - low * scale
    height = _ROW * len(bars)
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" font-size="12" fill="currentColor">'
        '<title>{}</title><desc>{}</desc>{}<path d="M{:.1f} 0V{}" stroke="currentColor"/></svg>'
    ).format(
        _WIDTH,
        height,
        printable(title),
        printable(title),
        printable(description),
        Markup("").join(_bars(bars, lengths, zero, scale)),
        zero,
        height,
    )


def _bars(bars: list[Bar], lengths: list[float], zero: float, scale: float) -> Iterator[Markup]:
    row = Markup(
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
        '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="var(--bar)"/><text x="{}" y="{}">{}</text>'
    )
    for place, (bar, length) in enumerate(zip(bars, lengths, strict=True)):
        top, middle = _ROW * place + 4, _ROW * place + 15
        start = zero + min(0.0, length) * scale
        size = (start, top, abs(length) * scale, _ROW - 8)
        yield row.format(_LEFT - 8, middle, _short(bar.label), *size, _RIGHT + 8, middle, bar.text)


def _short(label: str) -> str:
    text = printable(label)
    if len(text) <= _LABEL_LETTERS:
        return text
    # Of a path the end tells tracks apart, of a name the beginning.
    return f"…{text[1 - _LABEL_LETTERS :]}" if "/" in text else f"{text[: _LABEL_LETTERS - 1]}…"


def statement_page(statement: Statement) -> bytes:
    """Return the page of a statement."""
    view = View(statement).whole()
    currency = statement.currency
    charts = [
        _chart(view["bars_by_party"], "Who gets what", f"net of deductions, in {currency}"),
        _chart(view["bars_by_track"], "From which generated tracks", f"gross, unmatched left out, in {currency}"),
        _chart(view["bars_by_kind"], "Matched against unmatched", f"gross, in {currency}"),
    ]
    return _rendered("statement.html", {**view, "charts": [chart for chart in charts if chart]})


def party_pages(statement: Statement) -> Iterator[tuple[str, bytes]]:
    """Yield the pages of all parties that have money in a statement, with their file names, by party."""
    view = View(statement)
    for party_id in view.party_ids():
        yield party_file_name(party_id), _party_page(view, party_id, statement)


def party_page(statement: Statement, party_id: str) -> bytes:
    """Return the page of one party.

    Raises
    ------
    UnknownRightsError
        If it has no money in the statement.
    """
    view = View(statement)
    if party_id not in view.party_ids():
        raise UnknownRightsError(
            f"party {printable(party_id)!r:.80} has no lines, held shares, balance or adjustments in statement "
            f"{printable(statement.id)}; name one that has"
        )
    return _party_page(view, party_id, statement)


def party_file_name(party_id: str) -> str:
    """Return the name of a party's page: its id, and a digest where the id is not fit for a file name as it is.

    Examples
    --------
    >>> party_file_name("P-ANNA"), party_file_name("../x")
    ('P-ANNA.html', 'x-d6b96a97.html')
    """
    # Names that differ in case only are one file on some systems.
    if re.fullmatch(r"[A-Z0-9][A-Z0-9.-]{0,63}", party_id):
        return f"{party_id}.html"
    plain = re.sub(r"[^A-Za-z0-9]+", "-", party_id).strip("-")[:40]
    digest = hashlib.sha256(party_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}.html" if plain else f"party-{digest}.html"


def _party_page(view: View, party_id: str, statement: Statement) -> bytes:
    own = view.of_party(party_id)
    chart = _chart(own["bars_by_track"], "From which generated tracks", f"your gross amounts, in {statement.currency}")
    return _rendered("party.html", {**own, "charts": [chart] if chart else []})


def _chart(bars: list[tuple[str, Amount, str]], title: str, what: str) -> dict[str, Any] | None:
    if not any(amount for _, amount, _ in bars):
        return None
    description = f"{what}: " + "; ".join(f"{label} {text}" for label, _, text in bars)
    svg = bar_chart([Bar(*bar) for bar in bars], title=title, description=description)
    return {"title": title, "what": what, "svg": svg, "bars": bars}


def _rendered(template: str, values: dict[str, Any]) -> bytes:
    return rendered(_PACKAGE, template, {**values, "max_drilled": MAX_DRILLED, "program": program_version()})
