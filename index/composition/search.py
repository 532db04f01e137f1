"""All steps of a search for works: the windows of a track in, the works that it plays out.

Every recording is compared in full: evidence of all pairs of windows, at three time scales and in twelve keys, and the
best local alignment. The best recordings are then followed back to passages. A recording counts by the sum of its
passages, a work by its best recording, and the decision compares works.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import CompositionParams, CompositionWindows, shipped_model
from fingerprint.errors import ParameterError
from index.composition.cohort import shipped_cohort
from index.composition.decision import N_RIVALS, ChanceOfWork, State, chance_of, state_of
from index.composition.evidence import EvidenceRule, best_scores, query_side, recording_side
from index.composition.passages import WorkPassage, passages_of

__all__ = ["FollowedWork", "RecordedWork", "WorkMatch", "decide_works", "follow_works", "search_works"]

N_FOLLOWED = 3 * N_RIVALS
"""Recordings whose passages are located."""


class RecordedWork(NamedTuple):
    """A recording of the catalogue.

    Attributes
    ----------
    recording_id : str
        Its name in the result.
    windows : CompositionWindows
        As `fingerprint.composition.describe` returns them.
    work_id : str
        The work that it performs, where that is known: recordings of one work are no rivals of each other. Empty: a
        work of its own.
    """

    recording_id: str
    windows: CompositionWindows
    work_id: str = ""


@dataclass(frozen=True, slots=True)
class WorkMatch:
    """A recorded work that a track plays: same melody and harmony, another performance or the same.

    Attributes
    ----------
    recording_id, work_id : str
        The recording that fits best, and its work, as in `RecordedWork`.
    state : {"claim", "review", "silence"}
        What may be said of it (`index.composition.decision.state_of`).
    chance : ChanceOfWork
        Its probability by chance, and its rivals.
    score : float
        Sum of the scores of its passages.
    passages : tuple of WorkPassage
        Best first.
    """

    recording_id: str
    work_id: str
    state: State
    chance: ChanceOfWork
    score: float
    passages: tuple[WorkPassage, ...]


class _Scored(NamedTuple):
    recording: RecordedWork
    is_loop: bool
    scores: NDArray[np.float32]  # [shape=(n_scales, 12)]


class FollowedWork(NamedTuple):
    """A recording that scored well, with the passages that add up to its score.

    Attributes
    ----------
    recording : RecordedWork
        The recording, or a loop of the cohort.
    is_loop : bool
        Whether it is of the cohort.
    score : float
        Sum of the scores of its passages.
    passages : tuple of WorkPassage
        Best first.
    """

    recording: RecordedWork
    is_loop: bool
    score: float
    passages: tuple[WorkPassage, ...]


def search_works(
    track: Sequence[CompositionWindows],
    recordings: Iterable[RecordedWork],
    *,
    cohort: Sequence[CompositionWindows] | None = None,
    rule: EvidenceRule | None = None,
) -> tuple[WorkMatch, ...]:
    """Return the works that a track plays, best first.

    Parameters
    ----------
    track : sequence of CompositionWindows
        Windows of the track at each time scale, as `fingerprint.composition.describe_track` returns them.
    recordings : iterable of RecordedWork
        The catalogue; it is gone through once.
    cohort : sequence of CompositionWindows, optional
        Recordings that every result must beat as well; by default the loops that ship.
    rule : EvidenceRule, optional
        How likeness becomes evidence.

    Returns
    -------
    tuple of WorkMatch
        Claims and reviews only.

    Raises
    ------
    ParameterError
        If windows were made with parameters of another version.
    """
    return decide_works(follow_works(track, recordings, cohort=cohort, rule=rule))


def follow_works(
    track: Sequence[CompositionWindows],
    recordings: Iterable[RecordedWork],
    *,
    cohort: Sequence[CompositionWindows] | None = None,
    rule: EvidenceRule | None = None,
) -> list[FollowedWork]:
    """Return the recordings that score best, with their passages, best first; arguments as `search_works`."""
    params, model, rule = CompositionParams(), shipped_model(), rule or EvidenceRule()
    sides = [query_side(_checked(one, params), params, rule) for one in track]
    loops = shipped_cohort() if cohort is None else cohort
    everything = chain(
        ((recording, False) for recording in recordings),
        ((RecordedWork(f"loop {number}", one), True) for number, one in enumerate(loops)),
    )
    scored = []
    for recording, is_loop in everything:
        right = recording_side(_checked(recording.windows, params), params)
        scores = np.array([best_scores(left, right, model, rule) for left in sides], dtype=np.float32)
        if scores.any():
            scored.append(_Scored(recording, is_loop, scores))
    scored.sort(key=lambda one: -float(one.scores.max()))
    followed = []
    for one in scored[:N_FOLLOWED]:
        scale, key = (int(place) for place in np.unravel_index(int(one.scores.argmax()), one.scores.shape))
        right = recording_side(one.recording.windows, params)
        windows = (track[scale], one.recording.windows)
        passages = passages_of(sides[scale], right, windows, key, model, params, rule)
        score = sum(passage.score for passage in passages)
        followed.append(FollowedWork(one.recording, one.is_loop, score, passages))
    return sorted(followed, key=lambda one: -one.score)


def decide_works(followed: Sequence[FollowedWork]) -> tuple[WorkMatch, ...]:
    """Return the matches among recordings, each against all works but those that were named before it."""
    best: dict[str, FollowedWork] = {}
    for one in sorted(followed, key=lambda one: -one.score):
        best.setdefault(_work_of(one), one)
    matches: list[WorkMatch] = []
    named: set[str] = set()
    for work, one in best.items():
        rivals = [other.score for name, other in best.items() if name != work and name not in named]
        chance = chance_of(one.score, rivals)
        longest = max(one.passages, key=lambda passage: passage.track_end - passage.track_start)
        state = state_of(chance, seconds=longest.track_end - longest.track_start, tempo_ratio=longest.tempo_ratio)
        if state == "silence":
            break  # those below are no better
        if not one.is_loop:
            named.add(work)
            matches.append(
                WorkMatch(one.recording.recording_id, one.recording.work_id, state, chance, one.score, one.passages)
            )
    return tuple(matches)


def _work_of(one: FollowedWork) -> str:
    """Return a name that recordings of one work share."""
    kind = "loop" if one.is_loop else "work" if one.recording.work_id else "recording"
    return f"{kind} {one.recording.work_id or one.recording.recording_id}"


def _checked(windows: CompositionWindows, params: CompositionParams) -> CompositionWindows:
    if windows.params_digest != params.digest:
        raise ParameterError(
            f"windows were made with parameters {windows.params_digest!r}, this version has {params.digest!r}: "
            "describe the audio again"
        )
    return windows
