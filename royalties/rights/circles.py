"""Circles in what refers to what: recordings contained in each other, licences that replace each other."""

from collections.abc import Iterable, Mapping

__all__ = ["find_circles"]


def find_circles(edges: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return circles such that without their members no circle is left.

    Circles that share a member come out as one of them: once that one is mended, the next check shows what remains.

    Parameters
    ----------
    edges : mapping of str to iterable of str
        From an id to those that it refers to.

    Returns
    -------
    list of tuple of str
        Each in the order of reference, from its smallest id on, which is not repeated at the end; sorted.

    Examples
    --------
    >>> find_circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["d"]})
    [('b', 'c'), ('d',)]
    """
    after = {node: sorted(set(others)) for node, others in edges.items()}
    before: dict[str, list[str]] = {}
    for node, others in after.items():
        for other in others:
            before.setdefault(other, []).append(node)
    ways_on = {node: len(others) for node, others in after.items()}
    left = {node for node in after if ways_on[node]} | set(before)
    _drop([node for node in left if not ways_on.get(node)], left, before, ways_on)
    circles = []
    for start in sorted(left):
        while start in left:
            circle = _walk(start, left, after)
            circles.append(circle)
            _drop(list(circle), left, before, ways_on)
    return sorted(circles)


def _walk(start: str, left: set[str], after: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the circle that the smallest way on leads into; every node that is left has one."""
    path: dict[str, int] = {}
    node = start
    while node not in path:
        path[node] = len(path)
        node = next(other for other in after[node] if other in left)
    circle = list(path)[path[node] :]
    smallest = circle.index(min(circle))
    return tuple(circle[smallest:] + circle[:smallest])


def _drop(nodes: list[str], left: set[str], before: Mapping[str, list[str]], ways_on: dict[str, int]) -> None:
    """Take nodes away, and then all from which no way leads on any more."""
    left.difference_update(nodes)
    while nodes:
        for other in before.get(nodes.pop(), ()):
            ways_on[other] -= 1
            if not ways_on[other] and other in left:
                left.discard(other)
                nodes.append(other)
