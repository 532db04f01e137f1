"""Report the changes between two scans, for people and for programs.

A `Difference` becomes lines of text, safe for a terminal, or plain JSON types in which times are whole
milliseconds, percentages go from 0 to 100 and confidences from 0 to 1, as in scan results.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fingerprint.errors import printable
from sourceprint.scans.diff import Difference, FileChange, MatchChange
from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.tables import clock, confidence_text, counted

__all__ = ["SCHEMA", "diff_json", "diff_text"]

SCHEMA = "sourceprint/scan-diff/2"

_WORDS = {
    "content": "the file itself",
    "index_digest": "index",
    "recordings": "recordings searched",
    "algorithm": "algorithm",
    "params_digest": "parameters",
    "settings_digest": "settings",
    "max_false_per_1000h": "false matches put up with in 1000 h",
}
_FIGURES = {
    "pitch": lambda passage: f"{passage.pitch_cents / 100 + 0.0:+.2f} st",
    "tempo": lambda passage: f"{passage.tempo_percent:.1f} %",
    "speed": lambda passage: f"{passage.speed_percent:.1f} %",
}  # fmt: skip


def diff_text(difference: Difference) -> str:
    """Return the changes as lines of text: numbers of files, index and settings if they differ, each file's changes."""
    only_before, only_after = len(difference.only_before), len(difference.only_after)
    lines = [
        f"A: {counted(difference.n_before, 'file')}, B: {counted(difference.n_after, 'file')}: "
        f"{difference.n_unchanged} unchanged, {len(difference.files)} changed, "
        f"{only_before} only in A, {only_after} only in B"
    ]
    lines += [f"{_WORDS[name]}: {_listed(a)} -> {_listed(b)}" for name, (a, b) in difference.searched.items()]
    if difference.files and not difference.searched and not any(change.because for change in difference.files):
        lines.append("nothing that results state about the search differs: another version of the program, or its data")
    for change in difference.files:
        lines += ["", *_file_lines(change)]
    for where, results in (("A", difference.only_before), ("B", difference.only_after)):
        if results:
            lines += ["", f"only in {where}:", *(f"  {printable(each.name)}: {each.status}" for each in results)]
    return "\n".join(lines)


def diff_json(difference: Difference) -> dict[str, Any]:
    """Return the changes as plain JSON types; unchanged files are counted only."""
    return {
        "schema": SCHEMA,
        "files": {
            "a": difference.n_before,
            "b": difference.n_after,
            "unchanged": difference.n_unchanged,
            "changed": len(difference.files),
            "only_a": len(difference.only_before),
            "only_b": len(difference.only_after),
        },
        "searched": {name: {"a": list(a), "b": list(b)} for name, (a, b) in difference.searched.items()},
        "changed": [_change_json(change) for change in difference.files],
        "only_a": [_file_json(result) for result in difference.only_before],
        "only_b": [_file_json(result) for result in difference.only_after],
    }


def _file_lines(change: FileChange) -> list[str]:
    before, after = change.before, change.after
    name = printable(before.name) + (f" (in B {printable(after.name)})" if after.name != before.name else "")
    status = f"{before.status} -> {after.status}" if change.status_changed else before.status
    reason = f" ({printable(after.reason)})" if change.status_changed and after.reason else ""
    lines = [f"{name}: {status}{reason}"]
    lines += [f"  + {_found_text(found)}" for found in change.gained]
    lines += [f"  - {_found_text(found)}" for found in change.lost]
    lines += [f"  ~ {_label(each.before)}: {'; '.join(_figure_texts(each))}" for each in change.changed]
    if change.because:
        lines.append(f"  differs: {', '.join(_WORDS[cause] for cause in change.because)}")
    return lines


def _figure_texts(change: MatchChange) -> Iterable[str]:
    before, after = change.before, change.after
    for what in change.what:
        if what == "span":
            yield f"track {_spans(before, 'track')} -> {_spans(after, 'track')}"
            yield f"recording {_spans(before, 'recording')} -> {_spans(after, 'recording')}"
        elif what == "confidence":
            yield f"confidence {confidence_text(before.confidence)} -> {confidence_text(after.confidence)}"
        elif what == "also_fits":
            yield f"fits nearly as well {_others(before)} -> {_others(after)}"
        elif what == "share":
            yield f"share {before.track_match_percentage:.1f} % -> {after.track_match_percentage:.1f} %"
        else:
            yield f"{what} {_all(before, _FIGURES[what])} -> {_all(after, _FIGURES[what])}"


def _found_text(found: ResultMatch) -> str:
    return f"{_label(found)}: track {_spans(found, 'track')}, confidence {confidence_text(found.confidence)}"


def _label(found: ResultMatch) -> str:
    return printable(found.recording_id) + (f' "{printable(found.title)}"' if found.title else "")


def _spans(found: ResultMatch, side: str) -> str:
    ends = [(getattr(each, f"{side}_start_ms"), getattr(each, f"{side}_end_ms")) for each in found.passages]
    return ", ".join(f"{clock(start / 1000)}-{clock(end / 1000)}" for start, end in ends)


def _all(found: ResultMatch, figure: Callable[[ResultPassage], str]) -> str:
    return ", ".join(figure(passage) for passage in found.passages)


def _others(found: ResultMatch) -> str:
    return ", ".join(printable(other) for other in found.also_fits) or "nothing else"


def _listed(values: Sequence[str | int | float]) -> str:
    return ", ".join(printable(str(value)) for value in values) or "not stated"


def _change_json(change: FileChange) -> dict[str, Any]:
    return {
        "a": _file_json(change.before),
        "b": _file_json(change.after),
        "gained": [_found_json(found) for found in change.gained],
        "lost": [_found_json(found) for found in change.lost],
        "changed": [
            {"what": list(each.what), "a": _found_json(each.before), "b": _found_json(each.after)}
            for each in change.changed
        ],
        "because": list(change.because),
    }


def _file_json(result: ScanResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "sha256": result.sha256 or None,
        "status": result.status,
        "reason": result.reason or None,
    }


def _found_json(found: ResultMatch) -> dict[str, Any]:
    names = ("track_start_ms", "track_end_ms", "recording_start_ms", "recording_end_ms")
    figures = ("pitch_cents", "speed_percent", "tempo_percent", "confidence", "also_fits")
    return {
        "recording_id": found.recording_id,
        "title": found.title or None,
        "layer": found.layer,
        "track_match_percentage": found.track_match_percentage,
        "confidence": found.confidence,
        "passages": [{name: getattr(passage, name) for name in (*names, *figures)} for passage in found.passages],
    }
