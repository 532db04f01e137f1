"""A scan result as text, laid out as by `match` with odds in place of scores, and as HTML for a notebook.

    mix.wav: 1 recording found in 0:31.0
        in the track   in the recording  changed                 landmarks  odds by chance
      boom-hit "Boom"
        0:01.2-0:09.8  1:02.0-1:10.6     speed +25.0 %, +3.9 st  120        1 in 10^8

Names from outside are escaped, in HTML as HTML too. "Odds by chance" is the probability that
music which reuses nothing gives a passage as good.
"""

import html
import math
from collections.abc import Iterable, Iterator

from fingerprint.errors import printable
from sourceprint.scans.results.records import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.tables import clock, counted, table

__all__ = ["change_text", "odds", "result_html", "result_line", "result_text"]

_SEEN_CENTS, _SEEN_PERCENT = 10.0, 0.4  # smaller ones are measured where nothing changed
_HEADER = ("in the track", "in the recording", "changed", "landmarks", "odds by chance")
_HTML_HEADER = ("recording", "seconds", "in the track", "in the recording", "pitch", "tempo", "odds by chance")


def result_line(result: ScanResult) -> str:
    """Return one line: the track, and how many recordings were found in it or why it was not searched."""
    name = printable(result.name)
    if not result.searched:
        return f"{name}: {result.status}{f', {printable(result.reason)}' if result.reason else ''}"
    length = clock(result.duration_ms / 1000)
    if not result.matches:
        return f"{name}: no match in {length}"
    return f"{name}: {counted(len(result.matches), 'recording')} found in {length}"


def result_text(result: ScanResult) -> str:
    """Return a line about the track, a table of passages by recording, and notes on odd audio."""
    lines = [result_line(result)]
    passages = [passage for match in result.matches for passage in match.passages]
    if passages:
        header, *rows = table([_HEADER, *map(_cells, passages)]).splitlines()
        left = iter(rows)
        lines.append(f"    {header}")
        for match in result.matches:
            lines.append(f"  {_label(match)}")
            lines += [f"    {next(left)}" for _ in match.passages]
    for match in result.matches:
        if match.also_fits:
            lines.append(f"  {_label(match)}: fits nearly as well: {', '.join(map(printable, match.also_fits))}")
    return "\n".join([*lines, *(f"  note: {printable(note)}" for note in result.track.notes)])


def result_html(result: ScanResult) -> str:
    """Return a table with a row per passage under a line about the track, as HTML without styles."""
    rows = [_html_cells(match, passage) for match in result.matches for passage in match.passages]
    if not rows:
        return f"<p>{html.escape(result_line(result))}</p>"
    lines = [_html_row("th", _HTML_HEADER), *(_html_row("td", row) for row in rows)]
    return f"<table><caption>{html.escape(result_line(result))}</caption>{''.join(lines)}</table>"


def change_text(*, pitch_cents: float, speed_percent: float, tempo_percent: float) -> str:
    """Return the change of speed with the pitch that it brings, else those of pitch and tempo.

    Parameters
    ----------
    pitch_cents, speed_percent, tempo_percent : float
        Of the track against the recording, as in `index.search.matches.Transformation`.

    Examples
    --------
    >>> change_text(pitch_cents=0.0, speed_percent=125.0, tempo_percent=100.0)
    'speed +25.0 %, +3.9 st'
    >>> change_text(pitch_cents=-200.0, speed_percent=100.0, tempo_percent=110.0)
    'pitch -2.0 st, tempo +10.0 %'
    >>> change_text(pitch_cents=-9.0, speed_percent=100.0, tempo_percent=100.3)
    'unchanged'
    """
    changes = []
    if abs(speed_percent - 100.0) >= _SEEN_PERCENT:
        heard = _heard_cents(pitch_cents, speed_percent)
        changes.append(f"speed {speed_percent - 100.0:+.1f} %, {heard / 100:+.1f} st")
    elif abs(pitch_cents) >= _SEEN_CENTS:
        changes.append(f"pitch {pitch_cents / 100:+.1f} st")
    if abs(tempo_percent - 100.0) >= _SEEN_PERCENT:
        changes.append(f"tempo {tempo_percent - 100.0:+.1f} %")
    return ", ".join(changes) or "unchanged"


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


def _heard_cents(pitch_cents: float, speed_percent: float) -> float:
    return pitch_cents + (1200 * math.log2(speed_percent / 100) if speed_percent > 0 else 0.0)


def _rounded(x: float) -> float:
    return round(x, 1) + 0.0  # -0.0 is a change of nothing, too


def _label(match: ResultMatch) -> str:
    return printable(match.recording_id) + (f' "{printable(match.title)}"' if match.title else "")


def _span(start_ms: int, end_ms: int) -> str:
    return f"{clock(start_ms / 1000)}-{clock(end_ms / 1000)}"


def _spans(passage: ResultPassage) -> tuple[str, str]:
    in_recording = _span(passage.recording_start_ms, passage.recording_end_ms)
    return _span(passage.track_start_ms, passage.track_end_ms), in_recording


def _cells(passage: ResultPassage) -> tuple[str, ...]:
    change = change_text(
        pitch_cents=passage.pitch_cents, speed_percent=passage.speed_percent, tempo_percent=passage.tempo_percent
    )
    return (*_spans(passage), change, str(passage.aligned_landmarks), odds(passage.p_false))


def _html_cells(match: ResultMatch, passage: ResultPassage) -> Iterator[str]:
    yield _label(match)
    yield f"{(passage.track_end_ms - passage.track_start_ms) / 1000:.1f}"
    yield from _spans(passage)
    yield f"{_rounded(_heard_cents(passage.pitch_cents, passage.speed_percent) / 100):+.1f} st"
    yield f"{_rounded(passage.speed_percent * passage.tempo_percent / 100 - 100):+.1f} %"
    yield odds(passage.p_false)


def _html_row(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in texts)}</tr>"
