"""Figures as sentences that a lawyer and a sound engineer read alike: a passage's change, and its rate by chance.

In come percentages, cents and rates as in a scan result; out comes plain text, which the page escapes. The wording says
evidence of reuse, and claims no more than the figures do.
"""

from index.search.significance import LEAST_FALSE_PER_1000H, LEAST_P
from sourceprint.scans.results import ResultAlternative, ResultPassage, ScanResult
from sourceprint.scans.results.result_text import odds
from sourceprint.text.tables import clock, counted, grouped

__all__ = [
    "LIMITS",
    "by_chance",
    "by_chance_rate",
    "by_chance_share",
    "changed",
    "hours_text",
    "in_odds",
    "is_brief",
    "outcome",
    "share",
    "span",
    "title_and_id",
    "verdict",
]

LIMITS = (
    "This is evidence that sound of a recording, changed as stated, is in the generated track. It does not show "
    "how it came there, who put it there, which of the two was made first, or whether that was allowed.",
    "It is about recordings. A new performance of the same composition is not looked for, and similarity of style is "
    "never reported.",
    "Recordings that share a sample, a loop or a drum kit share sound: the passage may be right about the sound and "
    "wrong about which of them it came from. Other recordings that fit are named where the search met any.",
    "The probabilities are estimated from how well the same track, played backwards, matches the same catalogue. On "
    "real music outside the catalogue they were found to hold as far as there are data, which is about 1 in 100; below "
    "that they are extrapolated, and none under 1 in 10\u2079 is claimed. They do not hold for music built from the "
    "same drum samples and grooves as the catalogue, nor for test tones: of those, more match wrongly than is stated.",
    "Reuse that is not listed was not found; that does not show that there is none. Reuse shorter than about a second, "
    "or drowned by other music, may be missed.",
)
"""Limits of a page of evidence, in sentences."""

_MOST_GROUPED = 1e15  # larger numbers are written with their power of ten
_LONGEST_TITLE = 80
_BRIEF_MS = 3000  # tempo was off by up to 17 % in passages of 1 to 2 s

_RAISED = str.maketrans(
    "0123456789",
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079",
)

_OUTCOMES = {
    "matched": "matched",
    "no_match": "no match",
    "too_short": "too short",
    "too_long": "too long",
    "not_enough_music": "not enough music",
    "decode_error": "could not be read",
    "skipped": "skipped",
}


def outcome(status: str) -> str:
    """Return the status of a file in words.

    Examples
    --------
    >>> outcome("decode_error")
    'could not be read'
    """
    return _OUTCOMES.get(status, status.replace("_", " "))


