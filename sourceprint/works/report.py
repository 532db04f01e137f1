"""The works found in a track, as JSON and as text for people.

    cover.mp3: 1 work found in 2:31.0
        in the track   in the recording  key    tempo
      s2 "Two": claim, by chance 1 in 250000
        0:01.2-0:49.8  1:02.0-1:50.6     +3 st  same

`work_result` is described in docs/formats/work-result.md. It is no scan result: nothing is attributed from it.
"""

from typing import Any

from fingerprint.errors import printable
from index.composition import WorkPassage
from index.search.matches import four_digits, milliseconds
from sourceprint.scans.results.result_text import odds
from sourceprint.scans.scan_text import recording_label
from sourceprint.text.names import quoted, well_formed
from sourceprint.text.tables import clock, counted, table, wrapped
from sourceprint.works.search import FoundWork, WorkScan, WorksSearched

__all__ = ["SCHEMA", "work_block", "work_result"]

SCHEMA = "sourceprint/work-result/1"
_SAME_TEMPO = 0.005


def work_result(scan: WorkScan, searched: WorksSearched) -> dict[str, Any]:
    """Return the works found in a track as plain JSON types, with the fields of docs/formats/work-result.md."""
    exact = quoted(scan.name)
    return {
        "schema": SCHEMA,
        "track": {
            "name": well_formed(scan.name),
            **({"name_quoted": exact} if exact else {}),
            **({"id": scan.track_id} if scan.track_id else {}),
            "sha256": scan.sha256 or None,
            "duration_ms": milliseconds(scan.duration_seconds) if not scan.failed else None,
            "decoder": scan.decoder or None,
            "notes": list(scan.notes),
            **({"streams": scan.streams} if scan.streams > 1 else {}),
        },
        "index": {
            "digest": searched.digest,
            "params_digest": searched.params_digest,
            "recordings": searched.n_recordings,
        },
        "searched": {
            "layer": "composition",
            "only": list(searched.only),
            "exclude": list(searched.exclude),
            "recordings": searched.n_searched,
        },
        "status": scan.status,
        "reason": scan.reason or None,
        "matches": [_match(one) for one in scan.found],
        "timing_ms": {
            "fingerprint": milliseconds(scan.describe_seconds),
            "search": milliseconds(scan.search_seconds),
        },
    }


def work_block(scan: WorkScan, *, width: int) -> str:
    """Return the lines about one track: a heading, the passages of each work, and notes on odd audio."""
    name = printable(scan.name)
    if scan.failed:
        return f"{name}: {scan.status}"
    length = clock(scan.duration_seconds)
    notes = [line for note in scan.notes for line in wrapped("  note: ", printable(note), width)]
    if not scan.found:
        return "\n".join([f"{name}: no work found in {length}", *notes])
    lines = [f"{name}: {counted(len(scan.found), 'work')} found in {length}"]
    header = ["in the track", "in the recording", "key", "tempo"]
    rows = table([header, *(_cells(passage) for one in scan.found for passage in one.match.passages)]).split("\n")
    lines.append(f"    {rows.pop(0)}")
    for one in scan.found:
        of_stream = f", audio stream {one.stream}" if one.stream else ""
        near = one.match.chance.n_near
        shared = f"; {counted(near, 'other work')} half as good or better" if near else ""
        others = f"; the same work: {', '.join(map(printable, one.same_work))}" if one.same_work else ""
        label = recording_label(one.recording, width=width - 40)
        lines.append(f"  {label}: {one.match.state}, by chance {odds(one.match.chance.p)}{shared}{others}{of_stream}")
        lines += [f"    {rows.pop(0)}" for _ in one.match.passages]
    return "\n".join([*lines, *notes])


def _match(one: FoundWork) -> dict[str, Any]:
    recording, match = one.recording, one.match
    return {
        "recording_id": recording.id,
        "isrc": recording.isrc or None,
        "title": recording.title or None,
        "artists": list(recording.artists),
        "layer": "composition",
        "state": match.state,
        "p_false": four_digits(match.chance.p),
        "works_near": match.chance.n_near,
        "score": round(match.score, 2),
        "same_work": list(one.same_work),
        **({"stream": one.stream} if one.stream else {}),
        "passages": [_passage(passage) for passage in match.passages],
    }


def _passage(passage: WorkPassage) -> dict[str, Any]:
    return {
        "track_start_ms": milliseconds(passage.track_start),
        "track_end_ms": milliseconds(passage.track_end),
        "recording_start_ms": milliseconds(passage.recording_start),
        "recording_end_ms": milliseconds(passage.recording_end),
        "transposition_semitones": passage.transposition_semitones,
        "tempo_percent": round(100 * passage.tempo_ratio, 1),
        "score": round(passage.score, 2),
    }


def _cells(passage: WorkPassage) -> list[str]:
    key, tempo = passage.transposition_semitones, passage.tempo_ratio - 1
    return [
        f"{clock(passage.track_start)}-{clock(passage.track_end)}",
        f"{clock(passage.recording_start)}-{clock(passage.recording_end)}",
        f"{key:+d} st" if key else "same",
        f"{100 * tempo:+.0f} %" if abs(tempo) > _SAME_TEMPO else "same",
    ]
