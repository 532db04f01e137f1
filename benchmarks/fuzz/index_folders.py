"""Index folders, their archives and blind indexes with hostile values under valid checksums.

A sound index of one of several shapes is copied; one to three places of it are given hostile values; then every
checksum over them is made anew, from that of a line to that of the manifest. The result is opened, searched,
verified, repaired, changed, compacted, exported and imported. Two things are no refusal: that `verify` finds nothing
where anything else fails, and that an index which was repaired fails.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.fuzz.fingerprints import SECONDS, check_matches, landmarks
from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_array, hostile_tree, json_text
from fingerprint.digests import canonical_json, digest_of, hash_file, pretty_json
from fingerprint.errors import CatalogueError, GrantError, IndexFormatError, ParameterError, SourceprintError
from index.folder.archive import ending, header, padding
from index.folder.index import Index
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.folder.verification import verify_index
from index.search.match import STANDARD, match_track
from index.storage.durable import write_array
from index.storage.hubs import Hub, hubs_name, write_hubs
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs, read_manifest, write_manifest
from index.storage.recordings import Recording, line_check, text_key
from index.storage.segment import rows_check
from sourceprint.blind.blind_export import export_blind
from sourceprint.blind.blind_import import check_grant, import_blind
from sourceprint.blind.grants import Terms, parse_grant
from sourceprint.blind.tokens import load_secret, make_secret
from sourceprint.signatures import create_key, load_private, load_public

__all__ = ["ARCHIVE", "BLIND", "FORMAT", "body_of", "change", "sign", "sound", "use", "write_body"]

SHAPES: Final = ("exact", "lists", "removed", "excluded", "segments", "hubs", "lists and all")
_TODAY: Final = date(2026, 1, 1)
_COUNTS: Final = (0, 1, 2, 63, 64, 65, 512, 576)


@functools.cache
def sound(shape: str) -> Path:
    """Return an index of one shape; made once in a process, and left as it is."""
    folder = Path(tempfile.mkdtemp(prefix="index-")) / "index"
    index = Index.create(folder, layer_specs())
    is_listed = "lists" in shape
    per_commit = 1 if shape in ("segments", "lists and all") else 10**9
    with _unflushed(), index.writer(exact_limit=16 if is_listed else 10**9, commit_landmarks=per_commit) as writer:
        for seed in range(3):
            described = Recording(
                f"r{seed}", f"Song {seed}", ("A", "B"), name=f"r{seed}.wav", sha256=f"{seed:064x}",
                duration_ms=int(1000 * SECONDS), tags=("sync",) if seed else (),
                excluded=((1000, 2000),) if shape in ("excluded", "lists and all") else (),
            )  # fmt: skip
            writer.add(described, recording_landmarks(landmarks(seed)))
        writer.commit()
        if shape in ("removed", "lists and all"):
            writer.remove("r2")
            writer.commit()
        if shape in ("excluded", "lists and all"):
            writer.amend(Recording(**{**_fields(writer.recording("r1")), "tags": ("late",), "excluded": ((0, 500),)}))
    if shape in ("hubs", "lists and all"):
        manifest = read_manifest(folder)
        number = manifest.next_name
        entry = write_hubs(folder / hubs_name(number), {"r1": Hub(20.0, 12.0, 40, 600)}, 600)
        write_manifest(folder, manifest.successor(hubs=entry, next_name=number + 1))
    return folder


@functools.cache
def keys() -> Path:
    """Return a folder with the keys of a label and of its licensee, `label.pem` and `tone.pem`."""
    folder = Path(tempfile.mkdtemp(prefix="keys-"))
    for name in ("label", "tone"):
        create_key(folder, name)
    make_secret(folder)
    return folder


@functools.cache
def blind(shape: str) -> Path:
    """Return a blind index of one shape, as it is imported."""
    folder, names = Path(tempfile.mkdtemp(prefix="blind-")), keys()
    terms = Terms("Tone", load_public(names / "tone.pub"), _TODAY, date(2030, 1, 1))
    with _unflushed():
        issuer, secret = load_private(names / "label.pem"), load_secret(names)
        export_blind(sound(shape), folder / "blind.tar", terms=terms, issuer=issuer, secret=secret)
        trusted = load_public(names / "label.pub")
        import_blind(folder / "blind.tar", folder / "index", issuer=trusted, keys=names, today=_TODAY)
    return folder / "index"


# --- made -------------------------------------------------------------------------------------------------------------


def _make_folder(chance: random.Random, folder: Path) -> Path:
    path = shutil.copytree(sound(chance.choice(SHAPES)), folder / "index")
    _spoil(chance, path)
    return path


def _make_archive(chance: random.Random, folder: Path) -> Path:
    index = _make_folder(chance, folder)
    path, body = folder / "index.tar", body_of(index)
    names = sorted(str(one.relative_to(index)) for one in index.rglob("*") if one.is_file() and one.name != "lock")
    data = (index / "manifest.json").read_bytes()
    parts = [header("manifest.json", len(data)), data, padding(len(data))]
    for name in names if body else ():
        content = (index / name).read_bytes()
        if name not in ("manifest.json", "grant.json", "issuer.pub"):
            parts += [header(name, len(content)), content, padding(len(content))]
    archive = b"".join(parts)
    archive += ending(len(archive))
    path.write_bytes(damaged(chance, archive) if chance.random() < 0.1 else archive)
    shutil.rmtree(index)
    return path


def _make_blind(chance: random.Random, folder: Path) -> Path:
    path = shutil.copytree(blind(chance.choice(SHAPES)), folder / "index")
    _spoil(chance, path)
    with contextlib.suppress(GrantError):
        _sign_grant(path)
    return path


def _sign_grant(path: Path) -> None:
    grant = parse_grant((path / "grant.json").read_bytes())
    fields = {name: getattr(grant, name) for name in ("grant_id", "terms", "issuer", "recordings")}
    digest = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    again = type(grant)(**fields, manifest_sha256=digest).signed(load_private(keys() / "label.pem"))
    (path / "grant.json").write_bytes(again.to_bytes())


def _spoil(chance: random.Random, folder: Path) -> None:
    """Put hostile values into one to three places of an index, and let every checksum agree with them."""
    if chance.random() < 0.06:
        path = chance.choice([path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock"])
        path.write_bytes(damaged(chance, path.read_bytes()))
        return  # as it is found: its checksum does not agree
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        with contextlib.suppress(Exception):
            _spoil_one(chance, folder)
        with contextlib.suppress(Exception):
            sign(folder)


def _spoil_one(chance: random.Random, folder: Path) -> None:
    kind = 1 + chance.randrange(15)
    paths = sorted(path for path in folder.rglob("*.npy"))
    if kind <= 4:
        _spoil_manifest(chance, folder)
    elif kind <= 10 and paths:
        _spoil_array(chance, chance.choice(paths))
    elif kind <= 13 and (lines := sorted(folder.glob("segments/*/recordings.jsonl"))):
        _spoil_lines(chance, chance.choice(lines))
    elif sides := sorted([*folder.glob("hubs-*"), *folder.glob("amendments-*")]):
        _spoil_side(chance, chance.choice(sides))


def _spoil_manifest(chance: random.Random, folder: Path) -> None:
    body = body_of(folder)
    if not body:
        return
    part = chance.choice(("all", "layers", "segments", "segments", "counts"))
    if part == "all":
        body = hostile_tree(chance, body)
    elif part == "counts" and body.get("segments"):
        segment = chance.choice(body["segments"])
        what = chance.choice(("n_recordings", "landmarks", "removed"))
        segment[what] = hostile_tree(chance, segment[what])
    else:
        body[part if part != "counts" else "layers"] = hostile_tree(chance, body.get(part, {}))
    with contextlib.suppress(AttributeError, KeyError, TypeError):
        if chance.random() < 0.5:
            for layer in body["layers"].values():
                layer["digest"] = _digest(layer["params"])
    write_body(folder, body)


def _spoil_array(chance: random.Random, path: Path) -> None:
    array = np.load(path)
    kind = chance.randrange(8)
    with np.errstate(all="ignore"):
        array = _spoilt(chance, array, kind)
    if kind == 7 and path.name == "bounds.npy" and array.size > 2:
        array[1] = chance.choice((2**63 - 1, -(2**63), -1, int(array[-1]) + 1))
    data = path.read_bytes()
    path.unlink()
    write_array(path, [array], shape=array.shape, dtype=array.dtype)
    if kind == 7 and chance.random() < 0.5:
        path.write_bytes(damaged(chance, data[:128]) + data[128:])


def _spoilt(chance: random.Random, array: NDArray[Any], kind: int) -> NDArray[Any]:
    if kind <= 4:
        return hostile_array(chance, array)
    if kind == 5:
        return np.resize(array, (chance.choice(_COUNTS), *array.shape[1:]))
    if kind == 6:
        return array.astype(chance.choice(("<f8", "<i4", "<u8", "|u1", "<f2", "|b1")), casting="unsafe")
    return array


def _spoil_lines(chance: random.Random, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    at = chance.randrange(len(lines))
    lines[at] = _line(chance, lines[at])
    ends = np.cumsum([0, *map(len, lines)])
    keys_path = path.with_name("keys.npy")
    stored = np.load(keys_path)
    stored[: len(lines), 2] = [line_check(line) for line in lines[: len(stored)]]
    with contextlib.suppress(Exception):
        parsed = json.loads(lines[at])
        stored[at, :2] = text_key(parsed["id"]), text_key(parsed["sha256"])
    path.write_bytes(b"".join(lines))
    for target, array in ((path.with_name("offsets.npy"), ends.astype(np.int64)), (keys_path, stored)):
        target.unlink()
        write_array(target, [array], shape=array.shape, dtype=array.dtype)


def _spoil_side(chance: random.Random, path: Path) -> None:
    if path.suffix == ".json":
        path.write_bytes(_line(chance, path.read_bytes()).rstrip(b"\n"))
        return
    lines = path.read_bytes().splitlines(keepends=True)
    lines[0] = _line(chance, lines[0])
    path.write_bytes(b"".join(lines))


def _line(chance: random.Random, line: bytes) -> bytes:
    if chance.random() < 0.1:
        return damaged(chance, line)
    return json_text(hostile_tree(chance, json.loads(line))).replace(b"\n", b" ") + b"\n"


def sign(folder: Path) -> None:
    """Make every checksum of an index anew, as far as its manifest can be understood."""
    body = body_of(folder)
    with contextlib.suppress(Exception):
        for segment in body["segments"]:
            place = folder / "segments" / segment["name"]
            for layer in {name.split("/")[0] for name in segment["files"] if "/" in name}:
                with contextlib.suppress(Exception):
                    _check_columns(place / layer)
            _enter(segment["files"], place)
        for side in ("hubs", "amendments"):
            if body[side]:
                body[side]["file"] = asdict(hash_file(folder / body[side]["name"]))
    if body:
        write_body(folder, body)


def _enter(files: dict[str, Any], place: Path) -> None:
    for name in files:
        if (place / name).is_file():
            files[name] = asdict(hash_file(place / name))


def _check_columns(place: Path) -> None:
    columns = {path.stem: np.load(path) for path in place.glob("*.npy")}
    order = [columns[name] for name in ("times", "bins", "codes", "vectors") if name in columns]
    bounds = columns["bounds"].tolist()
    checks = [rows_check(one[a:b] for one in order) for a, b in itertools.pairwise(bounds)]
    made = {"checks": np.array(checks, dtype=np.uint64)}
    for name, array in made.items():
        (place / f"{name}.npy").unlink()
        write_array(place / f"{name}.npy", [array], shape=array.shape, dtype=array.dtype)


def body_of(folder: Path) -> dict[str, Any]:
    """Return the fields of the manifest of an index; {} if it cannot be read."""
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads((folder / "manifest.json").read_bytes())
        return body if isinstance(body, dict) else {}
    return {}


def write_body(folder: Path, body: Any) -> None:
    """Write the manifest of an index, with its checksum."""
    path = folder / "manifest.json"
    if not isinstance(body, dict):
        path.write_bytes(json_text(body))
        return
    content = {key: value for key, value in body.items() if key != "checksum"}
    text = json_text(content)
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        content = json.loads(text)  # as a reader of the file gets them
    body = {**content, "checksum": _digest(content)}
    try:
        path.write_bytes(pretty_json(body))
    except (ValueError, RecursionError, TypeError):
        path.write_bytes(json_text(body))


def _digest(value: Any) -> str:
    try:
        return digest_of(canonical_json(value))
    except (ValueError, RecursionError, TypeError):
        return digest_of(json_text(value))


def _fields(recording: Recording) -> dict[str, Any]:
    return {name: getattr(recording, name) for name in Recording.__slots__}


# --- read -------------------------------------------------------------------------------------------------------------


def _read_folder(path: Path) -> None:
    with _unflushed():
        faults = _tried(lambda: [problem.what for problem in verify_index(path)])
        used = _tried(lambda: use(path))
        if not faults.value and not faults.error:
            if isinstance(used.error, IndexFormatError):
                raise used.error  # sound, but made with other parameters
            if used.error:
                raise ArithmeticError("verify finds no fault, and the index cannot be used") from used.error
            change(path)
            return
        repaired = _tried(lambda: repair_index(path))
        if repaired.error is None:
            if left := verify_index(path):
                raise ArithmeticError(f"repaired, and yet {left[0].path} {left[0].what}")
            _unless_other(path)
        raise repaired.error or used.error or CatalogueError("as verify says")


def _read_archive(path: Path) -> None:
    with _unflushed():
        import_index(path, path.parent / "new")
        if left := verify_index(path.parent / "new"):
            raise ArithmeticError(f"imported, and yet {left[0].path} {left[0].what}")
        _unless_other(path.parent / "new")


def _read_blind(path: Path) -> None:
    with _unflushed():
        check_grant(path, keys=keys(), today=_TODAY)
        faults = _tried(lambda: [problem.what for problem in verify_index(path)])
        used = _tried(lambda: use(path))
        if used.error and not faults.value and not faults.error and not isinstance(used.error, IndexFormatError):
            raise ArithmeticError("verify finds no fault, and the index cannot be used") from used.error
        if used.error or faults.error:
            raise used.error or faults.error or CatalogueError("")


def use(folder: Path) -> None:
    """Open an index, ask it all there is to ask, and search it.

    Raises
    ------
    ArithmeticError
        If an answer is no answer.
    """
    index = Index.open(folder)
    index.info()
    snapshot = index.snapshot()
    for ordinal, recording in enumerate(snapshot.recordings):
        snapshot.hub_factor(ordinal)
        snapshot.by_sha256(recording.sha256)
    specs = layer_specs()
    index = Index.open(folder, specs)
    for name in specs:
        view = index.snapshot().layer(name)
        for ordinal in range(view.n_recordings):
            view.landmarks_of(ordinal)
            view.vectors_of(ordinal)
    query = landmarks(0, seconds=6.0, scales=len(STANDARD.scales))
    result = match_track(query, index.snapshot())
    check_matches(result.matches, query.duration_seconds)


def _unless_other(folder: Path) -> None:
    with contextlib.suppress(IndexFormatError):  # sound, but made with other parameters
        use(folder)


def change(folder: Path) -> None:
    """Change an index in every way, and carry it to another place and back."""
    index = Index.open(folder)
    before = index.digest
    export_index(folder, folder.parent / "exported.tar")
    if import_index(folder.parent / "exported.tar", folder.parent / "copy").digest != before:
        raise ArithmeticError("another index after export and import")
    with index.writer() as writer:
        for recording in list(index.snapshot().recordings)[:1]:
            writer.amend(Recording(**{**_fields(recording), "tags": ("changed",)}))
            writer.commit()
            writer.remove(recording.id)
        writer.compact()
    if left := verify_index(folder):
        raise ArithmeticError(f"compacted, and yet {left[0].path} {left[0].what}")


class _Attempt:
    def __init__(self, value: Any, error: SourceprintError | None) -> None:
        self.value, self.error = value, error


def _tried(work: Callable[[], Any]) -> _Attempt:
    try:
        return _Attempt(work(), None)
    except (CatalogueError, ParameterError) as error:
        return _Attempt(None, error)


def _unflushed() -> AbstractContextManager[object]:
    """Write without waiting for the disk: nothing here is to survive a power cut."""
    return mock.patch.object(os, "fsync")


FORMAT = Format("index", _make_folder, _read_folder, (CatalogueError, ParameterError))
ARCHIVE = Format("index archive", _make_archive, _read_archive, (CatalogueError, ParameterError))
BLIND = Format("blind index", _make_blind, _read_blind, (CatalogueError, ParameterError))
