"""The documentation matches the tree: every link leads to a file, every path and module named in it exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.places import ROOT

PACKAGES = ("fingerprint", "index", "sourceprint", "benchmarks")
FOLDERS = (*PACKAGES, "docs", "tests", ".ci")
DOCUMENTS = sorted(
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    )
    if path.is_file()
)
SOURCES = sorted(path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.py"))

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MODULE_RUN = re.compile(r"python3? -m ([\w.]+)")
SCHEMA = re.compile(r"sourceprint/[\w-]+/\d+")
DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


def slug(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(document: Path) -> list[str]:
    """Return the relative links of a document that lead nowhere, with their anchors."""
    broken = []
    for target in LINK.findall(FENCED.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE) if path.suffix == ".md" else []
        if not path.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(target)
    return broken


def is_there(name: str) -> bool:
    """Return whether a path is in the tree: from its root if it begins with a folder there, else as the end of one."""
    path = name.rstrip("/")
    if path.split("/")[0] in FOLDERS:
        return any(ROOT.glob(path))
    return (ROOT / path).is_file() or any(f"/{source.as_posix()}".endswith(f"/{path}") for source in SOURCES)


def is_named(dotted: str) -> bool:
    """Return whether a dotted name is a module or package, or a name that stands in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        module = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if module.is_file():
            text = module.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[end:])
    return False


def words_of(text: str) -> list[str]:
    """Return the words between backticks, without the brackets of a call."""
    return [word.strip(",;:").split("(")[0] for code in CODE.findall(text) for word in code.split()]


def stale_names(text: str) -> list[str]:
    """Return the paths and dotted names between backticks that are not in the tree."""
    words = words_of(text)
    paths = [
        word
        for word in words
        if re.fullmatch(r"[\w./*-]+", word) and ("/" in word or word.endswith(".py"))
        if word.split("/")[0] in FOLDERS or word.endswith(".py")
        if not SCHEMA.fullmatch(word)
    ]
    # `index.digest` is a field of a result: of the package `index`, names count from two dots on.
    dotted = [word for word in words if DOTTED.fullmatch(word) and (word.count(".") > 1 or word[:6] != "index.")]
    return [path for path in paths if not is_there(path)] + [name for name in dotted if not is_named(name)]


def test_there_is_documentation() -> None:
    assert len(DOCUMENTS) >= 10
    assert len(SOURCES) > 300


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_and_module_named_in_a_document_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert stale_names(FENCED.sub("", text)) == []
    assert [name for name in MODULE_RUN.findall(text) if name.split(".")[0] in PACKAGES and not is_named(name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_named_in_a_docstring_or_comment_exists(package: str) -> None:
    stale = {}
    for source in (ROOT / package).rglob("*.py"):
        names = stale_names(source.read_text(encoding="utf-8"))
        if names := [name for name in names if "/" in name or not name.endswith(".py")]:  # others' scripts have no path
            stale[source.relative_to(ROOT).as_posix()] = names
    assert stale == {}


def test_a_package_that_lists_its_modules_lists_them_all() -> None:
    listing = 0
    for face in (path for path in SOURCES if path.name == "__init__.py"):
        told = ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))) or ""
        lines = re.findall(r"^- ((?:`\w+`(?:, )?)+):", told, re.MULTILINE)
        listed = {name for line in lines for name in CODE.findall(line)}
        if not listed:
            continue
        listing += 1
        folders = {path.parent.name for path in face.parent.glob("*/__init__.py")}
        inside = {path.stem for path in face.parent.glob("*.py")} - {"__init__"} | folders
        assert listed <= inside <= set(CODE.findall(told)), face
    assert listing >= 7


@pytest.mark.parametrize(
    ("text", "stale"),
    [
        ("`fingerprint/errors.py` `fingerprint.errors.printable` `tests/places.py` `errors.py` `--out x.csv`", []),
        ("`fingerprint/nowhere.py`, `nowhere.py`", ["fingerprint/nowhere.py", "nowhere.py"]),
        ("`fingerprint.errors.nothing_such` `index.digest`", ["fingerprint.errors.nothing_such"]),
    ],
)
def test_missing_files_are_noticed(text: str, stale: list[str]) -> None:
    assert stale_names(text) == stale
