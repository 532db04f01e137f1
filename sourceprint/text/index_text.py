"""The index as text for people: recordings, sizes, additions, overlaps, archives; names from outside escaped."""

from collections.abc import Sequence
from typing import Any

from fingerprint.errors import printable
from index.search.overlaps import Overlap, Span
from index.storage.recordings import Recording
from index.storage.tags import ranges_text
from sourceprint.text.tables import clock, counted, size_text, table

__all__ = [
    "addition_text",
    "archive_text",
    "compaction_text",
    "description_text",
    "grant_text",
    "info_text",
    "overlap_text",
    "overlaps_table",
    "recordings_table",
]

_MOST_HUBS = 20
_ABOUT_HUBS = (
    "Hubs turn up among the neighbours of other recordings so many times more often than their size explains. Chance\n"
    "meets them as much more often: a match with a hub counts above a threshold raised for that. None is left out."
)


def recordings_table(recordings: Sequence[Recording]) -> str:
    """Return one line per recording under a header; tags and excluded ranges only where any recording has them.

    Examples
    --------
    >>> print(recordings_table([Recording("a-1", "One", ("X", "Y"), duration_ms=61_000, name="a.mp3")]))
    id   title  artists  isrc  length  file
    a-1  One    X, Y           1:01.0  a.mp3
    """
    rows = [["id", "title", "artists", "isrc", "length", "file"]]
    for r in recordings:
        texts = (r.id, r.title, ", ".join(r.artists), r.isrc, clock(r.duration_ms / 1000), r.name)
        rows.append([printable(text) for text in texts])
    further = {
        "tags": [", ".join(r.tags) for r in recordings],
        "excluded": [ranges_text(r.excluded) for r in recordings],
    }
    for name, cells in further.items():
        if any(cells):
            rows = [[*row, cell] for row, cell in zip(rows, [name, *cells], strict=True)]
    return table(rows)


def info_text(facts: dict[str, Any]) -> str:
    """Return the facts of `Index.info`, one per line; with those of the grant of a blind index, as `grant`."""
    rate = facts["bytes_per_hour"]
    rows = [
        ("index", printable(facts["path"])),
        ("format version", str(facts["format_version"])),
        ("recordings", f"{facts['recordings']}, {facts['hours']:.2f} h"),
        ("removed, not yet cleared", str(facts["removed"])),
        ("segments", str(facts["segments"])),
        (
            "size",
            size_text(facts["bytes"]["total"]) + ("" if rate is None else f", {size_text(rate)} per hour of audio"),
        ),
        *((f"  {part}", size_text(size)) for part, size in facts["bytes"].items() if part != "total"),
        ("digest", facts["digest"]),
    ]
    if "grant" in facts:
        rows += _grant_rows(facts["grant"])
    if facts["tags"]:
        rows.append(("tags", ", ".join(f"{tag} ({n})" for tag, n in facts["tags"].items())))
    if facts["excluded"]["recordings"]:
        seconds, n = facts["excluded"]["seconds"], facts["excluded"]["recordings"]
        rows.append(("excluded", f"{clock(seconds)} of {counted(n, 'recording')}"))
    for name, layer in facts["layers"].items():
        lists = "" if layer["lists"] is None else f", {layer['lists']} lists"
        rows_are = "windows" if layer["kind"] == "kept" else "landmarks"
        rows.append(
            (f"layer {name}", f"{layer['kind']}{lists}, {layer['landmarks']} {rows_are} of {layer['dimension']} values")
        )
        rows.append(("  parameters", layer["digest"]))
    if not facts["hubs"]:
        return table(rows)
    rows.append(("hubs", str(len(facts["hubs"]))))
    rows += [(f"  {printable(hub['id'])}", f"{hub['score']:.0f} times") for hub in facts["hubs"][:_MOST_HUBS]]
    return f"{table(rows)}\n{_ABOUT_HUBS}"


def grant_text(grant: dict[str, Any]) -> str:
    """Return the facts of the grant of a blind index (`sourceprint.blind.blind_import.grant_facts`), one per line."""
    return table(_grant_rows(grant))


