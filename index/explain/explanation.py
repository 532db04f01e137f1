"""Why something was found or not: a query beside a few recordings, as `index.explain.explainer` records it.

Seconds, natural-log scores, probabilities from 0 to 1. `sourceprint.scans.scan_text` puts them in words, and
`index.explain.explanation` in plain types.

An explanation as JSON: why recordings were found in a query or not. Times are whole milliseconds.

==================  ====================================================================================================
`track_landmarks`   landmarks of the query
`max_false_per_1000h`  the limit of the search
`tempo_range`       lowest and highest tempo that was tried, in percent
`thorough`          of a thorough search: `asked` (it was the search), `tried` (for the explanation), `unavailable` (the
                    fingerprint file lacks its time scales), `needless`
`recordings`        `recording_id`, `title`; `named`: whether it was asked for; `reported`; `landmarks` that it has;
                    four alignments, each null where there is none: `catalogue` (in the whole catalogue), `alone` (of
                    this recording searched alone), `excluded` (alone, without its excluded ranges), `thorough` (of a
                    thorough search); `causes` of no match, the words of `index.explain.explanation.Cause`;
                    `reported_there`: ids reported over the same part; `would_change`
`would_change`      `longer_by_ms`: how much longer the passage would have to be, as clear as it is, an estimate;
                    `max_false_per_1000h`: the limit that would report it; both null where they do not apply.
                    `thorough`: whether --thorough reports it, with --only if its alignment is `alone`. `only_this`:
                    whether --only with this recording does. `filter`: whether it is reported if the filter lets it in
an alignment        `alone`: found in a search of this recording alone; both spans; pitch, speed and tempo as in
                    `passages`; `track_landmarks` in the span, `aligned_landmarks`, `expected_by_chance`; `score` and
                    `score_threshold`, `base_threshold` before `rivals`, `rivals_elsewhere` and `hub_factor` raised it;
                    `p_false`, `false_per_1000h`, `confidence` as weighed in the whole catalogue; `reported`: whether it
                    passes
==================  ====================================================================================================
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

from index.search.matches import Transformation, four_digits, milliseconds
from index.storage.recordings import Recording

__all__ = [
    "BETTER",
    "CLEAR_SHARE",
    "MOST_BEST",
    "Account",
    "Cause",
    "Explanation",
    "Question",
    "Rival",
    "Thorough",
    "WeighedAlignment",
    "explanation_to_json",
    "in_one",
]

CLEAR_SHARE = 0.5
"""Share of a query's landmarks that meet their counterpart in a plain copy of a recording.

More than about half cannot, as a query has 40 landmarks per second and a recording 20. It was 0.45 to 0.6 on real and
on synthesised music, changed in tempo and pitch or not; 0.2 to 0.3 after neural codecs, 0.3 under noise or other music
of the same level, 0.1 under music 14 dB louder.
"""

MOST_BEST = 3
"""How many recordings are explained where none is named."""

BETTER = 1.01
"""Factor by which the score of a better alignment is higher: the same one differs by less, with more hypotheses."""

Cause = Literal[
    "not_in_index", "no_landmarks", "filtered", "excluded", "duplicate", "explained", "crowded", "tempo", "effort",
    "nothing", "chance", "brief", "short", "faint", "rivals", "hub", "edge",
]  # fmt: skip
"""Causes that prevented a match.

