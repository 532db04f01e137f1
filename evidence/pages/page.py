"""Pages as HTML: records of `file_view` and `overview` in, bytes out. The door to Jinja of this part of the package.

All text from outside is escaped, and what no eye can see in it is spelled out (`printable`). A page loads nothing from
outside: its Content-Security-Policy allows its own folder, or, where everything is inside the page, nothing but
`data:` and the one script that the page's hash names. The same records give the same bytes.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evidence.pages.shelf import ASSETS
from evidence.version import program_version
from fingerprint.errors import printable

__all__ = ["SCRIPT", "STYLE", "asset", "file_page", "overview_page"]

STYLE, SCRIPT = "page.css", "page.js"
"""Names of what all pages share."""


def file_page(values: dict[str, Any], *, title: str, way: str | None, inside: bool) -> bytes:
    """Return the page of a file.

    Parameters
    ----------
    values : dict
        Of `file_view`.
    title : str
        Of the report.
    way : str or None
        From the page to the folder of the report; None if it stands alone, which needs `inside`.
    inside : bool
        Whether style and script go into the page.
    """
    return _rendered("file.html", values, title=title, way=way, inside=inside)


def overview_page(values: dict[str, Any], *, title: str, inside: bool) -> bytes:
    """Return the overview; parameters as `file_page`."""
    return _rendered("overview.html", values, title=title, way="", inside=inside)


@cache
def asset(name: str) -> bytes:
    """Return the style or the script that all pages share."""
    return (files("evidence.pages") / ASSETS / name).read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("evidence.pages"),
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


def _rendered(template: str, values: dict[str, Any], *, title: str, way: str | None, inside: bool) -> bytes:
    shared = {
        "report_title": title,
        "way": way,
        "inside": inside,
        "policy": _policy(inside),
        "style": Markup(asset(STYLE).decode()) if inside else f"{way}{ASSETS}/{STYLE}",
        "script": Markup(asset(SCRIPT).decode()) if inside else f"{way}{ASSETS}/{SCRIPT}",
        "version": program_version(),
    }
    text = _environment().get_template(template).render(**values, **shared)
    return text.encode()


def _policy(inside: bool) -> str:
    # Browsers differ in whether a file opened from the disk is its own origin, hence `file:`; it is no network.
    own = "data:" if inside else "'self' file: data:"
    digest = base64.b64encode(hashlib.sha256(asset(SCRIPT)).digest()).decode("ascii")
    script = f"'sha256-{digest}'" if inside else "'self' file:"
    style = "'unsafe-inline'" if inside else "'self' file: 'unsafe-inline'"
    return (
        f"default-src 'none'; img-src {own}; media-src {own}; style-src {style}; script-src {script}; "
        "base-uri 'none'; form-action 'none'"
    )
