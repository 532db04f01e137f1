"""Arguments are taken within their limits, and refused by name, value and limit; all public functions: tests of api."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fingerprint.arguments import (
    expect_flags,
    expect_scales,
    expect_texts,
    expect_words,
    number,
    path_of,
    whole_number,
)
from fingerprint.errors import ParameterError


def test_numbers_of_python_and_numpy_are_taken_up_to_their_limits() -> None:
    taken = [whole_number("n", value, least=1, most=4) for value in (1, 4, 2.0, np.int64(3), np.float32(4))]
    assert taken == [1, 4, 2, 3, 4]
    assert all(type(value) is int for value in taken)
    assert [number("x", value) for value in (0, Fraction(1, 2), np.float64(3))] == [0.0, 0.5, 3.0]
    assert number("x", 1e-300, above=0) == 1e-300
    expect_flags(a=True, b=np.bool_(False))
    expect_texts(a="", b=None)
    expect_words(a=(), b=["one"], c={"two"})
    expect_scales([1, 0.5])
    expect_scales(np.array([1.0]))
    assert path_of("p", "a") == path_of("p", Path("a")) == Path("a")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: whole_number("n", 0, least=1), "n=0: must be a whole number of at least 1"),
        (lambda: whole_number("n", 5, least=1, most=4, remedy="4 is best"), "whole number within 1-4; 4 is best"),
        (lambda: whole_number("n", True, least=1), "n=True: must be a whole number"),
        (lambda: number("x", 0, above=0), "x=0: must be a number above 0"),
        (lambda: number("x", -1), "x=-1: must be a number from 0"),
        (lambda: number("x", 10**400), r"x=1000+: must be a number"),
        (lambda: expect_flags(a="no"), "a='no': must be True or False"),
        (lambda: expect_texts(a=7), "a=7: must be a text; give '7' if that is meant"),
        (lambda: expect_words(a="one"), r"a='one': must be a list of words; give \['one'\]"),
        (lambda: expect_words(a=[1]), r"a=\[1\]: must be a list of words"),
        (lambda: expect_scales(()), r"scales=\(\): must be one or more positive numbers"),
        (lambda: path_of("p", b"a"), "p=b'a': must be a path"),
    ],
)
def test_refusals_name_argument_value_and_limit(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()