not_in_index    no such recording in the index
no_landmarks    it has no landmarks in the layer that was searched
filtered        the filter leaves it out
excluded        the alignment lies in its excluded ranges
duplicate       another recording is reported there, which it fits nearly as well
explained       another recording is reported there
crowded         it aligns well enough if searched alone; in the catalogue, other recordings took its neighbours
tempo           a thorough search finds it, at a tempo or speed outside of the range that was tried
effort          a thorough search finds it, at a tempo and speed inside that range
nothing         nothing aligns
chance          it aligns no better than chance gives
brief           the query itself is too short for much to be expected
short           too short for its clarity
faint           too few landmarks of the passage are met
rivals          other recordings, or the same one elsewhere, fit the passage too: they raised the threshold
hub             it resembles everything: this raised the threshold
edge            it aligns at the edge of the searched tempo range
"""

Thorough = Literal["asked", "tried", "unavailable", "needless"]
"""Whether a search over the widest range was made: it was the search itself; made for the explanation; the fingerprint
file lacks its time scales; nothing called for it."""


@dataclass(frozen=True, slots=True)
class Question:
    """Recordings to explain.

    Attributes
    ----------
    against : tuple of str
        Ids of recordings; if there are none, those that came closest without being reported.
    best : int
        How many of those.
    """

    against: tuple[str, ...] = ()
    best: int = MOST_BEST


@dataclass(frozen=True, slots=True)
class Rival:
    """Another recording that fits the same passage, and its score there."""

    recording_id: str
    score: float


@dataclass(frozen=True, slots=True)
class WeighedAlignment:
    """The best alignment of one search of the query with one recording, weighed against the whole catalogue.

    Attributes
    ----------
    alone : bool
        Whether the recording was searched by itself; else with the catalogue round it.
    track_start_seconds, track_end_seconds, recording_start_seconds, recording_end_seconds : float
        Where it lies on both timelines, from the first to the last aligned landmark.
    ratio : float
        Reference seconds per query second.
    transformation : Transformation
        Pitch, tempo and speed.
    track_landmarks : int
        Landmarks of the query between start and end.
    aligned_landmarks : int
        Those that met their counterpart.
    expected_by_chance : float
        How many would at offsets that mean nothing.
    score, threshold : float
        Its score, and the score that it would have had to reach.
    base_threshold : float
        The threshold before rivals and hubs raised it.
    rivals : tuple of Rival
        Other fits of the passage, which raised the threshold, five at most: by descending score, ties by id.
    n_elsewhere : int
        Alignments of the same recording on other lines that raised it.
    hub_factor : float
        How many times more often chance meets the recording than others; 1 is ordinary.
    p_false, false_per_1000h, confidence : float
        As of a match (`index.search.matches.Passage`).
    reported : bool
        Whether it passes.
    """

    alone: bool
    track_start_seconds: float
    track_end_seconds: float
    recording_start_seconds: float
    recording_end_seconds: float
    ratio: float
    transformation: Transformation
    track_landmarks: int
    aligned_landmarks: int
    expected_by_chance: float
    score: float
    threshold: float
    base_threshold: float
    rivals: tuple[Rival, ...]
    n_elsewhere: int
    hub_factor: float
    p_false: float
    false_per_1000h: float
    confidence: float
    reported: bool

    @property
    def share_met(self) -> float:
        """Share of the passage's landmarks that met their counterpart."""
        return self.aligned_landmarks / max(self.track_landmarks, 1)


@dataclass(frozen=True, slots=True)
class Account:
    """All about one recording.

    Attributes
    ----------
    recording_id : str
    recording : Recording or None
        None if the index has it not.
    named : bool
        Whether it was asked for; else it is one that came close.
    reported : bool
        Whether the search reports it.
    n_landmarks : int
        Landmarks that it has in the layer that was searched.
    catalogue : WeighedAlignment or None
        The best alignment in the search of the whole catalogue, as filtered; if the filter leaves the recording out,
        in a search that lets it in too. None if nothing aligned.
    alone : WeighedAlignment or None
        The best alignment if it is searched alone; asked for where it was named and is not reported.
    excluded : WeighedAlignment or None
        The best alignment, alone, as if it had no excluded ranges; only where that is better than with them.
    thorough : WeighedAlignment or None
        The best alignment of a thorough search: of the catalogue, or alone if only that finds it.
    causes : tuple of Cause
        Causes that prevented a match, the heaviest first; empty if it is reported.
    reported_there : tuple of str
        Ids of recordings that are reported over the same part of the query.
    is_duplicate : bool
        Whether one of those reports names this recording as one that fits nearly as well.
    longer_by_seconds : float or None
        How much longer the passage would have to be, as clear as it is: an estimate, from score per second, in
        half seconds, of which scores are made.
    max_false_per_1000h : float or None
        The limit that would report the alignment in the catalogue.
    only_reports : bool
        Whether it is reported when it is all that is searched.
    """

    recording_id: str
    recording: Recording | None = None
    named: bool = True
    reported: bool = False
    n_landmarks: int = 0
    catalogue: WeighedAlignment | None = None
    alone: WeighedAlignment | None = None
    excluded: WeighedAlignment | None = None
    thorough: WeighedAlignment | None = None
    causes: tuple[Cause, ...] = ()
    reported_there: tuple[str, ...] = ()
    is_duplicate: bool = False
    longer_by_seconds: float | None = None
    max_false_per_1000h: float | None = None
    only_reports: bool = False

    @property
    def best(self) -> WeighedAlignment | None:
        """The alignment in the catalogue, or the one alone if that is better by more than a hair."""
        if self.catalogue is None or self.alone is None:
            return self.catalogue or self.alone
        return self.alone if self.alone.score > BETTER * self.catalogue.score else self.catalogue

    @property
    def let_in_reports(self) -> bool:
        """Whether all that keeps it from being reported is the filter."""
        return "filtered" in self.causes and self.catalogue is not None and self.catalogue.reported

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """How close it came: reported, findable by a thorough search, score by threshold."""
        best = self.best
        found = self.thorough is not None and self.thorough.reported
        return self.reported, found, 0.0 if best is None else best.score / best.threshold


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why recordings were found in a query or not.

    Attributes
    ----------
    n_landmarks : int
        Landmarks of the query.
    track_seconds : float
        Its length.
    max_false_per_1000h : float
        The limit of the search.
    tempo_range : tuple of float
        Lowest and highest tempo ratio that was tried.
    thorough : {"asked", "tried", "unavailable", "needless"}
        Status of a thorough search.
    accounts : tuple of Account
        In the order in which recordings were named, or the closest first.
    """

    n_landmarks: int
    track_seconds: float
    max_false_per_1000h: float
    tempo_range: tuple[float, float]
    thorough: Thorough
    accounts: tuple[Account, ...]


def in_one(parts: Sequence[Explanation], question: Question, reported: Set[str]) -> Explanation:
    """Return the explanation of a query from those of its consecutive parts, of which there is at least one.

    Of each recording, the part where it came closest counts.

    Parameters
    ----------
    parts : sequence of Explanation
        In order of time.
    question : Question
        The question that they answer.
    reported : set of str
        Ids of recordings that are reported in any part: none of them came close only.
    """
    closest: dict[str, Account] = {}
    for account in (account for part in parts for account in part.accounts):
        known = closest.get(account.recording_id)
        if known is None or account.rank > known.rank:
            closest[account.recording_id] = account
    accounts = [account for account in closest.values() if account.named or account.recording_id not in reported]
    if not question.against:
        accounts.sort(key=lambda account: account.recording_id)
        accounts.sort(key=lambda account: account.rank, reverse=True)
        accounts = accounts[: question.best]
    return replace(
        parts[0],
        n_landmarks=sum(part.n_landmarks for part in parts),
        track_seconds=sum(part.track_seconds for part in parts),
        thorough=next((part.thorough for part in parts if part.thorough != "needless"), "needless"),
        accounts=tuple(accounts),
    )


def explanation_to_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain JSON types."""
    return {
        "track_landmarks": explanation.n_landmarks,
        "max_false_per_1000h": explanation.max_false_per_1000h,
        "tempo_range": [round(100 * ratio, 2) for ratio in explanation.tempo_range],
        "thorough": explanation.thorough,
        "recordings": [_account(account) for account in explanation.accounts],
    }


