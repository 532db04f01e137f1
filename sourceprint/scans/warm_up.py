"""Load or compile every kernel before the first track, once for all processes that are forked later."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from fingerprint.extract import fingerprint_signal
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.recordings import Recording
from index.vectors.quantiser import shipped_quantiser

__all__ = ["warm_up"]

_RATE_HZ = 11_025
_SECONDS = 6


def warm_up() -> None:
    """Search a few seconds of tones in an index of its own; takes a second where the kernels are cached."""
    rng = np.random.default_rng(0)
    t = np.arange(_RATE_HZ // 4) / _RATE_HZ
    notes = [np.sin(2 * np.pi * hz * t) * np.exp(-6 * t) for hz in rng.uniform(200, 3_000, 4 * _SECONDS)]
    y = np.concatenate(notes).astype(np.float32)
    with tempfile.TemporaryDirectory(prefix="sourceprint-") as folder:
        made = Index.create(Path(folder) / "index", layer_specs())
        with made.writer() as writer:
            writer.add(Recording("warm-up"), recording_landmarks(fingerprint_signal(y)))
        track = fingerprint_signal(y, role="track", scales=STANDARD.scales)
        for vectors in (track.vectors, np.ascontiguousarray(track.vectors)):  # a search may meet them in either layout
            match_track(replace(track, vectors=vectors), made.snapshot())
    shipped_quantiser().nearest(track.vectors[0, :1], 1, 0)  # so small an index has not used it
