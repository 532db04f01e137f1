"""The durability benchmark in short: kills, refusals, power cuts and damage cost nothing, and a loss is noticed."""

from __future__ import annotations

import errno
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import durability, durability_kills
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.durability import Sizes, measure, tasks_of
from benchmarks.durability_child import phase_of
from benchmarks.durability_damage import DAMAGES, VARIANTS, DamageTask, as_if_large, make_variant, run_damage, uses
from benchmarks.durability_disk import FaultyDisk, FileLayer, Operation, PowerCut, Recorder, read_tree, write_tree
from benchmarks.durability_faults import ERRORS, CutTask, FaultTask, run_cuts, run_faults
from benchmarks.durability_index import (
    LAYERS,
    Acknowledged,
    Change,
    carry_out,
    check_index,
    contents_of,
    draw_changes,
    landmarks,
    make_index,
    recording,
)
from benchmarks.durability_kills import Chain, run_chain
from benchmarks.durability_report import figures
from benchmarks.harness import json_bytes
from benchmarks.part import Job, as_text
from benchmarks.parts import load_part
from fingerprint.errors import IndexDamagedError
from index.folder.index import Index
from index.storage import segment_writer

ADDITIONS = [Change("add", f"r{i}", i) for i in range(6)]


@pytest.fixture
def unflushed(tmp_path: Path) -> Any:
    with FileLayer(tmp_path, flush=False):
        yield


