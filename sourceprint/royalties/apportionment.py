"""Whole totals divided in proportion to weights, into whole parts that sum to the total.

Source of the method: largest remainder (Hare quota) apportionment; ties go to the key that sorts first.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import TypeVar

from fingerprint.errors import ParameterError

__all__ = ["largest_remainder"]

K = TypeVar("K", str, int, tuple[str, ...])


def largest_remainder(total: int, weights: Mapping[K, int | Fraction]) -> dict[K, int]:
    """Divide a whole total in proportion to weights, into whole parts that sum to it.

    Every part is its exact quota rounded down or up: the units left after rounding down go, one each, to the largest
    remainders, ties to the key that sorts first. A negative total is divided as its opposite, and the sign restored.
    The result does not depend on the order of the weights.

    Parameters
    ----------
    total : int
        In minor units or any other whole unit.
    weights : mapping of key to int or Fraction
        Not negative; at least one is positive unless the total is zero.

    Returns
    -------
    dict of key to int
        The parts, in order of key; their sum is `total`.

    Raises
    ------
    ParameterError
        If a weight is negative, or nothing has weight and the total is not zero.

    Examples
    --------
    >>> largest_remainder(100, {"b": 1, "a": 1, "c": 1})
    {'a': 34, 'b': 33, 'c': 33}
    >>> largest_remainder(-100, {"a": 2, "b": 1})
    {'a': -67, 'b': -33}
    """
    keys = sorted(weights)
    if any(weights[key] < 0 for key in keys):
        raise ParameterError(f"weight {min(weights.values())}: must not be negative")
    common = lcm(*(weights[key].denominator for key in keys))
    parted = {key: int(weights[key] * common) for key in keys}
    whole = sum(parted.values())
    if whole == 0:
        if total:
            raise ParameterError(f"{total} cannot be shared out: nothing has weight")
        return dict.fromkeys(keys, 0)
    size = abs(total)
    quotas = {key: divmod(size * parted[key], whole) for key in keys}
    parts = {key: quota for key, (quota, _) in quotas.items()}
    left = size - sum(parts.values())
    for key in sorted(keys, key=lambda key: -quotas[key][1])[:left]:  # sorted is stable: ties stay in order of key
        parts[key] += 1
    return parts if total >= 0 else {key: -part for key, part in parts.items()}
