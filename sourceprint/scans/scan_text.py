"""The result of a scan as text for people: plain characters, aligned, safe for a terminal.

    mix.wav: 1 recording found in 0:31.0
        in the track   in the recording  changed                 landmarks  score/needed
      boom-hit "Boom"
        0:01.2-0:09.8  1:02.0-1:10.6     speed +25.0 %, +3.9 st  120        1014/30.9
      s2 "Two": no match
        landmarks    18 in the track, 240 in the recording
        aligned      10 of the 17 in the passage (59 %); 0.0 would by chance
        where        0:00.0-0:00.5 of the track on 0:03.0-0:03.5 of the recording; unchanged
        score        24.1; it takes 29.8
        by chance    as good in 1 in 460000 of such tracks, and 13 times in 1 000 hours; the limit is 1
        in the way   too short, if it is reuse: 0.5 s, though 59 % of its landmarks agree
        would help   about 0.5 s more of the passage, as clear as this (an estimate)
                     --max-false-per-1000h 14: reports it, and up to 14 false ones in 1 000 hours of such audio

The table is `scan_block`: each recording has a line of its own, so that no title moves the figures. A change of speed
moves pitch and time together, and is told with both. A score counts against the least that it takes. The table fits the
width that is given: landmarks are left out where they do not, and changes go beneath their lines. `explained_block`
adds why recordings were found or not, one idea per line. Names from outside are escaped, and shortened where they would
push a line off the screen, but for names of tracks and ids; words that stand for a command are quoted for the shell.
"""

import shlex
from collections.abc import Iterator

from fingerprint.errors import printable
from index.explain.explanation import CLEAR_SHARE, Account, Explanation, WeighedAlignment
from index.search.matches import Match, Passage, Transformation, union_seconds
from index.search.significance import LEAST_FALSE_PER_1000H, LEAST_P
from index.storage.recordings import Recording
from index.storage.tags import ranges_text
from sourceprint.scans.results.result_text import change_text, odds
from sourceprint.scans.scan import Scan
from sourceprint.text.tables import clock, columns, counted, shortened, table, wrapped

__all__ = ["explained_block", "explanation_block", "recording_label", "scan_block"]

_LEAST_TITLE = 8
_HEADER = ("in the track", "in the recording", "changed", "landmarks", "score/needed")
_CHANGED = _HEADER.index("changed")
_LANDMARKS = _HEADER.index("landmarks")
_INDENT = " " * 4

_LABEL_WIDTH = 13
_WIDTH = 110
_USUAL_WIDTH = 80

_Line = tuple[str, str]


def scan_block(scan: Scan, *, width: int = _USUAL_WIDTH) -> str:
    """Return the lines about one track: a heading, a table of passages by recording, and notes on odd audio.

    Parameters
    ----------
    scan : Scan
        Result of the track.
    width : int
        Columns of the terminal.
    """
    name = printable(scan.name)
    if scan.failed:
        return f"{name}: {scan.status}"
    length = clock(scan.duration_seconds or 0.0)
    notes = [line for note in scan.notes for line in wrapped("  note: ", printable(note), width)]
    if not scan.matches:
        return "\n".join([f"{name}: no match in {length}", *notes])
    of_streams = f" of {scan.streams} audio streams" if scan.streams > 1 else ""
    heading = f"{name}: {counted(len(scan.matches), 'recording')} found in {length}{of_streams}"
    header, *rows = _table([_cells(one) for match in scan.matches for one in match.passages], width - len(_INDENT))
    lines = [heading, f"{_INDENT}{header}"]
    for match in scan.matches:
        lines.append(f"  {recording_label(match.recording, width=width - 2)}")
        lines += [f"{_INDENT}{line}" for _ in match.passages for line in rows.pop(0).split("\n")]
    for match in scan.matches:
        others = dict.fromkeys(other for passage in match.passages for other in passage.also_fits)
        if others:
            fit = ", ".join(_fitting(other, match) for other in others)
            label = recording_label(match.recording, width=width - 2)
            lines += wrapped("  ", f"{label}: fits nearly as well: {fit}", width)
    return "\n".join(lines + notes)


