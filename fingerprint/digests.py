"""SHA-256 digests, and the JSON texts that they are taken of: one text for one value.

`canonical_json`   keys sorted by code point, no white space, ASCII or UTF-8: the text that digests of documents hash
`exact_json`       the same of a document for money: UTF-8, and no floats, whose text depends on who writes it
`pretty_json`      indented, fields in their order: small documents that people read too
`strict_json`      a document from outside as plain types, if there is one way to read it
`hash_file`        size and SHA-256 of a file

A digest of a document is written as "sha256:" and 64 hexadecimal digits, that of a file as the digits alone.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fingerprint.errors import ParameterError, printable

__all__ = ["FileEntry", "canonical_json", "digest_of", "exact_json", "hash_file", "is_sha256", "pretty_json"]
__all__ += ["DEEPEST", "is_deeper", "strict_json"]

DEEPEST = 64
"""Levels of lists and objects that a document from outside may have."""

_DIGITS = frozenset("0123456789abcdef")
_READ_BYTES = 1 << 20
_MOST_INTEGER_DIGITS = 20


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 in 64 hexadecimal digits, small letters.

    A text that passes is safe as a file name: it has no separators.

    Examples
    --------
    >>> is_sha256("0f" * 32), is_sha256("0F" * 32), is_sha256("../" + "0" * 61)
    (True, False, False)
    """
    return len(text) == 64 and _DIGITS.issuperset(text)


def digest_of(data: bytes | bytearray) -> str:
    """Return "sha256:" and the SHA-256 of some bytes, such as those of a document.

    Examples
    --------
    >>> digest_of(canonical_json({}))
    'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: Any, *, utf8: bool = False) -> bytes:
    r"""Return plain JSON types as canonical JSON.

    Parameters
    ----------
    value : None, bool, int, float, str, list, tuple or dict
        The same types inside; keys of dicts are text.
    utf8 : bool
        Whether characters are written as they are; else those beyond ASCII are escaped.

    Raises
    ------
    TypeError, ValueError
        If another type or NaN or infinity is in it; with `utf8`, half a surrogate pair.

    Examples
    --------
    >>> canonical_json({"b": [1, None, 0.5], "a": "é"})
    b'{"a":"\\u00e9","b":[1,null,0.5]}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=not utf8, allow_nan=False)
    return text.encode("utf-8")


def exact_json(value: Any) -> bytes:
    """Return a document without decimals as canonical JSON in UTF-8; decimals and fractions go into it as text.

    Parameters
    ----------
    value : None, bool, int, str, list or dict
        The same types inside lists and dicts; keys of dicts are text.

    Raises
    ------
    ParameterError
        If any other type is in it, such as a float or a tuple, or text that cannot be encoded as UTF-8; the message
        says where.

    Examples
    --------
    >>> print(exact_json({"b": [1, None, True], "a": "é"}).decode())
    {"a":"é","b":[1,null,true]}
    """
    if not _is_exact(value):
        _expect_exact(value, "value")
    return canonical_json(value, utf8=True)


def pretty_json(value: Any, *, indent: int = 1, utf8: bool = False) -> bytes:
    r"""Return plain JSON types as an indented document with a line break at its end, fields in their order.

    Raises
    ------
    TypeError, ValueError
        As `canonical_json`.

    Examples
    --------
    >>> pretty_json({"b": 1, "a": []})
    b'{\n "b": 1,\n "a": []\n}\n'
    """
    return (json.dumps(value, indent=indent, ensure_ascii=not utf8, allow_nan=False) + "\n").encode("utf-8")


def strict_json(data: bytes) -> Any:
    """Return the plain types in the text of a JSON document from outside, which every reader must read alike.

    Raises
    ------
    ParameterError
        If it is no JSON in UTF-8, has a field twice, has a number that is none, a whole one of more than 20 digits,
        or more than 64 levels; the message goes on where a name ends.

    Examples
    --------
    >>> strict_json(b'{"p": 1e-9}')
    {'p': 1e-09}
    >>> strict_json(b'{"p": NaN}')
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: NaN is no number
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
    except ParameterError:
        raise
    except (ValueError, RecursionError) as error:
        raise ParameterError("is not valid JSON") from error
    if is_deeper(value, DEEPEST):
        raise ParameterError(f"is nested deeper than {DEEPEST} levels")
    return value


def is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and objects are nested deeper than some levels.

    Examples
    --------
    >>> is_deeper([{"a": []}], 3), is_deeper([{"a": []}], 2), is_deeper(1, 0)
    (False, True, False)
    """
    there = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not there:
            return False
        there = [
            item
            for one in there
            for item in (one.values() if isinstance(one, dict) else one)
            if isinstance(item, dict | list)
        ]
    return bool(there)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size and checksum of one file, as the manifest and other lists of files record them.

    Attributes
    ----------
    size : int
        Length in bytes.
    sha256 : str
        SHA-256 of the content, 64 hexadecimal digits.
    """

    size: int
    sha256: str


def hash_file(path: Path, *, progress: Callable[[int], None] | None = None) -> FileEntry:
    """Return size and SHA-256 of a file as it is now; `progress` is called with the bytes of every block read."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
            size += len(block)
            if progress is not None:
                progress(len(block))
    return FileEntry(size, digest.hexdigest())


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ParameterError("has a field twice")
    return fields


def _no_number(text: str) -> NoReturn:
    raise ParameterError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ParameterError(f"{text[:40]} is too large a number")
    return value


def _whole(text: str) -> int:
    if len(text) > _MOST_INTEGER_DIGITS:
        raise ParameterError(f"{text[:40]} is too large a number")
    return int(text)


def _is_exact(value: Any) -> bool:
    """Return whether a value certainly passes `_expect_exact`, which is slower as it keeps track of the place."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int or kind is bool or value is None:
        return True
    if kind is list:
        return all(map(_is_exact, value))
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_exact, value.values()))
    return False


def _expect_exact(value: Any, where: str) -> None:
    if isinstance(value, str):
        _expect_unicode(value, where)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _expect_exact(item, f"{where}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ParameterError(f"{where}: key {key!r:.40} is no text; keys of JSON are text")
            _expect_unicode(key, where)
            _expect_exact(item, f"{where}.{printable(key):.40}")
    elif value is not None and not isinstance(value, int):  # bool is an int
        kind = type(value).__name__
        raise ParameterError(
            f"{where}: {value!r:.40} is a {kind}; only null, true, false, whole numbers, text, lists and objects have "
            "one canonical form: write decimals as text"
        )


def _expect_unicode(text: str, where: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ParameterError(f"{where}: text {printable(text)!r:.80} cannot be written as UTF-8") from error
