"""Turn neighbours into candidate passages: align hypotheses, explain landmarks away, and join pieces.

A passage takes the landmarks that it explains; weaker ones are scored again on the rest. Then the search looks again
without the landmarks that are explained, since one track may hold several recordings, mixed or in turn, and the loud
ones hide the faint. Each candidate lists the other recordings that fit the same part of the query: the decision needs
them.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from index.search._kernels import BLOCK_SECONDS
from index.search.alignment import FLOOR_SCORE, Aligner, Alignment, Along
from index.search.claims import HeardStretch, supported
from index.search.hypotheses import Hypothesis, Neighbours, best_hypotheses, gather_votes
from index.search.repeats import is_repeat, with_repeats
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot

__all__ = [
    "RELATED",
    "AlternativeAlignment",
    "Candidate",
    "assess",
    "beside",
    "echoes",
    "find_passages",
    "on_one_line",
    "overlap",
    "worth_deciding",
]

RELATED = 0.6  # a rival with this share of a passage's score fits it "nearly as well"
_OVERLAP = 0.5  # passages that share this much of the shorter one are about the same part of the query
_ECHO = 0.3  # a passage this much weaker than another of the same recording, over the same part of the query, is none
_SAME_SOUND = 0.5  # of the landmarks of a passage, explained by another: it is the same sound, not a second one
_JOIN_SECONDS = 3.0
_OFF_LINE_SECONDS = 1.0
_LINE_SECONDS = 0.3
_DENSE_SCORE_PER_SECOND = 15.0  # a shared groove has up to 5; a source in the clear, 20 to 40


@dataclass(slots=True, eq=False)
class AlternativeAlignment:
    """Another recording over the same part of the query: a copy, a remaster, another mix.

    Attributes
    ----------
    alignment : Alignment
        Where it lies, as if the recording that is reported were not there.
    same_audio : bool
        Whether the stored landmarks of both recordings say that they hold the same audio there.
    recording : Recording
        This and the following are known once `assess` was there.
    along : Along
        Evidence along it, and on parallel lines by chance.
    """

    alignment: Alignment
    same_audio: bool
    recording: Recording = field(init=False)
    along: Along = field(init=False)


@dataclass(slots=True, eq=False)
class Candidate:
    """A passage on its way from being found to being reported, filled in step by step.

    Attributes
    ----------
    alignment : Alignment
        Where it lies.
    among : sequence of Alignment
        All alignments, best first, among which `find_passages` found it.
    related : dict of int to Alignment
        By ordinal: other recordings that fit it nearly as well, before its landmarks were taken away.
    alternatives : list of AlternativeAlignment
        Those, and others that hold the same audio there; known once `index.search.alternatives` was there.
    recording : Recording
        Of which it is a passage; this and the following are known once `assess` was there.
    rivals : tuple of float
        Scores of all else that fits the same part of the query, and of the same recording off the passage's line.
    hub_factor : float
        How many times more often chance meets this recording.
    also_fits : tuple of str
        Ids of the recordings of the alternatives.
    along : Along
        Evidence along it, and on parallel lines by chance.
    stretches : tuple of HeardStretch
        Stretches of the query that it may claim.
    reported : bool
        Whether `index.search.significance.decide` reports it; False before.
    """

    alignment: Alignment
    among: Sequence[Alignment] = ()
    related: dict[int, Alignment] = field(default_factory=dict)
    alternatives: list[AlternativeAlignment] = field(default_factory=list)
    recording: Recording = field(init=False)
    rivals: tuple[float, ...] = field(init=False)
    hub_factor: float = field(init=False)
    also_fits: tuple[str, ...] = field(init=False)
    along: Along = field(init=False)
    stretches: tuple[HeardStretch, ...] = field(init=False)
    reported: bool = field(init=False, default=False)

    @property
    def recordings(self) -> list[int]:
        """Ordinals of all recordings that may be meant."""
        return [self.alignment.recording, *(other.alignment.recording for other in self.alternatives)]

    @property
    def ids_of_alternatives(self) -> tuple[str, ...]:
        """Ids of the alternatives, each once."""
        return tuple(dict.fromkeys(other.recording.id for other in self.alternatives))


def find_passages(
    neighbours: Neighbours, *, per_step: int, rounds: int, without: Set[int] = frozenset()
) -> tuple[list[Candidate], int]:
    """Align and explain away, best first; returns the candidates, and the number of hypotheses tried.

    A weaker alignment that had nearly as much to say for the same part of the query, before, is noted as related: a
    duplicate, or another mix.

    Parameters
    ----------
    neighbours : Neighbours
        Of the query.
    per_step : int
        Hypotheses followed per three seconds of query, in the first round; in round n, n times as many.
    rounds : int
        Passes at most, each over the landmarks that are not yet explained.
    without : set of int
        Ordinals of recordings to leave out.

    Returns
    -------
    candidates : list of Candidate
        By recording (`LayerSnapshot.ranks`), then by query time.
    n_tried : int
    """
    aligner = Aligner(neighbours.query, neighbours.layer)
    free = np.ones(neighbours.query.seconds.size, dtype=np.bool_)
    candidates: list[Candidate] = []
    ranks = neighbours.layer.ranks
    n_tried = 0
    for turn in range(rounds):
        n_before = len(candidates)
        free_before = free.copy()
        votes = gather_votes(neighbours, free_before)
        hypotheses = best_hypotheses(votes, per_step=per_step * (turn + 1))
        n_tried += len(hypotheses)
        tried = [aligner.align(one, free_before) for one in hypotheses if one.recording not in without]
        aligned = [one for one in tried if one is not None and one.score > FLOOR_SCORE]
        aligned.sort(key=lambda one: (-one.score, ranks[one.recording], one.offset_seconds))
        in_turn, n_repeats = with_repeats(aligned, votes, aligner, free_before)
        n_tried += n_repeats
        for alignment in in_turn:
            is_free = free[alignment.landmarks].all()
            left = alignment if is_free else aligner.align(_hypothesis_of(alignment), free.copy())
            if left is not None and any(_echoes(left, known) for known in candidates):
                continue
            fitted, share = _fitted_as_well(alignment, candidates)
            is_left = left is not None and left.score > FLOOR_SCORE
            if fitted is not None and (share >= _SAME_SOUND or not is_left):
                fitted.related.setdefault(alignment.recording, alignment)
            if left is None or not is_left:
                continue
            free[left.landmarks] = False
            if fitted is None or share < _SAME_SOUND or _goes_on(left, fitted.alignment):
                candidates.append(Candidate(left, aligned))
        if len(candidates) == n_before:
            break
    candidates.sort(key=lambda one: (ranks[one.alignment.recording], one.alignment.track_start_seconds))
    return _joined(candidates), n_tried


def worth_deciding(candidates: Sequence[Candidate], least_score: float) -> list[Candidate]:
    """Return the candidates of at least a score, and repeats of their stretches, in order."""
    strong = [one.alignment for one in candidates if one.alignment.score >= least_score]
    return [
        one
        for one in candidates
        if one.alignment.score >= least_score or any(is_repeat(one.alignment, head) for head in strong)
    ]


def assess(candidate: Candidate, candidates: Sequence[Candidate], snapshot: Snapshot, aligner: Aligner) -> None:
    """Fill in all fields of a candidate that the decision needs.

    Parameters
    ----------
    candidate : Candidate
        To be decided on.
    candidates : sequence of Candidate
        All candidates of the search.
    snapshot : Snapshot
        The commit that was searched.
    aligner : Aligner
        Of the query and the layer that was searched.
    """
    alignment = candidate.alignment
    candidate.recording = snapshot.recordings[alignment.recording]
    candidate.rivals = (*beside(candidate).values(), *_elsewhere(alignment, candidates))
    candidate.hub_factor = snapshot.hub_factor(alignment.recording)
    for other in candidate.alternatives:
        other.recording = snapshot.recordings[other.alignment.recording]
        other.along = aligner.along(other.alignment)
    candidate.also_fits = candidate.ids_of_alternatives
    candidate.along = aligner.along(alignment)
    candidate.stretches = supported(candidate.along)


def overlap(one: Alignment, other: Alignment) -> float:
    """Return the share of the shorter passage, in query time, that lies in the longer one."""
    common = min(one.track_end_seconds, other.track_end_seconds) - max(
        one.track_start_seconds, other.track_start_seconds
    )
    shorter = min(passage.track_end_seconds - passage.track_start_seconds for passage in (one, other))
    return common / shorter if shorter > 0 else float(common >= 0)


def echoes(one: Alignment, other: Alignment) -> bool:
    """Whether a passage of a recording that repeats itself is left over of a much better one of the same audio."""
    return one.score < _ECHO * other.score and overlap(one, other) >= _OVERLAP


def on_one_line(one: Alignment, other: Alignment) -> bool:
    """Whether two passages of one recording lie on one line, seen from the middle of the first."""
    middle = (one.track_start_seconds + one.track_end_seconds) / 2
    return abs(one.recording_at(middle) - other.recording_at(middle)) <= _LINE_SECONDS


def beside(candidate: Candidate) -> dict[int, float]:
    """Return the best score of every other recording over the same part of the query, by ordinal.

    Copies, which hold the same audio, are no rivals: they say nothing of chance.
    """
    alignment = candidate.alignment
    copies = {other.alignment.recording for other in candidate.alternatives if other.same_audio}
    best: dict[int, float] = {}
    for other in candidate.among:
        if other.recording not in {alignment.recording, *copies} and overlap(other, alignment) >= _OVERLAP:
            best.setdefault(other.recording, other.score)
    return best


def _elsewhere(alignment: Alignment, candidates: Sequence[Candidate]) -> list[float]:
    """Return the scores of the other passages of the same recording that are not on the line of this one.

    None for a dense passage: pieces that were cut and put in another order are dense, and each has a line of its own.
    """
    seconds = alignment.track_end_seconds - alignment.track_start_seconds + BLOCK_SECONDS
    if alignment.score >= _DENSE_SCORE_PER_SECOND * seconds:
        return []
    return [
        other.score
        for other in (candidate.alignment for candidate in candidates)
        if other.recording == alignment.recording
        and other is not alignment
        and abs(alignment.recording_at(other.track_start_seconds) - other.recording_start_seconds) > _OFF_LINE_SECONDS
    ]


def _hypothesis_of(alignment: Alignment) -> Hypothesis:
    centre = (alignment.track_start_seconds + alignment.track_end_seconds) / 2
    line = (alignment.ratio, alignment.offset_seconds, alignment.shift_cells)
    return Hypothesis(alignment.recording, *line, centre, alignment.score)


def _echoes(alignment: Alignment, known: Candidate) -> bool:
    """Whether an alignment is left over of a passage: its recording repeats itself, or another fits it as well."""
    passage, related = known.alignment, known.related.get(alignment.recording)
    if alignment.recording != passage.recording and related is None:
        return False
    if echoes(alignment, passage):
        return True
    return related is not None and overlap(alignment, passage) >= _OVERLAP and on_one_line(alignment, related)


def _fitted_as_well(alignment: Alignment, candidates: Sequence[Candidate]) -> tuple[Candidate | None, float]:
    """Return the better passage that a recording fits nearly as well, and the share of its landmarks explained there.

    A copy explains the landmarks of the original; in a mash-up, two recordings explain landmarks of their own.
    """
    there = [known for known in candidates if overlap(alignment, known.alignment) >= _OVERLAP]
    if any(known.alignment.recording == alignment.recording for known in there):
        return None, 0.0  # it has its own place there; its remainder is no rival
    best, most = None, -1.0
    for known in there:
        explained = np.count_nonzero(np.isin(alignment.landmarks, known.alignment.landmarks))
        share = explained / max(alignment.landmarks.size, 1)
        if alignment.score >= RELATED * known.alignment.score and share > most:
            best, most = known, share
    return best, most


def _goes_on(left: Alignment, passage: Alignment) -> bool:
    """Whether most of an alignment, after another recording took its landmarks, lies beyond that one's passage."""
    inside = (left.seconds >= passage.track_start_seconds) & (left.seconds <= passage.track_end_seconds)
    return int(np.count_nonzero(inside)) < _SAME_SOUND * left.seconds.size


def _joined(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Join passages of one recording that follow each other on one line, a masked stretch between them.

    Parameters
    ----------
    candidates : sequence of Candidate
        By recording, then by query time.
    """
    out: list[Candidate] = []
    for later in candidates:
        if out and _continues(out[-1].alignment, later.alignment):
            first = out.pop()
            related = later.related | first.related
            out.append(Candidate(first.alignment.joined(later.alignment), first.among, related))
        else:
            out.append(later)
    return out


def _continues(first: Alignment, second: Alignment) -> bool:
    gap = second.track_start_seconds - first.track_end_seconds
    if first.recording != second.recording or not 0.0 <= gap <= _JOIN_SECONDS:
        return False
    steady = abs(second.ratio / first.ratio - 1) < 0.02 and abs(second.shift_cells - first.shift_cells) < 1.0
    return steady and abs(second.recording_start_seconds - first.recording_at(second.track_start_seconds)) < 0.15