def explained_block(scan: Scan, *, width: int = _USUAL_WIDTH) -> str:
    """Return the lines about one track, and beneath them why recordings were found in it or not."""
    block = scan_block(scan, width=width)
    if scan.explanation is None:
        return "\n".join([block, *wrapped("  not searched: ", printable(scan.reason), width)])
    return f"{block}\n{explanation_block(scan.explanation, width=width)}"


def explanation_block(explanation: Explanation, *, width: int = _WIDTH) -> str:
    """Return the lines about a track that belong beneath its table."""
    lines = []
    if not explanation.accounts:
        lines.append("  nothing came close: no passage of the track aligns with a recording that is not reported")
    for account in explanation.accounts:
        lines += [f"  {_heading(account)}", *_laid_out(_about(account, explanation), width)]
    if explanation.thorough == "unavailable":
        lines += wrapped(
            "  ",
            "--thorough could not be tried: the fingerprint file lacks its time scales; make it again with "
            "sourceprint fingerprint --thorough",
            width,
        )
    return "\n".join(lines)


def recording_label(recording: Recording, *, width: int = _WIDTH) -> str:
    """Return the id, and the title where there is one, cut where both take more than `width` columns.

    Examples
    --------
    >>> recording_label(Recording("a-1", title="One"))
    'a-1 "One"'
    """
    label = shortened(printable(recording.id))
    left = max(_LEAST_TITLE, width - columns(label) - 3)
    return f'{label} "{shortened(printable(recording.title), left)}"' if recording.title else label