def _account(account: Account) -> dict[str, Any]:
    recording, seconds = account.recording, account.longer_by_seconds
    return {
        "recording_id": account.recording_id,
        "title": None if recording is None else recording.title or None,
        "named": account.named,
        "reported": account.reported,
        "landmarks": account.n_landmarks,
        "catalogue": _alignment(account.catalogue),
        "alone": _alignment(account.alone),
        "excluded": _alignment(account.excluded),
        "thorough": _alignment(account.thorough),
        "causes": list(account.causes),
        "reported_there": list(account.reported_there),
        "would_change": {
            "longer_by_ms": None if seconds is None else milliseconds(seconds),
            "max_false_per_1000h": account.max_false_per_1000h,
            "thorough": account.thorough is not None and account.thorough.reported,
            "only_this": account.only_reports,
            "filter": account.let_in_reports,
        },
    }


def _alignment(alignment: WeighedAlignment | None) -> dict[str, Any] | None:
    if alignment is None:
        return None
    change = alignment.transformation
    return {
        "alone": alignment.alone,
        "track_start_ms": milliseconds(alignment.track_start_seconds),
        "track_end_ms": milliseconds(alignment.track_end_seconds),
        "recording_start_ms": milliseconds(alignment.recording_start_seconds),
        "recording_end_ms": milliseconds(alignment.recording_end_seconds),
        "pitch_cents": round(change.pitch_cents, 1) + 0.0,
        "speed_percent": round(change.speed_percent, 2),
        "tempo_percent": round(change.tempo_percent, 2),
        "track_landmarks": alignment.track_landmarks,
        "aligned_landmarks": alignment.aligned_landmarks,
        "expected_by_chance": round(alignment.expected_by_chance, 3),
        "score": round(alignment.score, 3),
        "score_threshold": round(alignment.threshold, 3),
        "base_threshold": round(alignment.base_threshold, 3),
        "rivals": [{"recording_id": rival.recording_id, "score": round(rival.score, 3)} for rival in alignment.rivals],
        "rivals_elsewhere": alignment.n_elsewhere,
        "hub_factor": alignment.hub_factor,
        "p_false": four_digits(alignment.p_false),
        "false_per_1000h": four_digits(alignment.false_per_1000h),
        "confidence": round(alignment.confidence, 9),
        "reported": alignment.reported,
    }
