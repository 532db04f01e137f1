"""Explain why recordings do not match a track (`index.explain.explanation`).

A recording that was named is searched in the whole catalogue, where others may take its neighbours, and alone, where
none can. Every alignment is tested against the whole catalogue: the probability of a search that somebody narrowed
until it found something means nothing. Advice is tried, not guessed: a thorough search is made, excluded ranges are
looked into, a recording that the filter leaves out is let in. Only the length that would suffice is an estimate, from
score per second.

The thorough search takes longest, about three times as long as an ordinary one; it is made once per query, and
only if something was not reported.
"""

import math
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.landmarks import Fingerprint
from fingerprint.streams import TrackStreams
from index.explain.explanation import (
    BETTER,
    CLEAR_SHARE,
    Account,
    Cause,
    Explanation,
    Question,
    WeighedAlignment,
    in_one,
)
from index.explain.searches import Searches, ids_reported
from index.search._kernels import BLOCK_SECONDS
from index.search.hypotheses import RATIO_SLACK
from index.search.match import STANDARD, Examination, SearchOptions
from index.search.matches import Match
from index.search.wider import WidePrints, WiderSearch
from index.storage.snapshot import Snapshot

__all__ = ["Explainer", "explain"]

_CHANCE = 0.01  # an alignment that chance gives in one such query of a hundred is not worth advice
_FAINT = 0.5 * CLEAR_SHARE
_BRIEF_SECONDS = 3.0  # queries of this length are found if they are in the clear; of shorter ones, not all
_THERE = 0.5  # of a passage, for a match reported there to explain it

_Mask = NDArray[np.bool_]


def explain(
    path: Path,
    snapshot: Snapshot,
    question: Question | None = None,
    *,
    options: SearchOptions = STANDARD,
    allowed: _Mask | None = None,
) -> Explanation:
    """Search for a query and say why recordings are found in it or not.

    Parameters
    ----------
    path : Path
        Audio, or a fingerprint file of it.
    snapshot : Snapshot
        The commit of the index to search.
    question : Question, optional
        Which recordings; by default the three that came closest without being reported.
    options, allowed
        As for `match_track`: the search that is to be explained.

    Returns
    -------
    Explanation

    Raises
    ------
    AudioError
        If the query cannot be searched.
    ParameterError, IndexFormatError
        As `match_track`.
    """
    allowed = options.allowed(snapshot) if allowed is None else allowed
    explainer = Explainer(path, snapshot, question or Question(), allowed=allowed)
    search = WiderSearch(path, snapshot, options=options, allowed=allowed)
    for query in TrackStreams(path, scales=options.scales).parts():
        explainer.add(*search.examine(query))
    return explainer.explanation()


class Explainer:
    """Explains the searches of the consecutive parts of one query.

    Parameters
    ----------
    path : Path
        The query; it is described again for a thorough search.
    snapshot : Snapshot
        The commit that was searched.
    question : Question
        The recordings asked about.
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        By ordinal: recordings that were searched.
    """

    def __init__(self, path: Path, snapshot: Snapshot, question: Question, *, allowed: _Mask | None) -> None:
        self._snapshot = snapshot
        self._question = question
        self._allowed = allowed
        self._again = WidePrints(path)
        self._parts: list[Explanation] = []
        self._reported: set[str] = set()

    def add(self, query: Fingerprint, examination: Examination, options: SearchOptions) -> None:
        """Explain one part: its fingerprint, its search, and the search's settings.

        Raises
        ------
        AudioError
            If the query cannot be read again.
        """
        snapshot, allowed = self._snapshot, self._allowed
        searches = Searches(query, examination, snapshot, options, allowed, self._again)
        part = _Part(searches, snapshot, options, allowed)
        self._reported |= part.reported
        self._parts.append(part.explanation(self._question))

    def explanation(self) -> Explanation:
        """Return the explanation of all that was added."""
        return in_one(self._parts, self._question, self._reported)


