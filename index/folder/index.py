"""The index folder: the only door to the catalogue on disk.

    index = Index.create(path, {"recording": LayerSpec(params, 64)})    or    Index.open(path)
    with index.writer() as writer:
        writer.add(Recording("id"), {"recording": LayerLandmarks(times, bins, vectors)})
    snapshot = index.snapshot()
    rows, similarity = snapshot.layer("recording").search(vectors, 4)

Recordings live in immutable segments that a manifest names (`index.storage.manifest`, `index.storage.segment`); one
writer at a time changes the index by writing new files and switching the manifest in one step
(`index.folder.writer`); readers take no lock and keep the commit that they opened (`index.storage.snapshot`), for
other processes too while they hold a lease (`index.storage.locks`).
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from fingerprint.errors import CatalogueError, IndexFormatError, ParameterError
from index.folder.verification import DamagedFile, verify_index
from index.folder.writer import COMMIT_LANDMARKS, Writer
from index.storage.durable import make_parts, refusals
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import LayerLandmarks
from index.storage.locks import CommitToken, WriterLock, leased, leased_manifest
from index.storage.manifest import LEFTOVERS, MANIFEST_NAME, LayerEntry, LayerSpec, Manifest, write_manifest
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from index.vectors.exact import EXACT_LIMIT

__all__ = [
    "CommitToken",
    "DamagedFile",
    "Index",
    "LayerLandmarks",
    "LayerSnapshot",
    "LayerSpec",
    "Recording",
    "Snapshot",
    "Writer",
]


class Index:
    """An index folder; made by `Index.create`, `Index.open` or `Index.open_at`.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot
        self._is_pinned = False  # to this commit, despite later ones

    @classmethod
    def create(cls, path: str | os.PathLike[str], layers: Mapping[str, LayerSpec]) -> Self:
        """Make an empty index.

        Parameters
        ----------
        path : path
            Folder to create; may exist if it is empty.
        layers : mapping
            Layers by name (lower-case letters, digits, underscore); at least one.

        Raises
        ------
        ParameterError
            If a layer name is unsuitable.
        CatalogueError
            If the folder holds an index already.
        IndexFormatError
            If it holds anything else.
        IndexLockedError
            If another process is creating it at this moment.
        StorageFullError
            If the disk is full.
        """
        folder = Path(path)
        entries = {name: LayerEntry.of(name, spec) for name, spec in layers.items()}
        if not entries:
            raise ParameterError("layers: none given; an index needs at least one, such as 'recording'")
        if folder.exists() and not folder.is_dir():
            raise IndexFormatError(f"{folder}: a file, not a folder; give another path")
        with refusals(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if any(entry.name == "manifest.json" for entry in folder.iterdir()):
            raise CatalogueError(f"{folder}: holds an index already; open it, or give another folder")
        strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in LEFTOVERS)
        if strange:
            raise IndexFormatError(f"{folder}: not empty (it holds {strange[0]!r}); give a new or an empty folder")
        with WriterLock(folder / "lock"):
            make_parts(folder)
            manifest = Manifest(0, 1, entries, ())
            write_manifest(folder, manifest)
        return cls(folder, Snapshot.of(folder, manifest))

    @classmethod
    def open(cls, path: str | os.PathLike[str], layers: Mapping[str, LayerSpec] | None = None) -> Self:
        """Open an index.

        The manifest and all small files are compared with their checksums, the sizes of all files with the manifest; in
        an index of up to 64 MB every file is compared with its checksum.

        Parameters
        ----------
        path : path
            The folder.
        layers : mapping, optional
            Layers that the caller is going to use; the index must have them, made with the same parameters.

        Raises
        ------
        IndexMissingError
            If there is nothing.
        IndexFormatError
            If there is something else, an index of another format version, or one with other parameters.
        IndexDamagedError
            If a file is missing, cut or altered.
        """
        folder = Path(path)
        return cls(folder, Snapshot.open(folder, layers))

    @classmethod
    def open_at(
        cls, path: str | os.PathLike[str], token: CommitToken, layers: Mapping[str, LayerSpec] | None = None
    ) -> Self:
        """Open one commit of an index, which a lease in another process keeps: `snapshot` never moves on from it.

        Where no lease could be taken, it is the last commit.

        Parameters
        ----------
        path : path
            The folder.
        token : CommitToken
            From `lease`, which must not have ended yet.
        layers : mapping, optional
            As for `open`.

        Raises
        ------
        CatalogueError
            If the lease has ended.
        IndexMissingError, IndexFormatError, IndexDamagedError
            As `open`.
        """
        folder = Path(path)
        kept = Snapshot.of(folder, leased_manifest(folder, token)) if token.lease else Snapshot.open(folder)
        kept.require(layers or {})
        opened = cls(folder, kept)
        opened._is_pinned = True
        return opened

    @contextmanager
    def lease(self) -> Iterator[CommitToken]:
        """Hold on to the last commit: inside the block `snapshot` returns it, despite later ones.

        Other processes open the same commit with `open_at`; writers delete none of its files before the block is left.
        Where no lease can be taken, as on read-only media, only this object holds on to it.

        Yields
        ------
        CommitToken
            For `open_at`.

        Raises
        ------
        IndexDamagedError
            If a file is missing, cut or altered.
        """
        with leased(self.path) as lease:
            before = self._snapshot, self._is_pinned
            if lease.token.lease:
                self._snapshot = Snapshot.of(self.path, lease.manifest, reuse=self._snapshot)
            else:
                self._snapshot = Snapshot.open(self.path, reuse=self._snapshot)
            self._is_pinned = True
            try:
                yield lease.token
            finally:
                self._snapshot, self._is_pinned = before

    def snapshot(self) -> Snapshot:
        """Return the last commit of any process, open; it stays readable after later changes to the index.

        Under a lease, and in an index made by `open_at`, that is the commit held on to.

        Raises
        ------
        IndexDamagedError
            If a file is missing, cut or altered.
        """
        if not self._is_pinned:
            self._snapshot = Snapshot.open(self.path, reuse=self._snapshot)
        return self._snapshot

    def writer(
        self,
        *,
        on_commit: Callable[[tuple[str, ...]], None] | None = None,
        commit_landmarks: int = COMMIT_LANDMARKS,
        exact_limit: int = EXACT_LIMIT,
        converting: bool = False,
    ) -> Writer:
        """Return a writer, to be used as a context manager: leaving it commits, leaving it by an exception does not.

        Parameters
        ----------
        on_commit : callable, optional
            Called after every commit with the ids of the recordings that are now safely in the index.
        commit_landmarks : int
            Adding commits by itself whenever this many landmarks wait; more is faster, and loses more when killed.
        exact_limit : int
            Landmarks of a layer beyond which it is compressed.
        converting : bool
            Whether `Writer.compact` may make an index of format 2 one of the present format.

        Raises
        ------
        IndexLockedError
            On entering, if another process is writing.
        IndexFormatError
            On entering, if the index is of format 2 and not to be converted, or cannot be.
        """
        return Writer(
            self._snapshot,
            on_commit=on_commit,
            commit_landmarks=commit_landmarks,
            exact_limit=exact_limit,
            converting=converting,
        )

    def verify(self, *, progress: Callable[[int], None] | None = None) -> list[DamagedFile]:
        """Compare every file with its checksum; see `index.folder.verification.verify_index`."""
        return verify_index(self.path, progress=progress)

    @property
    def digest(self) -> str:
        """Digest of all that decides the matches of a search made now: see `Snapshot.digest`."""
        return self.snapshot().digest

    def info(self) -> dict[str, Any]:
        """Return size, content and state of the index, as plain JSON types.

        Returns
        -------
        dict
            `path`, `format_version`, `generation`, `digest`, `recordings`, `removed`, `segments`, `hours`, `tags`
            (recordings by tag), `excluded` (`recordings` that have excluded ranges, and `seconds` of them), `bytes` (by
            part, and `total`), `bytes_per_hour` (None without audio), `layers`: per name `digest`, `dimension`,
            `kind` ("exact" or "compressed"), `landmarks`, `lists` and `quantiser` (None while exact); `hubs`: those
            with the highest score first, `id`, `score`, `bound`, `neighbours`, `sample` (as `index.storage.hubs.Hub`).
        """
        snapshot = self.snapshot()
        manifest = snapshot.manifest
        sizes: dict[str, int] = {}
        for segment in manifest.segments:
            for name, entry in segment.files.items():
                part = name.rpartition("/")[2].partition(".")[0]
                if part in ("offsets", "keys", "contents", "exclusions"):
                    part = "recordings"
                elif part.startswith("list_"):
                    part = "lists"
                sizes[part] = sizes.get(part, 0) + entry.size
        if trees := [layer.tree for layer in manifest.layers.values() if layer.tree is not None]:
            sizes["trees"] = sum(entry.size for tree in trees for entry in tree.files.values())
        sizes["hubs"] = 0 if manifest.hubs is None else manifest.hubs.file.size
        sizes["manifest"] = (self.path / MANIFEST_NAME).stat().st_size
        if manifest.amendments is not None:
            sizes["amendments"] = manifest.amendments.file.size
        tags = Counter(chain.from_iterable(snapshot.recordings.tags))
        hours = int(snapshot.recordings.durations_ms.sum()) / 3_600_000
        excluded = snapshot.exclusions()
        excluded_ms = int((excluded[:, 2] - excluded[:, 1]).sum())
        total = sum(sizes.values())
        layers = {}
        for name, layer in manifest.layers.items():
            view = snapshot.layer(name)
            layers[name] = {
                "digest": layer.digest,
                "dimension": layer.dimension,
                "kind": view.kind,
                "landmarks": view.n_landmarks,
                "lists": view.n_lists,
                "quantiser": None if layer.quantiser is None else layer.quantiser.digest,
            }
        return {
            "path": str(self.path),
            "format_version": manifest.format_version,
            "generation": manifest.generation,
            "digest": snapshot.digest,
            "recordings": len(snapshot.recordings),
            "removed": sum(len(segment.removed) for segment in manifest.segments),
            "segments": len(manifest.segments),
            "hours": round(hours, 6),
            "tags": dict(sorted(tags.items())),
            "excluded": {"recordings": np.unique(excluded[:, 0]).size, "seconds": excluded_ms / 1000},
            "bytes": {**dict(sorted(sizes.items())), "total": total},
            "bytes_per_hour": round(total / hours) if hours else None,
            "layers": layers,
            "hubs": [
                {"id": name, **asdict(hub)}
                for name, hub in sorted(snapshot.hubs.items(), key=lambda item: (-item[1].score, item[0]))
            ],
        }
