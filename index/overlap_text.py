"""Overlaps of recordings as text for people."""

from collections.abc import Sequence

from fingerprint.errors import printable
from index.overlaps import Overlap, Span
from index.tables import clock, table

__all__ = ["overlap_text", "overlaps_table"]


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
    """Return in one sentence what two recordings have in common."""
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
