"""Fingerprint files: they stand for the audio exactly, and every fault of one is named in a sentence."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint import extract
from fingerprint.errors import (
    DamagedFingerprintError,
    DecodeError,
    FingerprintFileError,
    NotEnoughMusicError,
    ParameterError,
    TooShortError,
)
from fingerprint.extract import fingerprint_file, fingerprint_parts
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from fingerprint.spf_files import read_contents, read_recording, read_track, write_file
from index.folder.index import Index
from index.search.match import STANDARD, THOROUGH
from sourceprint.catalogue.precompute import Description
from sourceprint.inputs import collect
from sourceprint.scans.scan import scan_files
from tests.audio_files import wav_bytes
from tests.command_line import RATE_HZ, catalogue, matches, music, run, write
from tests.places import DATA

SAMPLE = DATA / "fingerprint-v1.spf"
SCALES = STANDARD.scales


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of s1, s2 and s3, their audio in music/, and files of all three in prints/."""
    folder = tmp_path_factory.mktemp("made")
    catalogue(folder, (1, 2, 3))
    result = run("fingerprint", folder / "music", "-o", folder / "prints", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    return folder


def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces of 3 s and parts of 6 s of audio fingerprinted in this process from here on."""
    monkeypatch.setattr(extract, "_PIECE_BLOCKS", 6)
    monkeypatch.setattr(extract, "_PART_PIECES", 2)


def halves(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors.astype(np.float16).astype(np.float32)


def assert_same(read: Fingerprint, written: Fingerprint, *, rounded: bool = True) -> None:
    """Check every field, vectors as they are after rounding; notes may have come later in the file."""
    for field in dataclasses.fields(Fingerprint):
        one, other = getattr(read, field.name), getattr(written, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            assert np.array_equal(one, halves(other) if other.ndim == 3 and rounded else other), field.name
        elif field.name != "notes":
            assert one == other, field.name


def remade(
    path: Path,
    target: Path,
    change: Callable[[dict[str, Any]], object] = lambda header: None,
    *,
    arrays: Callable[[bytes], bytes] = bytes,
) -> Path:
    """Write a file anew with another header or other arrays, its lengths and checksum put right."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    header = json.loads(data[16 : 16 + length])
    change(header)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = data[:12] + struct.pack("<I", len(text)) + text + arrays(data[16 + length : -32])
    target.write_bytes(body + hashlib.sha256(body).digest())
    return target


# Fingerprints survive writing and reading.


def test_a_file_gives_back_reference_and_query(made: Path) -> None:
    audio, spf = made / "music" / "s1.wav", made / "prints" / "s1.spf"
    assert_same(read_recording(spf), fingerprint_file(audio))
    (query,) = read_track(spf, scales=SCALES)
    (expected,) = fingerprint_parts(audio, scales=SCALES)
    assert_same(query, expected)


def test_a_long_query_is_kept_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_parts(monkeypatch)
    audio = tmp_path / "odd.wav"
    samples = (music(1) * 32767).astype("<i2").tobytes()
    audio.write_bytes(wav_bytes(samples, rate_hz=RATE_HZ, claimed_bytes=2 * len(samples)))
    expected = list(fingerprint_parts(audio, scales=SCALES))
    contents = write_file(tmp_path / "odd.spf", iter(expected))
    read = list(read_track(tmp_path / "odd.spf", scales=SCALES))
    assert len(read) == len(contents.parts) == len(expected) == 2
    for one, other in zip(read, expected, strict=True):
        assert_same(one, other)
        assert one.notes == expected[-1].notes != ()
    assert read_contents(tmp_path / "odd.spf", whole=True) == contents
    assert contents.roles == {"track"}


@pytest.mark.same_bytes
def test_a_thorough_file_serves_the_usual_search_with_the_same_vectors(made: Path, tmp_path: Path) -> None:
    audio = made / "music" / "s2.wav"
    write_file(tmp_path / "s2.spf", fingerprint_parts(audio, scales=THOROUGH.scales))
    (query,) = read_track(tmp_path / "s2.spf", scales=SCALES)
    (expected,) = fingerprint_parts(audio, scales=SCALES)
    assert query.scales == SCALES
    assert np.abs(query.vectors - halves(expected.vectors)).max() < 1e-3
    assert np.abs(query.mirrored - halves(expected.mirrored)).max() < 1e-3


@pytest.mark.slow
@pytest.mark.same_bytes
def test_the_same_audio_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    assert run("fingerprint", made / "music", "-o", tmp_path, "--jobs", "2").exit_code == 0
    for path in sorted((made / "prints").glob("*.spf")):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def read_by_a_stranger(path: Path) -> tuple[dict[str, Any], list[list[NDArray[Any]]]]:
    """Return header and arrays of a file, as FORMAT.md describes them."""
    data = path.read_bytes()
    magic, version, length = struct.unpack("<8sII", data[:16])
    assert (magic, version) == (b"\x89SPF\r\n\x1a\n", 1)
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    header = json.loads(data[16 : 16 + length])
    at, d, parts = 16 + length, header["params"]["dimension"], []
    for part in header["parts"]:
        n, s = part["landmarks"], len(part["scales"])
        shapes: list[tuple[str, tuple[int, ...]]] = [("<f8", (n,)), ("<f4", (n,)), ("<f4", (n,)), ("<f2", (s, n, d))]
        shapes += [("<f2", (s, n, d))] * (part["role"] == "query")
        arrays: list[NDArray[Any]] = []
        for dtype, shape in shapes:
            arrays.append(np.frombuffer(data, dtype, int(np.prod(shape)), at).reshape(shape))
            at += arrays[-1].nbytes
        parts.append(arrays)
    assert at == len(data) - 32
    return header, parts


def test_a_stranger_reads_the_frozen_sample_by_the_description() -> None:
    header, (reference, query) = read_by_a_stranger(SAMPLE)
    assert header["audio"]["name"] == "Pi\u00f1a.wav"
    assert header["audio"]["duration_seconds"] == 2.0
    assert [part["role"] for part in header["parts"]] == ["reference", "query"]
    contents = read_contents(SAMPLE, whole=True)
    assert contents.params_digest == header["params_digest"]
    assert [part.n_landmarks for part in contents.parts] == [len(reference[0]), len(query[0])]
    assert [len(arrays) for arrays in (reference, query)] == [4, 5]
    assert np.allclose(np.linalg.norm(reference[3][0].astype(np.float32), axis=1), 1, atol=1e-3)


def test_the_frozen_sample_is_read_as_a_stranger_reads_it() -> None:
    # With parameters of its own: it outlives those of this version.
    header, (reference, query) = read_by_a_stranger(SAMPLE)
    params = Params.from_dict(header["params"])
    read = read_recording(SAMPLE, params=params)
    assert np.array_equal(read.times, reference[0])
    assert np.array_equal(read.vectors, reference[3].astype(np.float32))
    (part,) = read_track(SAMPLE, scales=(1.0,), params=params)
    assert np.array_equal(part.bins, query[1])
    assert np.array_equal(part.mirrored, query[4].astype(np.float32))


# Results are those of the audio.


def test_an_index_of_fingerprint_files_is_that_of_the_audio(made: Path, tmp_path: Path) -> None:
    assert run("add", made / "prints", "--quiet", index=tmp_path / "index").exit_code == 0
    one, other = Index.open(made / "index").snapshot(), Index.open(tmp_path / "index").snapshot()
    assert one.digest == other.digest
    assert list(one.recordings) == list(other.recordings)
    for name in ("contents.npy", "times.npy", "bins.npy", "codes.npy", "vectors.npy", "recordings.jsonl"):
        (left,), (right,) = (made / "index").rglob(name), (tmp_path / "index").rglob(name)
        assert left.read_bytes() == right.read_bytes(), name


@pytest.mark.parametrize("order", [("music", "prints"), ("prints", "music")])
def test_audio_and_its_fingerprint_file_are_the_same_recording(
    made: Path, tmp_path: Path, order: tuple[str, str]
) -> None:
    for folder in order:
        result = run("add", made / folder, index=tmp_path / "index")
        assert result.exit_code == 0
    assert "\n3 unchanged" in f"\n{result.stderr}"
    assert "\n3 unchanged" in f"\n{run('replace', made / order[0], index=tmp_path / 'index').stderr}"


def test_a_renamed_fingerprint_file_keeps_the_id_of_its_audio(made: Path, tmp_path: Path) -> None:
    (tmp_path / "other.SPF").write_bytes((made / "prints" / "s1.spf").read_bytes())
    (tmp_path / "list.csv").write_text("path,id,title\nother.SPF,my-id,My title\n")
    for named in ("other.SPF", "list.csv"):
        assert run("add", tmp_path / named, "--quiet", index=tmp_path / "index").exit_code == 0
    recordings = {r.id: r for r in Index.open(tmp_path / "index").snapshot().recordings}
    assert sorted(recordings) == ["my-id", "s1"]
    assert (recordings["my-id"].title, recordings["my-id"].name) == ("My title", "s1.wav")


def test_matches_are_those_of_the_audio(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_parts(monkeypatch)
    noise = 0.02 * np.random.default_rng(5).normal(size=8 * RATE_HZ).astype(np.float32)
    y = np.concatenate([0.4 * music(2)[2 * RATE_HZ : 10 * RATE_HZ] + noise, music(9), music(3)[: 7 * RATE_HZ]])
    audio = write(tmp_path / "mix.wav", y.astype(np.float32))
    folder = tmp_path / "prints"
    assert run("fingerprint", audio, "-o", folder, "--quiet").exit_code == 0
    assert len(read_contents(folder / "mix.spf").parts) > 3
    from_audio, from_file = scan_files(
        made / "index", collect([audio, folder / "mix.spf"]).items, options=STANDARD, jobs=1
    )
    assert {match.recording.id for match in from_audio.matches} == {"s2", "s3"}
    assert (from_file.sha256, from_file.decoder, from_file.duration_seconds) == (
        from_audio.sha256,
        from_audio.decoder,
        from_audio.duration_seconds,
    )
    frame = 1 / Params().frames_per_second
    for one, other in zip(from_audio.matches, from_file.matches, strict=True):
        assert one.recording == other.recording
        for first, second in zip(one.passages, other.passages, strict=True):
            for name in (
                "track_start_seconds",
                "track_end_seconds",
                "recording_start_seconds",
                "recording_end_seconds",
            ):
                assert getattr(first, name) == pytest.approx(getattr(second, name), abs=frame)
            assert first.score == pytest.approx(second.score, rel=0.01)
            assert first.confidence == pytest.approx(second.confidence, abs=0.01)


# Faults of a file are named.


def flip(position: int) -> Callable[[Path, Path], Path]:
    def maker(path: Path, target: Path) -> Path:
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        target.write_bytes(data)
        return target

    return maker


def cut(n_bytes: int) -> Callable[[Path, Path], Path]:
    def maker(path: Path, target: Path) -> Path:
        target.write_bytes(path.read_bytes()[:n_bytes])
        return target

    return maker


def with_header(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], Path]:
    return lambda path, target: remade(path, target, change)


def with_number(position: int, dtype: str, value: float) -> Callable[[Path, Path], Path]:
    """Put a number somewhere into the arrays, the checksum right all the same."""

    def change(data: bytes) -> bytes:
        number = np.array(value, dtype).tobytes()
        return data[:position] + number + data[position + len(number) :]

    return lambda path, target: remade(path, target, arrays=change)


def other_version(path: Path, target: Path) -> Path:
    data = path.read_bytes()[:-32]
    data = data[:8] + struct.pack("<I", 7) + data[12:]
    target.write_bytes(data + hashlib.sha256(data).digest())
    return target


def huge_header(path: Path, target: Path) -> Path:
    target.write_bytes(path.read_bytes()[:12] + b"\xff\xff\xff\xff" + b"{" * 100)
    return target


def deep_header(path: Path, target: Path) -> Path:
    data = path.read_bytes()[:12] + struct.pack("<I", 200_000) + b"[" * 200_000
    target.write_bytes(data + hashlib.sha256(data).digest())
    return target


def some_text(path: Path, target: Path) -> Path:
    target.write_text("SPF, sun protection factor\n" * 100)
    return target


def with_more(path: Path, target: Path) -> Path:
    target.write_bytes(path.read_bytes() + b"more")
    return target


def other_parameters(header: dict[str, Any]) -> None:
    header["params"]["algorithm"] = "landmark/0"
    text = json.dumps(header["params"], sort_keys=True, separators=(",", ":"))
    header["params_digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def edited_parameters(header: dict[str, Any]) -> None:
    header["params"]["dimension"] = 32


def many_landmarks(header: dict[str, Any]) -> None:
    header["parts"][0]["landmarks"] = 10**12


def more_landmarks(header: dict[str, Any]) -> None:
    header["parts"][0]["landmarks"] = 10**9


def gap(header: dict[str, Any]) -> None:
    header["parts"][1]["start_seconds"] = 1.0


def path_for_name(header: dict[str, Any]) -> None:
    header["audio"]["name"] = "../../s1.wav"


def infinite(header: dict[str, Any]) -> None:
    header["audio"]["duration_seconds"] = float("inf")


def no_text(header: dict[str, Any]) -> None:
    header["audio"]["decoder"] = 7


def wrong_role(header: dict[str, Any]) -> None:
    header["parts"][0]["role"] = "both"


BAD: list[tuple[str, Callable[[Path, Path], Path], str]] = [
    ("text", some_text, r"not a fingerprint file, despite its name; make one with `sourceprint fingerprint`"),
    ("short text", lambda _, target: cut(5)(some_text(target, target), target), r"not a fingerprint file, .*"),
    ("nothing", cut(0), r"empty file \(0 bytes\); copy or download it again"),
    ("cut in the magic", cut(5), r"truncated: 5 bytes are there, more are needed; copy it again, .*"),
    ("cut in the header", cut(100), r"truncated: 100 bytes are there, more are needed; copy it again, .*"),
    ("cut in the arrays", cut(50_000), r"truncated: 50000 bytes are there, \d+ are needed; copy it again, .*"),
    ("cut in the checksum", cut(-1), r"truncated: \d+ bytes are there, \d+ are needed; copy it again, .*"),
    ("longer", with_more, r"damaged: \d+ bytes long, its header says \d+; copy it again, .*"),
    ("bit of the arrays", flip(50_000), r"altered or damaged: its content does not have the checksum at its end; .*"),
    ("bit of the checksum", flip(-1), r"altered or damaged: its content does not have the checksum at its end; .*"),
    ("bit of the header", flip(16), r"altered or damaged: its content does not have the checksum at its end; .*"),
    (
        "version",
        other_version,
        r"fingerprint file of format version 7, this program reads versions 1 and 2; use the .*",
    ),
    ("huge header", huge_header, r"damaged: it claims a header of 4294967295 bytes, at most 1048576 are possible; .*"),
    ("deep header", deep_header, r"its header is no JSON, so a faulty program made it; make it again .*"),
    (
        "parameters",
        with_header(other_parameters),
        r"made with other parameters \(landmark/0, sha256:\w+\) than this program has \(landmark/1, sha256:\w+\); .*",
    ),
    ("digest", with_header(edited_parameters), r"its header has a digest of parameters that is not theirs, so .*"),
    ("many landmarks", with_header(many_landmarks), r"truncated: \d+ bytes are there, 144000\d+ are needed; .*"),
    ("more landmarks", with_header(more_landmarks), r"truncated: \d+ bytes are there, 144\d+ are needed; .*"),
    ("gap", with_header(gap), r"its header has parts that leave gaps, so .*"),
    ("path", with_header(path_for_name), r"its header has a name of the audio that is no file name, so .*"),
    ("infinite", with_header(infinite), r"its header is no JSON, so .*"),
    ("kind", with_header(no_text), r"its header has no proper field 'decoder', so .*"),
    ("role", with_header(wrong_role), r"its header has a part of the unknown role 'both', so .*"),
    ("no parts", with_header(lambda header: header.update(parts=[])), r"its header has no parts, so .*"),
    (
        "field missing",
        with_header(lambda header: header.pop("audio")),
        r"its header has no proper field 'audio', so .*",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("maker", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_file_that_cannot_be_used(
    made: Path, tmp_path: Path, maker: Callable[[Path, Path], Path], reason: str
) -> None:
    bad, index = maker(made / "prints" / "s1.spf", tmp_path / "bad.spf"), tmp_path / "index"
    line = rf"Error: {re.escape(str(bad))}: {reason}\n"
    added = run("add", bad, made / "prints" / "s2.spf", index=index)
    assert added.exit_code == 4
    assert re.match(line + "1 added, 1 failed; ", added.stderr), added.stderr
    assert [recording.id for recording in Index.open(index).snapshot().recordings] == ["s2"]
    matched = run("match", bad, "--jsonl", index=index)
    assert matched.exit_code == 3
    assert re.fullmatch(line, matched.stderr), matched.stderr
    assert json.loads(matched.stdout)["status"] == "decode_error"
    assert matches(index, made / "prints" / "s2.spf") == [["s2"]]


@pytest.mark.parametrize(
    ("maker", "reason"),
    [
        (with_number(0, "<f8", float("nan")), "landmarks whose time, frequency or prominence is no number"),
        (with_number(0, "<f8", 5.0), "landmarks that are not in order of time"),
        (with_number(0, "<f8", -3.0), r"landmarks from -3.000 to .* s, which is outside the part"),
    ],
)
def test_numbers_that_cannot_be_times_are_refused(
    made: Path, tmp_path: Path, maker: Callable[[Path, Path], Path], reason: str
) -> None:
    bad = maker(made / "prints" / "s1.spf", tmp_path / "bad.spf")
    with pytest.raises(DamagedFingerprintError, match=rf"the recording part at 0.0 s holds {reason}, so a faulty"):
        read_recording(bad)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "vectors with NaN or infinity in them"),
        (float("-inf"), "vectors with NaN or infinity in them"),
        (3.0, r"a vector of length 3\.\d+, which must be 1"),
    ],
)
@pytest.mark.parametrize("role", ["recording", "track"])
def test_vectors_that_are_none_are_refused(made: Path, tmp_path: Path, role: str, value: float, reason: str) -> None:
    spf = made / "prints" / "s1.spf"
    contents = read_contents(spf)
    first = contents.parts[0]
    in_track = first.n_bytes(64) + 16 * contents.parts[1].n_landmarks
    position = 16 * first.n_landmarks if role == "recording" else in_track
    bad = with_number(position, "<f2", value)(spf, tmp_path / "bad.spf")
    with pytest.raises(DamagedFingerprintError, match=rf"the {role} part at 0\.0 s holds {reason}"):
        read_recording(bad) if role == "recording" else list(read_track(bad, scales=SCALES))


def test_cells_beyond_the_axis_are_refused(made: Path, tmp_path: Path) -> None:
    n = read_contents(made / "prints" / "s1.spf").parts[0].n_landmarks
    bad = with_number(8 * n, "<f4", 9999.0)(made / "prints" / "s1.spf", tmp_path / "bad.spf")
    with pytest.raises(DamagedFingerprintError, match=r"landmarks from cell .* to 9999.0 of 230"):
        read_recording(bad)


def test_a_zero_vector_is_like_nothing_in_a_query_and_refused_in_a_reference(made: Path, tmp_path: Path) -> None:
    audio = made / "music" / "s1.wav"
    for fingerprint in (fingerprint_file(audio), *fingerprint_parts(audio, scales=SCALES)):
        fingerprint.vectors[0, 3] = 0.0
        write_file(tmp_path / "zero.spf", [fingerprint])
        if fingerprint.mirrored.size:
            (query,) = read_track(tmp_path / "zero.spf", scales=SCALES)
            assert not query.vectors[0, 3].any()
        else:
            with pytest.raises(DamagedFingerprintError, match=r"a vector of length 0\.000, which must be 1"):
                read_recording(tmp_path / "zero.spf")


def test_a_file_made_for_one_role_is_refused_in_the_other(made: Path, tmp_path: Path) -> None:
    audio, index = made / "music" / "s1.wav", made / "index"
    for role in ("recording", "track"):
        assert run("fingerprint", audio, "-o", tmp_path / role, "--role", role, "--quiet").exit_code == 0
    only = {role: tmp_path / role / "s1.spf" for role in ("recording", "track")}
    result = run("match", only["recording"], "--quiet", index=index)
    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: {only['recording']}: made for the role recording only, so it cannot be matched; "
        "make it again with `sourceprint fingerprint --role both`\n"
    )
    result = run("add", only["track"], "--quiet", index=tmp_path / "index")
    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: {only['track']}: made for the role track only, so it cannot be added to an index; "
        "make it again with `sourceprint fingerprint --role both`\n"
    )
    assert run("add", only["recording"], "--quiet", index=tmp_path / "index").exit_code == 0
    assert matches(tmp_path / "index", only["track"]) == [["s1"]]


