"""How each program is told to index and to search: one function for each, which returns a `Peer`.

None of them comes with Sourceprint: a user who has one names it; the others are not run. Files are given to
all of them under neutral names (`r0001.mp3`, `q0001.wav`), so that no name decides anything or breaks a line. Each runs
with the settings that it comes with and, where these help it, with dense ones, which find more at the price of size and
time: the value that its makers name, or half the distance between peaks. (Denser peaks make Panako find
less, in an index of 580 MB per hour.) Each
uses one thread, but for dejavu, which adds files in four processes.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.chromaprint_matcher import BitMatcher
from benchmarks.peer_outputs import (
    complete,
    read_audfprint,
    read_dejavu,
    read_fpcalc,
    read_olaf,
    read_panako,
    read_sourceprint,
)
from benchmarks.peer_run import Answer, Runner, folder_bytes

__all__ = ["Peer", "audfprint", "chromaprint", "dejavu", "olaf", "panako", "sourceprint"]

ROOT = Path(__file__).resolve().parent.parent
OLAF_DENSE = (("filter_size_frequency", 51), ("filter_size_time", 12), ("max_event_point_usages", 20))


@dataclass(frozen=True, slots=True)
class Peer:
    """A program with one set of settings.

    Attributes
    ----------
    name, settings : str
        The program; its settings, as they are given to it, "default" for its own.
    label : str
        Both in a few words.
    decides : str
        Its own threshold of a match.
    files : tuple of Path
        Files that it needs to run; when one changes, earlier answers are void.
    index : callable
        Indexes files, in the folder of a `Runner`.
    query : callable
        Returns its answers to some files; raises PeerError if it did not deal with each of them.
    index_bytes : callable
        Returns the size of the index; 0 where it cannot be seen.
    least_score : float
        Answers below this it would not report by itself.
    shares : str
        Name of an index that it shares with other settings, or "".
    """

    name: str
    settings: str
    label: str
    decides: str
    files: tuple[Path, ...]
    index: Callable[[Runner, Sequence[Path]], None]
    query: Callable[[Runner, Sequence[Path]], list[Answer]]
    index_bytes: Callable[[Runner], int]
    least_score: float = -math.inf
    shares: str = ""

    @property
    def index_name(self) -> str:
        """Name of its index."""
        return self.shares or self.label


def sourceprint(*, thorough: bool = False) -> Peer:
    """Return Sourceprint itself, by its command line as all the others.

    Its score is minus log10 of the false matches that it states per 1 000 h; answers far beyond its own limit are asked
    for, since results below it are of interest here, too.
    """
    options = ["--thorough"] if thorough else []

    def command(run: Runner, *words: str) -> str:
        line = [sys.executable, "-c", "import sys, cli; cli.main(sys.argv[1:])", *words]
        # 4: some files could not be searched, and it says so of each of them.
        return run.run(line, environment={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, accepted=(0, 4))

    def index(run: Runner, references: Sequence[Path]) -> None:
        command(run, "add", "--index", "index", "--jobs", "1", "--quiet", *map(str, references))

    def query(run: Runner, queries: Sequence[Path]) -> list[Answer]:
        asked = ["--index", "index", "--jobs", "1", "--jsonl", "--max-false-per-1000h", "1e9", *options]
        text = command(run, "match", *asked, *map(str, queries))
        return complete(read_sourceprint(text), text, queries)

    return Peer(
        "Sourceprint",
        " ".join(options) or "default",
        "Sourceprint, thorough" if thorough else "Sourceprint",
        "at most 1 false match stated per 1 000 h",
        (Path(sys.executable),),
        index,
        query,
        lambda run: folder_bytes(run.folder / "index"),
        least_score=0.0,
        shares="Sourceprint",
    )


def audfprint(script: Path, python: Path, *, dense: bool = False) -> Peer:
    """Return audfprint by Dan Ellis: hashes of pairs of peaks."""
    density = ["--density", "70", "--fanout", "8"] if dense else []

    def command(run: Runner, verb: str, files: Sequence[Path], *options: str) -> str:
        (run.folder / f"{verb}.txt").write_text("".join(f"{path}\n" for path in files), encoding="utf-8")
        line = [str(python), str(script), verb, "--dbase", "index.pklz", *density, *options]
        return run.run([*line, "--list", f"{verb}.txt"])

    def index(run: Runner, references: Sequence[Path]) -> None:
        command(run, "new", references)

    def query(run: Runner, queries: Sequence[Path]) -> list[Answer]:
        text = command(run, "match", queries, "--max-matches", "5")
        return complete(read_audfprint(text), text, queries)

    return Peer(
        "audfprint",
        " ".join(density) or "default",
        "audfprint, dense" if dense else "audfprint",
        "5 or more hashes in line",
        (script, python),
        index,
        query,
        lambda run: (run.folder / "index.pklz").stat().st_size,
    )


def olaf(program: Path, *, dense: bool = False) -> Peer:
    """Return Olaf by Joren Six: hashes of three peaks.

    Settings are read from its home by versions that have `olaf config`; older ones have theirs compiled in. The folder
    of the database is always named there: without it, some versions take the `~` of their default for a name.
    """

    def command(run: Runner, *words: str) -> str:
        return run.run([str(program), *words], environment={"HOME": str(run.folder)})

    def index(run: Runner, references: Sequence[Path]) -> None:
        home = run.folder / ".olaf"
        places = {"db_folder": home / "db", "cache_folder": home / "cache"}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        settings = {name: f"{place}/" for name, place in places.items()} | (dict(OLAF_DENSE) if dense else {})
        (home / "olaf_config.json").write_text(json.dumps(settings), encoding="utf-8")
        command(run, "store", *map(str, references))

    return Peer(
        "Olaf",
        ", ".join(f"{key} {value}" for key, value in OLAF_DENSE) if dense else "default",
        "Olaf, dense" if dense else "Olaf",
        "6 or more fingerprints in line",
        (program,),
        index,
        lambda run, queries: read_olaf(command(run, "query", *map(str, queries)))[0],
        lambda run: folder_bytes(run.folder / ".olaf"),
    )


def panako(program: Path) -> Peer:
    """Return Panako by Joren Six, with the algorithm of that name: triples of peaks on a logarithmic axis.

    `program` is its jar, for which Java is looked up on the path, or its start script.
    """
    keys = ["STRATEGY=PANAKO"]
    start = [str(program)]
    if program.suffix == ".jar":
        # LMDB reaches into java.nio, which Java has to be told to allow since version 16.
        opened = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in ("java.nio", "sun.nio.ch")]
        start = [shutil.which("java") or "java", *opened, "-jar", str(program)]

    def command(run: Runner, *words: str) -> str:
        (run.folder / "panako-db").mkdir(exist_ok=True)
        places = ["PANAKO_LMDB_FOLDER=panako-db", "PANAKO_CACHE_TO_FILE=FALSE", "AVAILABLE_PROCESSORS=1"]
        home = {"JAVA_TOOL_OPTIONS": f"-Duser.home={run.folder}"}  # Java does not ask $HOME
        return run.run([*start, *words, *keys, *places], environment=home)

    def index(run: Runner, references: Sequence[Path]) -> None:
        command(run, "store", *map(str, references))

    def query(run: Runner, queries: Sequence[Path]) -> list[Answer]:
        text = command(run, "query", *map(str, queries))
        return complete(read_panako(text), text, queries)

    return Peer(
        "Panako",
        " ".join(keys),
        "Panako",
        "5 or more fingerprints in line over 5 s",
        (program,),
        index,
        query,
        lambda run: folder_bytes(run.folder / "panako-db"),
    )


def chromaprint(program: Path, *, dense: bool = False) -> Peer:
    """Return fpcalc of Chromaprint with an index and a matcher of ours (`benchmarks.chromaprint_matcher`)."""
    indexed = [BitMatcher.of({})]

    def fingerprint(run: Runner, path: Path) -> NDArray[np.uint32]:
        # Without a length it stops after two minutes; a very long one stands for all in every version.
        # 3: the decoder complained, often of the last frame alone, and the fingerprint of all before it is printed.
        words = [str(program), "-raw", "-length", "1000000", str(path)]
        return read_fpcalc(run.run(words, accepted=(0, 3)))

    def index(run: Runner, references: Sequence[Path]) -> None:
        indexed[0] = BitMatcher.of({path.stem: fingerprint(run, path) for path in references})

    def query(run: Runner, queries: Sequence[Path]) -> list[Answer]:
        found = (indexed[0].search(path.stem, fingerprint(run, path), flipped=dense) for path in queries)
        return [answer for answers in found for answer in answers]

    return Peer(
        "Chromaprint fingerprints, our matcher",
        "candidates one bit off, too" if dense else "default",
        "Chromaprint, our matcher" + (", dense" if dense else ""),
        "65 % of the bits agree",
        (program,),
        index,
        query,
        lambda _: indexed[0].n_bytes,
        least_score=0.65,  # a bit error rate of 0.35, the threshold of Haitsma and Kalker
    )


def dejavu(folder: Path, config: Path, python: Path) -> Peer:
    """Return dejavu by Will Drevo: hashes of pairs of peaks, in the database that `config` names and that is empty."""

    def command(run: Runner, *words: str) -> str:
        line = [str(python), str(folder / "dejavu.py"), "--config", str(config), *words]
        return run.run(line, environment={"PYTHONPATH": str(folder)})

    def index(run: Runner, references: Sequence[Path]) -> None:
        # A folder and an ending: it names files one by one in its help, and fails on them.
        folder = run.folder / "dejavu-references"
        folder.mkdir(exist_ok=True)
        for path in references:
            (folder / path.name).symlink_to(path.resolve())
        for ending in sorted({path.suffix for path in references}):
            command(run, "--fingerprint", str(folder), ending.removeprefix("."))

    def query(run: Runner, queries: Sequence[Path]) -> list[Answer]:
        said = ((path.stem, command(run, "--recognize", "file", str(path))) for path in queries)
        return [answer for name, text in said for answer in read_dejavu(text, name)]

    return Peer(
        "dejavu",
        "default",
        "dejavu",
        "always names its best, rejects nothing",
        (folder / "dejavu.py", config, python),
        index,
        query,
        lambda _: 0,  # it lies in a database server, which is not asked
    )
