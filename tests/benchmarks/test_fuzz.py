"""Hostile files: the fuzzer notices every kind of failure, and no reader lets any of them through."""

from __future__ import annotations

import os
import random
import signal
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.fuzz.harness import Format, Fuzzer, replay
from benchmarks.fuzz.measurement import PART, measure
from benchmarks.fuzz.mutators import damaged, hostile_array, hostile_tree, json_text
from benchmarks.fuzz.registry import FORMATS, load_format
from benchmarks.harness import json_bytes
from benchmarks.part import Job, as_text, new_report
from fingerprint.errors import DecodeError, ParameterError

INPUTS = {
    "audio": 300,
    "fingerprint": 40,
    "trace": 80,
    "case": 50,
    "results": 60,
    "run": 100,
    "list": 25,
    "gate policy": 300,
    "royalty policy": 300,
    "licence": 300,
    "grant": 300,
    "index": 30,
    "index archive": 30,
    "blind index": 25,
    "statement": 60,
}
"""How many of each format; chosen to take some seconds each."""

KERNELS = ("fingerprint", "trace", "case", "index", "index archive", "blind index")
"""Formats whose readers reach kernels: read with bounds checks too."""

OUTCOMES = ("accepted", "refused", "refused", "traceback", "traceback", "traceback", "traceback", "signal", "hang")


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Fuzzer]:
    with Fuzzer() as one:
        yield one


# --- the fuzzer notices what it is for --------------------------------------------------------------------------------


def make_nothing(chance: random.Random, folder: Path) -> Path:
    path = folder / "x"
    path.write_text(str(chance.random()), encoding="utf-8")
    return path


def misbehave(path: Path) -> None:
    """Do one thing after the other, in the order of `OUTCOMES`; the number is kept beside the folder of the inputs."""
    counter = path.parent.parent / "count"
    number = int(counter.read_text(encoding="ascii")) if counter.exists() else 0
    counter.write_text(str(number + 1), encoding="ascii")
    if number in (1, 2):
        raise DecodeError("no")
    if number == 3:
        raise ParameterError("an error of ours that its reader does not document")
    if number == 4:
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    if number == 5:
        bytearray(8 << 30)
    if number == 6:
        try:
            raise IndexError("index is out of bounds")
        except IndexError as error:
            raise DecodeError("refused because a kernel noticed") from error
    if number == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number >= 8:  # once more, as an input that hangs is taken again
        time.sleep(60)


def test_everything_that_can_come_of_an_input_is_counted(tmp_path: Path) -> None:
    odd = Format("odd", make_nothing, misbehave, (DecodeError,), seconds=3.0)
    with Fuzzer(keep=tmp_path) as fuzzer:
        tally = fuzzer.run(odd, seed=1, inputs=len(OUTCOMES))
    assert tally.counts == {outcome: OUTCOMES.count(outcome) for outcome in tally.counts}
    assert [failure.outcome for failure in tally.failures] == list(OUTCOMES[3:])
    assert len({(place / "x").read_text() for place in tmp_path.iterdir()}) == len(OUTCOMES) - 3
    assert "Segmentation fault" in tally.failures[-2].text
    assert "odd:1:7" in [failure.name for failure in tally.failures]


def test_an_input_is_made_again_by_its_number(tmp_path: Path) -> None:
    plain = Format("plain", make_nothing, Path.read_text, ())
    first = replay(plain, seed=3, number=4, folder=tmp_path).read_bytes()
    assert replay(plain, seed=3, number=4, folder=tmp_path).read_bytes() == first
    assert replay(plain, seed=3, number=5, folder=tmp_path).read_bytes() != first


def test_a_fuzzer_without_an_end_is_refused() -> None:
    with Fuzzer() as fuzzer, pytest.raises(ParameterError, match="one of them must be a number"):
        fuzzer.run(Format("plain", make_nothing, Path.read_text, ()), seed=0)
    with pytest.raises(ParameterError, match="checked_cache"):
        Fuzzer(checked=True)


def test_mutators_return_changed_copies() -> None:
    chance = random.Random(0)
    tree = {"a": [1, 2.5, "x"], "b": {"c": None}}
    trees = {json_text(hostile_tree(chance, tree)) for _ in range(200)}
    assert len(trees) > 100
    assert tree == {"a": [1, 2.5, "x"], "b": {"c": None}}
    assert any(b"[[[[" in text for text in trees)
    assert any(b"NaN" in text for text in trees)
    data = bytes(range(200))
    assert len({damaged(chance, data) for _ in range(100)}) > 90
    for kind in ("<f8", "<f2", "<u4", "|u1", "|b1"):
        array = np.arange(12).astype(kind).reshape(6, 2)
        many = [hostile_array(chance, array) for _ in range(50)]
        assert {one.shape for one in many} == {array.shape}
        assert sum(one.tobytes() != array.tobytes() for one in many) > 25


def test_a_report_counts_formats_and_modes() -> None:
    counts = {"accepted": 1, "refused": 2, "traceback": 0, "signal": 0, "hang": 1}
    failure = {"input": "x:0:3", "outcome": "hang", "text": "more than 60 s"}
    rows = [
        {"format": "x", "checked": checked, **counts, "slowest_seconds": 60.0, "failures": [failure] * checked}
        for checked in (False, True)
    ]
    report = new_report("fuzz", Job(SyntheticCorpus(seconds=8.0), Path())) | {"formats": rows}
    figures = {figure.name: figure.value for figure in PART.figures(report)}
    assert figures == {
        "hostile files read": 8.0,
        "signals from them": 0.0,
        "tracebacks from them": 0.0,
        "hangs from them": 2.0,
    }
    assert [table.rows for table in PART.tables(report)] == [
        [["x", "8", "4", "2", "4", "0", "0", "2", "60.0"]],
        [("x:0:3", "hang", "more than 60 s")],
    ]
    assert "with bounds checks" in as_text(PART, report)


def test_inputs_of_an_earlier_report_are_counted_too(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    counts = {"accepted": 1, "refused": 2, "traceback": 0, "signal": 0, "hang": 0}
    rows = [{"format": "grant", "checked": False, **counts, "slowest_seconds": 0.1, "failures": []}]
    earlier.write_bytes(json_bytes({"part": "fuzz", "formats": rows}))
    job = Job(SyntheticCorpus(seconds=8.0), tmp_path, options={"formats": ["grant"], "inputs": 0, "add": [earlier]})
    report = measure(job)
    assert report["formats"][:1] == rows
    assert [(row["format"], row["checked"]) for row in report["formats"][1:]] == [("grant", False), ("grant", True)]
    assert {figure.name: figure.value for figure in PART.figures(report)}["hostile files read"] == 3.0
    earlier.write_bytes(b"{}")
    with pytest.raises(ParameterError, match="no report of the part fuzz"):
        measure(job)


# --- no reader lets one through ---------------------------------------------------------------------------------------


def test_every_format_has_its_number_of_inputs() -> None:
    assert set(INPUTS) == set(FORMATS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.kernels if name in KERNELS else ()) for name in sorted(FORMATS)]
)
def test_hostile_files_are_taken_or_refused_in_words(name: str, fuzzer: Fuzzer) -> None:
    tally = fuzzer.run(load_format(name), seed=15, inputs=INPUTS[name])
    assert [(failure.name, failure.text) for failure in tally.failures] == []
    assert tally.counts["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_an_unknown_format_is_named(name: str) -> None:
    assert load_format(name).name == name
    with pytest.raises(ParameterError, match="unknown; choose some of fingerprint"):
        load_format(f"no {name}")