def share(part: float, whole: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> share(1, 3), share(1, 100_000), share(0, 0)
    ('33.3 %', '0.001 %', '0 %')
    """
    percent = 100.0 * part / whole if whole > 0 else 0.0
    return f"{percent:.1f} %" if percent >= 0.05 else f"{percent:.1g} %"


def span(start_ms: int, end_ms: int) -> str:
    """Return both ends of a passage.

    Examples
    --------
    >>> span(8_000, 71_250)
    '0:08.0\u20131:11.2'
    """
    return f"{clock(start_ms / 1000)}\N{EN DASH}{clock(end_ms / 1000)}"


def hours_text(milliseconds: float) -> str:
    """Return a length in hours, or in minutes where it is short.

    Examples
    --------
    >>> hours_text(5_400_000), hours_text(90_000)
    ('1.50 h', '1.5 min')
    """
    hours = milliseconds / 3_600_000
    return f"{hours:.2f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def changed(passage: ResultPassage | ResultAlternative) -> str:
    """Return how a passage was changed; tempo roughly where the passage is brief.

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> long, brief = {"track_start_ms": 0, "track_end_ms": 9000}, {"track_start_ms": 0, "track_end_ms": 1500}
    >>> changed(Of(**long, pitch_cents=0.0, speed_percent=106.0, tempo_percent=100.0))
    'played 6.0 % faster, pitch and time together'
    >>> changed(Of(**long, pitch_cents=-210.0, speed_percent=100.0, tempo_percent=90.0))
    '2.10 semitones lower, tempo 10.0 % slower'
    >>> changed(Of(**brief, pitch_cents=0.0, speed_percent=100.0, tempo_percent=107.9))
    'tempo roughly 8 % faster'
    >>> changed(Of(**long, pitch_cents=1.0, speed_percent=100.0, tempo_percent=100.1))
    'unchanged in pitch and tempo'
    """
    parts = []
    brief = is_brief(passage)
    if abs(passage.speed_percent - 100.0) >= 0.05:
        parts.append(f"played {_faster(passage.speed_percent, brief)}, pitch and time together")
    if abs(passage.pitch_cents) >= 10.0:
        where = "higher" if passage.pitch_cents > 0 else "lower"
        parts.append(f"{abs(passage.pitch_cents) / 100:.2f} semitones {where}")
    if abs(passage.tempo_percent - 100.0) >= 0.4:
        parts.append(f"tempo {_faster(passage.tempo_percent, brief)}")
    return ", ".join(parts) or "unchanged in pitch and tempo"


def by_chance(passage: ResultPassage) -> str:
    """Return, as a sentence or two, how often chance gives such an alignment.

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> print(by_chance(Of(false_per_1000h=0.02, p_false=4e-7, aligned_landmarks=120, expected_by_chance=1.5)))
    An alignment as good would arise by chance once in 50 000 hours of such audio. The probability that this track,
    searched in this catalogue, has one by chance is 1 in 2 500 000. 120 landmarks agree; at places that mean nothing,
    1.5 would.
    """
    least = passage.false_per_1000h <= LEAST_FALSE_PER_1000H
    how_often = f"{by_chance_rate(passage)} of such audio{', the smallest rate that is claimed' if least else ''}"
    p = f"1 in {_round(1 / passage.p_false)}" if passage.p_false > LEAST_P else f"at most 1 in {_round(1 / LEAST_P)}"
    expected = f"{passage.expected_by_chance:.1f}"
    landmarks = counted(passage.aligned_landmarks, "landmark", groups=True)
    return (
        f"An alignment as good would arise by chance {how_often}. The probability that this track, searched in this "
        f"catalogue, has one by chance is {p}. {landmarks} agree; at places that "
        f"mean nothing, {expected} would."
    )


def by_chance_rate(passage: ResultPassage) -> str:
    """Return how often chance gives an alignment as good.

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> by_chance_rate(Of(false_per_1000h=0.02)), by_chance_rate(Of(false_per_1000h=1e-6))
    ('once in 50 000 hours', 'at most once in 1 000 000 000 hours')
    """
    at_most = "at most " if passage.false_per_1000h <= LEAST_FALSE_PER_1000H else ""
    return f"{at_most}once in {_round(1000.0 / max(passage.false_per_1000h, LEAST_FALSE_PER_1000H))} hours"


def by_chance_share(expected: float | None, n_matches: int) -> str:
    """Return a sentence on the matches of a batch expected by chance, and on its false-discovery rate.

    Examples
    --------
    >>> by_chance_share(0.02, 10)
    'Chance is expected to have made 0.02 of the 10 matches: an estimated false-discovery rate of 0.2 %.'
    >>> by_chance_share(1e-6, 10)[:70]
    'Chance is expected to have made fewer than 0.001 of the 10 matches: an'
    """
    if expected is None:
        return "The results state no limit for false matches, so how many chance may have made cannot be said."
    if not n_matches:
        return f"Nothing matched; by chance, {_expected(expected)} matches would have been expected."
    rate = 100.0 * min(1.0, expected / n_matches)
    noun = "match" if n_matches == 1 else "matches"
    share_text = f"{rate:.2g} %" if rate >= 0.01 else "under 0.01 %"
    return (
        f"Chance is expected to have made {_expected(expected)} of the {grouped(n_matches)} {noun}: an estimated "
        f"false-discovery rate of {share_text}."
    )


def in_odds(p: float) -> str:
    """Return a probability as odds, powers of ten with raised digits.

    Examples
    --------
    >>> in_odds(1 / 40), in_odds(1e-9)
    ('1 in 40', '1 in 10\u2079')
    """
    plain, power, exponent = odds(p).partition("^")
    return plain + (exponent.translate(_RAISED) if power else "")


def title_and_id(title: str | None, recording_id: str) -> str:
    """Return the title, cut where it would fill a table, and the id, which is never cut.

    Examples
    --------
    >>> title_and_id("One for Tonight", "s1"), title_and_id(None, "s1")
    ('One for Tonight (s1)', 's1')
    """
    if not title:
        return recording_id
    cut = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"{cut} ({recording_id})"


def verdict(result: ScanResult, reused_ms: int) -> str:
    """Return the finding on a track, in one sentence."""
    if not result.searched:
        return f"The file was not searched: {outcome(result.status)}."
    if not result.matches:
        return f"No evidence of reuse was found in {clock(result.duration_ms / 1000)}."
    return (
        f"Evidence of reuse of {counted(len(result.matches), 'recording', groups=True)}: {clock(reused_ms / 1000)} of "
        f"{clock(result.duration_ms / 1000)} ({share(reused_ms, result.duration_ms)} of the track)."
    )


def is_brief(passage: ResultPassage | ResultAlternative) -> bool:
    """Return whether a passage is too brief for its tempo to be known to the percent."""
    return passage.track_end_ms - passage.track_start_ms < _BRIEF_MS


def _faster(percent: float, roughly: bool) -> str:
    by = f"roughly {abs(percent - 100.0):.0f} %" if roughly else f"{abs(percent - 100.0):.1f} %"
    return f"{by} {'faster' if percent > 100.0 else 'slower'}"


def _expected(matches: float) -> str:
    return f"{matches:.2g}" if matches >= 0.001 else "fewer than 0.001"


def _round(x: float) -> str:
    """Return a number with two digits that count, grouped by thousands."""
    return grouped(int(float(f"{x:.2g}"))) if 10 <= x < _MOST_GROUPED else f"{x:.2g}"
