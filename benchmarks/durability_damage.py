"""Damaged index files: whether verification detects them, and how an index with one behaves in use.

Indexes of every kind are made, and every kind of file in them is damaged at random. `verify_index` has to notice, and
every use has to give the answer of the sound index, or to refuse; nothing else will do. The kinds of files are found
by walking the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np

from benchmarks.durability_index import LAYER, LAYERS, SECONDS, Change, landmarks, make_index
from fingerprint.errors import CatalogueError
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.folder.verification import verify_index
from index.search.match import SearchOptions, match_track
from index.storage import snapshot as snapshots
from index.storage.snapshot import Snapshot

__all__ = ["DAMAGES", "VARIANTS", "DamageTask", "as_if_large", "make_variant", "run_damage", "uses"]

VARIANTS: Final = ("exact", "compressed", "with removals", "compacted")
DAMAGES: Final = ("bit flipped", "cut", "lengthened", "emptied", "deleted")
_CANDIDATES: Final = re.compile(r"list_(rows|codes)\.npy$")  # damage can cost neighbours there
_EVERY_FILE: Final = ("emptied", "deleted")  # with nothing to draw: done once to each file
_NEVER: Final = 10**9  # landmarks that these indexes do not reach: they stay exact
_EXAMPLES: Final = 5
_OPTIONS: Final = SearchOptions(scales=(1.0,), rounds=1)


@dataclass(frozen=True, slots=True)
class DamageTask:
    """Damage of one kind, to every kind of file of one kind of index.

    Attributes
    ----------
    variant, damage : str
        Some of `VARIANTS` and of `DAMAGES`.
    large : bool
        Let the index count as one that is too large to be read in full when it is opened.
    trials : int
        How often, for every kind of file.
    seed : int
        Seed of the draws.
    """

    variant: str
    damage: str
    large: bool
    trials: int
    seed: int


def run_damage(task: DamageTask) -> list[dict[str, Any]]:
    """Damage the files of an index and return the outcomes, a row for each kind of file.

    Returns
    -------
    list of dict
        `file` (path with numbers replaced by N), `variant`, `damage`, `large`, `trials`; `detected` by verification;
        in use `refused`, `harmless`, `wrong` (another answer) and `other` (another error than a clear one), which sum
        to the trials; `examples` of the last two.
    """
    chance = random.Random(f"damage {task}")
    rows = []
    with contextlib.ExitStack() as stack:
        if task.large:
            stack.enter_context(as_if_large())
        sound = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sourceprint-damage-"))) / "sound"
        make_variant(sound, task.variant)
        folder = Path(shutil.copytree(sound, sound.with_name("index")))
        right = {name: use() for name, use in uses(Index.open(sound).snapshot()).items()}
        for kind, names in _kinds_of_files(sound).items():
            row: dict[str, Any] = {
                "file": kind, "variant": task.variant, "damage": task.damage, "large": task.large, "trials": 0,
                "detected": 0, "refused": 0, "harmless": 0, "wrong": 0, "other": 0, "examples": [],
            }  # fmt: skip
            drawn = names if task.damage in _EVERY_FILE else [chance.choice(names) for _ in range(task.trials)]
            for name in drawn:
                original = (sound / name).read_bytes()
                path = folder / name
                path.unlink()
                altered = _altered(original, task.damage, chance)
                if altered is not None:
                    path.write_bytes(altered)
                free = {"search"} if _CANDIDATES.search(kind) else set()
                outcome, what = _outcome(folder, {use: right[use] for use in right.keys() - free})
                row["trials"] += 1
                row["detected"] += _is_detected(folder)
                row[outcome] += 1
                if outcome in ("wrong", "other") and len(row["examples"]) < _EXAMPLES:
                    row["examples"].append(f"{name} {task.damage}: {what}")
                path.write_bytes(original)
            rows.append(row)
    return rows


def as_if_large() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which every index is opened as if it were too large to be read in full."""
    return mock.patch.object(snapshots, "CHECK_ALL_BYTES", 0)


def make_variant(folder: Path, variant: str) -> None:
    """Make an index of three segments: exact, compressed, compressed with some recordings removed; or compacted to one.

    Raises
    ------
    KeyError
        If there is no such variant.
    """
    additions = [Change("add", f"r{i}", i) for i in range(16)]
    commit = Change("commit")
    removals = [Change("remove", "r3"), Change("remove", "r10"), Change("replace", "r1", 99)]
    segments = [*additions[:10], commit, *additions[10:13], commit, *additions[13:], commit]
    changes = {
        "exact": additions[:12] + removals[:1],
        "compressed": segments,
        "with removals": [*additions[:13], commit, *removals],
        "compacted": [*segments, *removals, Change("compact")],
    }[variant]
    make_index(folder, changes, **({"exact_limit": _NEVER} if variant == "exact" else {}))


