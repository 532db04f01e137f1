"""The cohort: loops of common chord progressions that every search is run against, beside the catalogue.

A loop that few recordings of a small catalogue share would look rare. Against 160 loops, 20 of each progression, it
has rivals nearly as good, and so is not significant. `benchmarks/train_composition.py` makes them from a seed.
"""

import io
from functools import cache
from importlib import resources

import numpy as np

from fingerprint.composition import CompositionParams, CompositionWindows, shipped_model
from fingerprint.composition.windows import background_of

__all__ = ["shipped_cohort"]


@cache
def shipped_cohort() -> tuple[CompositionWindows, ...]:
    """Return the windows of each loop."""
    params = CompositionParams()
    data = (resources.files("index.composition") / "cohort.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        vectors, ends = arrays["vectors"], arrays["ends"]
    mean, sd = background_of(vectors, shipped_model(), params)
    loops = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        time = (np.arange(end - start) * params.step_seconds).astype(np.float32)
        seconds = float(time[-1]) + params.window_seconds
        part = slice(start, end)
        loops.append(CompositionWindows(time, vectors[part], mean[part], sd[part], seconds, 1.0, params.digest))
    return tuple(loops)
