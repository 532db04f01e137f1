"""Index folders of format 2: read, and never written.

An exact layer has the same files as today. A compressed one has signs in the lists of a tree that was trained for the
index (`index.vectors.format2`); its descriptors are gone, so it cannot be given today's lists.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fingerprint.digests import FileEntry
from index.storage.segment_rules import damaged, map_array, standard_columns
from index.vectors.format2.lists import TreeLists
from index.vectors.format2.tree import Tree

__all__ = ["LIST_FILES_2", "VERSION_2", "TreeEntry", "body_of_2", "open_tree", "open_tree_lists"]

VERSION_2 = 2
LIST_FILES_2 = ("list_sizes.npy", "list_codes.npy", "list_rows.npy", "list_checks.npy")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A trained tree: its folder under `trees/`, its files, and the size of the layer in landmarks at the time."""

    name: str
    trained_at: int
    files: dict[str, FileEntry]


def body_of_2(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a manifest of format 2 with those that have come since; unsound ones as they are."""
    layers = body.get("layers")
    if not isinstance(layers, dict):
        return body
    return {**body, "layers": {name: _layer_of_2(layer) for name, layer in layers.items()}}


def open_tree(place: Path, dimension: int) -> Tree:
    """Open the tree of a compressed layer, whose files were compared with their entries.

    Raises
    ------
    IndexDamagedError
        If it has values that no tree can have.
    FileNotFoundError
        If it is gone.
    """
    tree = Tree(map_array(place / "tree.npy", np.float32, (None, dimension)))
    if fault := tree.fault:
        raise damaged(place / "tree.npy", fault)
    return tree


def open_tree_lists(place: Path, n_rows: int, dimension: int) -> TreeLists:
    """Open the lists of a compressed layer in a segment.

    Raises
    ------
    IndexDamagedError
        If a file has another form than lists of so many rows.
    """
    sizes = map_array(place / "list_sizes.npy", np.uint32, (None,))
    if sizes.sum(dtype=np.int64) != n_rows:
        raise damaged(place / "list_sizes.npy", f"does not add up to {n_rows} landmarks")
    return TreeLists.of(
        sizes,
        map_array(place / "list_codes.npy", np.uint64, (dimension // 64, n_rows)),
        map_array(place / "list_rows.npy", np.uint32, (n_rows,)),
        map_array(place / "list_checks.npy", np.uint64, (sizes.size,)),
    )


def _layer_of_2(layer: Any) -> Any:
    dimension = layer.get("dimension") if isinstance(layer, dict) else None
    if type(dimension) is not int:
        return layer
    columns = msgspec.to_builtins(standard_columns(dimension))
    return {**layer, "columns": columns, "quantiser": None}
