"""Everything that can be wrong with users' input: a clear message, the right exit code, and an unharmed index.

Each case goes through the command, in `add` and in `match`. Afterwards every file of the index has its checksum, what
was in it is still there, and it still answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fingerprint.digests import canonical_json
from index.folder.index import Index, LayerSpec
from index.folder.verification import verify_index
from sourceprint.text.names import well_formed
from tests.audio_files import wav_bytes
from tests.command_line import RATE_HZ, catalogue, matches, music, run, start, write

Maker = Callable[[Path], Path]

# Content of the index before, and of the files with music in them.
KNOWN, PIECE = 1, 2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of s1 and the music in it."""
    return catalogue(tmp_path_factory.mktemp("prepared"), (KNOWN,)).parent


@pytest.fixture
def index(prepared: Path, tmp_path: Path) -> Iterator[Path]:
    """Return an index that holds s1, and check afterwards that it still does."""
    path = tmp_path / "index"
    shutil.copytree(prepared / "index", path)
    yield path
    assert_unharmed(path, prepared)


def assert_unharmed(index: Path, prepared: Path) -> None:
    assert verify_index(index) == []
    assert "s1" in Index.open(index).snapshot()
    (found,) = matches(index, prepared / "music" / "s1.wav")
    assert found[0] == "s1"


