"""Both layers of a recording: made of one decoding, kept in one file, and every fault of that named."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint import extract
from fingerprint.audio.stream import decode, open_audio
from fingerprint.composition import CompositionParams, CompositionWindows, describe
from fingerprint.errors import DamagedFingerprintError, FingerprintFileError, NotEnoughMusicError, ParameterError
from fingerprint.extract import fingerprint_file, fingerprint_parts, layers_of_file, recording_layers
from fingerprint.landmarks import Fingerprint
from fingerprint.spf_files import read_composition, read_contents, read_recording, read_track, write_file
from tests.command_line import RATE_HZ, music, write
from tests.places import DATA

SAMPLE = DATA / "fingerprint-v2.spf"


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 16 s of music."""
    y = np.concatenate([music(1), music(2)])[: 16 * RATE_HZ]
    return write(tmp_path_factory.mktemp("audio") / "song.wav", y)


@pytest.fixture(scope="module")
def both(audio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fingerprint file of both layers."""
    path = tmp_path_factory.mktemp("prints") / "song.spf"
    write_file(path, layers_of_file(audio))
    return path


def changed(composition: CompositionWindows, **fields: Any) -> CompositionWindows:
    return dataclasses.replace(composition, **fields)


def assert_equal(one: Fingerprint | CompositionWindows, other: Fingerprint | CompositionWindows) -> None:
    """Check every field, to the byte."""
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert left.tobytes() == right.tobytes(), field.name
        else:
            assert left == right, field.name


def test_one_decoding_gives_both_layers_as_two_do(audio: Path) -> None:
    recording, composition = layers_of_file(audio)
    assert_equal(recording, fingerprint_file(audio))
    assert_equal(composition, describe(decode(audio, sample_rate=CompositionParams().sample_rate)))
    assert len(composition.vectors) == 14


def test_the_audio_is_opened_once(audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    real = open_audio

    def counted(path: str | Path, **options: Any) -> Any:
        opened.append(options.get("sample_rate"))
        return real(path, **options)

    monkeypatch.setattr(extract, "open_audio", counted)
    layers_of_file(audio)
    assert opened.count(RATE_HZ) == 1


def test_silence_has_neither_layer(tmp_path: Path) -> None:
    quiet = write(tmp_path / "quiet.wav", np.zeros(8 * RATE_HZ, dtype=np.float32))
    with pytest.raises(NotEnoughMusicError):
        layers_of_file(quiet)


def test_a_file_shorter_than_a_window_has_an_empty_layer(tmp_path: Path) -> None:
    short = write(tmp_path / "short.wav", music(1)[: 4 * RATE_HZ])
    write_file(tmp_path / "short.spf", layers_of_file(short))
    assert read_composition(tmp_path / "short.spf").vectors.shape == (0, 64)
    assert read_contents(tmp_path / "short.spf").composition is not None


def test_a_file_of_both_gives_back_both(audio: Path, both: Path) -> None:
    recording, composition = recording_layers(both)
    expected = layers_of_file(audio)
    assert_equal(composition, expected.composition)
    assert np.array_equal(recording.times, expected.recording.times)
    contents = read_contents(both, whole=True)
    assert contents.composition is not None
    assert contents.composition.n_windows == 14
    assert contents.roles == {"recording"}


def test_the_recording_layer_of_a_file_is_the_same_beside_the_other(audio: Path, both: Path, tmp_path: Path) -> None:
    write_file(tmp_path / "one.spf", [fingerprint_file(audio)])
    assert_equal(read_recording(both), read_recording(tmp_path / "one.spf"))
    plain, layered = (tmp_path / "one.spf").read_bytes(), both.read_bytes()
    assert (plain[8], layered[8]) == (1, 2)
    arrays = plain[16 + struct.unpack("<I", plain[12:16])[0] : -32]
    assert layered.count(arrays) == 1


def test_tracks_and_the_layer_stand_in_one_file(audio: Path, tmp_path: Path) -> None:
    recording, composition = layers_of_file(audio)
    tracks = list(fingerprint_parts(audio))
    write_file(tmp_path / "all.spf", [composition, recording, *tracks])
    assert_equal(read_composition(tmp_path / "all.spf"), composition)
    (read,) = read_track(tmp_path / "all.spf", scales=(1.0,))
    assert np.array_equal(read.times, tracks[0].times)


def test_the_layer_alone_or_of_other_parameters_is_not_written(audio: Path, tmp_path: Path) -> None:
    recording, composition = layers_of_file(audio)
    with pytest.raises(ParameterError, match="composition: given without a recording part"):
        write_file(tmp_path / "x.spf", [*fingerprint_parts(audio), composition])
    older, stretched = changed(composition, params_digest="sha256:0"), changed(composition, scale=0.84)
    for odd in (older, stretched):
        with pytest.raises(ParameterError, match=r"composition: made with parameters .* describe the audio again"):
            write_file(tmp_path / "x.spf", [recording, odd])
    assert not (tmp_path / "x.spf").exists()


def test_a_file_without_the_layer_says_so(audio: Path, tmp_path: Path) -> None:
    write_file(tmp_path / "one.spf", [fingerprint_file(audio)])
    with pytest.raises(FingerprintFileError, match=r"one\.spf: has no composition layer; make it again from the audio"):
        read_composition(tmp_path / "one.spf")


def parsed(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[16 : 16 + length]), data[16 + length : -32]


def remade(path: Path, header: dict[str, Any], arrays: bytes, *, version: int = 2) -> Path:
    """Write a file with its lengths and checksum right."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = b"\x89SPF\r\n\x1a\n" + struct.pack("<II", version, len(text)) + text + arrays
    path.write_bytes(body + hashlib.sha256(body).digest())
    return path


def other_parameters(header: dict[str, Any]) -> None:
    layer = header["composition"]
    layer["params"]["energy_floor"] = 0.4
    text = json.dumps(layer["params"], sort_keys=True, separators=(",", ":")).encode()
    layer["params_digest"] = "sha256:" + hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.pop("composition"), "its header has no proper field 'composition', so a faulty program"),
        (lambda header: header["composition"].update(windows=-1), "its header has no proper field 'windows'"),
        (lambda header: header["composition"].update(windows=13), r"damaged: \d+ bytes long, its header says"),
        (lambda header: header["composition"].update(windows=1 << 39), r"truncated: \d+ bytes are there"),
        (
            lambda header: header["composition"]["params"].update(energy_floor=0.4),
            "has a digest of parameters of the composition layer that is not theirs",
        ),
        (
            lambda header: header["parts"][0].update(role="query", scales=[1.0]),
            "its header has a composition layer of no recording",
        ),
        (other_parameters, r"its composition layer was made with other parameters \(composition/1, sha256:"),
    ],
)
def test_a_wrong_header_is_refused(
    both: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    header, arrays = parsed(both)
    change(header)
    with pytest.raises(FingerprintFileError, match=message):
        read_composition(remade(tmp_path / "bad.spf", header, arrays))


def test_other_parameters_of_the_layer_leave_the_recording_readable(both: Path, tmp_path: Path) -> None:
    header, arrays = parsed(both)
    other_parameters(header)
    assert_equal(read_recording(remade(tmp_path / "newer.spf", header, arrays)), read_recording(both))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("time", 0.1, "windows that do not follow each other every 0.743 s"),
        ("vectors", 1, "a vector of length .*, must be 254"),
        ("background_mean", np.nan, "windows whose likeness to the background is no number"),
        ("background_sd", np.inf, "windows whose likeness to the background is no number"),
        ("background_sd", -0.5, "windows whose likeness to the background has a spread below 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    audio: Path, tmp_path: Path, field: str, value: float, message: str
) -> None:
    recording, composition = layers_of_file(audio)
    array: NDArray[Any] = getattr(composition, field).copy()
    array[3] = value
    write_file(tmp_path / "bad.spf", [recording, changed(composition, **{field: array})])
    with pytest.raises(DamagedFingerprintError, match=rf"its composition layer holds {message}, so a faulty"):
        read_composition(tmp_path / "bad.spf")


def test_more_windows_than_the_audio_has_are_refused(audio: Path, tmp_path: Path) -> None:
    recording, composition = layers_of_file(audio)
    twice = {
        name: np.concatenate([getattr(composition, name)] * 2)
        for name in ("vectors", "background_mean", "background_sd")
    }
    time = (np.arange(28) * CompositionParams().step_seconds).astype(np.float32)
    write_file(tmp_path / "bad.spf", [recording, changed(composition, time=time, **twice)])
    with pytest.raises(DamagedFingerprintError, match=r"holds 28 windows, in 16\.0 s of audio"):
        read_composition(tmp_path / "bad.spf")


@pytest.mark.parametrize("value", [0, 127])
def test_a_window_without_pitch_and_a_number_that_was_cut_are_sound(audio: Path, tmp_path: Path, value: int) -> None:
    recording, composition = layers_of_file(audio)
    vectors = composition.vectors.copy()
    vectors[2] = 0
    vectors[2, 5] = value
    write_file(tmp_path / "odd.spf", [recording, changed(composition, vectors=vectors)])
    assert np.array_equal(read_composition(tmp_path / "odd.spf").vectors, vectors)


def test_a_flipped_bit_of_the_layer_is_found(both: Path, tmp_path: Path) -> None:
    data = bytearray(both.read_bytes())
    data[-100] ^= 1
    (tmp_path / "bad.spf").write_bytes(data)
    with pytest.raises(DamagedFingerprintError, match="altered or damaged"):
        read_composition(tmp_path / "bad.spf")


def test_a_stranger_reads_the_frozen_sample_of_version_2_by_the_description() -> None:
    header, arrays = parsed(SAMPLE)
    layer = header["composition"]
    m, c = layer["windows"], layer["params"]["dimension"]
    at = sum(part["landmarks"] * (16 + 2 * header["params"]["dimension"]) for part in header["parts"])
    found: list[NDArray[Any]] = []
    shapes: list[tuple[str, tuple[int, ...]]] = [("<f4", (m,)), ("|i1", (m, c)), ("<f2", (m,)), ("<f2", (m,))]
    for dtype, shape in shapes:
        found.append(np.frombuffer(arrays, dtype, int(np.prod(shape)), at).reshape(shape))
        at += found[-1].nbytes
    assert at == len(arrays)
    read = read_composition(SAMPLE, params=CompositionParams.from_dict(layer["params"]))
    pairs: list[NDArray[Any]] = [read.time, read.vectors, read.background_mean, read.background_sd]
    for one, other in zip(pairs, found, strict=True):
        assert np.array_equal(one, other)
    assert m == 4
    assert np.allclose(np.linalg.norm(read.vectors.astype(np.float64), axis=1), 254, rtol=0.05)
