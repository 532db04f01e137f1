"""Limits of a manifest: names, ranges, order, and the files that every part of an index has.

A checksum proves that a file is unaltered, not that it is right; so every field is checked before use. The rules are
those of `docs/formats/index.md`, manifest.json; they are coded here and nowhere else. `index.storage.manifest` applies
them to every manifest that it reads, from a folder, a lease or an archive.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fingerprint.digests import FileEntry, canonical_json, digest_of, is_sha256
from index.storage.format2 import LIST_FILES_2, VERSION_2
from index.storage.segment_rules import columns_fault
from index.vectors.ivf import LIST_FILES

if TYPE_CHECKING:
    from index.storage.manifest import AmendmentsEntry, LayerEntry, Manifest, SegmentEntry

__all__ = ["LAYER_NAME", "SIDE_FILE", "manifest_faults", "required_files"]

LAYER_NAME = re.compile(r"[a-z0-9_]{1,64}")
SIDE_FILE = re.compile(r"hubs-[0-9]{1,15}\.json|amendments-[0-9]{1,15}\.jsonl")
"""Names of files that the manifest may name in the index folder itself."""

_SEGMENT_NAME = re.compile(r"[0-9]{6,15}")
_TREE_NAME = re.compile(r"[a-z0-9_]{1,64}-[0-9]{6,15}")
_FILE_NAME = re.compile(r"([a-z0-9_]{1,64}/)?[a-z0-9_]{1,40}\.[a-z]{1,8}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_GRANT_ID = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[0-9]+(?=\.|$)")
_MOST_NAME = 99  # bytes of a path, as the header of an archive has it
_MOST_SIZE = 1 << 60
_MOST_COUNT = 1 << 53  # whole numbers that every reader of JSON keeps
_MOST_RECORDINGS = (1 << 31) - 1  # of the whole index: ordinals are numbers of 32 bits
_MOST_DIMENSION = 4096
_MOST_ID = 512  # characters
_MOST_DEPTH = 8  # of parameters


def required_files(segment: "SegmentEntry", layers: dict[str, "LayerEntry"]) -> set[str]:
    """Return the files that a segment must have, by path inside its folder; it may have others."""
    wanted = {"recordings.jsonl", "offsets.npy", "keys.npy", "contents.npy"}
    for name in segment.landmarks:
        layer = layers[name]
        columns = (column.name for column in layer.stored_columns)
        wanted |= {f"{name}/{one}.npy" for one in ("bounds", "checks", *columns)}
        lists = LIST_FILES_2 if layer.tree is not None else LIST_FILES if layer.quantiser is not None else ()
        wanted |= {f"{name}/{file}" for file in lists}
    return wanted


def manifest_faults(manifest: "Manifest") -> Iterator[str]:
    """Yield the faults of a manifest, field by field: its name, its value, what it must be."""
    yield from _count_faults("generation", manifest.generation, least=0)
    yield from _count_faults("next_name", manifest.next_name, least=1)
    if not manifest.layers:
        yield "layers is empty, must name one at least"
    for name, layer in manifest.layers.items():
        yield from _layer_faults(name, layer)
    parts = manifest.parts()
    if len(parts) < len(manifest.segments) + sum(layer.tree is not None for layer in manifest.layers.values()):
        yield "two segments or trees have the same name"
    if manifest.format_version != VERSION_2 and any(layer.tree is not None for layer in manifest.layers.values()):
        yield "a layer has a tree, as only those of format 2 do"
    for segment in manifest.segments:
        yield from _segment_faults(segment, manifest.layers)
    if (total := sum(segment.n_recordings for segment in manifest.segments)) > _MOST_RECORDINGS:
        yield f"segments have {total} recordings, at most {_MOST_RECORDINGS} are possible"
    if manifest.hubs is not None:
        yield from _count_faults("hubs.computed_at", manifest.hubs.computed_at, least=0)
        yield from _side_faults("hubs", manifest.hubs.name, manifest.hubs.file)
    if manifest.amendments is not None:
        yield from _side_faults("amendments", manifest.amendments.name, manifest.amendments.file)
        yield from _amendment_faults(manifest.amendments, {one.name: one.n_recordings for one in manifest.segments})
    if manifest.blind is not None and not _GRANT_ID.fullmatch(manifest.blind):
        yield f"blind is {manifest.blind!r:.40}, must be 16 hexadecimal digits"
    yield from _rename_faults(manifest.renamed)
    used = (int(found[0]) for name in (*parts, *manifest.side_files()) if (found := _NUMBER.search(name)))
    if (last := max(used, default=0)) >= manifest.next_name:
        yield f"next_name is {manifest.next_name}, must be above {last}, which is in use"


def _layer_faults(name: str, layer: "LayerEntry") -> Iterator[str]:
    where = f"layers[{name!r:.70}]"
    if not LAYER_NAME.fullmatch(name):
        yield f"{where}: the name must be 1 to 64 lower-case letters, digits and underscores"
    if not 64 <= layer.dimension <= _MOST_DIMENSION or layer.dimension % 64:
        yield f"{where}.dimension is {layer.dimension}, must be a multiple of 64 up to {_MOST_DIMENSION}"
    if _depth(layer.params, _MOST_DEPTH) > _MOST_DEPTH:
        yield f"{where}.params is nested in more than {_MOST_DEPTH} levels"
    elif layer.digest != digest_of(canonical_json(layer.params)):
        yield f"{where}.digest is {layer.digest!r:.80}, which is not that of its parameters"
    if fault := columns_fault(layer.columns, layer.dimension):
        yield f"{where}.columns {fault}"
    if layer.quantiser is not None:
        yield from _count_faults(f"{where}.quantiser.level", layer.quantiser.level, least=0)
        if not _DIGEST.fullmatch(layer.quantiser.digest):
            yield f"{where}.quantiser.digest is {layer.quantiser.digest!r:.80}, must be sha256: and 64 digits"
    if layer.tree is not None:
        yield from _count_faults(f"{where}.tree.trained_at", layer.tree.trained_at, least=0)
        if not _TREE_NAME.fullmatch(layer.tree.name):
            yield f"{where}.tree.name is {layer.tree.name!r:.80}, must be a layer, - and digits"
        yield from _file_faults(f"{where}.tree", layer.tree.files, {"tree.npy"}, f"trees/{layer.tree.name}/")


def _segment_faults(segment: "SegmentEntry", layers: dict[str, "LayerEntry"]) -> Iterator[str]:
    where, n = f"segment {segment.name!r:.40}", segment.n_recordings
    if not _SEGMENT_NAME.fullmatch(segment.name):
        yield f"{where}: the name must be six digits or more"
    if n < 1:
        yield f"{where}.n_recordings is {n}, must be 1 at least"
    if unknown := sorted(set(segment.landmarks) - set(layers)):
        yield f"{where}.landmarks names the layer {unknown[0]!r:.70}, which the index does not have"
        return
    yield from _file_faults(where, segment.files, required_files(segment, layers), f"segments/{segment.name}/")
    sizes = {name: entry.size for name, entry in segment.files.items()}
    if n > sizes.get("keys.npy", 0) // 24:
        yield f"{where}.n_recordings is {n}, more than its keys.npy has room for"
    for name, rows in segment.landmarks.items():
        if not 1 <= rows <= _MOST_COUNT:
            yield f"{where}.landmarks[{name!r}] is {rows}, must lie between 1 and {_MOST_COUNT}"
        elif rows > sizes.get(f"{name}/times.npy", 0) // 4:
            yield f"{where}.landmarks[{name!r}] is {rows}, more than its times.npy has room for"
    if not _ascend(segment.removed, n):
        yield f"{where}.removed: must be different positions below {n}, ascending"


def _side_faults(where: str, name: str, file: FileEntry) -> Iterator[str]:
    if not SIDE_FILE.fullmatch(name) or not name.startswith(where):
        yield f"{where}.name is {name!r:.80}, must be {where}-, digits and .json or .jsonl"
    yield from _entry_faults(where, file)


def _amendment_faults(entry: "AmendmentsEntry", n_recordings: dict[str, int]) -> Iterator[str]:
    names = list(entry.recordings)
    if names != sorted(names):
        yield "amendments.recordings: segments must come in the order of their names"
    for name, positions in entry.recordings.items():
        if not positions or not _ascend(positions, n_recordings.get(name, _MOST_RECORDINGS)):
            yield f"amendments.recordings[{name!r:.40}]: must be different positions in that segment, ascending"


def _rename_faults(renamed: dict[str, str]) -> Iterator[str]:
    for former, now in renamed.items():
        if not 1 <= len(former) <= _MOST_ID or not 1 <= len(now) <= _MOST_ID or now in renamed:
            yield f"renamed[{former!r:.80}] is {now!r:.80}, must be the id of a recording, from another id"


def _file_faults(where: str, files: dict[str, FileEntry], wanted: set[str], folder: str) -> Iterator[str]:
    if missing := sorted(wanted - set(files)):
        yield f"{where}.files lacks {missing[0]!r}"
    for name, entry in files.items():
        if not _FILE_NAME.fullmatch(name) or len(folder) + len(name) > _MOST_NAME:
            yield f"{where}.files names {name!r:.80}, which no file of an index is called"
        yield from _entry_faults(f"{where}.files[{name!r:.80}]", entry)


def _entry_faults(where: str, entry: FileEntry) -> Iterator[str]:
    if not 1 <= entry.size < _MOST_SIZE:
        yield f"{where}.size is {entry.size}, must lie between 1 and {_MOST_SIZE}"
    if not is_sha256(entry.sha256):
        yield f"{where}.sha256 is {entry.sha256!r:.80}, must be 64 hexadecimal digits"


def _count_faults(where: str, value: int, *, least: int) -> Iterator[str]:
    if not least <= value <= _MOST_COUNT:
        yield f"{where} is {value!r:.40}, must lie between {least} and {_MOST_COUNT}"


def _ascend(positions: Sequence[int], end: int) -> bool:
    """Return whether positions are different, ascending, and lie in [0, end)."""
    ascending = all(a < b for a, b in pairwise(positions))
    return ascending and min(positions, default=0) >= 0 and max(positions, default=-1) < end


def _depth(value: Any, most: int) -> int:
    """Return in how many levels lists and objects are nested, looking no deeper than one beyond `most`."""
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 0 if most < 0 else max((1 + _depth(item, most - 1) for item in inner), default=0)