def stereo(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([left, right], axis=1)


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def resampled(rate_hz: int) -> NDArray[np.float32]:
    y = music(PIECE)
    at = np.arange(0, y.size - 1, RATE_HZ / rate_hz)
    between: NDArray[np.float64] = np.interp(at, np.arange(y.size), y)
    return between.astype(np.float32)


# Files that cannot be used.


def missing(folder: Path) -> Path:
    return folder / "gone.wav"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    (folder / "empty" / "readme.txt").touch()
    return folder / "empty"


def zero_bytes(folder: Path) -> Path:
    (folder / "zero.mp3").touch()
    return folder / "zero.mp3"


def text(folder: Path) -> Path:
    (folder / "text.mp3").write_text("These are the words of a song, but not its music.\n" * 100)
    return folder / "text.mp3"


def random_bytes(folder: Path) -> Path:
    (folder / "random.mp3").write_bytes(np.random.default_rng(1).bytes(20_000))
    return folder / "random.mp3"


def silence(folder: Path) -> Path:
    return write(folder / "silence.wav", np.zeros(5 * RATE_HZ, np.float32))


def steady(folder: Path) -> Path:
    return write(folder / "constant.wav", np.full(5 * RATE_HZ, 0.25, np.float32))


def blink(folder: Path) -> Path:
    return write(folder / "blink.wav", music(PIECE)[: RATE_HZ // 20])


def header_only(folder: Path) -> Path:
    (folder / "header.wav").write_bytes(wav_bytes(b"", claimed_bytes=1_000_000))
    return folder / "header.wav"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.wav")
    return folder / "pipe.wav"


UNUSABLE: list[tuple[Maker, str, str]] = [
    (missing, "decode_error", r"no such file; check the spelling and the folder"),
    (zero_bytes, "decode_error", r"empty file \(0 bytes\); copy or download it again"),
    (text, "decode_error", r"holds text, not audio; give the recording itself"),
    (random_bytes, "decode_error", r"\S.*"),
    (
        silence,
        "not_enough_music",
        r"holds 0 landmarks in 5\.0 s; at least 8 are needed: it is silent or a steady tone; give audio with music",
    ),
    (
        steady,
        "not_enough_music",
        r"holds 0 landmarks in 5\.0 s; at least 8 are needed: it is silent or a steady tone; give audio with music",
    ),
    (blink, "too_short", r"holds 0\.05 s of audio; at least 0\.5 s are needed"),
    (header_only, "decode_error", r"\S.*"),
    (pipe, "decode_error", r"is a pipe or device, not a regular file; save the audio to a file first"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("maker", "status", "reason"), UNUSABLE, ids=lambda case: getattr(case, "__name__", ""))
def test_a_file_that_cannot_be_used(index: Path, tmp_path: Path, maker: Maker, status: str, reason: str) -> None:
    path = maker(tmp_path)
    good = write(tmp_path / "good.wav", music(PIECE))
    line = rf"Error: {re.escape(str(path))}: {reason}\n"

    alone = run("add", path, index=index)
    assert (alone.exit_code, alone.stdout) == (3, "")
    assert re.match(line + "1 failed\n", alone.stderr), alone.stderr
    with_others = run("add", path, good, index=index)
    assert with_others.exit_code == 4
    assert re.match(line + "1 added, 1 failed; ", with_others.stderr), with_others.stderr
    assert "good" in Index.open(index).snapshot()

    alone = run("match", path, index=index)
    assert (alone.exit_code, alone.stdout) == (3, f"{path}: {status}\n" if maker is not missing else "")
    assert re.fullmatch(line, alone.stderr), alone.stderr
    with_others = run("match", path, good, "--jsonl", index=index)
    assert with_others.exit_code == 4
    *failed, fine = map(json.loads, with_others.stdout.splitlines())
    assert fine["matches"][0]["recording_id"] == "good"
    assert len(failed) == (maker is not missing)  # a mistyped name has no result
    for bad in failed:
        assert (bad["status"], bad["matches"]) == (status, [])
        assert re.fullmatch(reason, bad["reason"])


def test_a_folder_without_audio(index: Path, tmp_path: Path) -> None:
    path = empty_folder(tmp_path)
    others = "1 other file, not taken for audio: 1 empty"
    message = f"Error: {path}: a folder without audio ({others}); name the files themselves\n"
    for command in ("add", "match"):
        result = run(command, path, "--quiet", index=index)
        assert (result.exit_code, result.stdout, result.stderr) == (3, "", message)
    result = run("match", path, write(tmp_path / "good.wav", music(KNOWN)), "--jsonl", index=index)
    assert (result.exit_code, result.stderr) == (4, f"{message}Note: {others}\n")
    assert len(result.stdout.splitlines()) == 1


def test_a_file_that_may_not_be_read(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: permissions do not hold back the superuser, as whom tests may run.
    path = write(tmp_path / "secret.wav", music(PIECE))
    opened = os.open

    def refuse(name: Any, *args: Any, **options: Any) -> int:
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied", name)
        return opened(name, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    message = f"Error: {path}: may not be read by this user; change its permissions\n"
    for command in ("add", "match"):
        result = run(command, path, "--quiet", index=index)
        assert (result.exit_code, result.stderr) == (3, message)


def test_nothing_readable_makes_no_index(tmp_path: Path) -> None:
    assert run("add", text(tmp_path), silence(tmp_path), index=tmp_path / "new").exit_code == 3
    assert not (tmp_path / "new").exists()


# Files that are odd, and can be used.


def truncated(folder: Path, ending: str) -> Path:
    return cut(write(folder / f"odd.{ending}", music(PIECE)), 0.7)


def truncated_mp3(folder: Path) -> Path:
    return truncated(folder, "mp3")


def truncated_flac(folder: Path) -> Path:
    return truncated(folder, "flac")


def truncated_ogg(folder: Path) -> Path:
    return truncated(folder, "ogg")


def lying_header(folder: Path) -> Path:
    samples = (music(PIECE) * 32767).astype("<i2").tobytes()
    (folder / "odd.wav").write_bytes(wav_bytes(samples, rate_hz=RATE_HZ, claimed_bytes=10 * len(samples)))
    return folder / "odd.wav"


def no_numbers(folder: Path) -> Path:
    y = music(PIECE).copy()
    y[5000:5010] = np.nan
    y[9000] = np.inf
    return write(folder / "odd.wav", y, subtype="FLOAT")


def telephone_rate(folder: Path) -> Path:
    return write(folder / "odd.wav", resampled(8000), rate_hz=8000)


def six_channels(folder: Path) -> Path:
    y = resampled(96_000)
    return write(folder / "odd.wav", np.stack([y] * 6, axis=1), rate_hz=96_000)


def out_of_phase(folder: Path) -> Path:
    return write(folder / "odd.wav", stereo(music(PIECE), -music(PIECE)))


def clipped(folder: Path) -> Path:
    return write(folder / "odd.wav", np.clip(10 * music(PIECE), -1, 1))


def offset(folder: Path) -> Path:
    return write(folder / "odd.wav", 0.4 * music(PIECE) + np.float32(0.5))


def wrong_ending(folder: Path) -> Path:
    return write(folder / "odd.flac", music(PIECE)).rename(folder / "odd.mp3")


def strange_name(folder: Path) -> Path:
    return write(folder / "good.wav", music(PIECE)).rename(folder / "Pi\u00f1a \u97f3\u697d\n\x1b[31mred.wav")


def name_that_is_no_text(folder: Path) -> Path:
    return write(folder / "good.wav", music(PIECE)).rename(folder / os.fsdecode(b"caf\xe9.wav"))


ODD: list[tuple[Maker, str]] = [
    (truncated_mp3, r"truncated: header says 12\.\d\d s, \d\.\d\d s could be read"),
    (truncated_flac, r"truncated: header says 12\.00 s, \d\.\d\d s could be read"),
    (truncated_ogg, r"truncated: .*"),
    (lying_header, r"truncated: header says 120\.00 s, 12\.00 s could be read"),
    (no_numbers, r"invalid: 11 samples were no numbers, infinite or beyond 1e9, and were set to zero"),
    (telephone_rate, ""),
    (six_channels, ""),
    (out_of_phase, r"out of phase: the channels cancel, the louder one was used alone for 12\.00 s"),
    (clipped, r"clipped: more than 1% of the samples are at full scale"),
    (offset, ""),
    (wrong_ending, ""),
    (strange_name, ""),
    (name_that_is_no_text, ""),
]


@pytest.mark.slow
@pytest.mark.parametrize(("maker", "note"), ODD, ids=lambda case: getattr(case, "__name__", ""))
def test_a_file_that_is_odd_is_used_and_the_oddity_noted(index: Path, tmp_path: Path, maker: Maker, note: str) -> None:
    path = maker(tmp_path)
    piece = write(tmp_path / "piece.wav", music(PIECE)[: 6 * RATE_HZ])
    added = run("add", path, index=index)
    assert added.exit_code == 0
    *notes, summary, _ = added.stderr.splitlines()
    assert summary.startswith("1 added; ")
    (recording,) = (r for r in json.loads(run("list", "--json", index=index).stdout) if r["id"] != "s1")
    assert notes == [f"Note: {path}: {text}" for text in recording["notes"]]
    assert len(notes) <= 2
    assert bool(re.fullmatch(note, recording["notes"][0])) if note else not notes
    assert matches(index, piece) == [[recording["id"]]]  # found by music as it should be...
    result = run("match", path, "--jsonl", index=index)
    assert result.exit_code == 0
    scan = json.loads(result.stdout)
    assert scan["matches"][0]["recording_id"] == recording["id"]  # ...and it finds
    assert scan["track"]["notes"] == recording["notes"]
    assert scan["track"]["name"] == well_formed(str(path))


@pytest.mark.slow
def test_names_cannot_forge_lines_nor_command_the_terminal(index: Path, tmp_path: Path) -> None:
    strange = strange_name(tmp_path)
    bad = tmp_path / "x\nError: forged.wav"
    bad.touch()
    outputs = [run(command, strange, bad, index=index) for command in ("add", "match")]
    outputs.append(run("list", index=index))
    for result in outputs:
        assert "\x1b" not in result.output
        assert "\nError: forged" not in result.output
    assert f"Error: {tmp_path}/x\\nError: forged.wav: empty file" in outputs[0].stderr
    assert "\nPi\u00f1a \u97f3\u697d\\n\\x1b[31mred  " in outputs[2].stdout
    # The id that the list shows is the one to type.
    assert run("remove", "Pi\u00f1a \u97f3\u697d\\n\\x1b[31mred", index=index).exit_code == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_long_file_needs_no_more_memory_than_a_song(tmp_path: Path) -> None:
    # 25 minutes: samples and spectrogram, held at once, would take 180 MB more. Its fingerprint takes 8 MB.
    peaks = []
    # Written by the process itself as it ends: the system's count for a child includes the peak of its parent.
    told = tmp_path / "status"
    tells = "\n".join(
        [
            "import atexit, pathlib, resource",
            f"told = pathlib.Path({str(told)!r})",
            "worker = lambda: f'Worker: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} kB\\n'",
            "atexit.register(lambda: told.write_text(pathlib.Path('/proc/self/status').read_text() + worker()))",
        ]
    )
    for repeats in (2, 125):
        path = tmp_path / f"{repeats}.flac"
        with soundfile.SoundFile(path, "w", 8000, 1) as file:
            for _ in range(repeats):
                file.write(resampled(8000))
        process = start("add", path, "--quiet", "--jobs", "1", "--index", tmp_path / "index", before=tells)
        _, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, "")
        high_water = [line for line in told.read_text().splitlines() if line.startswith(("VmHWM:", "Worker:"))]
        assert len(high_water) == 2
        peaks.append(max(int(line.split()[1]) for line in high_water) / 1000)
    assert [r.duration_ms for r in Index.open(tmp_path / "index").snapshot().recordings] == pytest.approx(
        [24_000, 1_500_000], rel=0.01
    )
    assert peaks[1] < min(peaks[0] + 90, 600), peaks


# Indexes that cannot be used.


def test_an_index_of_another_version(prepared: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(prepared / "index", index)
    body = json.loads((index / "manifest.json").read_bytes())
    del body["checksum"]
    body["format_version"] = 99
    body["checksum"] = "sha256:" + hashlib.sha256(canonical_json(body)).hexdigest()
    (index / "manifest.json").write_text(json.dumps(body))
    refused(index, prepared, "index of format version 99, this program reads versions 2 and 3; use the program")


def test_an_index_with_other_parameters(prepared: Path, tmp_path: Path) -> None:
    other = LayerSpec({"algorithm": "landmark/0"}, 64)
    Index.create(tmp_path / "index", {"recording": other})
    refused(
        tmp_path / "index",
        prepared,
        f"layer 'recording' was made with parameters {other.digest}, this program uses sha256:",
        but=("list", "info", "verify"),
    )


def test_a_folder_that_is_no_index(prepared: Path, tmp_path: Path) -> None:
    write(tmp_path / "index" / "song.wav", music(PIECE))
    refused(tmp_path / "index", prepared, "not a Sourceprint index (no manifest.json); give another folder")
    assert os.listdir(tmp_path / "index") == ["song.wav"]


def test_an_index_that_is_a_file(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("no folder")
    refused(tmp_path / "index", prepared, "a file, not an index folder; give another path")


def test_an_index_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("add", write(tmp_path / "a.wav", music(PIECE)), index=tmp_path / "file" / "index")
    assert result.exit_code == 5
    assert re.search(r"Error: .*/file/index: .*(Not a directory|give another)", result.stderr)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
@pytest.mark.parametrize("name", ["times.npy", "vectors.npy", "recordings.jsonl", "manifest.json"])
def test_a_damaged_index(prepared: Path, tmp_path: Path, name: str, damage: str) -> None:
    index = tmp_path / "index"
    shutil.copytree(prepared / "index", index)
    (path,) = index.rglob(name)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:-7])
    elif damage == "flipped":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    else:
        path.unlink()
    before = {file: file.read_bytes() for file in index.rglob("*") if file.is_file()}
    refused(index, prepared, f"{path}: ")
    after = {file: file.read_bytes() for file in index.rglob("*") if file.is_file()}
    assert after == before


def refused(index: Path, prepared: Path, message: str, *, but: tuple[str, ...] = ()) -> None:
    """Check that every command refuses the index with exit code 5 and a message, and none makes it worse."""
    song = prepared / "music" / "s1.wav"
    words: dict[str, list[str | Path]] = {
        "add": ["add", song],
        "replace": ["replace", song],
        "remove": ["remove", "s1"],
        "list": ["list"],
        "info": ["info"],
        "match": ["match", song],
        "verify": ["verify"],
    }
    for name in words.keys() - set(but) - {"remove"}:
        result = run(*words[name], index=index)
        assert result.exit_code == 5, (name, result.output)
        assert message in result.output, name
        assert result.stderr.splitlines()[-1].startswith("Error: "), name
    assert run(*words["remove"], index=index).exit_code in (2, 5)


def test_the_wave_files_of_these_tests_match_their_headers(tmp_path: Path) -> None:
    data = lying_header(tmp_path).read_bytes()
    assert struct.unpack("<I", data[40:44])[0] == 10 * (len(data) - 44)
    assert truncated_flac(tmp_path).stat().st_size < write(tmp_path / "whole.flac", music(PIECE)).stat().st_size