def test_a_thorough_search_wants_a_thorough_file(made: Path, tmp_path: Path) -> None:
    result = run("match", made / "prints" / "s1.spf", "--thorough", "--quiet", index=made / "index")
    assert result.exit_code == 3
    wanted = "0.5, 0.6, 0.71, 1.41, 1.65, 1.95"
    assert f"holds the time scales 0.85, 1, 1.18, this search wants {wanted} too" in result.stderr
    audio = made / "music" / "s1.wav"
    assert run("fingerprint", audio, "-o", tmp_path, "--thorough", "--role", "query", "--quiet").exit_code == 0
    assert run("match", tmp_path / "s1.spf", "--thorough", "--quiet", index=made / "index").exit_code == 0
    assert matches(made / "index", tmp_path / "s1.spf") == [["s1"]]


def test_too_little_is_refused_with_the_status_of_such_audio(made: Path, tmp_path: Path) -> None:
    whole = fingerprint_file(made / "music" / "s1.wav")
    few = dataclasses.replace(
        whole, times=whole.times[:3], bins=whole.bins[:3], prominence=whole.prominence[:3], vectors=whole.vectors[:, :3]
    )
    write_file(tmp_path / "few.spf", [few])
    with pytest.raises(NotEnoughMusicError, match="holds 3 landmarks; at least 8 are needed"):
        read_recording(tmp_path / "few.spf")
    write_file(tmp_path / "short.spf", [dataclasses.replace(whole, duration_seconds=0.25)])
    with pytest.raises(TooShortError, match=r"stands for 0\.25 s of audio; at least 0\.5 s are needed"):
        read_recording(tmp_path / "short.spf")


