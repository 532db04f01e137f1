"""Runs: a folder of results with a log that anybody may have written, opened for reading and for going on."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, Final

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_tree, json_text
from benchmarks.fuzz.results import result_of_one
from fingerprint.errors import EvidenceError, OutputError
from sourceprint.scans.journal import Journal
from sourceprint.scans.run_folder import (
    Run,
    made_by_others,
    results_of,
    suspects,
    unfinished_moves,
)

__all__ = ["FORMAT"]

_AT: Final = "2026-01-31T10:00:00.000Z"
_EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {"event": "session start", "at": _AT, "schema": "sourceprint/run-log/1", "version": "1", "results_bytes": 0},
    {"event": "reserved", "at": _AT, "name": "song.wav", "to": "done/song.wav"},
    {"event": "begun", "at": _AT, "name": "song.wav"},
    {"event": "scanned", "at": _AT, "name": "song.wav", "status": "matched", "again": None, "timing_ms": {}},
    {"event": "known", "at": _AT, "name": "other.wav", "of": "song.wav"},
    {"event": "on disk", "at": _AT, "results_bytes": 100},
    {"event": "moved", "at": _AT, "name": "song.wav", "to": "done/song.wav"},
    {"event": "put back", "at": _AT, "name": "song.wav", "of": "done/song.wav"},
    {"event": "session end", "at": _AT, "ended": "done", "results_bytes": 100},
)


def _make(chance: random.Random, folder: Path) -> Path:
    run = folder / "run"
    run.mkdir()
    row = result_of_one().raw
    rows = [row if chance.random() < 0.8 else hostile_tree(chance, row) for _ in range(chance.choice((0, 1, 2)))]
    lines = [json_text(tree) for tree in rows]
    (run / "results.jsonl").write_bytes(_whole(chance, lines))
    events = [event if chance.random() < 0.5 else hostile_tree(chance, event) for event in _EVENTS]
    if chance.random() < 0.3:
        chance.shuffle(events)
    logged = [json_text(event).replace(b'{"event":', b'{"event": ', 1) for event in events]
    (run / "log.jsonl").write_bytes(_whole(chance, logged))
    if chance.random() < 0.2:
        (run / "lock").write_bytes(chance.randbytes(8))
    return run


def _whole(chance: random.Random, lines: list[bytes]) -> bytes:
    data = b"".join(line + b"\n" for line in lines)
    return damaged(chance, data) if data and chance.random() < 0.2 else data


def _read(path: Path) -> None:
    for place in unfinished_moves(path):
        os.path.lexists(place)
    suspects(path)
    made_by_others(path, ("song.wav",), "2")
    for result in Run.open(path).results():
        json.dumps(result.raw)
    with Journal(path) as journal:
        for entry in journal.entries.values():
            journal.row(entry)
        journal.begin(version="2")
    results_of(path)


FORMAT = Format("run", _make, _read, (EvidenceError, OutputError))
