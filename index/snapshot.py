"""What a reader sees: the state of one commit, from start to end, whatever writers do meanwhile.

Recordings are looked up here; the landmarks of a layer, by row and by ordinal, are those of `index.layer_view`.
"""

import hashlib
from collections.abc import Mapping
from copy import copy
from functools import cached_property

import numpy as np

from fingerprint.errors import ParameterError, UnknownRecordingError
from index.hubs import Hub
from index.layer_view import LayerView
from index.manifest import canonical_json
from index.recordings import Recording
from index.state import OpenState

__all__ = ["Snapshot"]


class Snapshot:
    """One state of the index; made by `Store.snapshot`.

    Attributes
    ----------
    generation : int
        Number of the commit.
    recordings : RecordingTable
        Live recordings, a sequence indexed by ordinal.
    """

    def __init__(self, state: OpenState) -> None:
        self._state = state
        self._views: dict[str, LayerView] = {}
        self.generation = state.manifest.generation
        self.recordings = state.table()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(self._state.manifest.layers)

    @property
    def hubs(self) -> Mapping[str, Hub]:
        """Recordings that are near everything, by id."""
        return self._state.hubs

    def hub_factor(self, ordinal: int) -> float:
        """Return how many times more frequent chance alignments with a recording are; 1 unless it is a hub."""
        hub = self.hubs.get(self.recordings[ordinal].id) if self.hubs else None
        return 1.0 if hub is None else hub.score

    @cached_property
    def digest(self) -> str:
        """`sha256:` and a digest of what is searched: parameters, trees, the content of every live recording, hubs.

        It does not depend on the order in which recordings were added nor on how they are spread over segments; but
        hubs, where there are any, are those of the time when they were computed.
        """
        layers = {
            name: [layer.digest, None if layer.tree is None else [f.sha256 for f in layer.tree.files.values()]]
            for name, layer in self._state.manifest.layers.items()
        }
        digest = hashlib.sha256(canonical_json(layers))
        contents = np.ascontiguousarray(self._state.contents())
        digest.update(np.sort(contents.view("V32"), axis=0).view(np.uint8).data)  # by their bytes
        if self.hubs:
            digest.update(canonical_json({name: hub.score for name, hub in self.hubs.items()}))
        return "sha256:" + digest.hexdigest()

    def __contains__(self, recording_id: object) -> bool:
        return isinstance(recording_id, str) and self.recordings.find(recording_id) is not None

    def ordinal(self, recording_id: str) -> int:
        """Return the ordinal of a recording.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        """
        found = self.recordings.find(recording_id)
        if found is None:
            raise UnknownRecordingError(
                f"recording {recording_id!r} is not in the index {self._state.folder}; list shows what is"
            )
        return found

    def by_id(self, recording_id: str) -> Recording:
        """Return a recording; `UnknownRecordingError` as `ordinal`."""
        return self.recordings[self.ordinal(recording_id)]

    def by_sha256(self, sha256: str) -> list[Recording]:
        """Return all recordings made from the audio file with this SHA-256; none for ""."""
        return [self.recordings[ordinal] for ordinal in self.recordings.find_audio(sha256)]

    def layer(self, name: str) -> LayerView:
        """Return the landmarks of one layer.

        Raises
        ------
        ParameterError
            If the index has no such layer.
        """
        if name not in self._views:
            entry = self._state.manifest.layers.get(name)
            if entry is None:
                raise ParameterError(f"layer {name!r}: this index has only {', '.join(self.layers)}")
            self._views[name] = LayerView(name, entry, self._state)
        return self._views[name]

    def without_exclusions(self) -> "Snapshot":
        """Return the same state with layers as if no recording had excluded ranges.

        The recordings still name their ranges: what is reported from it is cut there as ever.
        """
        other = copy(self)
        other._views = {name: self.layer(name).without_exclusions() for name in self.layers}
        return other
