"""One result of a track from those of its audio streams, on one timeline.

Two streams that play one place of the same recording make one passage, heard in both: a film with its music under two
languages reuses it once. The passage has the figures of the stream with the best score; `Passage.streams` names them
all. Passages that only overlap stay as they are: covered seconds are unions everywhere, so none counts twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from index.search.matches import Match, MatchResult, Passage, longest_first

__all__ = ["in_streams"]

_SAME_ENDS_SECONDS = 1.5  # how far the ends of one passage may lie apart in two streams
_SAME_LINE_SECONDS = 0.3  # and how far its place in the recording
_SAME_RATIO = 0.02
_SAME_CENTS = 33.0


def in_streams(results: Mapping[int, MatchResult]) -> MatchResult:
    """Return the result of a track.

    Parameters
    ----------
    results : mapping of int to MatchResult
        By number of the stream, from 1, in order; or 0 for a file with one stream, whose result is returned as it is.
    """
    if set(results) <= {0}:
        return results.get(0, MatchResult((), 0, 0, 0.0, 0.0, 0.0))
    return MatchResult(
        _matches_in_streams({number: result.matches for number, result in results.items()}),
        sum(result.n_landmarks for result in results.values()),
        sum(result.n_hypotheses for result in results.values()),
        max(result.score_threshold for result in results.values()),
        sum(result.search_seconds for result in results.values()),
        sum(result.verify_seconds for result in results.values()),
        _matches_in_streams({number: result.near for number, result in results.items()}),
    )


def _matches_in_streams(streams: Mapping[int, Iterable[Match]]) -> tuple[Match, ...]:
    found: dict[str, Match] = {}
    for number, matches in streams.items():
        for match in matches:
            heard = tuple(replace(passage, streams=(number,)) for passage in match.passages)
            known = found.get(match.recording.id)
            passages = heard if known is None else _united(known.passages, heard)
            found[match.recording.id] = replace(known or match, passages=passages)
    return tuple(sorted(found.values(), key=longest_first))


def _united(known: tuple[Passage, ...], heard: tuple[Passage, ...]) -> tuple[Passage, ...]:
    """Return the passages of one recording in the streams before and in one more, in order of track time."""
    passages = list(known)
    for passage in heard:
        at = next((n for n, other in enumerate(passages) if _is_same(other, passage)), None)
        if at is None:
            passages.append(passage)
        else:
            weaker, stronger = sorted((passage, passages[at]), key=lambda one: one.score)
            also = tuple(one for one in weaker.alternatives if one.recording.id not in stronger.also_fits)
            passages[at] = replace(
                stronger,
                streams=tuple(dict.fromkeys((*stronger.streams, *passages[at].streams, *passage.streams))),
                also_fits=tuple(dict.fromkeys((*stronger.also_fits, *weaker.also_fits))),
                alternatives=stronger.alternatives + also,
            )
    return tuple(sorted(passages, key=lambda one: (one.track_start_seconds, one.recording_start_seconds)))


def _is_same(one: Passage, other: Passage) -> bool:
    """Return whether two passages of one recording, in different streams, are the same place of it at the same time."""
    if set(one.streams) & set(other.streams) or abs(one.ratio / other.ratio - 1) > _SAME_RATIO:
        return False
    late = other.track_start_seconds - one.track_start_seconds
    beside = one.recording_start_seconds + one.ratio * late - other.recording_start_seconds
    cents = one.transformation.heard_cents - other.transformation.heard_cents
    return (
        abs(late) <= _SAME_ENDS_SECONDS
        and abs(one.track_end_seconds - other.track_end_seconds) <= _SAME_ENDS_SECONDS
        and abs(beside) <= _SAME_LINE_SECONDS
        and abs(cents) < _SAME_CENTS
    )
