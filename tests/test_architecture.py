"""The layout: docs/architecture.md read and held against the tree and its import statements."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import itertools
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.places import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LIBRARIES = ("fingerprint", "index", "sourceprint")  # they and their packages; benchmarks are listed nowhere
MOST_MODULES = 15  # in one package

# The only modules of the product that may import each of these: one, or one for each purpose.
DOORS = {
    "PIL": ("sourceprint.evidence.pages.spectra",),
    "alembic": ("sourceprint.table_versions", "sourceprint.royalties.rights.database"),
    "av": ("fingerprint.audio.ffmpeg", "fingerprint.audio.frames"),
    "cryptography": ("sourceprint.signatures",),
    "faiss": ("index.vectors.exact",),
    "fsspec": ("sourceprint.service.line.objects",),
    "httpx": ("sourceprint.service.hooks.delivery",),
    "iso4217": ("sourceprint.royalties.money",),
    "jinja2": ("sourceprint.text.templates",),
    "pandas": ("sourceprint.exports.dataframe",),
    "platformdirs": ("sourceprint.places",),
    "prometheus_client": ("sourceprint.service.metrics", "sourceprint.service.routes.operations"),
    "pyarrow": (
        "sourceprint.exports.dataframe",
        "sourceprint.exports.parquet",
        "sourceprint.royalties.statements.files.line_tables",
    ),
    "pycountry": ("sourceprint.royalties.territories",),
    "soundfile": ("fingerprint.audio.libsndfile", "sourceprint.demo.music", "sourceprint.evidence.pages.sounds"),
    "soxr": ("fingerprint.audio.stream", "sourceprint.demo.transformations"),
    "stdnum": ("sourceprint.identifiers.codes",),
    "uvicorn": ("sourceprint.service.serving",),
    "tqdm": ("sourceprint.commands.progress",),
    "watchfiles": ("sourceprint.scans.watch",),
    "webauthn": ("sourceprint.service.people.passkeys",),
}
MIGRATIONS = ("sourceprint.royalties.rights.migrations.", "sourceprint.service.store.migrations.")  # run by alembic
KEPT_OUT = frozenset({"librosa", "sklearn", "pedalboard", "pickle", "audioread"})
COMMANDS = ("cli", "sourceprint.commands")  # alone talk to the terminal
TERMINAL = frozenset({"click"})

SLOW_TO_IMPORT = frozenset({
    "PIL", "alembic", "av", "benchmarks", "cryptography", "faiss", "iso4217", "jinja2", "librosa", "matplotlib",
    "msgspec", "numba", "numpy", "pyarrow", "pycountry", "scipy", "soundfile", "soxr", "sqlalchemy", "watchfiles",
})  # fmt: skip
LIGHT = (
    "fingerprint.errors",
    "sourceprint.commands",
    "sourceprint.exports.kinds",
    "sourceprint.places",
    "sourceprint.text",
)  # allowed imports at the top of a command


# --- reading the page and the tree ------------------------------------------------------------------------------------


def picture() -> dict[str, list[str]]:
    """Return the parts at the top by the picture, each with its packages in the picture."""
    block = PAGE.partition("## The picture\n\n")[2].partition("\n\n")[0]
    parts: dict[str, list[str]] = {}
    for line in block.splitlines():
        indent, names = named_in(line)
        if indent == 4:
            (name,) = names
            parts[name] = []
        elif indent == 6:
            parts[list(parts)[-1]] += names
        else:
            assert indent == 8, line
    return parts


def named_in(line: str) -> tuple[int, list[str]]:
    """Return the indent of a line of the picture, and the modules and packages before its words."""
    names = [word.rstrip(",") for word in line.split()]
    is_name = [name.endswith((".py", "/")) for name in names]
    assert is_name[0], line
    return len(line) - len(line.lstrip()), names[: is_name.index(False)]


def packages_inside(package: str) -> set[str]:
    """Return the packages that the picture shows one step deeper, below a line with this name."""
    block = PAGE.partition("## The picture\n\n")[2].partition("\n\n")[0]
    inner = block.partition(f"      {package}/ ")[2].splitlines()[1:]
    lines = itertools.takewhile(lambda line: line.startswith(" " * 8), inner)
    return {name for line in lines for name in named_in(line)[1]}


def orders() -> dict[str, list[list[str]]]:
    """Return the order of imports inside each package that has one: lines of names."""
    found = {}
    for package, block in re.findall(r"<!-- order: (\S+) -->\n((?:\d+\. .*\n)+)", PAGE):
        found[package] = [re.findall(r"`(\w+)`", line) for line in block.splitlines()]
    return found


def modules() -> dict[str, Path]:
    """Return the files of the project by dotted name, without tests."""
    parts = [name.strip("/") for name in picture()]
    paths = [path for part in parts for path in ([ROOT / part] if "." in part else (ROOT / part).rglob("*.py"))]
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    assert {"cli", "benchmarks.suite", "fingerprint.audio.stream", "index", "sourceprint.commands.match"} <= set(found)
    return found


def product() -> dict[str, Path]:
    return {name: path for name, path in modules().items() if not name.startswith("benchmarks")}


def contents(package: str) -> set[str]:
    """Return the names of the modules and packages in a package."""
    folder = ROOT.joinpath(*package.split("."))
    paths = [path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    return {path.stem for path in paths} - {"__init__"}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def imports_of(path: Path, *, top_level_only: bool = False) -> tuple[str, ...]:
    """Return the dotted name of everything that a file imports."""
    return tuple(_imports(path, top_level_only))


def _imports(path: Path, top_level_only: bool) -> Iterator[str]:
    tree = tree_of(path)
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: write the import in full"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- the page and the tree --------------------------------------------------------------------------------------------


def test_picture_shows_the_tree() -> None:
    parts = picture()
    assert list(parts) == ["fingerprint/", "index/", "sourceprint/", "cli.py", "benchmarks/"]
    for part in ("fingerprint", "index", "sourceprint"):
        there = {f"{name}/" if (ROOT / part / name).is_dir() else f"{name}.py" for name in contents(part)}
        assert len(parts[f"{part}/"]) == len(set(parts[f"{part}/"]))
        assert set(parts[f"{part}/"]) == there, f"docs/architecture.md: the picture of {part}/ and the folder differ"


def test_picture_shows_the_packages_of_royalties() -> None:
    folder = ROOT / "sourceprint" / "royalties"
    assert packages_inside("royalties") == {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def test_every_benchmark_has_its_line_in_the_picture() -> None:
    patterns = picture()["benchmarks/"]
    folder = ROOT / "benchmarks"
    there = {f"{name}.py" if (folder / f"{name}.py").is_file() else f"{name}/" for name in contents("benchmarks")}
    assert len(there) > 50
    lines = {name: [pattern for pattern in patterns if fnmatch(name, pattern)] for name in there}
    assert {name: found for name, found in lines.items() if len(found) != 1} == {}
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in there)] == []


def test_imports_between_parts_point_one_way() -> None:
    line = re.search(r"^    (fingerprint  <-  .*)$", PAGE, re.MULTILINE)
    assert line is not None
    parts = line[1].split("  <-  ")
    assert {f"{part}/" for part in parts} | {"cli.py"} == {*picture(), "cli/"}
    for name, path in modules().items():
        allowed = parts[: parts.index(name.partition(".")[0]) + 1]
        imported = {other.partition(".")[0] for other in imports_of(path)} & {*parts, "tests"}
        wrong = imported - set(allowed)
        assert not wrong, f"{name} imports {', '.join(sorted(wrong))}, which stand to its right"


@pytest.mark.parametrize("package", sorted(orders()))
def test_imports_inside_a_part_follow_the_order(package: str) -> None:
    lines = orders()[package]
    names = Counter(name for line in lines for name in line)
    assert set(names) == contents(package), f"docs/architecture.md: the order of {package} and the folder differ"
    assert set(names.values()) == {1}
    rank = {name: number for number, line in enumerate(lines, 1) for name in line}
    for name, path in modules().items():
        if not name.startswith(f"{package}."):
            continue
        mine = name.removeprefix(f"{package}.").partition(".")[0]
        for other in imports_of(path):
            theirs = other.removeprefix(f"{package}.").partition(".")[0]
            if not other.startswith(f"{package}.") or theirs not in rank or theirs == mine:
                continue
            assert rank[theirs] < rank[mine], (
                f"{name}, line {rank[mine]} of the order of {package}, imports {other} of line {rank[theirs]}"
            )


def test_no_two_classes_share_a_name() -> None:
    found: dict[str, list[str]] = {}
    for name, path in product().items():
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name)
    assert len(found) > 100
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_tests_mirror_the_tree() -> None:
    for library in LIBRARIES:
        folders = [path for path in (ROOT / "tests" / library).rglob("*") if any(path.glob("test_*.py"))]
        for folder in folders:
            package = ROOT / folder.relative_to(ROOT / "tests")
            assert (package / "__init__.py").is_file(), f"{folder.relative_to(ROOT)}: there is no such package"


def test_every_library_has_an_order() -> None:
    assert set(LIBRARIES) <= set(orders())


def test_packages_are_small() -> None:
    packages = {name for name, path in product().items() if path.name == "__init__.py"}
    assert len(packages) > 20
    for package in packages:
        n = sum((ROOT.joinpath(*package.split("."), f"{name}.py")).is_file() for name in contents(package))
        assert n <= MOST_MODULES, f"{package} has {n} modules: give it packages"


def test_packages_hold_no_code_in_their_init() -> None:
    for name, path in modules().items():
        if path.name != "__init__.py":
            continue
        tree = tree_of(path)
        assert ast.get_docstring(tree), f"{name}/__init__.py has no docstring"
        for node in tree.body[1:]:
            lazy = isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__")
            typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            plain = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
            assert lazy or typing or plain, f"{name}/__init__.py:{node.lineno}: code"


# --- the outside ------------------------------------------------------------------------------------------------------


def test_every_door_is_the_only_one() -> None:
    used = set()
    for name, path in product().items():
        if name.startswith(MIGRATIONS):
            continue
        imported = {other.partition(".")[0] for other in imports_of(path)}
        for library in imported & DOORS.keys():
            assert name in DOORS[library], f"{name} imports {library}: only {', '.join(DOORS[library])} may"
            used.add((library, name))
        kept_out = imported & (KEPT_OUT if name.startswith(COMMANDS) else KEPT_OUT | TERMINAL)
        assert not kept_out, f"{name} imports {', '.join(sorted(kept_out))}: not in this part"
    assert used == {(library, name) for library, doors in DOORS.items() for name in doors}


def test_commands_import_nothing_heavy_at_the_top() -> None:
    commands = {name: path for name, path in product().items() if name.startswith(COMMANDS)}
    assert {"cli", "sourceprint.commands.terminal", "sourceprint.commands.match"} <= set(commands)
    for name, path in commands.items():
        for other in imports_of(path, top_level_only=True):
            heavy = other.partition(".")[0] in (SLOW_TO_IMPORT | set(LIBRARIES)) and not other.startswith(LIGHT)
            assert not heavy, f"{name} imports {other} at its top: move it into what needs it"


def test_help_loads_nothing_heavy() -> None:
    # The same by running it: the AST does not show the imports of the light modules.
    program = (
        "import sys, cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"loaded = sorted(set(sys.modules) & {set(SLOW_TO_IMPORT)!r})\n"
        f"loaded += [name for name in sys.modules if name.startswith(('index.', 'fingerprint.', 'sourceprint.'))\n"
        f"           and not name.startswith({LIGHT!r}) and not any(one.startswith(name + '.') for one in {LIGHT!r})]\n"
        "sys.exit('loaded: ' + ', '.join(loaded) if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_the_page_lists_the_helpers_of_the_tests() -> None:
    table = PAGE.partition("## Helpers of the tests\n\n")[2].partition("\n## ")[0]
    listed = [
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.partition("| ")[2].partition(" |")[0])
    ]
    helpers = {path.stem for path in (ROOT / "tests").glob("*.py") if not path.stem.startswith(("test_", "__"))}
    assert set(listed) == helpers
    assert len(listed) == len(helpers)


def test_functions_on_the_page_are_in_their_modules() -> None:
    table = PAGE.partition("The functions that two commands call")[2].partition("\n\nFrom there")[0]
    calls = re.findall(r"`(\w+/[\w/]+\.py)`: ((?:`[\w.]+`(?:, )?)+)", table)
    assert len(calls) > 12
    for module, names in calls:
        text = (ROOT / module).read_text(encoding="utf-8")
        for name in re.findall(r"`(?:\w+\.)*(\w+)`", names):
            assert re.search(rf"\bdef {name}\(", text), f"{module}: {name}"


# --- installed files ------------------------------------------------------------------------------------------------


def settings() -> dict[str, dict[str, list[str]]]:
    told: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return told["setuptools"]  # type: ignore[return-value]


def packages_found() -> set[str]:
    """Return the packages that setuptools finds with the settings of pyproject.toml."""
    patterns = settings()["packages"]["find"]["include"]  # type: ignore[call-overload]
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("*/**/__init__.py")}
    return {name for name in found if any(fnmatch(name, pattern) for pattern in patterns)}


def test_top_level_names_are_those_of_the_picture() -> None:
    installed = {name.partition(".")[0] for name in packages_found()} | set(settings()["py-modules"])
    assert installed == {name.removesuffix("/").removesuffix(".py") for name in picture()}


def test_everything_that_is_no_code_is_installed_too() -> None:
    packages = packages_found()
    data = settings()["package-data"]
    assert set(data) <= packages
    found = set()
    for name in packages:
        if name.partition(".")[0] == "benchmarks":
            continue
        folder = ROOT.joinpath(*name.split("."))
        installed = {path for pattern in data.get(name, ()) for path in folder.glob(pattern)}
        inner = [path for path in folder.iterdir() if path.is_dir() and f"{name}.{path.name}" not in packages]
        places = [folder, *(path for path in inner if path.name != "__pycache__")]
        for path in (path for place in places for path in place.iterdir() if path.is_file()):
            if path.suffix != ".py":
                assert path in installed, f"{path.relative_to(ROOT)}: name it in package-data of pyproject.toml"
                found.add(path.name)
    assert {"projection.npz", "default.toml", "page.js", "file.html", "README.txt", "py.typed"} <= found


def test_our_names_belong_to_us_alone() -> None:
    try:
        importlib.metadata.distribution("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed")
    owners = importlib.metadata.packages_distributions()
    # An editable install lists no files: then only foreign claims would show.
    for name in (name.removesuffix("/").removesuffix(".py") for name in picture()):
        assert set(owners.get(name, ["sourceprint"])) == {"sourceprint"}, f"{name} is also installed by {owners[name]}"
