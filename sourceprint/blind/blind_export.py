"""Export a blind index: the data that matching needs, and nothing else, as one signed file.

Out of an index come the landmarks of every live recording in every layer: time, frequency, signs of the descriptor.
Instead of the id there is a token. A search finds the same in it as in the index itself, figure by figure: ties are put
in an order that content alone decides (`LayerSnapshot.ranks`). The fields that stay:

- of a recording: its token, its length and its excluded ranges in milliseconds (passages end there), the number of its
  landmarks;
- of a landmark: time (1/4096 s), frequency (1/64 cell), one bit per number of its descriptor. Where the layer is so
  small that it is searched exactly, the descriptor itself;
- of a layer: its parameters, and once it is compressed the list and code of each descriptor, and which recordings share
  a segment;
- of a hub: its token and the figures that raise its threshold (`index.storage.hubs`).

Within a segment recordings stand in the order of tokens, and segments in that of their first: the order in which they
were added does not show. An index without a compressed layer is one segment.

Left out are titles, artists, ISRCs, names and digests of audio files, decoders, notes, tags, the magnitudes of
descriptors in compressed layers, removed recordings, and the history of the index. The same index, terms and secret
give the same bytes.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from fingerprint.errors import IndexLockedError, ParameterError
from fingerprint.new_files import working_folder
from index.folder.archive import Progress
from index.folder.transfer import Archive, check_target, pack_blind
from index.storage.durable import make_folder, publish, refusals
from index.storage.hubs import hubs_name, write_hubs
from index.storage.layers import Prepared, PreparedLayer, prepare, with_signs
from index.storage.locks import leased
from index.storage.manifest import GRANT_NAME, RECORDING, HubsEntry, Manifest, refuse_blind, refuse_old
from index.storage.recordings import Recording
from index.storage.segment_writer import write_segment
from index.storage.snapshot import Snapshot
from index.vectors.ivf import SegmentCodes
from sourceprint.blind.grants import Grant, Terms
from sourceprint.blind.tokens import Tokens
from sourceprint.signatures import PrivateKey

__all__ = ["export_blind"]


def export_blind(
    folder: Path,
    target: Path,
    *,
    terms: Terms,
    issuer: PrivateKey,
    secret: bytes,
    force: bool = False,
    progress: Progress | None = None,
) -> tuple[Archive, Grant]:
    """Write the last commit as a blind index; writers may go on meanwhile.

    Parameters
    ----------
    folder : Path
        The index folder of the label.
    target : Path
        The file to write; appears under this name when it is complete and on the disk. Beside it, as much room again is
        needed meanwhile.
    terms : Terms
        For whom, and until when.
    issuer : PrivateKey
        Signs the grant.
    secret : bytes
        Tokens are made with it (`sourceprint.blind.tokens`).
    force : bool
        Replace `target` if it exists.
    progress : callable, optional
        Called with the number of bytes of every block written.

    Returns
    -------
    Archive, Grant
        Size, digests and number of recordings of the file, and its grant.

    Raises
    ------
    ParameterError
        If `target` exists or lies inside the index, or the index holds no recording.
    GrantError
        If the index is blind itself.
    IndexMissingError, IndexFormatError, IndexDamagedError
        If the index cannot be opened, or fails a checksum.
    IndexLockedError
        If another process is exporting to the same target.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses; the target is as it was.
    """
    with leased(folder) as lease:
        refuse_blind(folder, lease.manifest, action="exported")
        if not all(layer.is_exact for layer in lease.manifest.layers.values()):
            refuse_old(folder, lease.manifest, action="exported blind")
        check_target(folder, target, force=force)
        snapshot = Snapshot.of(folder, lease.manifest)
        if not len(snapshot.recordings):
            raise ParameterError(f"{folder}: holds no recordings; add some before it is exported")
        grant_id = terms.grant_id(issuer.public, snapshot.digest)
        busy = IndexLockedError(f"{target}: another process is exporting to it; wait until it has finished")
        with refusals(target), working_folder(target, busy=busy) as place:
            manifest = _write_index(place, snapshot, Tokens(secret, grant_id), grant_id)
            digest = hashlib.sha256(manifest.to_bytes()).hexdigest()
            grant = Grant(grant_id, terms, issuer.public, digest, len(snapshot.recordings)).signed(issuer)
            publish(place / GRANT_NAME, grant.to_bytes())
            archive = pack_blind(place, manifest, grant.to_bytes(), target, force=force, progress=progress)
        return archive, grant


def _write_index(place: Path, snapshot: Snapshot, tokens: Tokens, grant_id: str) -> Manifest:
    """Write hubs and segments, and return the manifest that names them."""
    for name in ("segments", "trees"):
        make_folder(place / name)
    numbers, layers = count(1), snapshot.manifest.layers
    segments = []
    for position, members in _groups(snapshot, tokens):
        items = list(_prepared(snapshot, members))
        folder = place / "segments" / f"{next(numbers):06d}"
        segments.append(write_segment(folder, items, layers, _kept(snapshot, position, members)))
    hubs = _write_hubs(place, snapshot, snapshot.manifest.hubs, tokens, next(numbers))
    return Manifest(1, next(numbers), layers, tuple(segments), hubs, blind=grant_id)


def _groups(snapshot: Snapshot, tokens: Tokens) -> list[tuple[int, list[tuple[str, int]]]]:
    """Return, for each segment, its position, and token and ordinal of its recordings; all are one if all are exact."""
    is_exact = all(layer.is_exact for layer in snapshot.manifest.layers.values())
    groups: dict[int, list[tuple[str, int]]] = {}
    for ordinal, recording in enumerate(snapshot.recordings):
        position = 0 if is_exact else snapshot.recordings.location(ordinal)[0]
        groups.setdefault(position, []).append((tokens.of(recording.id), ordinal))
    return sorted(((position, sorted(members)) for position, members in groups.items()), key=lambda group: group[1])


def _kept(
    snapshot: Snapshot, position: int, members: list[tuple[str, int]]
) -> dict[str, tuple[SegmentCodes, list[slice]]]:
    """Return the lists of each compressed layer of a segment, and where the rows of its recordings are in them."""
    kept = {}
    for name, layer in snapshot.segments[position].layers.items():
        if isinstance(layer.lists, SegmentCodes):
            layer.check_lists()
            at = [snapshot.recordings.location(ordinal)[1] for _, ordinal in members]
            kept[name] = layer.lists, [slice(*layer.bounds[one : one + 2].tolist()) for one in at]
    return kept


def _prepared(snapshot: Snapshot, members: list[tuple[str, int]]) -> Iterator[Prepared]:
    """Yield the recordings, whose rows stay in the memory maps they come from."""
    layers = snapshot.manifest.layers
    for token, ordinal in members:
        before = snapshot.recordings[ordinal]
        recording = Recording(token, duration_ms=before.duration_ms, excluded=before.excluded)
        rows, slim = {}, {}
        for name, layer in layers.items():
            columns = snapshot.layer(name).columns_of(ordinal)
            if columns:
                rows[name] = with_signs(columns, layer)
                slim[name] = PreparedLayer(columns)
        # The vectors are in the digest of the content now. A compressed layer stores none, and all of them together
        # would not fit into memory.
        yield replace(prepare(recording, rows, layers), layers=slim)


def _write_hubs(
    place: Path, snapshot: Snapshot, known: HubsEntry | None, tokens: Tokens, number: int
) -> HubsEntry | None:
    if known is None:
        return None
    hubs = {tokens.of(recording_id): hub for recording_id, hub in snapshot.hubs.items()}
    return write_hubs(place / hubs_name(number), hubs, snapshot.layer(RECORDING).n_landmarks)