class _Part:
    """One part of a query, with an account of each recording in it."""

    def __init__(self, searches: Searches, snapshot: Snapshot, options: SearchOptions, allowed: _Mask | None) -> None:
        self._searches = searches
        self._snapshot = snapshot
        self._options = options
        self._allowed = allowed
        self.reported = ids_reported(searches.searched)

    def explanation(self, question: Question) -> Explanation:
        searched = self._searches.searched
        if question.against:
            ids = dict.fromkeys(unicodedata.normalize("NFC", recording_id) for recording_id in question.against)
            accounts = [self._named(recording_id) for recording_id in ids]
        else:
            accounts = [self._close(ordinal) for ordinal in self._closest(question.best)]
        return Explanation(
            n_landmarks=searched.result.n_landmarks,
            track_seconds=searched.circumstances.duration_seconds,
            max_false_per_1000h=searched.circumstances.max_false_per_1000h,
            tempo_range=_tempo_range(self._options, 1.0),
            thorough=self._searches.thorough,
            accounts=tuple(accounts),
        )

    # --- one recording ------------------------------------------------------------------------------------------------

    def _named(self, recording_id: str) -> Account:
        ordinal = self._snapshot.recordings.find(recording_id)
        if ordinal is None:
            return Account(recording_id, causes=("not_in_index",))
        searches, whole = self._searches, self._searches.searched
        account = self._account(ordinal, named=True)
        if account.n_landmarks == 0:
            return replace(account, causes=("no_landmarks",))
        if account.reported:
            return replace(account, catalogue=searches.weighed(ordinal, whole))
        is_filtered = self._allowed is not None and not self._allowed[ordinal]
        filtered: tuple[Cause, ...] = ("filtered",) if is_filtered else ()
        if is_filtered:
            whole = searches.admitting(ordinal)
        account = replace(account, catalogue=searches.weighed(ordinal, whole))
        if is_filtered and _passes(account.catalogue):
            return replace(account, causes=filtered)
        alone = searches.alone(ordinal)
        has_ranges = bool(self._snapshot.recordings[ordinal].excluded)
        account = replace(
            account,
            alone=searches.weighed(ordinal, alone, whole),
            excluded=searches.without_exclusions(ordinal, whole) if has_ranges else None,
            only_reports=recording_id in ids_reported(alone),
        )
        account = _told_apart(account, whole)
        if not account.reported_there and not _passes(account.excluded):
            account = replace(account, thorough=self._thorough(ordinal, is_filtered))
        account = self._concluded(account)
        return replace(account, causes=filtered + account.causes)

    def _thorough(self, ordinal: int, is_filtered: bool) -> WeighedAlignment | None:
        """Return the best alignment of a thorough search; where only that of the recording alone passes, that one."""
        whole = self._searches.widely(ordinal if is_filtered else None)
        if whole is None:
            return None
        alignment = self._searches.weighed(ordinal, whole)
        if _passes(alignment):
            return alignment
        alone = self._searches.widely_alone(ordinal)
        if alone is None or self._snapshot.recordings[ordinal].id not in ids_reported(alone):
            return alignment
        other = self._searches.weighed(ordinal, alone, whole)
        return other if _passes(other) else alignment

    def _close(self, ordinal: int) -> Account:
        whole = self._searches.widely()
        account = replace(
            self._account(ordinal, named=False),
            catalogue=self._searches.weighed(ordinal, self._searches.searched),
            thorough=None if whole is None else self._searches.weighed(ordinal, whole),
        )
        return self._concluded(account)

    def _closest(self, most: int) -> list[int]:
        """Return recordings that only a thorough search reports, then those of the best passages not reported."""
        wide = self._searches.widely()
        names = [] if wide is None else sorted(ids_reported(wide) - self.reported)
        found = [self._snapshot.ordinal(name) for name in names]
        alignments = [candidate.alignment for candidate in self._searches.searched.candidates]
        alignments.sort(key=lambda one: -one.score)  # candidates stand in the order of ranks
        near = dict.fromkeys(one.recording for one in alignments)
        unreported = [ordinal for ordinal in near if self._snapshot.recordings[ordinal].id not in self.reported]
        return list(dict.fromkeys([*found, *unreported]))[: len(found) + most]

    def _account(self, ordinal: int, *, named: bool) -> Account:
        recording = self._snapshot.recordings[ordinal]
        view = self._snapshot.layer(self._searches.searched.circumstances.layer)
        reported = recording.id in self.reported
        return Account(recording.id, recording, named=named, reported=reported, n_landmarks=view.count_of(ordinal))

    def _concluded(self, account: Account) -> Account:
        """Return the account with its causes, the seconds that it lacks, and the limit that would report it."""
        query, best, thorough = self._searches.searched.circumstances, account.best, account.thorough
        causes: list[Cause] = []
        if _passes(account.excluded):
            causes.append("excluded")
        if account.reported_there:
            causes.append("duplicate" if account.is_duplicate else "explained")
        elif best is not None and _passes(best):
            causes.append("crowded")
        if thorough is not None and thorough.reported:
            causes += self._why_thorough(thorough, best)
        if causes:
            return replace(account, causes=tuple(causes))
        is_brief = query.start_seconds == 0 and query.duration_seconds < _BRIEF_SECONDS
        brief: tuple[Cause, ...] = ("brief",) if is_brief else ()
        if best is None:
            return replace(account, causes=("nothing", *brief))
        is_chance = best.p_false >= _CHANCE
        if best.score < best.base_threshold:
            causes.append("chance" if is_chance else "faint" if best.share_met < _FAINT else "short")
        causes += _raised(best)
        if is_chance:
            return replace(account, causes=(*causes, *(brief if "chance" in causes else ())))
        low, high = _tempo_range(self._options, 0.5)
        if self._searches.thorough != "tried" and not low <= best.ratio <= high:
            causes.append("edge")
        span = max(best.track_end_seconds - best.track_start_seconds, BLOCK_SECONDS)
        missing = span * (best.threshold / best.score - 1.0)
        here = account.catalogue
        limit = None if here is None or here.p_false >= _CHANCE else _rounded_up(here.false_per_1000h)
        return replace(
            account,
            causes=tuple(causes),
            longer_by_seconds=math.ceil(missing / BLOCK_SECONDS) * BLOCK_SECONDS,  # scores are of whole blocks
            max_false_per_1000h=limit,
        )

    def _why_thorough(self, thorough: WeighedAlignment, best: WeighedAlignment | None) -> list[Cause]:
        """Return the causes that a thorough search overcomes, where it reports a passage that this one does not."""
        if best is not None and thorough.score <= BETTER * best.score and (raised := _raised(best)):
            return raised  # no better an alignment, beside fewer or weaker rivals
        low, high = _tempo_range(self._options, 0.5)
        return ["effort" if low <= thorough.ratio <= high else "tempo"]


