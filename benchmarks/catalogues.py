"""The catalogues that are searched when something is measured, made once and kept in a cache folder.

Every source is scored with a projection that was not trained on it (`Side`): sources that the projection that ships
does not know with that one, the others with a projection trained on the other half of the sources, each in an index of
all music made with the same projection. On a corpus that the projection that ships does not know at all, there is one
side. Folders are named by a key of everything they depend on, so a stale one is never used, and renamed into place
when they are complete. Files without a fingerprint (missing, silent, damaged) are left out and named by `left_out`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.data.corpus import Corpus, TrackRow, folds, identity
from benchmarks.harness import content_key, in_parallel, json_bytes, one_thread, source_digest, write_atomically
from benchmarks.train_projection import SHIPPED, train, trained_on
from fingerprint.errors import AudioError, ParameterError
from fingerprint.extract import fingerprint_file, fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params, Projection, load_projection, shipped_digest
from index.folder.index import Index, LayerLandmarks, LayerSpec, Recording
from index.search.match import STANDARD, SearchOptions
from index.vectors.exact import use_threads

__all__ = ["LAYER", "Side", "catalogue", "changed", "described", "left_out", "make_index", "sides"]

LAYER = "recording"
_INDEX_CODE = ("fingerprint", "index/vectors", "index/storage", "index/folder")
"""Code that an index depends on: no part of the search, so that a change there does not make indexes anew."""
_TRAINING_CODE = (
    "fingerprint",
    "benchmarks/train_projection.py",
    *(f"benchmarks/data/{name}.py" for name in ("corpus", "files", "synthetic")),
    *(f"benchmarks/distortion/{name}.py" for name in ("codecs", "distortions", "effects", "resources", "timepitch")),
    "sourceprint/demo/transformations.py",
)


@dataclass(frozen=True, slots=True)
class Side:
    """A projection, the sources that it may be asked for, and the index of all music made with it.

    Attributes
    ----------
    projection : str
        Path of the projection, "" for the one that ships.
    sources : frozenset of str
        Sources that it was not trained on and that are scored with it.
    index : str
        Folder of the index of all music.
    """

    projection: str
    sources: frozenset[str]
    index: str = ""

    def load(self) -> tuple[Params, Projection]:
        """Return the projection and the parameters that name it."""
        projection = load_projection(self.projection or None)
        return replace(Params(), projection_digest=projection.digest), projection


def sides(corpus: Corpus, cache: Path, *, jobs: int) -> tuple[Side, ...]:
    """Return one or two sides that together score every source of the music, trained and indexed unless cached.

    Raises
    ------
    ParameterError
        If the projection that ships names no training sources, or was trained on sources of both halves.
    """
    sources = frozenset(row.source for row in corpus.music)
    known = trained_on()
    if not known:
        raise ParameterError(
            f"{SHIPPED} does not say what it was trained on; make it with benchmarks/train_projection.py"
        )
    made = [Side("", sources - known)]
    if known & sources:
        other = folds(corpus.music)[1]
        if known & other:
            raise ParameterError(
                f"{SHIPPED} was trained on {', '.join(sorted(known & other))}, which belongs to the other half of this "
                "corpus; train it again on fold 0"
            )
        made.append(Side(str(_trained(corpus, cache, jobs=jobs)), sources & known))
    return tuple(replace(side, index=str(catalogue(corpus, corpus.music, side, cache, jobs=jobs))) for side in made)


def catalogue(corpus: Corpus, rows: Iterable[TrackRow], side: Side, cache: Path, *, jobs: int) -> Path:
    """Return the folder of an index of `rows`, made with the projection of `side`."""
    files = [(row.file, row.title) for row in rows]
    digest = load_projection(side.projection).digest if side.projection else shipped_digest()
    folder = cache / f"index-{content_key(source_digest(*_INDEX_CODE), digest, identity(corpus), files)}"

    def make(path: Path) -> None:
        refused = make_index(path, corpus, files, side, jobs=jobs)
        write_atomically(_note(folder), json_bytes(refused))

    if not folder.exists():
        _in_place(folder, make)
    return folder


def left_out(index: str | Path) -> dict[str, str]:
    """Return the files that an index of `catalogue` or `changed` lacks, and why each could not be described."""
    note = _note(Path(index))
    known: dict[str, str] = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    return known


def changed(
    index: Path,
    cache: Path,
    side: Side,
    *,
    corpus: Corpus,
    added: Iterable[str] = (),
    removed: Iterable[str] = (),
    jobs: int = 1,
) -> Path:
    """Return the folder of a copy of `index` with some files of the corpus added and some recordings removed."""
    files, gone = [(file, file) for file in added], sorted(removed)
    folder = cache / f"index-{content_key(index.name, corpus.name, files, gone)}"

    def make(path: Path) -> None:
        shutil.copytree(index, path, dirs_exist_ok=True)
        opened = Index.open(path)
        with opened.writer() as writer:
            for name in gone:
                writer.remove(name)
        refused = left_out(index) | _add(opened, corpus, files, side, jobs=jobs)
        write_atomically(_note(folder), json_bytes(refused))

    if not folder.exists():
        _in_place(folder, make)
    return folder


def make_index(path: Path, corpus: Corpus, files: list[tuple[str, str]], side: Side, *, jobs: int) -> dict[str, str]:
    """Make an index of files of the corpus, each with its title; returns the files left out, each with its error.

    The id of a recording is the name of its file.
    """
    params, _ = side.load()
    opened = Index.create(path, {LAYER: LayerSpec(params=params.to_dict(), dimension=params.dimension)})
    return _add(opened, corpus, files, side, jobs=jobs)


def described(
    corpus: Corpus, file: str, side: Side, *, query: bool = False, options: SearchOptions = STANDARD
) -> Fingerprint:
    """Return the fingerprint of a file of the corpus, as a reference or as a query for a search with `options`."""
    params, projection = side.load()
    path = corpus.path(file)
    role, scales = ("track", options.scales) if query else ("recording", (1.0,))
    if path is not None:
        return fingerprint_file(path, role=role, scales=scales, params=params, projection=projection)
    y = corpus.load(file, sample_rate=params.sample_rate)
    return fingerprint_signal(y, role=role, scales=scales, params=params, projection=projection, name=file)


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus
    side: Side


def _prepare(corpus: Corpus, side: Side) -> None:
    one_thread()
    use_threads(1)
    _Worker.corpus, _Worker.side = corpus, side


def _describe(file: str) -> Fingerprint | str:
    try:
        return described(_Worker.corpus, file, _Worker.side)
    except AudioError as error:
        return str(error)


def _add(opened: Index, corpus: Corpus, files: list[tuple[str, str]], side: Side, *, jobs: int) -> dict[str, str]:
    if not files:
        return {}
    made = in_parallel(
        _describe, [file for file, _ in files], jobs=jobs, what="catalogue", prepare=_prepare, given=(corpus, side)
    )
    refused: dict[str, str] = {}
    with opened.writer() as writer:
        for (file, title), described in zip(files, made, strict=True):
            if isinstance(described, str):
                refused[file] = described
                continue
            recording = Recording(
                id=file,
                title=title,
                name=file.rpartition("/")[2],
                sha256=described.sha256,
                duration_ms=round(1000 * described.duration_seconds),
                decoder=described.decoder,
                notes=described.notes,
            )
            writer.add(recording, {LAYER: LayerLandmarks(described.times, described.bins, described.vectors[0])})
    return refused


def _note(index: Path) -> Path:
    return index.with_name(f"{index.name}.left-out.json")


def _trained(corpus: Corpus, cache: Path, *, jobs: int) -> Path:
    """Return the projection trained on fold 1, which scores the sources of fold 0."""
    code = source_digest(*_TRAINING_CODE)
    path = cache / f"projection-{content_key(code, identity(corpus))}.npz"
    if not path.exists():
        write_atomically(path, train(corpus, 1, jobs=jobs))
    return path


def _in_place(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder under another name and rename it: a folder that is there is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        make(work)
        os.replace(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
