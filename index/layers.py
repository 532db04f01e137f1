"""The layers of descriptors that this version makes: which parameters each has, and how landmarks enter the index.

An index may hold layers that are unknown here, made by a later version; they are left alone.
"""

from fingerprint.errors import ParameterError
from fingerprint.extract import Fingerprint
from fingerprint.params import Params
from index.landmark_rows import Landmarks
from index.manifest import RECORDING, LayerSpec

__all__ = ["RECORDING", "layer_specs", "reference_landmarks", "spec_of"]


def layer_specs() -> dict[str, LayerSpec]:
    """Return what a new index is made with: every layer by name."""
    params = Params()
    return {RECORDING: LayerSpec(params.to_dict(), params.dimension)}


def spec_of(layer: str) -> LayerSpec:
    """Return the parameters of one layer.

    Raises
    ------
    ParameterError
        If this version makes no such layer.
    """
    specs = layer_specs()
    if layer not in specs:
        raise ParameterError(f"layer {layer!r}: unknown to this version of Sourceprint, which has {', '.join(specs)}")
    return specs[layer]


def reference_landmarks(fingerprint: Fingerprint) -> dict[str, Landmarks]:
    """Return the landmarks of a reference as `Writer.add` takes them: seconds, cells, vectors at one time scale."""
    return {RECORDING: Landmarks(fingerprint.times, fingerprint.bins, fingerprint.vectors[0])}
