"""The rules of the layout, read off the import statements: they point one way, and the doors to the outside are few."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import ROOT

# What each part may import of the others; tests and benchmarks may import everything.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "fingerprint": frozenset(),
    "index": frozenset({"fingerprint"}),
    "evidence": frozenset({"fingerprint", "index"}),
    "royalties": frozenset({"fingerprint", "index"}),
    "service": frozenset({"fingerprint", "index", "evidence", "royalties"}),
    "commands": frozenset({"fingerprint", "index", "evidence", "royalties", "service", "benchmarks"}),
    "cli": frozenset({"commands"}),
}
OURS = frozenset(MAY_IMPORT) | {"benchmarks", "tests"}

# The only modules, of all that are installed but benchmarks, that may import each of these: one in a part.
DOORS = {
    "soundfile": "fingerprint.audio.decoders sourceprint.evidence.pages.sounds",
    "av": "fingerprint.audio.decoders",
    "soxr": "fingerprint.audio.stream",
    "faiss": "index.vectors.exact",
    "iso4217": "sourceprint.royalties.money",
    "pycountry": "sourceprint.royalties.territories",
    "pyarrow": "sourceprint.royalties.statements.files.line_tables sourceprint.exports.table",
    "jinja2": "sourceprint.royalties.statements.files.page sourceprint.evidence.pages.page",
    "matplotlib": "sourceprint.royalties.statements.files.page",
    "PIL": "sourceprint.evidence.pages.spectra",
    "alembic": "sourceprint.royalties.rights.database",
    "cryptography": "sourceprint.signatures",
    "stdnum": "sourceprint.identifiers.codes",
    "watchfiles": "sourceprint.scans.watch",
    "platformdirs": "sourceprint.commands.terminal",
    "tqdm": "sourceprint.commands.progress",
}
MIGRATIONS = "royalties.rights.migrations."  # run by alembic, on behalf of its door
NOT_INSTALLED = (
    "docs/example-page.png",
    "docs/money/EXAMPLE.md",
    "docs/money/example/",
)  # for readers of the source
KEPT_OUT = frozenset({"librosa", "sklearn", "pedalboard", "pickle", "audioread"})
TERMINAL = frozenset({"click"})  # for the command alone
SLOW_TO_IMPORT = frozenset(
    {
        "numba",
        "faiss",
        "librosa",
        "scipy",
        "numpy",
        "av",
        "soundfile",
        "soxr",
        "fingerprint",
        "index",
        "evidence",
        "royalties",
        "benchmarks",
        "sqlalchemy",
        "alembic",
        "jinja2",
        "matplotlib",
        "PIL",
        "pyarrow",
        "cryptography",
        "watchfiles",
        "pycountry",
        "iso4217",
    }
)
LIGHT = frozenset({"fingerprint.errors"})  # what the command needs at once costs next to nothing


def imports_of(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = [tree] if top_level_only else ast.walk(tree)
    for parent in nodes:
        for node in ast.iter_child_nodes(parent) if top_level_only else [parent]:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: write the import in full"
                assert node.module is not None
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> dict[str, Path]:
    """Return the files of the project by dotted name, without tests."""
    paths = [path for part in MAY_IMPORT for path in (ROOT / part).rglob("*.py")]
    paths += [path for path in (ROOT / "cli.py", ROOT / "service.py") if path.is_file()]
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    assert len(found) > 10, "the files of the project are not where this test looks for them"
    assert {"fingerprint.audio.stream", "index"} <= set(found)
    return found


def test_imports_point_one_way() -> None:
    for name, path in modules().items():
        part = name.partition(".")[0]
        imported = {other.partition(".")[0] for other in imports_of(path)} & OURS
        forbidden = imported - MAY_IMPORT[part] - {part}
        assert not forbidden, f"{name} imports {', '.join(sorted(forbidden))}, which stand to its right"


# Inside a part: what each of its packages may import of the others, and in evidence each of its modules too. What is
# not listed of royalties are modules of the package itself, which serve all of it.
ROYALTIES_MAY_IMPORT: dict[str, frozenset[str]] = {
    "identifiers": frozenset(),
    "rights": frozenset({"identifiers"}),
    "tables": frozenset({"identifiers", "rights"}),
    "uses": frozenset({"rights"}),
    "statements": frozenset({"identifiers", "rights", "uses"}),
}
_SHARED = frozenset({"results", "version", "outputs", "coverage"})
EVIDENCE_MAY_IMPORT: dict[str, frozenset[str]] = {
    "results": frozenset(),
    "version": frozenset(),
    "outputs": frozenset(),
    "coverage": frozenset({"results"}),
    "signing": frozenset(),
    "runs": _SHARED,
    "reading": _SHARED | {"runs"},
    "diff": _SHARED,
    "diff_report": _SHARED | {"diff"},
    "exports": _SHARED,
    "gate": _SHARED,
    "pages": _SHARED | {"runs"},
    "cases": _SHARED | {"signing", "runs"},
    "blind": _SHARED | {"signing"},
}


@pytest.mark.parametrize(
    ("package", "may_import"), [("royalties", ROYALTIES_MAY_IMPORT), ("evidence", EVIDENCE_MAY_IMPORT)]
)
def test_imports_inside_a_part_point_one_way(package: str, may_import: dict[str, frozenset[str]]) -> None:
    seen = set()
    for name, path in modules().items():
        if not name.startswith(f"{package}."):
            continue
        part = name.split(".")[1]
        parts = {other.split(".")[1] for other in imports_of(path) if other.startswith(f"{package}.")}
        imported = (parts & may_import.keys()) - {part}
        allowed = may_import.get(part, frozenset())
        assert imported <= allowed, f"{name} imports {', '.join(sorted(imported - allowed))}, which stand to its right"
        seen.add(part)
    assert set(may_import) <= seen


def test_every_module_of_evidence_has_its_place() -> None:
    parts = {name.split(".")[1] for name in modules() if name.startswith("evidence.")}
    assert parts == set(EVIDENCE_MAY_IMPORT)


def test_every_door_is_the_only_one() -> None:
    used = set()
    for name, path in modules().items():
        if name.startswith(MIGRATIONS):
            continue
        imported = {other.partition(".")[0] for other in imports_of(path)}
        for library, door in DOORS.items():
            if library in imported:
                assert name in door.split(), f"{name} imports {library}: only {door} may"
                used.add((library, name))
        is_command = name.partition(".")[0] in ("commands", "cli")
        kept_out = imported & (KEPT_OUT if is_command else KEPT_OUT | TERMINAL)
        assert not kept_out, f"{name} imports {', '.join(sorted(kept_out))}: not in this part"
    assert used == {(library, name) for library, door in DOORS.items() for name in door.split()}


def test_commands_import_nothing_heavy_at_the_top() -> None:
    of_commands = {name: path for name, path in modules().items() if name.partition(".")[0] in ("commands", "cli")}
    assert {"cli", "sourceprint.commands.terminal", "sourceprint.commands.match"} <= set(of_commands)
    for name, path in of_commands.items():
        imported = [
            other
            for other in imports_of(path, top_level_only=True)
            if not any(other.startswith(light) for light in LIGHT)
        ]
        heavy = {other.partition(".")[0] for other in imported} & SLOW_TO_IMPORT - {"fingerprint"}
        heavy |= {other for other in imported if other.startswith("fingerprint.")}
        assert not heavy, f"{name} imports {', '.join(sorted(heavy))} at its top: move it into what needs it"


def test_help_loads_nothing_heavy() -> None:
    # The same by running it: what the AST does not show is what the light modules import in turn.
    program = (
        "import sys, cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"loaded = sorted(set(sys.modules) & {set(SLOW_TO_IMPORT - set(OURS))!r})\n"
        "sys.exit('loaded: ' + ', '.join(loaded) if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_packages_hold_no_code_in_their_init() -> None:
    for part in ("fingerprint", "index", "evidence", "royalties", "commands"):
        tree = ast.parse((ROOT / part / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), f"{part}/__init__.py has no docstring"
        for node in tree.body[1:]:
            assert isinstance(node, ast.Import | ast.ImportFrom | ast.Assign), f"{part}/__init__.py:{node.lineno}: code"


def test_everything_that_is_no_code_is_installed_too() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = set(told["packages"])
    found = set()
    for name in packages:
        if name.partition(".")[0] not in ("fingerprint", "index", "evidence", "royalties", "commands"):
            continue
        folder = ROOT.joinpath(*name.split("."))
        assert (folder / "__init__.py").is_file(), f"{name} is no package"
        installed = {path for pattern in told["package-data"].get(name, ()) for path in folder.glob(pattern)}
        inner = [path for path in folder.iterdir() if path.is_dir() and f"{name}.{path.name}" not in packages]
        places = [folder, *(path for path in inner if path.name != "__pycache__")]
        for path in (path for place in places for path in place.iterdir() if path.is_file()):
            if path.suffix != ".py" and not path.relative_to(ROOT).as_posix().startswith(NOT_INSTALLED):
                assert path in installed, f"{path.relative_to(ROOT)}: name it in package-data of pyproject.toml"
                found.add(path.name)
    assert {"projection.npz", "default.toml", "page.js", "file.html", "README.txt"} <= found


def test_our_names_belong_to_us_alone() -> None:
    try:
        importlib.metadata.distribution("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed")
    owners = importlib.metadata.packages_distributions()
    ours = {"fingerprint", "index", "evidence", "royalties", "benchmarks", "commands", "cli"}
    # An editable install lists no files: then only foreign claims would show.
    for name in ours:
        assert set(owners.get(name, ["sourceprint"])) == {"sourceprint"}, f"{name} is also installed by {owners[name]}"
