"""The composition layer: melody and harmony of a recording as one vector for each window of 5.9 s.

Two performances of one work have like vectors, in any arrangement. Another key turns the vectors by known phases, so an
index holds each recording once and a track is searched in twelve keys.

Its public face:

    describe(samples)                       the windows of a recording, `CompositionWindows`
    describe_track(samples)                 those of a track, at three time scales
    transposed(vectors, semitones, model)   the vectors of the same music in another key

In reading order:

description   all of it, for samples in memory or in blocks
salience      samples as the salience of semitones, folded to pitch classes in three registers
windows       windows of it, projected; keys as phases; likeness to the background
model         the trained projection and the background windows (model.npz)
params        all that two descriptions must share to be comparable
_kernels      inner loops
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fingerprint.composition.description import (
        TRACK_SCALES,
        CompositionListener,
        CompositionWindows,
        describe,
        describe_track,
    )
    from fingerprint.composition.model import CompositionModel, shipped_model
    from fingerprint.composition.params import CompositionParams
    from fingerprint.composition.windows import transposed
else:

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(f"fingerprint.composition.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "TRACK_SCALES",
    "CompositionListener",
    "CompositionModel",
    "CompositionParams",
    "CompositionWindows",
    "describe",
    "describe_track",
    "shipped_model",
    "transposed",
]

_HOMES = {
    "description": ("TRACK_SCALES", "CompositionListener", "CompositionWindows", "describe", "describe_track"),
    "model": ("CompositionModel", "shipped_model"),
    "params": ("CompositionParams",),
    "windows": ("transposed",),
}
