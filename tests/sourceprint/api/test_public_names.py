"""The names of `import sourceprint`: every public one, documented and typed, and nothing loaded before it is used."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fingerprint
import fingerprint.errors
import index
import sourceprint
from index.folder.index import Index
from tests.places import ROOT

FACES = (fingerprint, index, sourceprint)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_every_public_name_is_there_documented_and_known_to_type_checkers(face: ModuleType) -> None:
    assert len(face.__all__) == len(set(face.__all__)) > 10
    tree = ast.parse(Path(str(face.__file__)).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in (*tree.body, *typed.body) if isinstance(node, ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imports if node.module != "typing" for alias in node.names}
    assert names | {"__version__"} == set(face.__all__) | {"__version__"}
    for name in face.__all__:
        value = getattr(face, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="has no attribute 'nothing_such'"):
        face.nothing_such  # noqa: B018 - it is asked for


def test_every_error_of_the_product_is_at_the_top() -> None:
    errors = set(fingerprint.errors.__all__) - {"printable"}
    assert errors <= set(sourceprint.__all__)
    assert all(issubclass(getattr(sourceprint, name), sourceprint.SourceprintError) for name in errors)


def test_methods_document_results_arguments_and_errors() -> None:
    methods: list[Callable[..., Any]]
    methods = [one for name, one in inspect.getmembers(sourceprint.Catalogue, inspect.isfunction) if name[0] != "_"]
    functions: list[Callable[..., Any]]
    functions = [sourceprint.open, sourceprint.create, sourceprint.read_results, sourceprint.to_dataframe]
    assert len(methods) > 12
    for function in [*methods, *functions]:
        told = inspect.getdoc(function) or ""
        for name in inspect.signature(function).parameters:
            assert name == "self" or name in told, f"{function.__qualname__}: {name}"
    for function in functions:
        assert "Examples\n--------\n>>> " in (inspect.getdoc(function) or "")


def test_engine_names_are_exported() -> None:
    assert index.Index is Index
    assert fingerprint.fingerprint_file.__module__ == "fingerprint.extract"
    assert sourceprint.Recording is index.Recording


def test_version_is_that_of_the_package() -> None:
    try:
        version = importlib.metadata.version("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    assert sourceprint.__version__ == version
    assert "open" in dir(sourceprint)


def test_import_loads_nothing() -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\nimport sourceprint, index, fingerprint\n"
        "sourceprint.SourceprintError\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new & {'numpy', 'numba', 'faiss', 'scipy', 'msgspec', 'click', 'soundfile', 'av'}))\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('sourceprint', 'index', 'fingerprint'))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines() == ["", "fingerprint fingerprint.errors index sourceprint"]


OF_COMMANDS = {
    "index.folder.transfer": "export and import",
    "sourceprint.outputs": "where commands write",
    "sourceprint.lists": "only where a command reads a list: `ColumnMap.by_options`",
    "sourceprint.sheets.columns": "as lists",
    "sourceprint.sheets.workbooks": "as lists; names the remedy for Python first",
}
OPTION = re.compile(r"(?<![\w-])--[a-z]")


def modules_behind_python() -> dict[str, ast.Module]:
    """Return the modules that the names of `import sourceprint` use, directly or not, without commands."""
    todo, found = [f"sourceprint.api.{path.stem}" for path in (ROOT / "sourceprint" / "api").glob("*.py")], {}
    while todo:
        name = todo.pop()
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if name in found or name.startswith("sourceprint.commands") or not path.is_file():
            continue
        found[name] = tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                todo += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


@pytest.mark.slow
def test_messages_behind_python_name_no_option_of_a_command() -> None:
    behind = modules_behind_python()
    assert {"index.search.filters", "sourceprint.gate.check", "fingerprint.spf_files"} <= behind.keys()
    assert behind.keys() > OF_COMMANDS.keys()
    for name, tree in behind.items():
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told]
        for node in texts:
            text = re.sub(r"`sourceprint [^`]*`", "", node.value) if isinstance(node.value, str) else ""
            is_option = OPTION.search(text) is not None and name not in OF_COMMANDS
            assert not is_option, f"{name}:{node.lineno}: {text!r}; name the argument, or the whole command"
