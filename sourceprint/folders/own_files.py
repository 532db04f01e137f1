"""Files and folders of our own, told by their names and first bytes: their kind, and the command that takes them.

In comes a path that was given as audio; out comes a sentence for the refusal, or "" where it is none of our files.
"""

import re
from pathlib import Path
from typing import Final

from sourceprint.folders.contents import HEAD_BYTES

__all__ = ["own_kind"]

_INDEX: Final = "an index, not audio; give the files to search in it, as with `sourceprint match --index INDEX FILE`"
_RUN: Final = (
    "results of a scan, not audio; `sourceprint report` shows them, `sourceprint attribute` makes uses of them"
)
_STATEMENT: Final = "a statement, not audio; `sourceprint audit` checks it"
_REPORT: Final = "a page to read, such as a report, not audio; open it in a browser"
_RIGHTS: Final = "tables of rights, not audio; `sourceprint rights import` reads them"
_CASE: Final = "a case, not audio; `sourceprint verify` checks it"
_FOLDERS: Final = (  # by a file in it
    ("statement.json", _STATEMENT),
    ("results.jsonl", _RUN),
    ("report.txt", _REPORT),
    ("parties.tsv", _RIGHTS),
    ("rights.csv", _RIGHTS),
)
_SCHEMAS: Final = {
    "scan-result": _RUN,
    "statement": _STATEMENT,
    "use": "uses of a statement, not audio; `sourceprint audit` checks the folder of the statement",
    "licence": "a licence, not audio; `sourceprint rights import` reads it",
    "policy": "a policy for uses, not audio; `sourceprint attribute --policy` takes it",
    "gate-policy": "a policy of releases, not audio; `sourceprint check --policy` takes it",
    "check": "the report of a check, not audio; give the files themselves",
    "log-proof": "a proof from a log, not audio; `sourceprint log check-proof` checks it",
}
_SCHEMA = re.compile(rb'"?schema"?\s*[:=]\s*"sourceprint/([a-z-]+)/[0-9]+"')
_INDEX_MAGIC: Final = b'"magic": "sourceprint-index"'


def own_kind(path: Path) -> str:
    """Return the kind of a file or folder of our own and the command that takes it, in a sentence; "" for others."""
    try:
        return _of_folder(path) if path.is_dir() else _of_file(path)
    except (OSError, ValueError):  # opening it as audio reports the error
        return ""


def _of_folder(folder: Path) -> str:
    manifest = folder / "manifest.json"
    if manifest.is_file() and _INDEX_MAGIC in _head(manifest):
        return _INDEX
    return next((kind for name, kind in _FOLDERS if (folder / name).is_file()), "")


def _of_file(path: Path) -> str:
    if not path.is_file():
        return ""
    head = _head(path)
    if head.startswith(b"SQLite format 3\0") and path.suffix.lower() in (".sqlite", ".sqlite3", ".db"):
        return "a database, not audio; `sourceprint rights check --rights DATABASE` reads one of rights"
    if head.startswith(b"PK\x03\x04") and head[30:].startswith(b"case.json"):
        return _CASE
    if re.match(rb"\s*<(!doctype )?html", head, re.IGNORECASE):
        return _REPORT
    if path.name == "statement.json":  # its keys are sorted, so that its schema comes late
        return _STATEMENT
    if _INDEX_MAGIC in head:
        return _INDEX
    schema = _SCHEMA.search(head)
    return _SCHEMAS.get(schema[1].decode(), "") if schema else ""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