def test_parts_that_do_not_belong_together_are_not_written(made: Path, tmp_path: Path) -> None:
    one, other = (fingerprint_file(made / "music" / f"{name}.wav") for name in ("s1", "s2"))
    with pytest.raises(DecodeError, match=r"s2\.wav: changed while it was being read"):
        write_file(tmp_path / "x.spf", [one, other])
    with pytest.raises(ParameterError, match="parts is empty"):
        write_file(tmp_path / "x.spf", [])
    with pytest.raises(ParameterError, match=r"made with parameters sha256:\w+, not sha256:"):
        write_file(tmp_path / "x.spf", [one], params=dataclasses.replace(Params(), floor_ratio=0.5))
    assert os.listdir(tmp_path) == []


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), length=st.floats(0, 1, exclude_max=True))
def test_no_flipped_bit_and_no_cut_passes(position: float, bit: int, length: float) -> None:
    data = SAMPLE.read_bytes()
    damaged = bytearray(data)
    damaged[int(position * len(data))] ^= 1 << bit
    path = Path(os.environ["XDG_DATA_HOME"] + ".spf")
    for content in (bytes(damaged), data[: int(length * len(data))]):
        path.write_bytes(content)
        with pytest.raises((FingerprintFileError, DecodeError), match=r".+: .+"):
            read_contents(path, whole=True)


