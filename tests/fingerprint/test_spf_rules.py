"""Rules of the fingerprint file: each stands on its page; a file with a valid checksum that breaks one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fuzz.fingerprints import SECONDS, landmarks
from fingerprint.errors import DamagedFingerprintError
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from fingerprint.spf_files import read_contents, read_recording, read_track, write_file
from index.search.match import STANDARD
from tests.places import ROOT

PAGE = " ".join((ROOT / "docs" / "formats" / "fingerprint-file.md").read_text(encoding="utf-8").split())
FRAME = Params().hop_length / Params().sample_rate
SCALES = STANDARD.scales


def times(one: Fingerprint, change: Callable[[Any], Any]) -> Fingerprint:
    return replace(one, times=change(one.times.copy()))


def first(array: Any, value: float) -> Any:
    array[0] = value
    return array


def last(array: Any, value: float) -> Any:
    array[-1] = value
    return array


def each(one: Fingerprint, n: int) -> Fingerprint:
    """Return a fingerprint in which every landmark stands `n` times."""
    flat: dict[str, Any] = {name: np.repeat(getattr(one, name), n) for name in ("times", "bins", "prominence")}
    deep: dict[str, Any] = {name: np.repeat(getattr(one, name), n, axis=1) for name in ("vectors", "mirrored")}
    return replace(one, **flat, **deep)


def crowded(one: Fingerprint) -> Fingerprint:
    """Return a fingerprint with all its landmarks within half a second, each at a place of its own."""
    return replace(one, times=np.linspace(1.0, 1.5, one.times.size))


LANDMARKS: list[tuple[str, Callable[[Fingerprint], Fingerprint], str]] = [
    ("every number is finite", lambda one: times(one, lambda t: first(t, np.nan)), "is no number"),
    ("every number is finite", lambda one: replace(one, bins=last(one.bins.copy(), np.inf)), "is no number"),
    ("times ascend", lambda one: times(one, lambda t: first(t, t[5])), "not in order of time"),
    ("by one frame at most", lambda one: times(one, lambda t: last(t, SECONDS + 1.01 * FRAME)), "outside the part"),
    ("by one frame at most", lambda one: times(one, lambda t: last(t, SECONDS + 1.0)), "outside the part"),
    ("bins are from 0 to below", lambda one: replace(one, bins=first(one.bins.copy(), 230.0)), "of 230"),
    ("bins are from 0 to below", lambda one: replace(one, bins=first(one.bins.copy(), -0.5)), "of 230"),
    ("prominence is above 0", lambda one: replace(one, prominence=one.prominence * 0), "do not stand above"),
    ("no two landmarks have the same time and bin", lambda one: each(one, 2), "stand twice"),
    ("no two landmarks have the same time and bin", lambda one: each(one, 40), "stand twice"),
    ("at most twice the density of its role", crowded, "landmarks in a second"),
    ("vectors have length one", lambda one: replace(one, vectors=one.vectors * np.float32(1.02)), "of length 1.02"),
]


@pytest.mark.parametrize(("rule", "broken", "reason"), LANDMARKS)
@pytest.mark.parametrize("role", ["recording", "track"])
def test_landmarks_that_break_a_rule_of_the_page_are_refused(
    tmp_path: Path, rule: str, broken: Callable[[Fingerprint], Fingerprint], reason: str, role: str
) -> None:
    assert rule in PAGE
    path = tmp_path / "x.spf"
    valid = landmarks(0) if role == "recording" else landmarks(0, scales=len(SCALES))
    write_file(path, [valid])
    read_recording(path) if role == "recording" else list(read_track(path, scales=SCALES))
    write_file(path, [broken(valid)])
    with pytest.raises(DamagedFingerprintError, match=rf"the {role} part at 0\.0 s holds .*{reason}"):
        read_recording(path) if role == "recording" else list(read_track(path, scales=SCALES))


@pytest.mark.parametrize("at", [SECONDS, SECONDS + 0.9 * FRAME, 0.0])
def test_landmarks_at_the_edges_are_taken(tmp_path: Path, at: float) -> None:
    write_file(tmp_path / "x.spf", [times(landmarks(0), lambda t: last(t, at) if at else first(t, at))])
    assert at in read_recording(tmp_path / "x.spf").times


def with_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the header of a file, and sign the whole anew."""
    data = path.read_bytes()[:-32]
    size = int.from_bytes(data[12:16], "little")
    header = json.loads(data[16 : 16 + size])
    text = change(header)
    raw = text if isinstance(text, bytes) else json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = data[:12] + len(raw).to_bytes(4, "little") + raw + data[16 + size :]
    path.write_bytes(body + hashlib.sha256(body).digest())


def set_in(*keys: Any, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(header: dict[str, Any]) -> None:
        holder: Any = header
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = value

    return change


HEADERS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("canonical JSON without NaN or infinity", set_in("more", value=float("nan")), "is no JSON"),
    ("names no field twice", lambda _: b'{"audio":{},"audio":{}}', "is no JSON"),
    ("nested at most 64 levels deep", lambda _: b'{"audio":' + b"[" * 65 + b"]" * 65 + b"}", "is no JSON"),
    ("texts have at most 4 096 characters", set_in("audio", "decoder", value="x" * 4097), "4097 letters"),
    ("`audio.name` has no folder and is not empty", set_in("audio", "name", value="a/b.wav"), "no file name"),
    ("`audio.name` has no folder and is not empty", set_in("audio", "name", value=""), "no file name"),
    ("digests are what they say to be of", set_in("audio", "sha256", value="0"), "SHA-256 of the audio that is none"),
    ("`params_digest` is that of `params`", set_in("params", "n_fft", value=5), "that is not theirs"),
    ("times are from 0 to 1 048 576 s", set_in("parts", 0, "duration_seconds", value=1e9), "'duration_seconds'"),
    ("all different and above 0", set_in("parts", 1, "scales", value=[1, 1, 2]), "one of them twice"),
    ("all different and above 0", set_in("parts", 1, "scales", value=[0, 1, 2]), "no positive number"),
    ("follow each other within 1 ms", set_in("parts", 0, "start_seconds", value=0.5), "leave gaps"),
    ("follow each other within 1 ms", set_in("audio", "duration_seconds", value=99.0), "leave gaps"),
]


@pytest.mark.parametrize(("rule", "change", "reason"), HEADERS)
def test_headers_that_break_a_rule_of_the_page_are_refused(
    tmp_path: Path, rule: str, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    assert rule in PAGE
    path = tmp_path / "x.spf"
    write_file(path, [landmarks(0), landmarks(0, scales=len(SCALES))])
    with_header(path, lambda header: None)
    read_contents(path, whole=True)
    with_header(path, change)
    with pytest.raises(DamagedFingerprintError, match=rf"its header .*{reason}"):
        read_contents(path)
