"""CITATION.cff: a file of the Citation File Format 1.2.0 that agrees with pyproject.toml."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from tests.places import ROOT

# From schema.json of version 1.2.0: required keys and optional ones.
REQUIRED = {"authors", "cff-version", "message", "title"}
POSSIBLE = REQUIRED | {
    "abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url",
    "preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url",
    "version",
}  # fmt: skip


def value(text: str) -> str:
    """Return a scalar: quoted as in JSON, or a plain one in which YAML sees nothing but text."""
    if text.startswith('"'):
        return str(json.loads(text))
    assert re.fullmatch(r"[A-Za-z][\w-]*(\.\w+)*|\d+\.\d+\.\d+\w*", text), f"{text}: quote it"
    return text


def citation() -> dict[str, Any]:
    """Read the part of YAML that the file is written in: texts, lists of texts, and lists of names; nothing else."""
    found: dict[str, Any] = {}
    for line in (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines():
        if item := re.fullmatch(r"  - (?:name: )?(.+)", line):
            text = value(item[1])
            found[list(found)[-1]].append({"name": text} if line.startswith("  - name: ") else text)
            continue
        pair = re.fullmatch(r"([a-z-]+):(?: (.+))?", line)
        assert pair, line
        assert pair[1] not in found
        found[pair[1]] = [] if pair[2] is None else value(pair[2])
    return found


def test_the_keys_are_those_of_the_format() -> None:
    found = citation()
    assert REQUIRED <= found.keys() <= POSSIBLE
    assert (found["cff-version"], found["type"]) == ("1.2.0", "software")
    assert all(author.keys() == {"name"} for author in found["authors"])


def test_it_agrees_with_the_package() -> None:
    found = citation()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found["title"].lower(), found["abstract"]) == (project["name"], project["description"])
    assert (found["version"], found["license"]) == (project["version"], project["license"])
    assert (found["authors"], found["keywords"]) == (project["authors"], project["keywords"])
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == project["version"]  # type: ignore[index]