def _raised(alignment: WeighedAlignment) -> list[Cause]:
    """Return the causes that raised the threshold of an alignment."""
    causes: list[Cause] = []
    if alignment.rivals or alignment.n_elsewhere:
        causes.append("rivals")
    if alignment.hub_factor > 1:
        causes.append("hub")
    return causes


def _passes(alignment: WeighedAlignment | None) -> bool:
    return alignment is not None and alignment.reported


def _told_apart(account: Account, whole: Examination) -> Account:
    """Name the matches reported over the passage; drop searches of excluded ranges that found nothing better."""
    if account.alone is not None and account.alone.reported and not _passes(account.catalogue):
        there = _reported_there(account.recording_id, account.alone, whole)
        fits = any(account.recording_id in passage.also_fits for match in there for passage in match.passages)
        ids = tuple(match.recording.id for match in there)
        account = replace(account, reported_there=ids, is_duplicate=fits)
    inside, outside = account.excluded, account.best
    if inside is not None and outside is not None and inside.score <= outside.score:
        account = replace(account, excluded=None)
    return account


def _reported_there(recording_id: str, alignment: WeighedAlignment, whole: Examination) -> list[Match]:
    """Return the other matches reported over most of a passage, in the order of the result."""
    start, end = alignment.track_start_seconds, alignment.track_end_seconds
    return [
        match
        for match in whole.result.matches
        if match.recording.id != recording_id
        and max(min(end, s.track_end_seconds) - max(start, s.track_start_seconds) for s in match.passages)
        >= _THERE * (end - start)
    ]


def _tempo_range(options: SearchOptions, share: float) -> tuple[float, float]:
    """Return the tempo ratios that a search covers; with a `share` of the slack at either end, those well inside."""
    slack = share * RATIO_SLACK
    return min(options.scales) * (1 - slack), max(options.scales) * (1 + slack)


def _rounded_up(x: float) -> float:
    """Return the next number of two digits, not below `x`.

    Examples
    --------
    >>> _rounded_up(734.2), _rounded_up(0.0012), _rounded_up(1.0)
    (740.0, 0.0012, 1.0)
    """
    step = 10.0 ** (math.floor(math.log10(x)) - 1)
    up = math.ceil(x / step - 1e-9) * step
    return float(f"{up:.2g}") if float(f"{up:.2g}") >= x else float(f"{up + step:.2g}")