# The command.


def report(*args: str | Path, code: int = 0) -> dict[str, Any]:
    result = run("fingerprint", *args, "--json", "--quiet")
    assert result.exit_code == code, result.stderr
    value: dict[str, Any] = json.loads(result.stdout)
    return value


@pytest.mark.slow
def test_the_command_prints_the_paths_in_order_and_keeps_the_files(made: Path, tmp_path: Path) -> None:
    wanted = "".join(f"{tmp_path}/new/prints/s{n}.spf\n" for n in (1, 2, 3))
    result = run("fingerprint", made / "music", "-o", tmp_path / "new" / "prints", "--jobs", "2")
    assert (result.exit_code, result.stdout) == (0, wanted)
    assert re.fullmatch(r"3 made; 1\.\d MB of fingerprint files; 0\.01 h of audio in .*\n", result.stderr)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new" / "prints").glob("*.spf")}
    result = run("fingerprint", made / "music", "-o", tmp_path / "new" / "prints")
    assert (result.exit_code, result.stdout) == (0, wanted)
    assert re.fullmatch(r"3 unchanged; 1\.\d MB of fingerprint files\n", result.stderr)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_file_is_made_again_if_role_scales_or_content_are_others(made: Path, tmp_path: Path) -> None:
    audio, spf = made / "music" / "s1.wav", tmp_path / "s1.spf"
    common = (audio, "-o", tmp_path)
    assert report(*common, "--role", "reference")["made"] == 1
    assert report(*common)["made"] == 1
    assert report(*common)["unchanged"] == 1
    assert report(*common, "--role", "query", "--thorough")["made"] == 1
    assert read_contents(spf).track_scales == THOROUGH.scales
    flip(-1)(spf, spf)
    assert report(*common, "--role", "query", "--thorough")["made"] == 1
    read_contents(spf, whole=True)


