"""Lists of format 2: damage is noticed when a list is looked into, and never becomes an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from index.folder.index import Index
from index.vectors.format2.lists import TreeLists, TreeSearch
from index.vectors.format2.tree import Tree
from tests.landmark_sets import unit_vectors
from tests.places import DATA


@pytest.fixture(scope="module")
def sound() -> tuple[Tree, TreeLists]:
    snapshot = Index.open(DATA / "index-v2").snapshot()
    lists = snapshot.segments[0].layers["recording"].lists
    assert isinstance(lists, TreeLists)
    return snapshot.trees["recording"], lists


def searched(tree: Tree, lists: TreeLists, *, nprobe: int = 600) -> tuple[Any, Any, Any]:
    """Return the answer to some queries, of lists none of which was compared before."""
    fresh = replace(lists, checked=np.zeros(lists.n_lists, np.bool_))
    search = TreeSearch(tree, [fresh], [0], np.array([0, lists.rows.size]))
    return search.search(unit_vectors(20, 3), 2, nprobe=nprobe, usable=np.ones(1, np.bool_))


@pytest.mark.parametrize("what", ["codes", "rows", "checks"])
def test_damage_to_any_list_is_noticed_when_it_is_looked_into(sound: tuple[Tree, TreeLists], what: str) -> None:
    tree, lists = sound
    assert searched(tree, lists)[2] is None
    for number in np.flatnonzero(np.diff(lists.starts))[::29].tolist():
        arrays = {name: getattr(lists, name).copy() for name in ("codes", "rows", "checks")}
        place = number if what == "checks" else lists.starts[number]
        arrays[what][..., place] ^= arrays[what].dtype.type(1)
        assert searched(tree, replace(lists, **arrays))[2] == (0, number)


def test_damage_to_lists_that_no_query_looks_into_costs_nothing(sound: tuple[Tree, TreeLists]) -> None:
    tree, lists = sound
    level = tree.level_of(lists.n_lists)
    assert level is not None
    looked_into = np.unique(tree.nearest(unit_vectors(20, 3), 2)[level])
    checks = lists.checks + np.uint64(1)
    checks[looked_into] -= np.uint64(1)
    right, again = searched(tree, lists, nprobe=2), searched(tree, replace(lists, checks=checks), nprobe=2)
    assert again[2] is None
    np.testing.assert_array_equal(again[0], right[0])
