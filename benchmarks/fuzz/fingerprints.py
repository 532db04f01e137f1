"""Fingerprint files: matched against an index that holds their recording, and added to one."""

from __future__ import annotations

import functools
import hashlib
import math
import random
import struct
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_array, hostile_tree, json_text
from fingerprint.digests import canonical_json, digest_of
from fingerprint.errors import AudioError, ParameterError
from fingerprint.extract import recording_of
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from fingerprint.streams import TrackStreams
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.search.matches import Match
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot

__all__ = ["FORMAT", "SECONDS", "check_matches", "index_of_one", "landmarks"]

SECONDS: Final = 12.0
PER_SECOND: Final = 20
_START: Final = struct.Struct("<8sII")
_MAGIC: Final = b"\x89SPF\r\n\x1a\n"
_COUNTS: Final = (0, 1, 2, 7, 8, 9, 3 * PER_SECOND)
_Arrays = list[NDArray[Any]]


def landmarks(seed: int, *, start: float = 0.0, seconds: float = SECONDS, scales: int = 0) -> Fingerprint:
    """Return random landmarks of a stretch of audio; of a track with as many time scales, of a recording with none.

    The same seed gives a recording, and the track that is made of it.
    """
    generator = np.random.default_rng(seed)
    n = int(SECONDS * PER_SECOND)
    times = np.sort(generator.uniform(0.0, SECONDS, n))
    bins, vectors = generator.uniform(0, 180, n).astype(np.float32), generator.normal(size=(n, Params().dimension))
    inside = (times >= start) & (times < start + seconds)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)[inside]
    shape = (max(scales, 1), *unit.shape)
    mirrored = np.roll(unit, 7, axis=1) if scales else np.empty((0, *unit.shape[1:]), dtype=np.float32)
    return Fingerprint(
        times=times[inside],
        bins=bins[inside],
        prominence=np.full(np.count_nonzero(inside), 2.0, dtype=np.float32),
        scales=STANDARD.scales if scales else (1.0,),
        vectors=np.broadcast_to(unit, shape).copy(),
        mirrored=np.broadcast_to(mirrored, shape).copy() if scales else np.empty((0, 0, unit.shape[1]), np.float32),
        start_seconds=start,
        duration_seconds=seconds,
        params_digest=Params().digest,
        name="song.wav",
        sha256="ab" * 32,
        decoder="soundfile",
    )


@functools.cache
def index_of_one() -> Snapshot:
    """Return an index of two recordings, one of them that of `landmarks(0)`; made once in a process."""
    index = Index.create(Path(tempfile.mkdtemp(prefix="index-")) / "index", layer_specs())
    with index.writer() as writer:
        for seed in range(2):
            writer.add(Recording(f"r{seed}", duration_ms=int(1000 * SECONDS)), recording_landmarks(landmarks(seed)))
    return index.snapshot()


def check_matches(matches: tuple[Match, ...], duration_seconds: float) -> None:
    """Raise unless all figures of the matches of a track are finite and in range.

    Raises
    ------
    ArithmeticError
        For a figure that is not finite, or a span outside of the track or before the start of the recording.
    """
    for match in matches:
        for passage in match.passages:
            track = passage.track_start_seconds, passage.track_end_seconds
            recording = passage.recording_start_seconds, passage.recording_end_seconds
            if not all(map(math.isfinite, (*track, *recording, passage.ratio, passage.score, passage.confidence))):
                raise ArithmeticError(f"{passage}")
            if not 0 <= track[0] <= track[1] <= duration_seconds or not 0 <= recording[0] <= recording[1]:
                raise ArithmeticError(f"{passage} of {duration_seconds} s")


def _make(chance: random.Random, folder: Path) -> Path:
    path = folder / "x.spf"
    header, parts = _valid(chance)
    kind = chance.randrange(8)
    if kind == 0:
        path.write_bytes(damaged(chance, _file(canonical_json(header), parts)))
        return path
    if kind <= 3:
        header = hostile_tree(chance, header)
        if chance.random() < 0.5 and isinstance(header, dict) and isinstance(header.get("params"), dict):
            header["params_digest"] = _digest(header["params"])
    elif kind <= 6:
        arrays = chance.choice(parts)
        for _ in range(chance.choice((1, 1, 2))):
            which = chance.randrange(len(arrays))
            arrays[which] = hostile_array(chance, arrays[which])
        if chance.random() < 0.3:
            arrays[0].sort()
    else:
        _resize(chance, header, parts)
    path.write_bytes(_file(json_text(header), parts))
    return path


