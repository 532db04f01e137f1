"""Further searches of a track: the same part again, alone, more widely, or with excluded ranges counted.

In come a part of a track and its search; out come the alignments with one recording (`explanation.WeighedAlignment`),
each weighed as the search of the whole catalogue weighs it, whichever search found it.
"""

import numpy as np
from numpy.typing import NDArray

from fingerprint.landmarks import Fingerprint
from index.explain.explanation import Rival, Thorough, WeighedAlignment
from index.search.alignment import Aligner, Alignment
from index.search.match import THOROUGH, Examination, SearchOptions, examine
from index.search.matches import Transformation
from index.search.passages import Candidate, assess, beside
from index.search.significance import DEFAULT_FALSE_PER_1000H, decide, tail_of
from index.search.wider import WidePrints, widest
from index.storage.snapshot import Snapshot

__all__ = ["Searches", "ids_reported"]

_MOST_RIVALS = 5


class Searches:
    """One part of a query: the search that is to be explained, and further ones as they are called for.

    Parameters
    ----------
    query : Fingerprint
        The part.
    searched : Examination
        Result of its search.
    snapshot : Snapshot
        The commit that was searched.
    options : SearchOptions
        How it was searched.
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        By ordinal: recordings that were searched.
    again : WidePrints
        The query, for a thorough search.

    Attributes
    ----------
    searched : Examination
        As given.
    thorough : {"asked", "tried", "unavailable", "needless"}
        Status so far of a thorough search, as in `explanation.Explanation`.
    """

    def __init__(
        self,
        query: Fingerprint,
        searched: Examination,
        snapshot: Snapshot,
        options: SearchOptions,
        allowed: NDArray[np.bool_] | None,
        again: WidePrints,
    ) -> None:
        self.searched = searched
        self.thorough: Thorough = "asked" if set(THOROUGH.scales) <= set(options.scales) else "needless"
        self._query = query
        self._snapshot = snapshot
        self._options = options
        self._widest = widest(options)
        self._allowed = allowed
        self._again = again
        self._wide_query: Fingerprint | None = None
        self._wide: dict[int | None, Examination] = {}

    def admitting(self, ordinal: int) -> Examination:
        """Return the search repeated with one more recording, which the filter left out."""
        return self._examine(self._query, self._options, self._with(ordinal))

    def alone(self, ordinal: int) -> Examination:
        """Return the search of one recording by itself."""
        return self._examine(self._query, self._options, self._only(ordinal))

    def without_exclusions(self, ordinal: int, whole: Examination) -> WeighedAlignment | None:
        """Return the best alignment with one recording by itself, as if it had no excluded ranges."""
        everything = self._snapshot.without_exclusions()
        found = self._examine(self._query, self._options, self._only(ordinal), everything)
        return self.weighed(ordinal, found, whole, everything)

    def widely(self, admitted: int | None = None) -> Examination | None:
        """Return the thorough search, with one more recording if given; None if it cannot be made."""
        if self.thorough in ("asked", "unavailable"):
            return None
        if self._wide_query is None:
            self._wide_query = self._again.from_second(self._query.start_seconds, stream=self._query.stream)
            self.thorough = "unavailable" if self._wide_query is None else "tried"
        if self._wide_query is None:
            return None
        if admitted not in self._wide:
            allowed = self._allowed if admitted is None else self._with(admitted)
            self._wide[admitted] = self._examine(self._wide_query, self._widest, allowed)
        return self._wide[admitted]

    def widely_alone(self, ordinal: int) -> Examination | None:
        """Return the thorough search of one recording by itself, if `widely` could be made."""
        if self._wide_query is None:
            return None
        return self._examine(self._wide_query, self._widest, self._only(ordinal))

    def weighed(
        self,
        ordinal: int,
        searched: Examination,
        whole: Examination | None = None,
        snapshot: Snapshot | None = None,
    ) -> WeighedAlignment | None:
        """Return the best alignment that a search has with a recording; None if there is none.

        Parameters
        ----------
        ordinal : int
            Of the recording.
        searched : Examination
            The search.
        whole : Examination, optional
            The search of the whole catalogue, as which to weigh it; without it, `searched` is that itself.
        snapshot : Snapshot, optional
            The commit that was searched, if not that of the first search.
        """
        candidates = [candidate for candidate in searched.candidates if candidate.alignment.recording == ordinal]
        weighed = [self._weighed(candidate, searched, whole, snapshot or self._snapshot) for candidate in candidates]
        return max(weighed, key=lambda one: (one.reported, one.score), default=None)

    def _weighed(
        self, found: Candidate, searched: Examination, whole: Examination | None, snapshot: Snapshot
    ) -> WeighedAlignment:
        judge = whole or searched
        circumstances, model, query = judge.circumstances, judge.model, searched.query
        among = found.among if whole is None else _alignments_of(whole)
        candidate = Candidate(found.alignment, among, found.related, found.alternatives)
        assess(candidate, judge.candidates, snapshot, Aligner(query, snapshot.layer(circumstances.layer)))
        decide([candidate], circumstances, model)
        alignment, tail = candidate.alignment, tail_of(candidate, model)
        rivals: list[Rival] = []
        n_elsewhere = 0
        if tail.mean_excess > model.mean_excess:  # only rivals raise it
            weak = model.threshold(DEFAULT_FALSE_PER_1000H)
            others = beside(candidate)
            rivals = [Rival(snapshot.recordings[k].id, score) for k, score in others.items() if score < weak]
            n_elsewhere = sum(score < weak for score in candidate.rivals[len(others) :])
        first = np.searchsorted(query.seconds, alignment.track_start_seconds, side="left")
        last = np.searchsorted(query.seconds, alignment.track_end_seconds, side="right")
        cents = -alignment.shift_cells * 1200.0 / circumstances.cells_per_octave
        return WeighedAlignment(
            alone=whole is not None,
            track_start_seconds=alignment.track_start_seconds,
            track_end_seconds=alignment.track_end_seconds,
            recording_start_seconds=alignment.recording_start_seconds,
            recording_end_seconds=alignment.recording_end_seconds,
            ratio=alignment.ratio,
            transformation=Transformation.of_line(alignment.ratio, cents),
            track_landmarks=int(last - first),
            aligned_landmarks=int(alignment.landmarks.size),
            expected_by_chance=candidate.along.expected_by_chance(),
            score=alignment.score,
            threshold=tail.threshold(circumstances.max_false_per_1000h),
            base_threshold=model.threshold(circumstances.max_false_per_1000h),
            rivals=tuple(sorted(rivals, key=lambda rival: (-rival.score, rival.recording_id))[:_MOST_RIVALS]),
            n_elsewhere=n_elsewhere,
            hub_factor=candidate.hub_factor,
            p_false=tail.p_false(alignment.score),
            false_per_1000h=tail.false_per_1000h(alignment.score),
            confidence=tail.confidence(alignment.score),
            reported=candidate.reported,
        )

    def _examine(
        self,
        query: Fingerprint,
        options: SearchOptions,
        allowed: NDArray[np.bool_] | None,
        snapshot: Snapshot | None = None,
    ) -> Examination:
        return examine(query, snapshot or self._snapshot, options=options, allowed=allowed)

    def _with(self, ordinal: int) -> NDArray[np.bool_]:
        n = len(self._snapshot.recordings)
        allowed = np.ones(n, dtype=np.bool_) if self._allowed is None else self._allowed.copy()
        allowed[ordinal] = True
        return allowed

    def _only(self, ordinal: int) -> NDArray[np.bool_]:
        allowed = np.zeros(len(self._snapshot.recordings), dtype=np.bool_)
        allowed[ordinal] = True
        return allowed


def ids_reported(examination: Examination) -> frozenset[str]:
    """Return the ids of the recordings that a search reports."""
    return frozenset(match.recording.id for match in examination.result.matches)


def _alignments_of(examination: Examination) -> list[Alignment]:
    """Return all alignments of a search, best first."""
    rounds = {id(candidate.among): candidate.among for candidate in examination.candidates}
    every = [alignment for aligned in rounds.values() for alignment in aligned]
    return sorted(every, key=lambda one: (-one.score, one.recording, one.offset_seconds))