def uses(snapshot: Snapshot) -> dict[str, Callable[[], str]]:
    """Return everything that users ask of an index, by name, each as a function that returns a digest of the answer."""
    view = snapshot.layer(LAYER)
    ids = [f"r{i}" for i in range(16)]
    queries = np.concatenate([landmarks(seed).vectors for seed in (*range(16), 99, 1000)])
    all_rows = np.arange(-1, view.n_rows)

    def of_all(ask: Callable[[int], object]) -> Iterator[object]:
        return (ask(ordinal) for ordinal in range(len(snapshot.recordings)))

    def matches() -> Iterator[object]:
        for seed in (2, 12, 1000):
            result = match_track(_query(seed), snapshot, options=_OPTIONS)
            yield result.score_threshold, result.matches

    return {
        "recordings": lambda: _digest(list(snapshot.recordings)),
        "look-up": lambda: _digest([snapshot.ordinal(name) if name in snapshot else None for name in ids]),
        "digest": lambda: snapshot.digest,
        "counts": lambda: _digest([view.counts(), *of_all(view.first_row)]),
        "landmarks": lambda: _digest(list(of_all(view.landmarks_of))),
        "rows": lambda: _digest([view.recording_of(all_rows), view.take(all_rows)]),
        "search": lambda: _digest(list(view.search(queries, 3))),
        "match": lambda: _digest(list(matches())),
    }


def _query(seed: int) -> Fingerprint:
    made, other = landmarks(seed), landmarks(seed + 2000)
    n = min(made.times.size, other.times.size)
    return Fingerprint(
        times=made.times[:n],
        bins=made.bins[:n],
        prominence=np.ones(n, dtype=np.float32),
        scales=_OPTIONS.scales,
        vectors=made.vectors[None, :n],
        mirrored=other.vectors[None, :n],
        start_seconds=0.0,
        duration_seconds=SECONDS,
        params_digest=LAYERS[LAYER].digest,
    )


def _outcome(folder: Path, right: dict[str, str]) -> tuple[str, str]:
    """Return the worst outcome of using an index, and the wrong answers or the error by name."""
    refused = False
    wrong = []
    try:
        asked = uses(Index.open(folder).snapshot())
        for name, use in asked.items():
            try:
                answer = use()
            except CatalogueError:
                refused = True
                continue
            if answer != right.get(name, answer):
                wrong.append(name)
    except CatalogueError:
        refused = True
    except Exception as error:  # noqa: BLE001 - an error of another class is a finding
        return "other", f"{type(error).__name__}: {error}"
    if wrong:
        return "wrong", ", ".join(wrong)
    return ("refused" if refused else "harmless"), ""


def _is_detected(folder: Path) -> bool:
    try:
        return bool(verify_index(folder))
    except CatalogueError:
        return True


def _kinds_of_files(folder: Path) -> dict[str, list[str]]:
    """Return the files of an index by kind, numbers in their paths apart; the lock, which holds nothing, left out."""
    kinds: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "lock":
            kinds.setdefault(re.sub(r"\d+", "N", name), []).append(name)
    return kinds


def _altered(data: bytes, damage: str, chance: random.Random) -> bytes | None:
    if damage == "bit flipped":
        bit = chance.randrange(8 * len(data))
        return data[: bit // 8] + bytes([data[bit // 8] ^ (1 << bit % 8)]) + data[bit // 8 + 1 :]
    if damage == "cut":
        return data[: chance.randrange(len(data))]
    if damage == "lengthened":
        return data + (chance.randbytes(chance.randint(1, 64)) if chance.random() < 0.5 else b"\n")
    return b"" if damage == "emptied" else None


def _digest(answer: object) -> str:
    """Return a digest of an answer: arrays by type, shape and bytes, everything else by its `repr`."""
    digest = hashlib.sha256()

    def take(part: object) -> None:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, list | tuple):
            digest.update(f"({len(part)}".encode())
            for one in part:
                take(one)
        else:
            digest.update(repr(part).encode("utf-8", "surrogatepass") + b"\0")

    take(answer)
    return digest.hexdigest()
