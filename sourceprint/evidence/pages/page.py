"""Where the pictures, sounds and styles of a page are kept: inside the page itself, or as files beside it.

Pages as HTML: records of `file_view` and `overview` in, bytes out (`sourceprint.text.templates`). A page loads nothing
from outside: its Content-Security-Policy allows its own folder, or, where everything is inside the page, nothing but
`data:` and the one script that the page's hash names. The same records give the same bytes.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from fingerprint.errors import EvidenceError
from sourceprint.outputs import program_version
from sourceprint.text.templates import rendered

__all__ = [
    "ASSETS",
    "PLAYERS",
    "SCRIPT",
    "STYLE",
    "Inset",
    "Shelf",
    "asset",
    "cover_page",
    "file_page",
    "inset",
    "overview_page",
    "recording_page",
    "spectra_in",
    "unstyled",
]

ASSETS = "assets"
"""Name of the folder of a report that holds what its pages share."""


@dataclass(slots=True)
class Shelf:
    """Takes the pictures and excerpts of a page, and returns their addresses: inside the page, or in the folder.

    Attributes
    ----------
    inside : bool
        Whether everything goes into the page.
    way : str
        From the page to the folder of the report: "" or "../".
    prefix : str
        Begins the name of every file, so that pages do not meet.
    files : dict of str to bytes
        Files to write into the folder `ASSETS`, by name.
    """

    inside: bool
    way: str
    prefix: str
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, data: bytes, media_type: str) -> str:
        """Keep some data and return its address.

        Examples
        --------
        >>> Shelf(True, "", "p-").put("a.png", b"...", "image/png")
        'data:image/png;base64,Li4u'
        >>> Shelf(False, "../", "p-").put("a.png", b"...", "image/png")
        '../assets/p-a.png'
        """
        if self.inside:
            return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
        self.files[self.prefix + name] = data
        return f"{self.way}{ASSETS}/{self.prefix}{name}"

    def inlined(self, picture: str) -> str:
        """Return the address of a picture that was put here as one that holds it; "" stays so."""
        if not picture or picture.startswith("data:"):
            return picture
        data = self.files[picture.rpartition("/")[2]]
        return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Inset:
    """The inside of a page, to stand in a page of another kind that has the same style.

    Attributes
    ----------
    main : Markup
        Everything between its header and its footer, without styles of single elements.
    style : str
        Those styles, as a sheet.
    """

    main: Markup
    style: str


_MAIN = re.compile(r'<main id="main" tabindex="-1">\n(.*)</main>', re.DOTALL)
_STYLED = re.compile(r' style="([^"]*)"')  # in tags alone: in text, quotation marks are escaped
_FIGURE = re.compile(r'<figure class="spectra" id="figure-([0-9]+)">.*?</figure>', re.DOTALL)


def inset(content: bytes) -> Inset:
    """Return the inside of a page of a file that was made before.

    Raises
    ------
    EvidenceError
        If it is no such page.
    """
    return unstyled(_main(content))


def spectra_in(content: bytes) -> dict[int, str]:
    """Return the spectrograms with landmarks in a page of a file that was made before, by the number of the passage.

    Raises
    ------
    EvidenceError
        If it is no such page.
    """
    return {int(one[1]): one[0] for one in _FIGURE.finditer(_main(content))}


def unstyled(main: str) -> Inset:
    """Return a part of a page with the styles of its elements in a sheet, as a policy with a digest allows them."""
    places: dict[str, int] = {}
    marked = _STYLED.sub(lambda one: f' data-at="{places.setdefault(one[1], len(places))}"', main)
    return Inset(Markup(marked), "".join(f'[data-at="{at}"]{{{style}}}' for style, at in places.items()))


def _main(content: bytes) -> str:
    found = _MAIN.search(content.decode("utf-8", "replace"))
    if found is None:
        raise EvidenceError("page of evidence: has no main part; submit the audio again, which makes a new one")
    return found[1]


STYLE, SCRIPT = "page.css", "page.js"
"""Names of what all pages share; the script holds the players too."""

PLAYERS = "players.js"
"""Name of the script of the players alone, for pages of another kind."""


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


def recording_page(values: dict[str, Any], *, title: str, inside: bool) -> bytes:
    """Return the page of a recording, which is part of a report; parameters as `file_page`."""
    return _rendered("recording.html", values, title=title, way="../", inside=inside)


def cover_page(values: dict[str, Any], *, title: str, inside: bool) -> bytes:
    """Return the page about the report as a whole; parameters as `file_page`."""
    return _rendered("cover.html", values, title=title, way="", inside=inside)


def overview_page(values: dict[str, Any], *, title: str, inside: bool) -> bytes:
    """Return the overview; parameters as `file_page`."""
    return _rendered("overview.html", values, title=title, way="", inside=inside)


@cache
def asset(name: str) -> bytes:
    """Return the style or the script that all pages share, or the script of the players."""
    folder = files("sourceprint.evidence.pages") / ASSETS
    parts = (PLAYERS, SCRIPT) if name == SCRIPT else (name,)
    return b"".join((folder / part).read_bytes() for part in parts)


def _rendered(template: str, values: dict[str, Any], *, title: str, way: str | None, inside: bool) -> bytes:
    shared = {
        "report_title": title,
        "way": way,
        "here": template.removesuffix(".html"),
        "inside": inside,
        "policy": _policy(inside),
        "style": Markup(asset(STYLE).decode()) if inside else f"{way}{ASSETS}/{STYLE}",
        "script": Markup(asset(SCRIPT).decode()) if inside else f"{way}{ASSETS}/{SCRIPT}",
        "version": program_version(),
    }
    return rendered("sourceprint.evidence.pages", template, {"words": (), **values, **shared})


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