def _table(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """Return a header and a text for each row, of one line, or of two where its change does not fit in."""
    for left_out in ((), (_LANDMARKS,), (_LANDMARKS, _CHANGED)):
        kept = [[cell for at, cell in enumerate(row) if at not in left_out] for row in (_HEADER, *rows)]
        lines = table(kept).splitlines()
        if max(map(columns, lines)) <= width:
            break
    if _CHANGED not in left_out:
        return lines
    return [lines[0], *(f"{line}\n  {row[_CHANGED]}" for line, row in zip(lines[1:], rows, strict=True))]


def _fitting(recording_id: str, match: Match) -> str:
    """Return the id of an alternative, and its figures over all passages of a match."""
    name = shortened(printable(recording_id))
    there = [one for passage in match.passages for one in passage.alternatives if one.recording.id == recording_id]
    if not there:
        return name
    seconds = union_seconds([(one.track_start_seconds, one.track_end_seconds) for one in there])
    same = "same audio, " if any(one.same_audio for one in there) else ""
    return f"{name} ({same}{seconds:.1f} s, {sum(one.aligned_landmarks for one in there)} landmarks)"


def _cells(passage: Passage) -> tuple[str, ...]:
    return (
        f"{clock(passage.track_start_seconds)}-{clock(passage.track_end_seconds)}{_streams(passage)}",
        f"{clock(passage.recording_start_seconds)}-{clock(passage.recording_end_seconds)}",
        _change(passage.transformation),
        str(passage.aligned_landmarks),
        _score(passage),
    )


def _streams(passage: Passage) -> str:
    """Name the audio streams that a passage was heard in, where the file has several.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> _streams(SimpleNamespace(streams=(2, 1))), _streams(SimpleNamespace(streams=()))
    (' in 1+2', '')
    """
    return f" in {'+'.join(map(str, sorted(passage.streams)))}" if passage.streams else ""


def _heading(account: Account) -> str:
    name = shortened(printable(account.recording_id))
    label = name if account.recording is None else recording_label(account.recording)
    if account.reported:
        return f"{label}: reported"
    if account.is_duplicate:
        return f"{label}: no match of its own"
    return f"{label}: {'no match' if account.named else 'next best, no match'}"


def _about(account: Account, explanation: Explanation) -> Iterator[_Line]:
    if account.recording is not None:
        yield "landmarks", f"{explanation.n_landmarks} in the track, {account.n_landmarks} in the recording"
    best = account.best
    if best is not None:
        yield from _alignment(best, explanation)
        yield from _where_searched(account)
    if account.reported and best is not None:
        yield "passes", f"its score is {best.score / best.threshold:.1f} times the threshold"
    yield from (("in the way", reason) for reason in _reasons(account, explanation))
    yield from (("would help", change) for change in _changes(account))
    if explanation.thorough == "tried" and _was_tried_thoroughly(account):
        yield "tried", "--thorough does not report it either"


def _alignment(alignment: WeighedAlignment, explanation: Explanation) -> Iterator[_Line]:
    share = 100 * alignment.share_met
    yield (
        "aligned",
        f"{alignment.aligned_landmarks} of the {alignment.track_landmarks} in the passage ({share:.0f} %); "
        f"{alignment.expected_by_chance:.1f} would by chance",
    )
    yield "where", f"{_spans(alignment)}; {_change(alignment.transformation)}"
    yield "score", f"{alignment.score:.1f}; threshold {alignment.threshold:.1f}"
    of_tracks = "at most " if alignment.p_false <= LEAST_P else ""
    of_hours = "at most " if alignment.false_per_1000h <= LEAST_FALSE_PER_1000H else ""
    yield (
        "by chance",
        f"as good in {of_tracks}{odds(alignment.p_false)} of such tracks, and "
        f"{of_hours}{_number(alignment.false_per_1000h)} times in 1 000 hours; "
        f"the limit is {_number(explanation.max_false_per_1000h)}",
    )


def _where_searched(account: Account) -> Iterator[_Line]:
    """Say which search gave the better alignment, where both were made."""
    whole, alone = account.catalogue, account.alone
    if alone is None:
        return
    if whole is None:
        yield "searched", "this alignment is of the recording alone; in the whole catalogue nothing of it aligns"
    elif account.best is alone:
        yield "searched", f"alone, which is better; in the whole catalogue the best scores {whole.score:.1f}"
    else:
        yield "searched", f"in the whole catalogue; alone it is no better, with a score of {alone.score:.1f}"


def _reasons(account: Account, explanation: Explanation) -> Iterator[str]:
    best, low, high = account.best, *(100 * ratio for ratio in explanation.tempo_range)
    for cause in account.causes:
        if cause == "not_in_index":
            yield "the index has no recording with this id; list shows its ids"
        elif cause == "no_landmarks":
            yield "the recording has no landmarks in the layer that was searched"
        elif cause == "filtered":
            yield "--only or --exclude leaves it out"
        elif cause == "excluded" and account.excluded is not None and account.recording is not None:
            ranges = ranges_text(account.recording.excluded).replace("|", ", ")
            yield (
                f"the alignment lies in its excluded ranges ({ranges}): {_spans(account.excluded)}, "
                f"score {account.excluded.score:.1f}"
            )
        elif cause in ("duplicate", "explained"):
            yield _reported_there(account)
        elif cause == "crowded":
            yield (
                "found only if searched alone: in the catalogue, landmarks of other recordings are nearer to those of "
                "the track; the score would pass there too"
            )
        elif cause == "tempo" and account.thorough is not None:
            tempo = 100 * account.thorough.ratio
            yield f"its tempo is {tempo:.0f} %; the search covers {low:.0f} to {high:.0f} %, less surely at the ends"
        elif cause == "effort":
            yield "the search did not go far enough: it follows fewer neighbours and hypotheses than --thorough"
        elif cause == "nothing":
            yield "nothing of it aligns better than chance"
        elif cause == "chance":
            yield "it aligns no better than chance gives: unrelated music does as well"
        elif cause == "brief":
            yield f"the track is {explanation.track_seconds:.1f} s long; from 3 s on, a clear passage is found"
        elif best is not None:
            yield from _weaknesses(cause, best, low, high)


def _weaknesses(cause: str, best: WeighedAlignment, low: float, high: float) -> Iterator[str]:
    """Say why an alignment that may be more than chance is not enough."""
    seconds = best.track_end_seconds - best.track_start_seconds
    clear = f"{100 * CLEAR_SHARE:.0f} %"
    if cause == "short":
        yield f"too short, if it is reuse: {seconds:.1f} s, though {100 * best.share_met:.0f} % of its landmarks agree"
    elif cause == "faint":
        yield (
            f"too little agrees, if it is reuse: {100 * best.share_met:.0f} % of the landmarks of the passage, where a "
            f"plain copy has about {clear}; noise or other sound over it, or sound made anew, leaves fewer"
        )
    elif cause == "rivals":
        others = ", ".join(shortened(printable(rival.recording_id)) for rival in best.rivals)
        places = f"{counted(best.n_elsewhere, 'other place')} in this recording"
        fits = " and ".join(text for text in (others, places if best.n_elsewhere else "") if text)
        yield f"ambiguous: {fits} match as well, which raises the threshold from {best.base_threshold:.1f}"
    elif cause == "hub":
        yield (
            f"the recording resembles everything (a hub): chance meets it {_number(best.hub_factor)} times as often, "
            f"which raises the threshold from {best.base_threshold:.1f}"
        )
    elif cause == "edge":
        tempo = 100 * best.ratio
        yield f"its tempo, {tempo:.0f} %, is at an end of the searched range, {low:.0f} to {high:.0f} %"


def _changes(account: Account) -> Iterator[str]:
    named = f"--only {shlex.quote('id:' + printable(account.recording_id))}"
    thorough = account.thorough
    if account.let_in_reports:
        yield f"another filter: it is reported if {named} lets it in"
    if "excluded" in account.causes:
        name = shlex.quote(printable(account.recording_id))
        yield f"other ranges, if those are wrong: sourceprint exclude {name} --clear lets all of it count again"
    if thorough is not None and thorough.reported:
        with_only = f" {named}" if thorough.alone else ""
        change = _change(thorough.transformation)
        yield f"--thorough{with_only}: reports {_spans(thorough)}; {change}; score {thorough.score:.1f}"
    if account.longer_by_seconds is not None:
        clearer = "a copy with less over it, if there is one; or " if "faint" in account.causes else ""
        yield f"{clearer}about {account.longer_by_seconds:.1f} s more of the passage, as clear as this (an estimate)"
    if account.max_false_per_1000h is not None:
        limit = f"{account.max_false_per_1000h:g}"
        yield f"--max-false-per-1000h {limit}: reports it, and up to {limit} false ones in 1 000 hours of such audio"
    is_found = thorough is not None and thorough.reported
    if account.only_reports and "filtered" not in account.causes and not is_found:
        yield f"{named}: searched alone it is reported; fair only if it was suspected before anything was searched"


def _was_tried_thoroughly(account: Account) -> bool:
    """Whether a thorough search was made for a recording, in vain."""
    if account.reported or account.let_in_reports or (account.thorough is not None and account.thorough.reported):
        return False
    return not {"not_in_index", "no_landmarks", "excluded", "duplicate", "explained"}.intersection(account.causes)


def _reported_there(account: Account) -> str:
    names = ", ".join(shortened(printable(name)) for name in account.reported_there)
    if account.is_duplicate:
        return f"{names} is reported there, and this one as fitting nearly as well: the same audio, or another mix"
    return f"{names} explains the same part of the track better, and is reported there"


def _spans(alignment: WeighedAlignment) -> str:
    return (
        f"{clock(alignment.track_start_seconds)}-{clock(alignment.track_end_seconds)} of the track on "
        f"{clock(alignment.recording_start_seconds)}-{clock(alignment.recording_end_seconds)} of the recording"
    )


def _change(change: Transformation) -> str:
    return change_text(
        pitch_cents=change.pitch_cents, speed_percent=change.speed_percent, tempo_percent=change.tempo_percent
    )


def _score(passage: Passage) -> str:
    """Return a score, and the least that it takes where that is known.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> _score(SimpleNamespace(score=1014.4, score_needed=30.94)), _score(SimpleNamespace(score=31.0, score_needed=0.0))
    ('1014/30.9', '31.0')
    """
    score, needed = (f"{x:.0f}" if x >= 100 else f"{x:.1f}" for x in (passage.score, passage.score_needed))
    return f"{score}/{needed}" if passage.score_needed else score


def _number(x: float) -> str:
    """Return a count or a rate with two digits, without an exponent where that is readable.

    Examples
    --------
    >>> _number(12_345.0), _number(0.0123), _number(1.0), _number(1e-6)
    ('12000', '0.012', '1', '1e-06')
    """
    return f"{float(f'{x:.2g}'):.0f}" if x >= 10 else f"{x:.2g}"


def _laid_out(about: Iterator[_Line], width: int) -> Iterator[str]:
    """Yield lines with their labels in a column, each label once."""
    before = ""
    for label, text in about:
        shown = "" if label == before else label
        yield from wrapped(f"    {shown:{_LABEL_WIDTH}}", text, width)
        before = label
