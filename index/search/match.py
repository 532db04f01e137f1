"""One track against one layer of a catalogue, from neighbours to located, decided matches.

`match_track` runs the steps in order: neighbours (`LayerSnapshot.search`), `hypotheses`, `passages` (each an
`alignment`), `significance`. The reversed query goes through the same steps, for the decision. `examine` does the same
and keeps the intermediate results: for the recheck (`index.recheck.trace`) and for explanations (`index.explain`).
"""

import hashlib
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerprint.arguments import expect_flags, expect_scales, expect_texts, expect_words, number, whole_number
from fingerprint.digests import canonical_json, digest_of
from fingerprint.errors import IndexFormatError, ParameterError
from fingerprint.extract import is_compiled as is_fingerprinting_compiled
from fingerprint.kernel_cache import is_kept
from fingerprint.landmarks import Fingerprint
from index.search import _kernels
from index.search.alignment import Aligner
from index.search.alternatives import name_alternatives
from index.search.filters import Filter
from index.search.hypotheses import Neighbours, QueryLandmarks
from index.search.matches import Match, MatchResult
from index.search.passages import Candidate, assess, find_passages, worth_deciding
from index.search.significance import DEFAULT_FALSE_PER_1000H, ChanceModel, Circumstances, decide
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.manifest import RECORDING
from index.storage.snapshot import Snapshot

__all__ = [
    "DEFAULT_FALSE_PER_1000H",
    "STANDARD",
    "THOROUGH",
    "Examination",
    "SearchOptions",
    "examine",
    "is_compiled",
    "match_track",
    "options_of",
    "settings_digest",
]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """All settings of a search: its layer, its recordings, its limits and its effort.

    Attributes
    ----------
    layer : str
        The descriptors to search.
    which : Filter or None
        The recordings to look for; None for all. The others are ignored, except that copies of matched audio are named.
    max_false_per_1000h : float
        Matches are reported if fewer false ones than this are to be expected in 1 000 hours of audio scanned. Raising
        it finds fainter and shorter reuse.
    near_limit_per_1000h : float
        Alignments that miss the limit, but of which chance gives fewer than this in 1 000 hours, are kept apart as
        `MatchResult.near`. They claim nothing and change no match, so digests of settings leave it out. 0 for none.
    scales : tuple of float
        Time scales of the track's descriptors; each covers tempo ratios within 13 %.
    neighbours : int
        Nearest neighbours asked for per descriptor.
    hypotheses_per_step : int
        Hypotheses followed per three seconds of the track.
    rounds : int
        Passes at most, each over the landmarks that are not yet explained.
    max_decoy_seconds : float
        Length of the track searched in reverse, at most; spread over it in pieces.
    nprobe : int or None
        Inverted lists visited per descriptor; None leaves it to the index.

    Raises
    ------
    ParameterError
        If a number is out of range: `max_false_per_1000h`, scales and counts must be positive, the others not negative.
    """

    layer: str = RECORDING
    which: Filter | None = None
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H
    near_limit_per_1000h: float = 0.0
    scales: tuple[float, ...] = (0.85, 1.0, 1.18)
    neighbours: int = 2
    hypotheses_per_step: int = 12
    rounds: int = 2
    max_decoy_seconds: float = 60.0
    nprobe: int | None = None

    def __post_init__(self) -> None:
        limit = number("max_false_per_1000h", self.max_false_per_1000h, above=0, remedy="1 is usual")
        object.__setattr__(self, "max_false_per_1000h", limit)  # a plain float: it is written into results
        near = number("near_limit_per_1000h", self.near_limit_per_1000h, remedy="0 keeps nothing")
        object.__setattr__(self, "near_limit_per_1000h", near)
        expect_scales(self.scales)
        for name in ("neighbours", "hypotheses_per_step", "rounds"):
            whole_number(name, getattr(self, name), least=1)
        number("max_decoy_seconds", self.max_decoy_seconds)
        if self.nprobe is not None:
            whole_number("nprobe", self.nprobe, least=1)

    def allowed(self, snapshot: Snapshot) -> NDArray[np.bool_] | None:
        """Return which recordings are looked for, by ordinal; None for all. Errors as `Filter.allowed`."""
        return None if self.which is None else self.which.allowed(snapshot)


_RULES = 2
"""Version of the rules of claims. 1, which digests do not name, claimed the gaps of a passage with it."""

STANDARD = SearchOptions()
"""Tempo and speed within about 20 %, any pitch."""

THOROUGH = SearchOptions(scales=(0.5, 0.6, 0.71, 0.85, 1.0, 1.18, 1.41, 1.65, 1.95), hypotheses_per_step=24, nprobe=24)
"""Tempo and speed from half to double, any pitch; about three times as slow."""