def _valid(chance: random.Random) -> tuple[dict[str, Any], list[_Arrays]]:
    """Return header and arrays of a valid file: a recording, and a track in one or two parts."""
    cut = chance.choice((SECONDS, SECONDS / 2))
    scales = len(STANDARD.scales)
    made = [landmarks(0), landmarks(0, seconds=cut, scales=scales)]
    if cut < SECONDS:
        made.append(landmarks(0, start=cut, seconds=SECONDS - cut, scales=scales))
    header = {
        "audio": {
            "name": "song.wav",
            "sha256": "ab" * 32,
            "duration_seconds": SECONDS,
            "decoder": "soundfile",
            "notes": ["clipped"],
        },
        "params": Params().to_dict(),
        "params_digest": Params().digest,
        "parts": [
            {
                "role": "query" if part.mirrored.size else "reference",
                "scales": list(part.scales),
                "start_seconds": part.start_seconds,
                "duration_seconds": part.duration_seconds,
                "landmarks": part.times.size,
            }
            for part in made
        ],
    }
    types = ("<f8", "<f4", "<f4", "<f2", "<f2")
    fields = ("times", "bins", "prominence", "vectors", "mirrored")
    arrays = [[getattr(part, name).astype(kind) for name, kind in zip(fields, types, strict=True)] for part in made]
    return header, arrays


def _resize(chance: random.Random, header: dict[str, Any], parts: list[_Arrays]) -> None:
    """Give one or all parts fewer landmarks, or each several times over, or other spans; lengths agree throughout."""
    for which in chance.choice(([chance.randrange(len(parts))], range(len(parts)))):
        arrays, entry = parts[which], header["parts"][which]
        kind = chance.randrange(3)
        if kind == 0:
            n = min(chance.choice(_COUNTS), len(arrays[0]))
            arrays[:] = [*(array[:n] for array in arrays[:3]), *(array[:, :n] for array in arrays[3:])]
        elif kind == 1:
            times = chance.choice((2, 10, 40))
            arrays[:] = [np.repeat(array, times, axis=int(array.ndim > 1)) for array in arrays]
        else:
            arrays[0] = arrays[0] + chance.choice((-1.0, -0.5, 0.5, 1.0))
            entry["duration_seconds"] *= chance.choice((1, 0, 0.5, 1.001))
        entry["landmarks"] = len(arrays[0])


def _file(header: bytes, parts: list[_Arrays]) -> bytes:
    arrays = b"".join(array.tobytes() for part in parts for array in part)
    body = _START.pack(_MAGIC, 1, len(header)) + header + arrays
    return body + hashlib.sha256(body).digest()


def _digest(params: Any) -> str:
    try:
        return digest_of(canonical_json(params))
    except (ValueError, RecursionError, TypeError):
        return digest_of(json_text(params))


def _read(path: Path) -> None:
    refused: list[Exception] = []
    for use in (_match, _add):
        try:
            use(path)
        except (AudioError, ParameterError) as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _match(path: Path) -> None:
    track = TrackStreams(path, scales=STANDARD.scales)
    for part in track.parts():
        end = part.start_seconds + part.duration_seconds
        check_matches(match_track(part, index_of_one()).matches, end)


def _add(path: Path) -> None:
    recording = recording_of(path)
    index = Index.create(path.parent / "index", layer_specs())
    with index.writer() as writer:
        described = Recording("x", title=recording.name, duration_ms=round(1000 * recording.duration_seconds))
        writer.add(described, recording_landmarks(recording))
    match_track(landmarks(0, scales=len(STANDARD.scales)), index.snapshot())


FORMAT = Format("fingerprint", _make, _read, (AudioError,))
