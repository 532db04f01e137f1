"""Pictures of a statement as SVG that stands inside a page; the only door to matplotlib.

One kind of picture: horizontal bars, each with its label before it and its amount, as text, behind it. Colours are left
to the page (`--bar` and the colour of its text), so that the picture is legible on light and dark. Text stays text. The
lengths of the bars are drawn with floats, which is all that they are used for: every amount that is read is text that
the caller wrote. The same bars give the same bytes.

A statement as a page that people read: one HTML file that needs nothing else.

`statement_page` is the whole statement, `party_page` what one party may see of it: its own lines, balance and
adjustments, nobody else's money. Pages are self-contained (no script, no network), light or dark as the reader's system
is, and print on A4. All text from outside is escaped. Lines are all shown; beyond `page_view.MAX_DRILLED` uses, the
lines that are left are not followed to their uses, and the page says so.
"""

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.money import Amount
from sourceprint.royalties.statements.files.page_view import MAX_DRILLED, View
from sourceprint.royalties.statements.statement import Statement
from sourceprint.text.templates import rendered

__all__ = ["Bar", "bar_chart", "party_file_name", "party_file_names", "party_page", "party_pages", "statement_page"]

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sourceprint",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
}
_TEXT, _BAR, _ZERO = "#010203", "#010204", "#010205"  # stand-ins, for the page's own colours
_PACKAGE = "sourceprint.royalties.statements.files"
_WIDTH_INCHES = 4.4
_LABEL_LETTERS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes
    ----------
    label : str
        What it stands for.
    amount : Amount
        Its length; may be negative.
    text : str
        The amount as it is read.
    """

    label: str
    amount: Amount
    text: str


def bar_chart(bars: list[Bar], *, name: str, title: str, description: str) -> str:
    """Return a chart of horizontal bars as an `<svg>` element.

    Parameters
    ----------
    bars : list of Bar
        From top to bottom; at least one.
    name : str
        Lower-case letters; begins every id in the picture, so that several stand in one page.
    title, description : str
        What the picture shows, for those who hear it.
    """
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The font of the reader draws the letters; what the font here lacks matters to its measures only.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(_WIDTH_INCHES, 0.3 * len(bars) + 0.1))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.37, 0.02, 0.39, 0.96))
        places = list(range(len(bars)))
        lengths = [float(str(bar.amount)) for bar in bars]
        axes.barh(places, lengths, height=0.62, color=_BAR)
        axes.axvline(0, color=_ZERO, linewidth=0.8)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_xlim(min(0, *lengths), max(0, *lengths) or 1)
        axes.set_axis_off()
        for place, bar in zip(places, bars, strict=True):
            beside = axes.get_yaxis_transform()
            axes.text(-0.03, place, _short(bar.label), transform=beside, ha="right", va="center", color=_TEXT)
            axes.text(1.03, place, bar.text, transform=beside, ha="left", va="center", color=_TEXT)
        sink = io.StringIO()
        figure.savefig(
            sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return _inline(sink.getvalue(), name, title, description)


def _short(label: str) -> str:
    text = printable(label)
    if len(text) <= _LABEL_LETTERS:
        return text
    # Of a path the end tells tracks apart, of a name the beginning.
    return f"…{text[1 - _LABEL_LETTERS :]}" if "/" in text else f"{text[: _LABEL_LETTERS - 1]}…"


def _inline(svg: str, name: str, title: str, description: str) -> str:
    body = svg[svg.index("<svg") :].strip()
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{name}-", body)
    for stand_in, colour in ((_TEXT, "currentColor"), (_BAR, "var(--bar)"), (_ZERO, "currentColor")):
        body = body.replace(stand_in, colour)
    opening, closing = body.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    spoken = f"<title>{escape(printable(title))}</title><desc>{escape(printable(description))}</desc>"
    return f'<svg {box[0] if box else ""} role="img" aria-label={quoteattr(printable(title))}>{spoken}{closing}'


def statement_page(statement: Statement) -> bytes:
    """Return the page of a statement."""
    view = View(statement).whole()
    currency = statement.currency
    charts = [
        _chart(view["bars_by_party"], "parties", "Who gets what", f"net of deductions, in {currency}"),
        _chart(
            view["bars_by_track"], "tracks", "From which generated tracks", f"gross, unmatched left out, in {currency}"
        ),
        _chart(view["bars_by_kind"], "kinds", "Matched against unmatched", f"gross, in {currency}"),
    ]
    return _rendered("statement.html", {**view, "charts": [chart for chart in charts if chart]})


def party_pages(statement: Statement) -> dict[str, bytes]:
    """Return the pages of all parties that have money in a statement, by file name, sorted."""
    view = View(statement)
    return {party_file_name(party_id): _party_page(view, party_id, statement) for party_id in view.party_ids()}


def party_file_names(statement: Statement) -> list[str]:
    """Return the names of the pages that `party_pages` makes."""
    return [party_file_name(party_id) for party_id in View(statement).party_ids()]


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
            f"party {printable(party_id)!r:.80} has no lines, balance or adjustments in statement "
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
    chart = _chart(
        own["bars_by_track"], "tracks", "From which generated tracks", f"your gross amounts, in {statement.currency}"
    )
    return _rendered("party.html", {**own, "charts": [chart] if chart else []})


def _chart(bars: list[tuple[str, Amount, str]], name: str, title: str, what: str) -> dict[str, Any] | None:
    if not any(amount for _, amount, _ in bars):
        return None
    description = f"{what}: " + "; ".join(f"{label} {text}" for label, _, text in bars)
    svg = bar_chart([Bar(*bar) for bar in bars], name=name, title=title, description=description)
    return {"name": name, "title": title, "what": what, "svg": Markup(svg), "bars": bars}


def _rendered(template: str, values: dict[str, Any]) -> bytes:
    return rendered(_PACKAGE, template, {**values, "max_drilled": MAX_DRILLED})