# --- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_writers_cost_nothing() -> None:
    done = run_chain(Chain(seed=7, kills=12))
    assert done["failures"] == []
    assert done["killed"] == sum(done["phases"].values()) == 12
    assert len(done["phases"]) > 2
    assert done["commits"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("once", [False, True], ids=["lasting", "once"])
def test_refused_operations_cost_nothing_and_are_clear(error: str, once: bool) -> None:
    done = run_faults(FaultTask(seed=11, error=error, once=once, every=59))
    assert done["failures"] == []
    assert done["trials"] > 2
    assert done["errors"] == done["trials"] or (error, once) == ("EIO", True)


@pytest.mark.slow
def test_power_cuts_cost_nothing() -> None:
    done = run_cuts(CutTask(seed=3, every=29, states=3))
    assert done["failures"] == []
    assert done["cuts"] == len(range(3, done["operations"] + 1, 29))
    assert done["states"] > done["cuts"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_damage_is_found_and_refused_in_any_file(variant: str) -> None:
    rows = [row for damage in DAMAGES for row in run_damage(DamageTask(variant, damage, False, 2, 0))]
    assert len({row["file"] for row in rows}) == (12 if variant == "exact" else 15)
    for row in rows:
        assert row["detected"] == row["refused"] == row["trials"] > 0, row


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_a_large_index_is_found_and_never_a_crash(damage: str) -> None:
    rows = [row for variant in VARIANTS for row in run_damage(DamageTask(variant, damage, True, 2, 1))]
    for row in rows:
        assert row["detected"] == row["trials"] == row["refused"] + row["harmless"]
        assert row["wrong"] == row["other"] == 0, row["examples"]
        assert damage == "bit flipped" or row["refused"] == row["trials"]


# --- what would be lost is noticed ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unflushed")
def test_a_check_notices_missing_altered_and_leftover_files(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    contents = make_index(folder, ADDITIONS)
    assert contents == {f"r{i}": i for i in range(6)}
    assert check_index(folder, [{}, contents], probe=False) == (contents, [])
    assert check_index(folder, [{}], probe=False)[1] == [
        "holds 6 recordings (r0, r1, r2, ...) instead of 0 recordings (, ...)"
    ]
    with Index.open(folder).writer() as writer:
        writer.remove("r0")
        writer.remove("r1")
    assert "holds 4 recordings" in check_index(folder, [contents], probe=False)[1][0]
    (folder / "segments" / "000009").mkdir()
    (folder / "stray").touch()
    found, problems = check_index(folder, [contents_of(Index.open(folder).snapshot())], probe=True)
    assert problems == ["stray was left"]  # the writer removes files beside segments
    assert "probe" in contents_of(Index.open(folder).snapshot())
    next(folder.rglob("times.npy")).unlink()
    assert "IndexDamagedError" in check_index(folder, [found], probe=False)[1][0]


@pytest.mark.usefixtures("unflushed")
def test_a_check_notices_landmarks_of_another_seed(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with Index.create(folder, LAYERS).writer() as writer:
        writer.add(recording("r7", 7), {"recording": landmarks(6)})
        writer.add(recording("r8", 8), {"recording": landmarks(8)})
        writer.add(recording("r9", 9), {"recording": landmarks(10)})
        writer.add(recording("r10", 10), {"recording": landmarks(9)})
    problems = check_index(folder, [{f"r{i}": i for i in range(7, 11)}], probe=False)[1]
    altered = [line.partition(":")[0] for line in problems if line.endswith("are not those that were added")]
    lost = [line.partition(":")[0] for line in problems if re.search(r"a search finds [1-4]?\d % of its", line)]
    assert altered == ["r7", "r9", "r10"]
    assert lost == ["r7", "r9", "r10"]


@pytest.mark.slow
def test_power_cuts_notice_a_missing_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_writer, "sync_folder", lambda folder: None)
    failures = run_cuts(CutTask(seed=3, every=29, states=3))["failures"]
    assert failures
    assert "power cut after operation" in failures[0]


def test_kills_notice_an_acknowledgement_that_was_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = durability_kills._replayed

    def too_much(contents: Any, seed: int, run: Any) -> Acknowledged:
        state = real(contents, seed, run)
        state.announce(Change("add", "never", 1))
        state.confirm()
        return state

    monkeypatch.setattr(durability_kills, "_replayed", too_much)
    done = run_chain(Chain(seed=7, kills=12))
    assert done["runs"] == 1  # the first failure ends the chain
    assert "chain 7, process 1, ended in phase" in done["failures"][0]


@pytest.mark.usefixtures("unflushed")
def test_wrong_answers_are_told_from_right_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "one", tmp_path / "same", tmp_path / "other"]
    for folder in folders[:2]:
        make_variant(folder, "exact")
    make_variant(folders[2], "compressed")
    one, same, other = ({name: use() for name, use in uses(Index.open(f).snapshot()).items()} for f in folders)
    assert one == same
    assert all(one[name] != other[name] for name in ("recordings", "digest", "landmarks", "rows", "search"))


@pytest.mark.usefixtures("unflushed")
def test_indexes_to_be_damaged_have_their_named_features(tmp_path: Path) -> None:
    facts = {}
    for variant in VARIANTS:
        make_variant(tmp_path / variant, variant)
        info = Index.open(tmp_path / variant).info()
        facts[variant] = info["layers"]["recording"]["kind"], info["segments"], info["removed"] > 0
    assert facts == {
        "exact": ("exact", 3, True),
        "compressed": ("compressed", 3, False),
        "with removals": ("compressed", 3, True),
        "compacted": ("compressed", 1, False),
    }


@pytest.mark.usefixtures("unflushed")
def test_an_index_can_count_as_large(tmp_path: Path) -> None:
    make_variant(tmp_path / "index", "exact")
    path = next((tmp_path / "index").rglob("codes.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with pytest.raises(IndexDamagedError, match=r"codes\.npy"):
        Index.open(tmp_path / "index")
    with as_if_large():
        assert len(Index.open(tmp_path / "index").snapshot().recordings) == 11


# --- what may be on the disk ------------------------------------------------------------------------------------------


def test_changes_can_be_applied_and_have_the_stated_effect(tmp_path: Path) -> None:
    with FileLayer(tmp_path, flush=False):
        folder = tmp_path / "index"
        contents = make_index(folder, ADDITIONS)
        changes = draw_changes(random.Random(0), contents, 30)
        assert {change.kind for change in changes} == {"add", "replace", "remove", "commit", "compact"}
        state = Acknowledged(contents)
        carry_out(folder, changes, announce=state.announce, confirm=state.confirm)
    assert contents_of(Index.open(folder).snapshot()) == state.contents != contents
    assert state.possible() == [state.contents, state.contents]


def test_before_it_is_confirmed_all_of_a_commit_or_nothing_is_possible() -> None:
    state = Acknowledged({"a": 1})
    for change in (Change("add", "b", 2), Change("remove", "a"), Change("replace", "b", 3), Change("commit")):
        state.announce(change)
    assert state.possible() == [{"a": 1}, {"b": 3}]
    state.confirm()
    assert (state.possible(), state.n_commits) == ([{"b": 3}, {"b": 3}], 1)


def save(folder: Path) -> None:
    """Replace a file as one should, and one as one should not."""
    for name, flush in (("safe", True), ("unsafe", False)):
        descriptor = os.open(folder / f"{name}.tmp", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, b"new" * 500)
        if flush:
            os.fsync(descriptor)
        os.close(descriptor)
        os.replace(folder / f"{name}.tmp", folder / name)


def test_a_power_cut_leaves_every_legal_state_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "safe").write_bytes(b"old")
    (tmp_path / "unsafe").write_bytes(b"old")
    disk = PowerCut(read_tree(tmp_path))
    with Recorder(tmp_path) as recorder:
        save(tmp_path)
        os.mkdir(tmp_path / "folder")
    assert [operation.kind for operation in recorder.operations] == [
        "create", "write", "flush", "rename", "create", "write", "rename", "make folder",
    ]  # fmt: skip
    assert recorder.operations[3] == Operation("rename", "safe.tmp", "safe")
    for operation in recorder.operations:
        disk.apply(operation)
    chance = random.Random(0)
    states = [disk.after_cut(chance, 0.5) for _ in range(400)]
    assert {state["safe"] for state in states} == {b"old", b"new" * 500}
    unsafe = {state["unsafe"] for state in states}
    assert {b"old", b"new" * 500, b"", bytes(1500)} < unsafe  # renamed before its data were flushed
    assert any(state.get("folder", b"") is None for state in states)
    assert any("folder" not in state for state in states)
    assert {len(state) for state in states} <= {2, 3, 4, 5}
    disk.apply(Operation("flush folder", "."))
    after = [disk.after_cut(chance, 0.5) for _ in range(20)]
    assert all(state["safe"] == b"new" * 500 and set(state) == {"safe", "unsafe", "folder"} for state in after)
    write_tree(after[0], tmp_path / "again")
    assert read_tree(tmp_path / "again") == after[0]


def test_files_in_a_folder_that_was_lost_are_lost() -> None:
    disk = PowerCut({})
    for operation in (Operation("make folder", "a"), Operation("create", "a/b"), Operation("flush folder", "a")):
        disk.apply(operation)
    assert disk.after_cut(random.Random(0), 0.0) == {}
    assert disk.after_cut(random.Random(0), 1.0) == {"a": None, "a/b": b""}
    disk.apply(Operation("flush folder", "."))
    disk.apply(Operation("delete", "a/b"))
    disk.apply(Operation("delete folder", "a"))
    assert disk.after_cut(random.Random(0), 0.0) == {"a": None, "a/b": b""}
    assert disk.after_cut(random.Random(0), 1.0) == {}
    with pytest.raises(ValueError, match="rename of a/b to b: from one folder to another"):
        disk.apply(Operation("rename", "a/b", "b"))


def test_a_faulty_disk_refuses_below_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    with FaultyDisk(tmp_path / "bad", errno.ENOSPC, allowed=1, once=True) as disk:
        save(tmp_path / "good")
        descriptor = os.open(tmp_path / "bad" / "file", os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space left"):
            os.write(descriptor, b"123456")
        os.write(descriptor, b"78")
        os.close(descriptor)
        os.unlink(tmp_path / "good" / "safe")
    assert (tmp_path / "bad" / "file").read_bytes() == b"12378"
    assert (disk.calls, disk.refused) == (3, 1)
    os.unlink(tmp_path / "bad" / "file")
    assert disk.calls == 3  # patches are undone


def test_phases_are_told_by_written_files() -> None:
    assert phase_of(Operation("create", "segments/000001/recording/list_rows.npy")) == "lists"
    assert phase_of(Operation("create", "segments/000001/recording/times.npy")) == "segment"
    assert phase_of(Operation("write", "manifest.json.tmp")) == "manifest"
    assert phase_of(Operation("delete", "segments/000001/keys.npy")) == "clean"


# --- the part ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_part_counts_everything_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = Sizes(chains=1, kills=1, fault_every=100, cut_every=200, lives=1, states=1, damages=1)
    tasks = [task for task in tasks_of(sizes, 0) if not isinstance(task, DamageTask)]
    monkeypatch.setattr(
        durability,
        "tasks_of",
        lambda *_: [*tasks, *(DamageTask("exact", "cut", large, 2, 0) for large in (False, True))],
    )
    report = measure(Job(SyntheticCorpus(), tmp_path, quick=True))
    assert json_bytes(report)
    assert report["kills"]["killed"] == report["kills"]["chains"] == 1
    assert [(row["error"], row["once"]) for row in report["faults"]] == [
        (e, once) for e in ERRORS for once in (False, True)
    ]
    assert report["cuts"]["sequences"] == 1
    assert sum(row["trials"] for row in report["damage"]) == 48
    values = {figure.name: figure.value for figure in figures(report)}
    assert values == {
        "writers killed": 1.0,
        "killed writers that cost anything acknowledged, or left damage": 0.0,
        "failing disks and power cuts that did": 0.0,
        "damaged files found by verify": 100.0,
        "wrong answers and unclear errors from damaged files": 0.0,
        "wrong answers and unclear errors from damaged files of an index as if it were large": 0.0,
        "crashes of the processes that did this": 0.0,
    }
    text = as_text(load_part("durability"), report)
    assert "| " not in text
    assert "What failed" not in text
    report["kills"]["failures"].append("chain 0, process 1: something")
    report["lost"].append("ended its process: a task")
    text = as_text(load_part("durability"), report)
    assert "chain 0, process 1: something" in text
    assert "ended its process: a task" in text
    values = {figure.name: figure.value for figure in figures(report)}
    assert values["killed writers that cost anything acknowledged, or left damage"] == 1.0
    assert values["crashes of the processes that did this"] == 1.0


def test_the_full_version_kills_as_often_as_is_promised() -> None:
    assert durability.FULL.chains * durability.FULL.kills == 300
    assert durability.FULL.fault_every == durability.FULL.cut_every == 1
    assert len(set(tasks_of(durability.FULL, 0))) == 2 + 6 + 25 + len(VARIANTS) * len(DAMAGES) * 2