def options_of(
    *,
    layer: str = RECORDING,
    thorough: bool = False,
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H,
    only: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> SearchOptions:
    """Return the settings of a search, from those that people choose.

    Parameters
    ----------
    layer : str
        The descriptors to search.
    thorough : bool
        Whether to search tempo and speed from half to double; slower.
    max_false_per_1000h : float
        False matches to put up with in 1 000 hours of audio.
    only, exclude : sequence of str
        Words of the filter (`index.search.filters`).

    Raises
    ------
    ParameterError
        If one is out of range, or a word of the filter is none.

    Examples
    --------
    >>> options_of() == STANDARD, options_of(thorough=True) == THOROUGH
    (True, True)
    """
    expect_texts(layer=layer)
    expect_flags(thorough=thorough)
    expect_words(only=only, exclude=exclude)
    options = replace(THOROUGH if thorough else STANDARD, layer=layer, max_false_per_1000h=max_false_per_1000h)
    return replace(options, which=Filter.parse(only, exclude)) if only or exclude else options


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Result of one search, with all candidates and figures behind it.

    Attributes
    ----------
    result : MatchResult
        All that is reported.
    query : QueryLandmarks
        As it was searched.
    candidates : tuple of Candidate
        All passages, as `find_passages` orders them; those that could be reported at all are assessed and decided.
    circumstances : Circumstances
        Inputs of the decision besides the candidates.
    model : ChanceModel
        Fitted to them.
    """

    result: MatchResult
    query: QueryLandmarks
    candidates: tuple[Candidate, ...]
    circumstances: Circumstances
    model: ChanceModel


def match_track(
    query: Fingerprint,
    snapshot: Snapshot,
    *,
    options: SearchOptions = STANDARD,
    allowed: NDArray[np.bool_] | None = None,
) -> MatchResult:
    """Find the recordings that a track reuses, outside their excluded ranges.

    Parameters
    ----------
    query : Fingerprint
        Of the track, made with `role="track"` and `scales=options.scales`.
    snapshot : Snapshot
        The commit of the index to search.
    options : SearchOptions
        Settings of the search.
    allowed : ndarray [shape=(n_recordings,), dtype=bool], optional
        By ordinal: recordings to look for, in place of those that `options.which` names.

    Returns
    -------
    MatchResult

    Raises
    ------
    ParameterError
        If the query was not made for such a search, or an argument is out of range.
    IndexFormatError
        If query and index were made with different parameters.
    """
    return examine(query, snapshot, options=options, allowed=allowed).result


def examine(
    query: Fingerprint,
    snapshot: Snapshot,
    *,
    options: SearchOptions = STANDARD,
    allowed: NDArray[np.bool_] | None = None,
) -> Examination:
    """Search as `match_track` does, and keep all candidates and figures; arguments and errors are the same."""
    if query.scales != options.scales or query.mirrored.shape != query.vectors.shape:
        raise ParameterError(
            f"query: has time scales {_listed(query.scales)} and {query.mirrored.shape[0]} mirrored descriptors for "
            f"{query.vectors.shape[0]}, must have time scales {_listed(options.scales)} and a mirrored one for each; "
            "make it with role='track' and scales=options.scales"
        )
    view = snapshot.layer(options.layer)
    if query.params_digest != view.digest:
        raise IndexFormatError(
            f"the query was fingerprinted with parameters {query.params_digest}, layer {options.layer!r} of the index "
            f"with {view.digest}: they cannot be compared; use the version that made the index, or make the index again"
        )
    allowed = options.allowed(snapshot) if allowed is None else allowed
    forward = QueryLandmarks(query.times, query.bins, query.vectors, query.scales)
    started = time.perf_counter()
    forwards = _neighbours(forward, view, options, allowed)
    reverse, decoy_seconds = _decoy(forward, query, options)
    backwards = _neighbours(reverse, view, options, allowed)
    searched = time.perf_counter()
    candidates, n_tried = find_passages(forwards, per_step=options.hypotheses_per_step, rounds=options.rounds)
    circumstances = Circumstances(
        layer=options.layer,
        cells_per_octave=float(view.params["bins_per_octave"]),
        start_seconds=query.start_seconds,
        duration_seconds=query.duration_seconds,
        decoy_scores=(),
        decoy_seconds=0.0,
        n_catalogue_landmarks=view.n_landmarks if allowed is None else int(view.counts()[allowed].sum()),
        n_scales=len(options.scales),
        max_false_per_1000h=options.max_false_per_1000h,
    )
    aligner = Aligner(forward, view)
    least = circumstances.model().threshold(options.max_false_per_1000h)  # decoys only raise it
    candidates = name_alternatives(candidates, snapshot, aligner, forward, circumstances.layer, least, allowed)
    chance, n_decoys = find_passages(
        backwards,
        per_step=options.hypotheses_per_step,
        rounds=1,
        without={recording for candidate in candidates for recording in candidate.recordings},
    )
    decoy_scores = tuple(decoy.alignment.score for decoy in chance)
    circumstances = replace(circumstances, decoy_scores=decoy_scores, decoy_seconds=decoy_seconds)
    model = circumstances.model()
    threshold = model.threshold(options.max_false_per_1000h)
    worth = worth_deciding(candidates, threshold)  # rivals only raise it
    for candidate in worth:
        assess(candidate, candidates, snapshot, aligner)
    matches = decide(worth, circumstances, model)
    near: tuple[Match, ...] = ()
    if options.near_limit_per_1000h > options.max_false_per_1000h:
        wider = replace(circumstances, max_false_per_1000h=options.near_limit_per_1000h)
        near = _near(candidates, snapshot, aligner, forward, wider, model, allowed)
    ended = time.perf_counter()
    result = MatchResult(
        matches=matches,
        n_landmarks=query.times.size,
        n_hypotheses=n_tried + n_decoys,
        score_threshold=threshold,
        search_seconds=searched - started,
        verify_seconds=ended - searched,
        near=near,
    )
    return Examination(result, forward, tuple(candidates), circumstances, model)


def is_compiled() -> bool:
    """Return whether the loops of fingerprinting and searching are compiled: once for a processor, in some seconds."""
    return is_fingerprinting_compiled() and is_kept(_kernels.grow)


def settings_digest(options: SearchOptions, allowed: NDArray[np.bool_] | None) -> str:
    """Return `sha256:` and a digest of all that a result depends on besides the query and the index.

    Runs compare it to tell whether a result is stale: the list below is hashed as it is, and its words never change.
    `_RULES` changes with the rules of claims.

    Parameters
    ----------
    options : SearchOptions
        The settings.
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        The recordings that `options.which` names; a result depends on them, not on the words.
    """
    effort = {
        "scales": options.scales,
        "neighbours": options.neighbours,
        "seeds_per_step": options.hypotheses_per_step,
        "rounds": options.rounds,
        "max_decoy_seconds": options.max_decoy_seconds,
        "nprobe": options.nprobe,
    }
    mask = None if allowed is None else hashlib.sha256(np.packbits(allowed).tobytes()).hexdigest()
    settings = [options.layer, effort, options.max_false_per_1000h, mask, {"rules": _RULES}]
    return digest_of(canonical_json(settings))


def _near(
    candidates: Sequence[Candidate],
    snapshot: Snapshot,
    aligner: Aligner,
    query: QueryLandmarks,
    circumstances: Circumstances,
    model: ChanceModel,
    allowed: NDArray[np.bool_] | None,
) -> tuple[Match, ...]:
    """Return the additional matches that a wider limit would report; the candidates stay as they are."""
    threshold = model.threshold(circumstances.max_false_per_1000h)
    below = [copy(one) for one in candidates if not one.reported and one.alignment.score >= threshold]
    below = name_alternatives(below, snapshot, aligner, query, circumstances.layer, threshold, allowed)
    for candidate in below:
        assess(candidate, candidates, snapshot, aligner)
    return decide(below, circumstances, model)


def _neighbours(
    query: QueryLandmarks, layer: LayerSnapshot, options: SearchOptions, allowed: NDArray[np.bool_] | None
) -> Neighbours:
    n_scales, n, dimension = query.vectors.shape
    vectors = query.vectors.reshape(-1, dimension)
    rows, similarity = layer.search(vectors, options.neighbours, nprobe=options.nprobe, allowed=allowed)
    shape = (n_scales, n, options.neighbours)
    return Neighbours(query, layer, rows.reshape(shape), similarity.reshape(shape), allowed)


def _decoy(query: QueryLandmarks, fingerprint: Fingerprint, options: SearchOptions) -> tuple[QueryLandmarks, float]:
    """Reverse the query, or of a long one three pieces spread over it; returns it with its length in seconds."""
    start, duration = fingerprint.start_seconds, fingerprint.duration_seconds
    reverse = query.reversed(fingerprint.mirrored, 2 * start + duration)
    if duration <= options.max_decoy_seconds:
        return reverse, duration
    piece = options.max_decoy_seconds / 3
    inside = np.zeros(reverse.seconds.size, dtype=np.bool_)
    for low in start + np.linspace(0.0, duration - piece, 3):
        inside |= (reverse.seconds >= low) & (reverse.seconds < low + piece)
    return reverse.only(inside), options.max_decoy_seconds


def _listed(scales: Sequence[float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)
