"""The catalogue: recordings on disk, their nearest-neighbour index, and the search of a track in it.

Its public face:

    index = Index.create(path, layer_specs())    or    Index.open(path)
    with index.writer() as writer:
        writer.add(Recording("one"), recording_landmarks(recording_of(audio)))
    for query in track_parts(track, scales=STANDARD.scales):
        match_track(query, index.snapshot()).matches

`recording_of` and `track_parts` are those of `fingerprint`.

In reading order: `composition` (works), `vectors` (neighbours), `storage` (the folder on disk), `search` (the steps of
a match), `folder` (the folder as a whole), `recheck` (a match computed again), `explain` (why, or why not).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from index.folder.index import Index
    from index.search.match import STANDARD, THOROUGH, SearchOptions, match_track, options_of
    from index.search.matches import Match, MatchResult, Passage
    from index.storage.layers import recording_landmarks
    from index.storage.manifest import layer_specs
    from index.storage.recordings import Recording
    from index.storage.snapshot import Snapshot
else:

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(home), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "STANDARD",
    "THOROUGH",
    "Index",
    "Match",
    "MatchResult",
    "Passage",
    "Recording",
    "SearchOptions",
    "Snapshot",
    "layer_specs",
    "match_track",
    "options_of",
    "recording_landmarks",
]

_HOMES = {
    "index.folder.index": ("Index",),
    "index.search.match": ("STANDARD", "THOROUGH", "SearchOptions", "match_track", "options_of"),
    "index.search.matches": ("Match", "MatchResult", "Passage"),
    "index.storage.layers": ("recording_landmarks",),
    "index.storage.manifest": ("layer_specs",),
    "index.storage.recordings": ("Recording",),
    "index.storage.snapshot": ("Snapshot",),
}
