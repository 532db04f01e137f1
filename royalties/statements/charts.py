"""Pictures of a statement as SVG that stands inside a page; the only door to matplotlib.

One kind of picture: horizontal bars, each with its label before it and its amount, as text, behind it. Colours are left
to the page (`--bar` and the colour of its text), so that the picture is legible on light and dark. Text stays text. The
lengths of the bars are drawn with floats, which is all that they are used for: every amount that is read is text that
the caller wrote. The same bars give the same bytes.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from fingerprint.errors import printable

__all__ = ["Bar", "bar_chart"]

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sourceprint",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
}
_TEXT, _BAR, _ZERO = "#010203", "#010204", "#010205"  # stand-ins, for the page's own colours
_WIDTH_INCHES = 4.4
_LABEL_LETTERS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes
    ----------
    label : str
        What it stands for.
    amount : int
        Its length, in minor units; may be negative.
    text : str
        The amount as it is read.
    """

    label: str
    amount: int
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
        axes.barh(places, [bar.amount for bar in bars], height=0.62, color=_BAR)
        axes.axvline(0, color=_ZERO, linewidth=0.8)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_xlim(min(0, *(bar.amount for bar in bars)), max(0, *(bar.amount for bar in bars)) or 1)
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
