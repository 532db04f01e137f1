"""Addresses of the pages and files of a report: readable names that cannot lead elsewhere.

A name is the readable part of the file's or recording's name, in plain letters and digits, and twelve digits of a
digest, which keep two of them apart on any file system. So an address never needs escaping.
"""

import hashlib
import re
import unicodedata

from sourceprint.scans.results import ScanResult

__all__ = [
    "CASES",
    "COVER",
    "FILES",
    "INDEX",
    "NAMED",
    "RECORDINGS",
    "SUMS",
    "case_address",
    "page_address",
    "recording_address",
]

INDEX = "index.html"
COVER = "cover.html"
SUMS = "SHA256SUMS"
FILES = "files"
RECORDINGS = "recordings"
CASES = "cases"

NAMED = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*-)?[0-9a-f]{12}")
"""Form of the name of a page or case, without its ending."""

_LONGEST = 48


def page_address(result: ScanResult) -> str:
    """Return the address of the page of a track, from the folder of the report."""
    return f"{FILES}/{_track_name(result)}.html"


def case_address(result: ScanResult) -> str:
    """Return the address of the case of a track, from the folder of the report."""
    return f"{CASES}/{_track_name(result)}.zip"


def recording_address(recording_id: str) -> str:
    r"""Return the address of the page of a recording, from the folder of the report.

    Examples
    --------
    >>> recording_address("One for Tonight #2"), recording_address("\u590f")
    ('recordings/one-for-tonight-2-a059bd76c5e2.html', 'recordings/8482432c0274.html')
    """
    return f"{RECORDINGS}/{_named(recording_id, recording_id)}.html"


def _track_name(result: ScanResult) -> str:
    last = result.name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _named(last, f"{result.name}\0{result.sha256}")


def _named(text: str, identity: str) -> str:
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-")
    return f"{words}-{digest}" if words else digest
