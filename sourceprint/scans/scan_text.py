"""The result of a scan as text for people: plain characters, aligned, safe for a terminal.

    mix.wav: 1 recording found in 0:31.0
      recording  query          reference      pitch     tempo    speed    landmarks      by chance     confidence
      boom-hit   0:01.2-0:09.8  1:02.0-1:10.6  +2.00 st  110.0 %  100.0 %  120 (0.8 exp.)  1 in 10^9    0.999999

Names from outside are escaped, and shortened where they would push the table off the screen.
"""

import math
from collections.abc import Sequence

from fingerprint.errors import printable
from index.search.matches import Passage
from index.storage.recordings import Recording
from sourceprint.scans.scan import Scan
from sourceprint.text.tables import clock, confidence_text, counted, table

__all__ = ["odds", "recording_label", "scan_block", "shortened"]

_NAME_WIDTH = 49  # the token of a blind index is not cut: only whole can it be revealed
_HEADER = ("recording", "query", "reference", "pitch", "tempo", "speed", "landmarks", "false alarm", "confidence")


def scan_block(scan: Scan) -> str:
    """Return the lines about one query: a heading, and a table of segments by recording."""
    name = printable(scan.path)
    if scan.failed:
        return f"{name}: {scan.status}"
    length = clock(scan.duration_seconds or 0.0)
    if not scan.matches:
        return f"{name}: no match in {length}"
    heading = f"{name}: {counted(len(scan.matches), 'recording')} found in {length}"
    rows: list[Sequence[str]] = [_HEADER]
    for match in scan.matches:
        label = recording_label(match.recording)
        for segment in match.passages:
            rows.append((label, *_cells(segment)))
            label = ""
    lines = [heading, *("  " + line for line in table(rows).splitlines())]
    for match in scan.matches:
        others = dict.fromkeys(other for segment in match.passages for other in segment.also_fits)
        if others:
            fit = ", ".join(shortened(printable(other)) for other in others)
            lines.append(f"  {recording_label(match.recording)}: fits nearly as well: {fit}")
    return "\n".join(lines)


def recording_label(recording: Recording) -> str:
    """Return the id, and the title where there is one.

    Examples
    --------
    >>> recording_label(Recording("a-1", title="One"))
    'a-1 "One"'
    """
    label = shortened(printable(recording.id))
    return f'{label} "{shortened(printable(recording.title))}"' if recording.title else label


def odds(p: float) -> str:
    """Return a probability as odds.

    Examples
    --------
    >>> odds(0.5), odds(1 / 4321), odds(3e-9), odds(0.0)
    ('1 in 2', '1 in 4300', '1 in 10^8', '1 in 10^300')
    """
    if p < 1e-6:
        return f"1 in 10^{min(300, math.floor(-math.log10(p)))}" if p > 0 else "1 in 10^300"
    return f"1 in {float(f'{1 / p:.2g}'):.0f}"


def shortened(text: str) -> str:
    """Return a name, cut where it would push a table off the screen.

    Examples
    --------
    >>> shortened("x" * 50)
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    return text if len(text) <= _NAME_WIDTH else text[: _NAME_WIDTH - 3] + "..."


def _cells(segment: Passage) -> tuple[str, ...]:
    change = segment.transformation
    semitones = round(change.pitch_cents / 100, 2)
    return (
        f"{clock(segment.track_start_seconds)}-{clock(segment.track_end_seconds)}",
        f"{clock(segment.recording_start_seconds)}-{clock(segment.recording_end_seconds)}",
        f"{semitones + 0.0:+.2f} st",
        f"{change.tempo_percent:.1f} %",
        f"{change.speed_percent:.1f} %",
        f"{segment.aligned_landmarks} ({segment.expected_by_chance:.1f} by chance)",
        odds(segment.p_false),
        confidence_text(segment.confidence),
    )
