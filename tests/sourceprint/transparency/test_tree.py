"""Roots and proofs: against the definitions of RFC 9162, and the vectors of Certificate Transparency."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import pytest

from fingerprint.errors import ParameterError, VerificationError
from sourceprint.transparency.tree import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    peaks,
    peaks_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

MOST_LEAVES = 129
ENTRIES = [number.to_bytes(2, "big") * (number % 5) for number in range(MOST_LEAVES)]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(n: int) -> int:
    return next(1 << k for k in range(64) if 1 << k < n <= 2 << k)


# RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, word by word, of the entries from start to stop.


@cache
def mth(start: int, stop: int) -> bytes:
    n = stop - start
    if n < 2:
        return sha256(b"\x00" + ENTRIES[start]) if n else sha256(b"")
    k = split(n)
    return sha256(b"\x01" + mth(start, start + k) + mth(start + k, stop))


def path(m: int, start: int, stop: int) -> list[bytes]:
    if stop - start == 1:
        return []
    k = split(stop - start)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, stop)]
    return [*path(m - k, start + k, stop), mth(start, start + k)]


def subproof(m: int, start: int, stop: int, b: bool) -> list[bytes]:
    if m == stop - start:
        return [] if b else [mth(start, stop)]
    k = split(stop - start)
    if m <= k:
        return [*subproof(m, start, start + k, b), mth(start + k, stop)]
    return [*subproof(m - k, start + k, stop, False), mth(start, start + k)]


def node(level: int, index: int) -> bytes:
    """Return a complete subtree, by definition, and no other."""
    start, stop = index << level, (index + 1) << level
    assert stop <= MOST_LEAVES, (level, index)
    return mth(start, stop)


def is_refused(verify: Callable[..., None], *words: object) -> bool:
    try:
        verify(*words)
    except VerificationError:
        return True
    return False


def test_roots_are_those_of_the_definition() -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    for size in range(MOST_LEAVES + 1):
        assert tree_root(size, node) == mth(0, size)
        assert peaks_root(peaks(leaves[:size])) == mth(0, size)


def test_every_entry_of_every_tree_has_the_proof_of_the_definition_and_no_other_place() -> None:
    for size in range(1, MOST_LEAVES + 1):
        root = mth(0, size)
        for index in range(size):
            proof, leaf = inclusion_path(index, size, node), leaf_hash(ENTRIES[index])
            assert proof == path(index, 0, size)
            verify_inclusion(index, size, leaf, proof, root)
            for wrong in (index + 1, index - 1, index ^ 2):
                assert is_refused(verify_inclusion, wrong, size, leaf, proof, root), (size, index, wrong)
            assert is_refused(verify_inclusion, index, index, leaf, proof, root), (size, index)


def test_every_two_trees_have_the_consistency_proof_of_the_definition() -> None:
    for size in range(1, MOST_LEAVES + 1):
        root = mth(0, size)
        assert consistency_path(0, size, node) == []
        verify_consistency(0, size, EMPTY_ROOT, root, [])
        for old in range(1, size + 1):
            proof, old_root = consistency_path(old, size, node), mth(0, old)
            assert proof == subproof(old, 0, size, True)
            verify_consistency(old, size, old_root, root, proof)
            assert is_refused(verify_consistency, old + 1, size, old_root, root, proof), (old, size)
            if old < size:
                assert is_refused(verify_consistency, old, size, root, old_root, proof), (old, size)
                assert is_refused(verify_consistency, old, size, old_root, old_root, proof), (old, size)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 8), (5, 8), (2, 3), (1, 5), (64, 100), (99, 100)])
def test_an_altered_proof_of_inclusion_is_refused(index: int, size: int) -> None:
    root, leaf, proof = mth(0, size), leaf_hash(ENTRIES[index]), inclusion_path(index, size, node)
    altered = [
        (leaf_hash(b"other"), proof, root),
        (b"short", proof, root),
        (leaf, proof, EMPTY_ROOT),
        (leaf, [*proof, root], root),
        (leaf, [*proof, b""], root),
        (leaf, [root, *proof], root),
        *((leaf, proof[:-1], root) for _ in proof[:1]),
        *((leaf, [*proof[:at], leaf_hash(proof[at]), *proof[at + 1 :]], root) for at in range(len(proof))),
    ]
    for wrong_leaf, wrong_proof, wrong_root in altered:
        with pytest.raises(VerificationError, match=f"entry {index} is not proven"):
            verify_inclusion(index, size, wrong_leaf, wrong_proof, wrong_root)


@pytest.mark.parametrize(("old", "size"), [(1, 8), (6, 8), (2, 5), (6, 7), (64, 100), (99, 100), (4, 4), (0, 4)])
def test_an_altered_proof_of_consistency_is_refused(old: int, size: int) -> None:
    old_root, root, proof = mth(0, old), mth(0, size), consistency_path(old, size, node)
    altered = [
        (leaf_hash(b"other"), root, proof),
        (old_root, leaf_hash(b"other"), proof) if old else (root, root, proof),
        (old_root, root, [*proof, root]),
        (old_root, root, [root, *proof]),
        (old_root, root, [*proof, b""]),
        *((old_root, root, proof[:-1]) for _ in proof[:1]),
        *((old_root, root, [*proof[:at], leaf_hash(proof[at]), *proof[at + 1 :]]) for at in range(len(proof))),
    ]
    for wrong_old, wrong_root, wrong_proof in altered:
        with pytest.raises(
            VerificationError, match=f"{size} entries is not proven to begin with the older one of {old}"
        ):
            verify_consistency(old, size, wrong_old, wrong_root, wrong_proof)


def test_no_proof_holds_for_an_empty_tree_but_that_of_itself() -> None:
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    other = mth(0, 1)
    for old_root, root, proof in [(EMPTY_ROOT, other, []), (other, EMPTY_ROOT, []), (EMPTY_ROOT, EMPTY_ROOT, [other])]:
        with pytest.raises(VerificationError, match="not proven"):
            verify_consistency(0, 0, old_root, root, proof)
    with pytest.raises(VerificationError, match="not proven"):
        verify_inclusion(0, 0, EMPTY_ROOT, [], EMPTY_ROOT)


def test_an_entry_or_size_that_is_not_there_is_named() -> None:
    with pytest.raises(ParameterError, match="entry 3: the log has 3 at this checkpoint; give 0 to 2"):
        inclusion_path(3, 3, node)
    with pytest.raises(ParameterError, match="entry 0: the log has 0 at this checkpoint; it is empty"):
        inclusion_path(0, 0, node)
    with pytest.raises(ParameterError, match="older size 4: the log has 3 entries at this checkpoint; give 0 to 3"):
        consistency_path(4, 3, node)


# --- the vectors of Certificate Transparency --------------------------------------------------------------------------

LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # by index from 0, and size: the first digits of each hash
    (0, 1): [],
    (0, 8): ["96a296d224f2", "5f083f0a1a33", "6b47aaf29ee3"],
    (5, 8): ["bc1a0643b12e", "ca854ea128ed", "d37ee418976d"],
    (2, 3): ["fac54203e7cc"],
    (1, 5): ["6e340b9cffb3", "5f083f0a1a33", "bc1a0643b12e"],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): ["96a296d224f2", "5f083f0a1a33", "6b47aaf29ee3"],
    (6, 8): ["0ebc5d3437fb", "ca854ea128ed", "d37ee418976d"],
    (2, 5): ["5f083f0a1a33", "bc1a0643b12e"],
    (6, 7): ["0ebc5d3437fb", "b08693ec2e72", "d37ee418976d"],
}


def vector_node(level: int, index: int) -> bytes:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[index << level : (index + 1) << level]]
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def test_roots_of_the_vectors() -> None:
    assert [tree_root(size, vector_node).hex() for size in range(1, 9)] == ROOTS
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_of_the_vectors(index: int, size: int) -> None:
    proof = inclusion_path(index, size, vector_node)
    assert [each.hex()[:12] for each in proof] == INCLUSION[index, size]
    verify_inclusion(index, size, leaf_hash(LEAVES[index]), proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "size"), CONSISTENCY)
def test_consistency_proofs_of_the_vectors(old: int, size: int) -> None:
    proof = consistency_path(old, size, vector_node)
    assert [each.hex()[:12] for each in proof] == CONSISTENCY[old, size]
    verify_consistency(old, size, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[size - 1]), proof)
