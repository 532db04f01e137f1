"""Pages from templates: the only door to Jinja.

All text from outside is escaped, and invisible characters in it are spelled out (`printable`). A name that a template
uses and nobody gave is an error. The same values give the same bytes.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fingerprint.errors import printable

__all__ = ["lines_of", "rendered", "verbatim"]

_BUFFERED = 500  # pieces of text that are put together before they become bytes


def verbatim(text: str) -> Markup:
    """Return a text for a template as it is, escaped: for fields that send it back."""
    return escape(text)


def lines_of(text: str) -> Markup:
    """Return a text for a template with its line breaks; invisible characters in its lines are spelled out."""
    return Markup("\n").join(printable(line) for line in text.split("\n"))


def rendered(package: str, template: str, values: dict[str, Any]) -> bytes:
    """Return a page: a template in the folder `templates` of a package, filled with values."""
    stream = _environment(package).get_template(template).stream(**values)
    stream.enable_buffering(_BUFFERED)
    return b"".join(piece.encode() for piece in stream)


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_plain,
    )


def _plain(value: Any) -> Any:
    """Escape invisible and misleading characters in text from outside."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