def test_two_files_of_one_stem_do_not_overwrite_each_other(made: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "song.wav", music(1))
    other = write(tmp_path / "b" / "Song.flac", music(2))
    copy = write(tmp_path / "c" / "song.wav", music(1))
    digest = hashlib.sha256(other.read_bytes()).hexdigest()[:8]
    out = tmp_path / "out"
    result = run("fingerprint", one, other, copy, "-o", out)
    assert result.exit_code == 0
    assert result.stdout == f"{out}/song.spf\n{out}/Song-{digest}.spf\n{out}/song.spf\n"
    assert f"Note: {other}: Song.spf belongs to other audio, so this is Song-{digest}.spf\n" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("2 made, 1 unchanged; ")
    again = report(other, one, "-o", out)  # in another order: the same names
    assert [file["kind"] for file in again["files"]] == ["unchanged", "unchanged"]
    # Ids come out as they do for the audio.
    for name, paths in (("audio", [one, other]), ("prints", [out / "song.spf", out / f"Song-{digest}.spf"])):
        assert run("add", *paths, "--quiet", index=tmp_path / name).exit_code == 0
    ids = [[r.id for r in Index.open(tmp_path / name).snapshot().recordings] for name in ("audio", "prints")]
    assert ids[0] == ids[1]


def test_an_unreadable_file_fails_and_the_others_are_made(made: Path, tmp_path: Path) -> None:
    silence = write(tmp_path / "silence.wav", np.zeros(2 * RATE_HZ, np.float32))
    again = write(tmp_path / "again" / "silence.wav", np.zeros(2 * RATE_HZ, np.float32))
    spf, good = made / "prints" / "s1.spf", made / "music" / "s2.wav"
    facts = report(silence, tmp_path / "gone.wav", spf, good, again, "-o", tmp_path / "out", code=4)
    assert facts["made"] == 1
    assert [failure["reason"].partition(";")[0] for failure in facts["failed"]] == [
        "holds 0 landmarks in 2.0 s",
        "no such file",
        "a fingerprint file already",
        "the same audio failed before in this run",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".sourceprint-lock", "s2.spf"]
    assert report(silence, "-o", tmp_path / "out", code=3)["made"] == 0


