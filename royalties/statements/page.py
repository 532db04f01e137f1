"""A statement as a page that people read: one HTML file that needs nothing else; the only door to Jinja.

`statement_page` is the whole statement, `party_page` what one party may see of it: its own lines, balance and
adjustments, nobody else's money. Pages are self-contained (no script, no network), light or dark as the reader's system
is, and print on A4. All text from outside is escaped. Lines are all shown; beyond `page_view.MAX_DRILLED` uses, the
lines that are left are not followed to their uses, and the page says so.
"""

import hashlib
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fingerprint.errors import UnknownRightsError, printable
from royalties.statements.charts import Bar, bar_chart
from royalties.statements.page_view import MAX_DRILLED, View
from royalties.statements.statement import Statement

__all__ = ["party_file_name", "party_file_names", "party_page", "party_pages", "statement_page"]


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


def _chart(bars: list[tuple[str, int, str]], name: str, title: str, what: str) -> dict[str, Any] | None:
    if not any(amount for _, amount, _ in bars):
        return None
    description = f"{what}: " + "; ".join(f"{label} {text}" for label, _, text in bars)
    svg = bar_chart([Bar(*bar) for bar in bars], name=name, title=title, description=description)
    return {"name": name, "title": title, "what": what, "svg": Markup(svg), "bars": bars}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("royalties.statements"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_plain,
    )


def _plain(value: Any) -> Any:
    """Escape what no eye can see, or would take for something else, in text from outside."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _rendered(template: str, values: dict[str, Any]) -> bytes:
    text = _environment().get_template(template).render(**values, max_drilled=MAX_DRILLED)
    return text.encode()
