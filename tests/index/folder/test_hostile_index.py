"""Impossible indexes whose checksums all agree: refused with a message, found by verify, and repaired."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.fuzz.index_folders import body_of, change, sign, sound, use, write_body
from fingerprint.digests import canonical_json, digest_of
from fingerprint.errors import CatalogueError, IndexDamagedError
from index.folder.archive import ending, header, padding
from index.folder.index import Index
from index.folder.repair import repair_index
from index.folder.transfer import import_index
from index.folder.verification import verify_index
from index.storage.durable import write_array
from index.storage.recordings import line_check
from tests.command_line import run

Spoil = Callable[[Path], None]


def array(name: str, alter: Callable[[NDArray[Any]], NDArray[Any]], *, also: str = "") -> Spoil:
    """Return a function that alters an array of an index, and of `also` in the same way."""

    def spoil(folder: Path) -> None:
        for one in filter(None, (name, also)):
            path = next(folder.rglob(one))
            altered = alter(np.load(path))
            path.unlink()
            write_array(path, [altered], shape=altered.shape, dtype=altered.dtype)

    return spoil


def manifest(alter: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        body = body_of(folder)
        alter(body)
        for layer in body["layers"].values():
            layer["digest"] = digest_of(canonical_json(layer["params"]))
        write_body(folder, body)

    return spoil


def line(alter: Callable[[dict[str, Any]], object]) -> Spoil:
    """Return a function that alters the line of the first recording."""

    def spoil(folder: Path) -> None:
        path = next(folder.rglob("recordings.jsonl"))
        lines = path.read_bytes().splitlines(keepends=True)
        fields = json.loads(lines[0])
        alter(fields)
        lines[0] = canonical_json(fields) + b"\n"
        path.write_bytes(b"".join(lines))
        array("offsets.npy", lambda _: np.cumsum([0, *map(len, lines)]))(folder)
        array("keys.npy", lambda keys: np.column_stack([keys[:, :2], [np.uint64(line_check(x)) for x in lines]]))(
            folder
        )

    return spoil


def put(at: int | tuple[int, ...], value: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def altered(stored: NDArray[Any]) -> NDArray[Any]:
        stored[at] = value
        return stored

    return altered


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


FILES: dict[str, tuple[str, Spoil, str]] = {
    "bounds that wrap": (
        "exact",
        array("bounds.npy", put(1, 2**63 - 1)),
        r"bounds\.npy: does not divide 720",
    ),
    "bounds that descend": ("exact", array("bounds.npy", put(1, 500)), r"bounds\.npy: does not divide"),
    "offsets beyond the file": ("exact", array("offsets.npy", put(1, 2**40)), r"offsets\.npy: does not divide"),
    "list sizes of other rows": (
        "lists",
        array("list_sizes.npy", put(0, 2**32 - 1)),
        r"list_sizes\.npy: does not add up to 720",
    ),
    "lists out of order": ("lists", array("list_numbers.npy", put(0, 2**20)), "names lists out of order"),
    "lists of no list": ("lists", array("list_numbers.npy", put(-1, 2**20)), "names lists out of order"),
    "more lists": (
        "lists",
        array("list_sizes.npy", lambda sizes: np.append(sizes, sizes[:1])),
        r"list_sizes\.npy: holds",
    ),
    "fewer codes": ("lists", array("list_codes.npy", lambda codes: codes[:-1]), "bytes of codes, there are"),
    "exclusions of nobody": (
        "excluded",
        array("exclusions.npy", put((0, 0), 7)),
        r"exclusions\.npy: is about pos",
    ),
    "exclusions without end": ("excluded", array("exclusions.npy", put((0, 2), 2**62)), r"exclusions\.npy: has ranges"),
    "times that descend": ("exact", array("times.npy", lambda times: times[::-1].copy()), "not in the order of time"),
    "times past the end": ("exact", array("times.npy", put(239, 2**32 - 1)), r"lie up to 1048576\.0 s, in a recording"),
    "descriptors of no numbers": (
        "exact",
        array("vectors.npy", put(0, np.nan)),
        "descriptors that are not of length",
    ),
    "another type": ("exact", array("bins.npy", lambda bins: bins.astype(np.int64)), r"bins\.npy: holds <i8 \(720,\)"),
    "a length that is none": (
        "exact",
        line(lambda one: one.update(duration_ms=10**30)),
        "table of recordings is dam",
    ),
    "tags that are none": ("exact", line(lambda one: one.update(tags=[1])), "table of recordings is dam"),
}


def columns(body: dict[str, Any]) -> Any:
    return body["layers"]["recording"]["columns"]


def quantised(body: dict[str, Any], **fields: Any) -> None:
    body["layers"]["recording"]["quantiser"] = {"digest": "sha256:" + 64 * "0", "level": 0, **fields}


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "removed out of range": (lambda body: body["segments"][0].update(removed=[3]), "removed: must be different"),
    "removed before the first": (lambda body: body["segments"][0].update(removed=[-1]), "removed: must be different"),
    "nested parameters": (lambda body: body["layers"]["recording"]["params"].update(x=deep(100)), "nested in more"),
    "counts too large": (lambda body: body["segments"][0].update(n_recordings=10**18), "has room for"),
    "numbers too large": (lambda body: body.update(generation=2**63), "generation is 9223372036854775808"),
    "a name in use": (lambda body: body.update(next_name=1), "next_name is 1, must be above 1, which is in use"),
    "a name that leads away": (lambda body: body["segments"][0].update(name="../../etc"), "must be six digits or more"),
    "a missing file": (lambda body: body["segments"][0]["files"].pop("recording/times.npy"), "lacks 'recording/times"),
    "no digest": (lambda body: quantised(body, digest="x"), r"quantiser\.digest is 'x', must be sha256: and"),
    "no level": (lambda body: quantised(body, level=-1), r"quantiser\.level is -1, must lie between 0 and"),
    "no times": (lambda body: columns(body).pop(0), "columns lacks the column 'times'"),
    "a column twice": (lambda body: columns(body).append(columns(body)[0]), "has a column twice"),
    "a column of bounds": (lambda body: columns(body)[1].update(name="bounds"), "has the column 'bounds' of '<u2'"),
    "times of no numbers": (lambda body: columns(body)[0].update(dtype="<f4"), "has the column 'times' of '<f4'"),
    "no dimension": (lambda body: body["layers"]["recording"].update(dimension=0), "dimension is 0, must be a"),
}  # fmt: skip


def archive_of(folder: Path) -> Path:
    """Write an index as one file, unchecked."""
    found = {str(one.relative_to(folder)) for one in folder.rglob("*.*") if one.is_file()}
    names = ["manifest.json", *sorted(found - {"manifest.json"})]
    parts = []
    for name in names:
        data = (folder / name).read_bytes()
        parts += [header(name, len(data)), data, padding(len(data))]
    data = b"".join(parts)
    path = folder.with_suffix(".tar")
    path.write_bytes(data + ending(len(data)))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("what", FILES)
def test_values_that_no_file_can_hold_are_refused_found_and_repaired(tmp_path: Path, what: str) -> None:
    shape, spoil, message = FILES[what]
    folder = Path(shutil.copytree(sound(shape), tmp_path / "index"))
    spoil(folder)
    sign(folder)
    with pytest.raises(IndexDamagedError, match=message):
        use(folder)
    problems = verify_index(folder)
    assert problems
    with pytest.raises(IndexDamagedError, match="does not hold a sound index"):
        import_index(archive_of(folder), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert repair_index(folder) == problems
    lost = max(problem.n_recordings for problem in problems)
    assert verify_index(folder) == []
    assert len(Index.open(folder).snapshot().recordings) == 3 - lost
    use(folder)
    change(folder)


@pytest.mark.parametrize("what", MANIFESTS)
def test_values_that_no_manifest_can_hold_are_named(tmp_path: Path, what: str) -> None:
    alter, message = MANIFESTS[what]
    folder = Path(shutil.copytree(sound("exact"), tmp_path / "index"))
    manifest(alter)(folder)
    with pytest.raises(IndexDamagedError, match=message):
        Index.open(folder)
    with pytest.raises(CatalogueError, match="has an unsound manifest"):
        import_index(archive_of(folder), tmp_path / "new")
    result = run("verify", "--repair", "--list", tmp_path / "all.csv", index=folder)
    assert (result.exit_code, result.stdout) == (5, "")
    assert "3 recordings that can still be read stand in" in result.stderr
    assert (tmp_path / "all.csv").read_text().count("\n") == 4


def test_an_index_of_other_parameters_is_sound_and_cannot_be_searched(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sound("exact"), tmp_path / "index"))
    manifest(lambda body: body["layers"]["recording"]["params"].update(bins_per_octave=0))(folder)
    assert verify_index(folder) == []
    result = run("verify", index=folder)
    assert result.exit_code == 5
    assert "layer 'recording' was made with parameters" in result.stderr


def test_a_copy_that_lacks_empty_folders_can_be_changed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sound("exact"), tmp_path / "index"))
    shutil.rmtree(folder / "readers", ignore_errors=True)
    with Index.open(folder).writer() as writer:
        for recording in list(writer.snapshot.recordings):
            writer.remove(recording.id)
        writer.commit()
    (folder / "segments").rmdir()
    assert verify_index(folder) == []
    with Index.open(folder).writer() as writer:
        assert not writer.n_pending


@pytest.mark.slow
def test_a_repair_that_fails_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(sound("lists"), tmp_path / "index"))
    next(folder.rglob("list_codes.npy")).unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("index.folder.repair.write_manifest", stop)
        with pytest.raises(KeyboardInterrupt):
            repair_index(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"} == before
    assert [problem.n_recordings for problem in repair_index(folder)] == [0]
    use(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
@pytest.mark.parametrize("name", ["manifest.json", "grant.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(sound("exact"), tmp_path / "index"))
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    result = run("list", index=folder)
    assert result.exit_code == 5
    assert "regular file" in result.stderr