def test_fingerprint_files_in_a_folder_are_not_taken_for_audio(made: Path, tmp_path: Path) -> None:
    write(tmp_path / "s1.wav", music(1))
    assert report(tmp_path, "-o", tmp_path)["made"] == 1
    facts = report(tmp_path, "-o", tmp_path)
    assert (facts["unchanged"], facts["failed"]) == (1, [])


def test_a_file_of_another_kind_is_not_overwritten(made: Path, tmp_path: Path) -> None:
    (tmp_path / "s1.spf").write_text("my notes on sun protection")
    other_version(made / "prints" / "s2.spf", tmp_path / "s2.spf")
    facts = report(made / "music", "-o", tmp_path, code=4)
    assert facts["made"] == 1
    for name, failure in zip(("s1", "s2"), facts["failed"], strict=True):
        assert f"{name}.spf is in the way, and no fingerprint file that this version reads" in failure["reason"]
    assert (tmp_path / "s1.spf").read_text() == "my notes on sun protection"


def test_long_names_and_names_that_are_no_text(made: Path, tmp_path: Path) -> None:
    long = write(tmp_path / ("x" * 240 + ".wav"), music(1))
    strange = write(tmp_path / "strange.wav", music(2)).rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    facts = report(long, strange, "-o", tmp_path / "out")
    assert facts["made"] == 2
    assert {len(path.stem) for path in (tmp_path / "out").glob("x*.spf")} == {200}
    assert run("add", tmp_path / "out", "--quiet", index=tmp_path / "index").exit_code == 0
    assert run("add", long, strange, index=tmp_path / "index").stderr.startswith("2 unchanged")


