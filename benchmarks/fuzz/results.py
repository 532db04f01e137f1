"""Results, as JSON Lines, as one array and as a run: read, summarised, compared, judged, exported, drawn as pages."""

from __future__ import annotations

import functools
import json
import random
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.fuzz.fingerprints import SECONDS, index_of_one
from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_tree, json_text
from benchmarks.fuzz.traces import examination, trace_of_one
from fingerprint.digests import is_sha256
from fingerprint.errors import EvidenceError, RightsError
from index.recheck.trace import trace_name
from index.recheck.trace_file import write_trace
from sourceprint.evidence.pages.cover import cover
from sourceprint.evidence.pages.page import cover_page
from sourceprint.evidence.pages.report import ReportOptions, write_report
from sourceprint.exports.formats import export_chunks, export_files
from sourceprint.exports.kinds import FOLDERS, FORMATS
from sourceprint.gate.policy_toml import default_policy
from sourceprint.gate.report import FORMATS as LAYOUTS
from sourceprint.gate.report import rendered
from sourceprint.gate.verdict import Report, decide
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.scans.diff import compare
from sourceprint.scans.diff_report import diff_json, diff_text
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import results_of
from sourceprint.scans.scan import Scan, what_is_searched
from sourceprint.scans.scan_json import scan_row
from sourceprint.scans.summary import q_values, summarise, summary_text, summary_to_json

__all__ = ["FORMAT", "result_of_one"]

_DAY = date(2026, 1, 31)


@functools.cache
def result_of_one() -> ScanResult:
    """Return the result of the search that `trace_of_one` keeps."""
    found = examination().result.matches
    searched = what_is_searched(index_of_one())
    scan = Scan(
        Path("song.wav"),
        searched,
        "matched",
        matches=found,
        sha256="ab" * 32,
        decoder="soundfile",
        duration_seconds=SECONDS,
        notes=("clipped",),
        streams=1,
    )
    return scan_row(scan, n_bytes=1000)


def _make(chance: random.Random, folder: Path) -> Path:
    valid = result_of_one().raw
    trees = [valid if chance.random() < 0.3 else hostile_tree(chance, valid) for _ in range(chance.choice((1, 2, 3)))]
    if chance.random() < 0.2:
        trees.append(_unsearched(chance))
    lines = [json_text(tree) for tree in trees]
    data = b"[" + b",\n".join(lines) + b"]" if chance.random() < 0.3 else b"\n".join(lines) + b"\n"
    if chance.random() < 0.15:
        data = damaged(chance, data)
    if chance.random() < 0.3:
        run = folder / "run"
        run.mkdir()
        (run / "results.jsonl").write_bytes(data)
        return run
    path = folder / "x.jsonl"
    path.write_bytes(data)
    return path


def _unsearched(chance: random.Random) -> Any:
    tree = {**result_of_one().raw, "status": "decode_error", "reason": "no audio", "matches": []}
    return hostile_tree(chance, tree)


def _read(path: Path) -> None:
    refused: list[Exception] = []
    if path.is_file():
        try:
            list(ScanFile(path))
        except RightsError as error:
            refused.append(error)
    results = results_of(path)
    _summaries(results)
    _exports(results)
    _pages(results, path.parent)
    if refused:
        raise refused[0]


def _summaries(results: tuple[ScanResult, ...]) -> None:
    summary = summarise(results)
    summary_text(summary).encode()
    json.dumps(summary_to_json(summary), allow_nan=False)
    for other in ((result_of_one(),), results[::-1]):
        difference = compare(results, other)
        diff_text(difference).encode()
        json.dumps(diff_json(difference), allow_nan=False)


def _exports(results: tuple[ScanResult, ...]) -> None:
    rates = q_values(results)
    for form in FORMATS:
        if form in FOLDERS:
            export_files(results, form, rates)
        else:
            for _ in export_chunks(results, form, rates):
                pass
    verdicts = tuple(decide(result, default_policy(), day=_DAY) for result in results)
    for layout in LAYOUTS:
        rendered(Report(default_policy(), "", _DAY, "review", verdicts), layout)


def _pages(results: tuple[ScanResult, ...], folder: Path) -> None:
    """Write the report of a run whose traces are those of the valid result."""
    cover_page(cover(results, [], [], signer=None, names=""), title="x", inside=True)
    traces = folder / "traces"
    traces.mkdir()
    for result in results:
        if is_sha256(result.sha256):
            write_trace(traces / trace_name(result.sha256, result.index_digest, result.settings_digest), trace_of_one())
    for page in write_report(results, traces, folder / "report", ReportOptions(jobs=1)):
        if any("report it as fault" in remark for remark in page.remarks):
            raise RuntimeError(f"{page.remarks}")


FORMAT = Format("results", _make, _read, (EvidenceError, RightsError))
