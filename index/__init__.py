"""The catalogue: recordings on disk, their nearest-neighbour index, and the search of a track in it.

Its public face:

    store = Store.create(path, layer_specs())    or    Store.open(path)
    with store.writer() as writer:
        writer.add(Recording("one"), recording_landmarks(recording_of(audio)))
    for query in track_parts(track, scales=STANDARD.scales):
        match_track(query, store.snapshot()).matches

In reading order: `vectors` (neighbours), `storage` (the folder on disk), `search` (the steps of a match), `folder`
(the folder as a whole), `recheck` (a match computed again), `explain` (why, or why not).
"""

import importlib
from typing import Any

__all__ = [
    "STANDARD",
    "THOROUGH",
    "Match",
    "MatchResult",
    "Passage",
    "Recording",
    "SearchOptions",
    "Snapshot",
    "Store",
    "layer_specs",
    "match_track",
    "recording_landmarks",
]

_HOMES = {
    "index.folder.store": ("Store",),
    "index.search.match": ("STANDARD", "THOROUGH", "SearchOptions", "match_track"),
    "index.search.matches": ("Match", "MatchResult", "Passage"),
    "index.storage.layers": ("recording_landmarks",),
    "index.storage.manifest": ("layer_specs",),
    "index.storage.recordings": ("Recording",),
    "index.storage.snapshot": ("Snapshot",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
