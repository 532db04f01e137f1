"""Additions that end before their end: killed, interrupted, out of disk, or beside another writer.

Committed recordings are there, nothing half-written is read, and the same command continues an interrupted one.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from index.folder.index import Index
from index.folder.verification import verify_index
from tests.command_line import catalogue, matches, music, run, start, write

N_SHORT = 3
HOLD = """
import time
from sourceprint.catalogue import additions
settle = additions.Addition._settle
def settle_others(self, item, *rest):
    if item.path.name == "long.wav":
        time.sleep(600)  # the run is ended here, however fast the machine is
    return settle(self, item, *rest)
additions.Addition._settle = settle_others
"""
COMMIT_AT_ONCE = f"{HOLD}additions.COMMIT_SECONDS = 0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three short files, one of ten minutes to be interrupted in, and one more."""
    place = tmp_path_factory.mktemp("music")
    for seed in range(N_SHORT):
        write(place / f"{seed}.wav", music(seed))
    write(place / "long.wav", np.tile(music(10), 50))
    write(place / "z.wav", music(20))
    return place


@pytest.fixture(scope="module")
def peaceful(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the index that a run makes which is left in peace."""
    index = tmp_path_factory.mktemp("peaceful") / "index"
    assert run("add", folder, "--jobs", "1", index=index).exit_code == 0
    return Index.open(index).snapshot().digest


def committed(index: Path) -> list[str]:
    try:
        manifest = json.loads((index / "manifest.json").read_bytes())
    except FileNotFoundError:
        return []
    if not manifest["segments"]:
        return []
    return [recording.id for recording in Index.open(index).snapshot().recordings]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def children(pid: int) -> set[int]:
    """Return the processes whose parent is `pid`."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_continues(index: Path, folder: Path, peaceful: str) -> None:
    """Check the index, run the command again, and compare with a run that was left in peace."""
    assert verify_index(index) == []
    result = run("add", folder, "--jobs", "1", index=index)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"2 added, {N_SHORT} unchanged; "), result.stderr
    assert Index.open(index).snapshot().digest == peaceful
    assert [recording.id for recording in Index.open(index).snapshot().recordings] == ["0", "1", "2", "long", "z"]
    assert matches(index, folder / "1.wav") == [["1"]]


@pytest.mark.slow
@pytest.mark.same_bytes
@pytest.mark.skipif(sys.platform != "linux", reason="finds child processes in /proc")
def test_killed_while_adding_with_workers(folder: Path, peaceful: str, tmp_path: Path) -> None:
    index = tmp_path / "index"
    process = start("add", folder, "--jobs", "2", "--index", index, before=COMMIT_AT_ONCE)
    wait_for(lambda: len(committed(index)) == N_SHORT, process)
    workers = children(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: not any(map(is_running, workers)))  # no orphans
    assert committed(index) == ["0", "1", "2"]
    assert_continues(index, folder, peaceful)


@pytest.mark.slow
@pytest.mark.same_bytes
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupted_while_adding(folder: Path, peaceful: str, tmp_path: Path, jobs: str) -> None:
    # No commit is due here: the interruption commits finished recordings.
    index = tmp_path / "index"
    begun = tmp_path / "begun"
    note = HOLD + (
        "def settle_and_note(self, item, *rest):\n"
        "    outcome = settle_others(self, item, *rest)\n"
        f"    with open({str(begun)!r}, 'a') as file: file.write(item.name + '\\n')\n"
        "    return outcome\n"
        "additions.Addition._settle = settle_and_note"
    )
    options = ["--jobs", jobs, "--index", str(index)]
    process = start("add", folder, *options, before=note, start_new_session=True)
    wait_for(lambda: begun.exists() and len(begun.read_text().splitlines()) == N_SHORT, process)
    assert committed(index) == []
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("3 added; ")
    assert lines[-1] == "Error: interrupted; run the same command again to go on"
    assert "Traceback" not in err
    assert committed(index) == ["0", "1", "2"]
    assert_continues(index, folder, peaceful)


@pytest.mark.slow
def test_interrupted_while_matching(folder: Path, tmp_path: Path) -> None:
    index = catalogue(tmp_path, (1,))
    queries = [folder / "1.wav", folder / "0.wav", folder / "long.wav"]
    process = start("match", *queries, "--json", "--index", index, before=noting_scans(tmp_path / "begun"))
    wait_for(lambda: (tmp_path / "begun").exists() and len((tmp_path / "begun").read_text()) == 3, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "Error: interrupted\n")
    assert [scan["status"] for scan in json.loads(out)] == ["matched", "no_match"]


def noting_scans(path: Path) -> str:
    return (
        "import time\n"
        "import sourceprint.scans.scan_json as scan_json\n"
        "scan_result = scan_json.scan_result\n"
        "def result_and_note(scan):\n"
        f"    with open({str(path)!r}, 'a') as file: file.write('.')\n"
        "    if scan.path.name == 'long.wav': time.sleep(600)  # as above; by now those before it are printed or kept\n"
        "    return scan_result(scan)\n"
        "scan_json.scan_result = result_and_note"
    )


def test_a_full_disk_while_adding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = catalogue(tmp_path, (1, 2))
    new = write(tmp_path / "new.wav", music(3))
    before = {path: path.read_bytes() for path in index.rglob("*") if path.is_file()}

    def write_to_full_disk(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_to_full_disk)
        result = run("add", new, index=index)
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1].startswith(f"Error: {index}/segments/")
    assert result.stderr.splitlines()[-1].endswith(
        ": no space left on the disk; earlier commits are safe; free some space and try again"
    )
    assert "1 added; " in result.stderr
    assert "; only 0 of 1 are in the index" in result.stderr
    assert {path: path.read_bytes() for path in index.rglob("*") if path.is_file()} == before
    assert verify_index(index) == []
    assert matches(index, tmp_path / "music" / "s2.wav") == [["s2"]]
    assert run("add", new, index=index).stderr.startswith("1 added; ")


def test_two_at_once(tmp_path: Path) -> None:
    index = catalogue(tmp_path, (1,))
    new = write(tmp_path / "new.wav", music(3))
    with Index.open(index).writer():
        for words in (["add", new], ["replace", new], ["remove", "s1"], ["verify", "--repair"]):
            result = run(*words, index=index)
            assert result.exit_code == 5
            assert result.stderr == (
                f"Error: {index}: process {os.getpid()} is writing to this index; wait until it has finished "
                "(reading and matching are possible meanwhile)\n"
            )
        assert matches(index, tmp_path / "music" / "s1.wav") == [["s1"]]
    assert run("add", new, index=index).exit_code == 0
