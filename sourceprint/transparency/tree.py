"""The Merkle tree of a log: hashes, roots, and proofs of inclusion and consistency (RFC 9162, section 2.1; SHA-256).

The tree of n entries is split at the largest power of two below n, again and again:

    root of no entries     SHA-256 of nothing
    hash of a leaf         SHA-256(0x00 || entry)
    hash of a node         SHA-256(0x01 || left || right)

Nothing here holds the leaves. Roots and proofs of a log are made of its *complete subtrees*: `node(level, index)` is
the root of the 2**level entries from index * 2**level on. Every tree has at most one such subtree per level at each
edge, so roots and proofs ask for a number of nodes that grows with the logarithm of its size.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from fingerprint.errors import ParameterError, VerificationError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "NodeOf",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "peaks",
    "peaks_root",
    "subtree",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a log without entries."""

NodeOf: TypeAlias = Callable[[int, int], bytes]
"""Returns the root of the complete subtree at (level, index)."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry.

    Examples
    --------
    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree(hashes: Sequence[bytes]) -> bytes:
    """Return the root over consecutive hashes of one level; their number is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def peaks_root(roots: Sequence[bytes]) -> bytes:
    """Return the root of a tree from those of the complete subtrees that it is made of, the largest first."""
    if not roots:
        return EMPTY_ROOT
    found = roots[-1]
    for root in roots[-2::-1]:
        found = node_hash(root, found)
    return found


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the complete subtrees over consecutive hashes of one level, the largest first.

    Examples
    --------
    >>> leaves = [leaf_hash(entry) for entry in (b"a", b"b", b"c")]
    >>> peaks(leaves) == [node_hash(leaves[0], leaves[1]), leaves[2]]
    True
    """
    found, at = [], 0
    while at < len(hashes):
        width = 1 << (len(hashes) - at).bit_length() - 1
        found.append(subtree(hashes[at : at + width]))
        at += width
    return found


def tree_root(size: int, node: NodeOf) -> bytes:
    """Return the root of the first `size` entries."""
    return _range_root(0, size, node)


def inclusion_path(index: int, size: int, node: NodeOf) -> list[bytes]:
    """Return the proof that entry `index` is in the tree of the first `size`: PATH(m, D_n) of RFC 9162, 2.1.3.1.

    Parameters
    ----------
    index : int
        From 0 to `size` - 1.
    size : int
        Entries in the tree.
    node : callable
        Complete subtrees of the tree.

    Returns
    -------
    list of bytes
        Hashes of 32 bytes, from the leaf's neighbour up.

    Raises
    ------
    ParameterError
        If the tree has no such entry.
    """
    if not 0 <= index < size:
        raise ParameterError(f"entry {index}: the log has {size} at this checkpoint; {_some_entry(size)}")
    path, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_path(old_size: int, size: int, node: NodeOf) -> list[bytes]:
    """Return the proof that a tree begins with an older one: PROOF(m, D_n) of RFC 9162, 2.1.4.1.

    Parameters
    ----------
    old_size : int
        Entries in the older tree, from 0 to `size`; the proof is empty for 0 and for `size`.
    size : int
        Entries in the newer tree.
    node : callable
        Complete subtrees of the newer tree.

    Raises
    ------
    ParameterError
        If the older tree is the larger one.
    """
    if not 0 <= old_size <= size:
        raise ParameterError(f"older size {old_size}: the log has {size} entries at this checkpoint; give 0 to {size}")
    path: list[bytes] = []
    start, stop, is_known = 0, size, True  # whether the verifier knows the subtree as a whole: it is the older tree
    while old_size and stop != old_size:
        middle = start + _split(stop - start)
        if old_size <= middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start, is_known = middle, False
    if old_size and not is_known:
        path.append(_range_root(start, stop, node))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Make sure that a leaf is entry `index` of the tree with this size and root (RFC 9162, 2.1.3.2).

    Raises
    ------
    VerificationError
        If the proof does not show that.
    """
    is_right = 0 <= index < size and len(leaf) == HASH_BYTES and _are_hashes(path)
    if is_right:
        at, last, found = index, size - 1, leaf
        for step in path:
            if last == 0:
                is_right = False  # the root is reached, and there is more
                break
            if at & 1 or at == last:
                found = node_hash(step, found)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                found = node_hash(found, step)
            at, last = at >> 1, last >> 1
        is_right = is_right and last == 0 and found == root
    if not is_right:
        raise VerificationError(
            f"entry {index} is not proven: its proof does not lead to the root of the log's {size} entries; the entry, "
            "its index, the proof or the checkpoint was altered; ask for the proof again"
        )


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> None:
    """Make sure that the tree with the newer size and root begins with the older one (RFC 9162, 2.1.4.2).

    Raises
    ------
    VerificationError
        If the proof does not show that.
    """
    if not _is_consistent(old_size, size, old_root, root, path):
        raise VerificationError(
            f"the log of {size} entries is not proven to begin with the older one of {old_size}: entries were altered, "
            "removed or put in between, or the proof is another's; keep both checkpoints, they are the evidence of it"
        )


def _is_consistent(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    if old_size == size or old_size == 0:
        known = root if old_size else EMPTY_ROOT
        return 0 <= old_size <= size and not path and old_root == known and (size > 0 or root == EMPTY_ROOT)
    if not 0 < old_size < size or not path or not _are_hashes(path):
        return False
    steps = list(path) if old_size & (old_size - 1) else [old_root, *path]
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_found = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_found, found = node_hash(step, old_found), node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


def _split(n: int) -> int:
    """Return the largest power of two below n, which is 2 or more."""
    return 1 << (n - 1).bit_length() - 1


def _range_root(start: int, stop: int, node: NodeOf) -> bytes:
    """Return the root of the entries from `start`, a multiple of the largest power of two in the range, to `stop`."""
    roots = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        roots.append(node(level, start >> level))
        start += 1 << level
    return peaks_root(roots)


def _are_hashes(path: Sequence[bytes]) -> bool:
    return all(len(step) == HASH_BYTES for step in path)


def _some_entry(size: int) -> str:
    return f"give 0 to {size - 1}" if size else "it is empty"