def addition_text(report: dict[str, Any]) -> str:
    """Return the report of `Addition.report` in a line or two."""
    counts = [f"{report[kind]} {kind}" for kind in ("added", "replaced", "filled", "unchanged") if report[kind]]
    if report["failed"]:
        counts.append(f"{len(report['failed'])} failed")
    text = ", ".join(counts) or "nothing added"
    if report["audio_seconds"] and report["seconds"]:
        speed = report["audio_seconds"] / report["seconds"]
        hours = report["audio_seconds"] / 3600
        text += f"; {hours:.2f} h of audio in {report['seconds']:.1f} s, {speed:.0f} times real time"
    n_done = report["added"] + report["replaced"] + report["filled"]
    if report["committed"] < n_done:
        text += f"; only {report['committed']} of {n_done} are in the index"
    index = report["index"]
    if index is None:
        return text
    where = f"{counted(index['recordings'], 'recording')}, {index['hours']:.2f} h, {size_text(index['bytes']['total'])}"
    return f"{text}\nindex {printable(index['path'])}: {where}"


def description_text(report: dict[str, Any]) -> str:
    """Return the report of `Description.report` in a line."""
    counts = [f"{report[kind]} {kind}" for kind in ("made", "unchanged") if report[kind]]
    if report["failed"]:
        counts.append(f"{len(report['failed'])} failed")
    text = f"{', '.join(counts) or 'nothing made'}; {size_text(report['bytes'])} of fingerprint files"
    if report["audio_seconds"] and report["seconds"]:
        speed = report["audio_seconds"] / report["seconds"]
        hours = report["audio_seconds"] / 3600
        text += f"; {hours:.2f} h of audio in {report['seconds']:.1f} s, {speed:.0f} times real time"
    return text


def compaction_text(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the effect of a compaction, from the facts of `Index.info` before and after it, in a line.

    Examples
    --------
    >>> before = {"segments": 7, "removed": 2, "bytes": {"total": 2_300_000}}
    >>> print(compaction_text(before, {"segments": 1, "removed": 0, "bytes": {"total": 2_100_000}}))
    segments 7 -> 1, removed, not yet cleared 2 -> 0, size 2.3 MB -> 2.1 MB
    """
    rows = [
        ("segments", str(before["segments"]), str(after["segments"])),
        ("removed, not yet cleared", str(before["removed"]), str(after["removed"])),
        ("size", size_text(before["bytes"]["total"]), size_text(after["bytes"]["total"])),
    ]
    return ", ".join(f"{what} {old} -> {new}" for what, old, new in rows)


def archive_text(facts: dict[str, Any]) -> str:
    """Return the facts of `index.folder.transfer.archive_to_json`, one per line."""
    return table(
        [
            ("file", printable(facts["path"])),
            ("size", size_text(facts["bytes"])),
            ("sha256", facts["sha256"]),
            ("index digest", facts["index_digest"]),
            ("recordings", str(facts["recordings"])),
        ]
    )


def _grant_rows(grant: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("blind index", f"grant {grant['grant_id']}, of {grant['issued']}"),
        ("  licensee", f"{printable(grant['licensee'])} (key {grant['licensee_key']})"),
        ("  issuer", f"{printable(grant['issuer'])} (key {grant['issuer_key']})"),
        ("  expires", grant["expires"]),
    ]


def overlaps_table(overlaps: Sequence[Overlap]) -> str:
    """Return a line per stretch that two recordings have in common, under a header; a pair is named once."""
    rows = [["first", "second", "kind", "common", "share", "in first", "in second", "tempo", "pitch"]]
    for overlap in overlaps:
        pair = [printable(overlap.first), printable(overlap.second), overlap.kind]
        start = [*pair, clock(overlap.seconds), f"{overlap.share:.0%}"]
        for span in overlap.spans:
            rows.append([*start, *_ranges(span), f"{1 / span.ratio - 1:+.1%}", f"{span.pitch_semitones:+.1f}"])
            start = [""] * len(start)
    return table(rows)


def overlap_text(overlap: Overlap) -> str:
    """Return the audio that two recordings share, in one sentence."""
    longest = max(overlap.spans, key=lambda span: span.first_end_seconds - span.first_start_seconds)
    first, second = _ranges(longest)
    where = f"{first} of the one is {second} of the other"
    more = "" if len(overlap.spans) == 1 else ", and more"
    what = {"duplicate": "the same but for edges", "contained": "one holds most of the other"}
    kind = f" ({what[overlap.kind]})" if overlap.kind in what else ""
    return (
        f"{overlap.first} and {overlap.second} have {clock(overlap.seconds)} of audio in common{kind}: {where}{more}; "
        "a match cannot tell which of them was used there"
    )


def _ranges(span: Span) -> tuple[str, str]:
    return (
        f"{clock(span.first_start_seconds)}-{clock(span.first_end_seconds)}",
        f"{clock(span.second_start_seconds)}-{clock(span.second_end_seconds)}",
    )