def test_a_folder_that_cannot_be_written_to_ends_the_run(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("fingerprint", made / "music", "-o", tmp_path / "file" / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(
        r"Error: .*/file/out: cannot be written \(Not a directory\); the files made before are complete; see to",
        result.stderr,
    )


def test_one_run_at_a_time_writes_to_a_folder(made: Path, tmp_path: Path) -> None:
    with (tmp_path / ".sourceprint-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run("fingerprint", made / "music", "-o", tmp_path)
    assert result.exit_code == 2
    assert "another run is writing fingerprint files here; wait until it has finished" in result.stderr
    assert not list(tmp_path.glob("*.spf"))


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_made(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = os.fsync
    calls = iter(range(100))

    def fill(descriptor: int) -> None:
        if next(calls) == 2:  # after the first file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fill)
    (tmp_path / ".s9.spf.0123456789abcdef.tmp").write_text("left by a run that was killed")
    result = run("fingerprint", made / "music", "-o", tmp_path, "--jobs", "1")
    assert result.exit_code == 4
    assert f"Error: {tmp_path}/s2.spf: no space left on the disk; the files made before are complete" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sourceprint-lock", "s1.spf"]
    read_contents(tmp_path / "s1.spf", whole=True)


@pytest.mark.same_bytes
def test_an_interrupted_run_is_continued_by_the_same_command(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = Description(tmp_path, scales=SCALES)
    outcomes = description.run(collect([made / "music"]))
    assert next(outcomes).kind == "made"
    outcomes.close()
    assert description.report()["made"] == 1

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    result = run("fingerprint", made / "music", "-o", tmp_path)
    assert result.exit_code == 130
    assert "1 unchanged; " in result.stderr
    assert "Error: interrupted; run the same command again to go on" in result.stderr
    assert not list(tmp_path.glob(".*.tmp"))
    monkeypatch.undo()
    assert report(made / "music", "-o", tmp_path)["unchanged"] == 1
