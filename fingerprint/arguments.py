"""Arguments of Python callers, checked where they come in; an error names the argument, its value and its limits."""

import math
import numbers
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fingerprint.errors import ParameterError

__all__ = ["expect_flags", "expect_scales", "expect_texts", "expect_words", "number", "path_of", "whole_number"]


def whole_number(name: str, value: Any, *, least: int, most: int | None = None, remedy: str = "") -> int:
    """Return an argument as a whole number; floats without a fraction and numbers of NumPy are fine.

    Raises
    ------
    ParameterError
        If it is no whole number, or outside the limits.

    Examples
    --------
    >>> whole_number("jobs", 4.0, least=1)
    4
    """
    if not _is_finite(value) or value != int(value) or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"within {least}-{most}"
        raise ParameterError(f"{name}={value!r:.40}: must be a whole number {limits}{remedy and f'; {remedy}'}")
    return int(value)


def number(name: str, value: Any, *, above: float | None = None, least: float = 0, remedy: str = "") -> float:
    """Return an argument as a finite number, above one limit or from another one on.

    Raises
    ------
    ParameterError
        If it is no number, not finite, or outside the limit.

    Examples
    --------
    >>> number("block_seconds", 30, above=0)
    30.0
    """
    if not _is_finite(value) or (value <= above if above is not None else value < least):
        limit = f"above {above}" if above is not None else f"from {least}"
        raise ParameterError(f"{name}={value!r:.40}: must be a number {limit}{remedy and f'; {remedy}'}")
    return float(value)


def expect_scales(scales: Any) -> None:
    """Refuse time scales that are no sequence of positive numbers.

    Raises
    ------
    ParameterError
        If there is none, or one is not positive.
    """
    if not isinstance(scales, Collection) or isinstance(scales, str | bytes) or not len(scales):
        raise ParameterError(f"scales={scales!r:.40}: must be one or more positive numbers, such as (1.0,)")
    for scale in scales:
        number("scales", scale, above=0, remedy="(1.0,) is usual")


def expect_texts(**arguments: Any) -> None:
    """Refuse arguments that are neither a text nor None.

    Raises
    ------
    ParameterError
        If one is anything else.
    """
    for name, value in arguments.items():
        if value is not None and not isinstance(value, str):
            raise ParameterError(f"{name}={value!r:.80}: must be a text; give {str(value)!r:.80} if that is meant")


def expect_words(**arguments: Any) -> None:
    """Refuse arguments that are no list of words; one word alone would be taken for a list of letters.

    Raises
    ------
    ParameterError
        If an argument is a text, no collection, or holds anything but texts.
    """
    for name, words in arguments.items():
        if isinstance(words, str):
            raise ParameterError(f"{name}={words!r:.80}: must be a list of words; give [{words!r:.80}]")
        if not isinstance(words, Collection) or not all(isinstance(word, str) for word in words):
            raise ParameterError(f"{name}={words!r:.80}: must be a list of words; give texts in brackets")


def expect_flags(**arguments: Any) -> None:
    """Refuse arguments that are neither true nor false: "no", as any text, would count as true.

    Raises
    ------
    ParameterError
        If one is no truth value, of Python or NumPy.
    """
    for name, value in arguments.items():
        if not isinstance(value, bool) and str(getattr(value, "dtype", "")) != "bool":
            raise ParameterError(f"{name}={value!r:.40}: must be True or False")


def path_of(name: str, value: Any) -> Path:
    """Return an argument as a path.

    Raises
    ------
    ParameterError
        If it is neither a text nor path-like.
    """
    if not isinstance(value, str) and not (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)):
        raise ParameterError(f"{name}={value!r:.80}: must be a path, as a text or a pathlib.Path")
    return Path(value)


def _is_finite(value: Any) -> bool:
    """Return whether this is a number that a float can hold; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
