"""The index that is killed, starved and damaged: its changes, and a check of its contents.

Recordings are made of seeded noise. Each holds its seed in its title, so the landmarks due in an index follow from the
index alone, to the last bit. Changes are announced before they are made and confirmed by a commit; between the two, an
index may hold the contents before or the contents with all announced changes, never a part (`Acknowledged`).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from index.folder.index import Index, LayerLandmarks, LayerSpec, Recording, Snapshot
from index.folder.verification import verify_index
from index.storage.manifest import read_manifest

__all__ = [
    "LAYER",
    "LAYERS",
    "PROBE",
    "Acknowledged",
    "Change",
    "Contents",
    "carry_out",
    "check_index",
    "contents_of",
    "draw_changes",
    "landmarks",
    "make_index",
    "named_files",
    "recording",
]

Contents = dict[str, int]
"""Recordings by id, each with the seed of its landmarks."""

LAYER: Final = "recording"
LAYERS: Final = {LAYER: LayerSpec({"algorithm": "noise/1", "bins_per_octave": 24}, 64)}
SECONDS: Final = 20.0
COMMIT_LANDMARKS: Final = 150  # a commit by itself after every third recording or so...
EXACT_LIMIT: Final = 300  # ...and compressed after two or three of these
MOST_RECORDINGS: Final = 40
PROBE: Final = Recording("probe", title="1", duration_ms=round(1000 * SECONDS))
"""Recording that a check adds, to see that the index still takes changes."""

Kind = Literal["add", "replace", "remove", "commit", "compact"]
_WEIGHTS: Final[dict[Kind, int]] = {"add": 10, "replace": 3, "remove": 4, "commit": 3, "compact": 1}


@functools.lru_cache(maxsize=256)
def landmarks(seed: int) -> LayerLandmarks:
    """Return the 30 to 49 landmarks of a seed, random and of 20 s; none at all for one seed in 13."""
    n = 0 if seed % 13 == 5 else 30 + seed % 20
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, LAYERS[LAYER].dimension))
    return LayerLandmarks(
        np.sort(generator.uniform(0.0, SECONDS, n)),
        generator.uniform(0.0, 200.0, n).astype(np.float32),
        (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
    )


def recording(recording_id: str, seed: int) -> Recording:
    """Return the recording of this id that has the landmarks of this seed."""
    return Recording(recording_id, title=str(seed), duration_ms=round(1000 * SECONDS))


@dataclass(frozen=True, slots=True)
class Change:
    """Something asked of a writer: a recording added, replaced or removed, a commit, or a compaction."""

    kind: Kind
    recording_id: str = ""
    seed: int = 0

    def applied(self, contents: Contents) -> Contents:
        """Return the contents of the index after the change."""
        if self.kind in ("commit", "compact"):
            return contents
        kept = {name: seed for name, seed in contents.items() if name != self.recording_id}
        return kept if self.kind == "remove" else {**kept, self.recording_id: self.seed}


def draw_changes(chance: random.Random, contents: Contents, n: int) -> list[Change]:
    """Return `n` changes that a writer can carry out one after the other, starting from `contents`."""
    changes: list[Change] = []
    for _ in range(n):
        kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind == "add" and len(contents) >= MOST_RECORDINGS:
            kind = "remove"
        if kind in ("replace", "remove") and not contents:
            kind = "add"
        recording_id = f"r{chance.randrange(10**9)}" if kind == "add" else ""
        if kind in ("replace", "remove"):
            recording_id = chance.choice(sorted(contents))
        change = Change(kind, recording_id, chance.randrange(10**9))
        contents = change.applied(contents)
        changes.append(change)
    return changes


@dataclass(slots=True)
class Acknowledged:
    """Contents that an index may have, from the changes announced and the commits confirmed so far.

    Attributes
    ----------
    contents : dict
        Contents as of the last acknowledged commit.
    n_commits : int
        Commits acknowledged.
    """

    contents: Contents
    n_commits: int = 0
    _announced: list[Change] = field(default_factory=list)

    def announce(self, change: Change) -> None:
        """Take note that a change is about to be asked for."""
        self._announced.append(change)

    def confirm(self) -> None:
        """Take note that a commit was acknowledged: everything announced is permanent."""
        self.contents = self.possible()[-1]
        self.n_commits += 1
        self._announced.clear()

    def possible(self) -> list[Contents]:
        """Return the two contents possible now: the acknowledged ones, and those with all announced changes."""
        after = self.contents
        for change in self._announced:
            after = change.applied(after)
        return [self.contents, after]


def carry_out(
    folder: Path,
    changes: Iterable[Change],
    *,
    announce: Callable[[Change], None],
    confirm: Callable[[], None],
    exact_limit: int = EXACT_LIMIT,
) -> None:
    """Make changes to an index with one writer, with limits so low that everything happens that ever does.

    Parameters
    ----------
    folder : Path
        The index.
    changes : iterable of Change
        Changes, in order.
    announce, confirm : callable
        Called before each change is asked for, and after each commit.
    exact_limit : int
        Landmarks beyond which the index is compressed.

    Raises
    ------
    CatalogueError
        As the writer.
    """
    with Index.open(folder).writer(
        on_commit=lambda _: confirm(), commit_landmarks=COMMIT_LANDMARKS, exact_limit=exact_limit
    ) as writer:
        for change in changes:
            announce(change)
            if change.kind == "commit":
                writer.commit()
            elif change.kind == "compact":
                writer.compact()
            elif change.kind == "remove":
                writer.remove(change.recording_id)
            else:
                made = {LAYER: landmarks(change.seed)}
                writer.add(recording(change.recording_id, change.seed), made, replace=change.kind == "replace")


def make_index(folder: Path, changes: Iterable[Change] = (), *, exact_limit: int = EXACT_LIMIT) -> Contents:
    """Make an index by these changes and return its contents as of the last commit."""
    Index.create(folder, LAYERS)
    state = Acknowledged({})
    carry_out(folder, changes, announce=state.announce, confirm=state.confirm, exact_limit=exact_limit)
    return state.contents


def contents_of(snapshot: Snapshot) -> Contents:
    """Return the contents of an index, read from the ids and titles of its recordings."""
    return {one.id: int(one.title) for one in snapshot.recordings}


def named_files(folder: Path) -> set[str]:
    """Return the files that belong to an index, by path inside the folder, without the lock."""
    manifest = read_manifest(folder)
    names = {f"{part}/{name}" for part, files in manifest.parts().items() for name in files}
    return names | set(manifest.side_files()) | {"manifest.json"}


def check_index(folder: Path, possible: Sequence[Contents], *, probe: bool) -> tuple[Contents, list[str]]:
    """Return the contents of an index, and its problems in sentences; an empty list if it is sound.

    The index must open, verify, and hold one of the states that are possible: those recordings and no others, their
    landmarks to the bit, to be found by a search. Then a writer must be able to take the lock, after which no file may
    be left that does not belong to the index.

    Parameters
    ----------
    folder : Path
        The index; it is changed: leftovers are removed.
    possible : sequence of dict
        Contents that it may have.
    probe : bool
        Let the writer also add the recording `PROBE`, and look for it.
    """
    found: Contents = {}
    try:
        problems = [f"verify: {problem.path.name} {problem.what}" for problem in verify_index(folder)]
        snapshot = Index.open(folder).snapshot()
        found = contents_of(snapshot)
        if found not in possible:
            problems.append(f"holds {_listed(found)} instead of {' or '.join(map(_listed, possible))}")
        problems += _missing_landmarks(snapshot, found)
        with Index.open(folder).writer(commit_landmarks=COMMIT_LANDMARKS, exact_limit=EXACT_LIMIT) as writer:
            rubbish = _files(folder) - named_files(folder)
            if probe:
                writer.add(PROBE, {LAYER: landmarks(int(PROBE.title))})
        problems += [f"{name} was left" for name in sorted(rubbish)]
        if probe and contents_of(Index.open(folder).snapshot()) != {**found, PROBE.id: int(PROBE.title)}:
            problems.append("a writer could not go on")
    except Exception as error:  # noqa: BLE001 - any error is a problem to report
        return found, [f"{type(error).__name__}: {error}"]
    return found, problems


def _missing_landmarks(snapshot: Snapshot, contents: Contents) -> list[str]:
    """Return the recordings whose landmarks are not those of their seed, or that a search for them does not find."""
    view = snapshot.layer(LAYER)
    problems = []
    for recording_id, seed in contents.items():
        made = landmarks(seed)
        ordinal = snapshot.ordinal(recording_id)
        times, bins, codes = view.landmarks_of(ordinal)
        if not (
            np.array_equal(times, np.rint(made.times * 4096))
            and np.array_equal(bins, np.rint(made.bins.astype(np.float64) * 64))
            and np.array_equal(codes, np.packbits(made.vectors > 0, axis=1))
        ):
            problems.append(f"{recording_id}: landmarks are not those that were added")
        if made.times.size:
            rows, _ = view.search(made.vectors[::5], 1)
            share = float(np.mean(view.recording_of(rows) == ordinal))
            if share < 0.5:
                problems.append(f"{recording_id}: a search finds {100 * share:.0f} % of its landmarks")
    return problems


def _files(folder: Path) -> set[str]:
    """Return all files below a folder by path, and empty folders, but for those an empty index has."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    empty = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())
    }
    return (found - {"lock"}) | (empty - {"segments"})


def _listed(contents: Contents) -> str:
    return f"{len(contents)} recordings ({', '.join(sorted(contents)[:3])}, ...)"
