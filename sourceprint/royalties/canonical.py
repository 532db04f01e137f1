"""Canonical JSON, and the digest of it: one text for one value, so that equal documents have equal digests.

In come plain JSON types without decimals: None, bool, int, str, list, and dict with text as keys. Out comes JSON in one
line: keys sorted by code point, no white space, characters as they are (UTF-8 once encoded). A float is refused: how it
is written depends on who writes it. Decimals and fractions are put into documents as text.
"""

import hashlib
import json
from typing import Any

from fingerprint.errors import ParameterError, printable

__all__ = ["canonical_json", "digest"]


def canonical_json(value: Any, *, known: bool = False) -> str:
    """Return a value as canonical JSON.

    Parameters
    ----------
    value : None, bool, int, str, list or dict
        The same types inside lists and dicts; keys of dicts are text.
    known : bool
        Whether it is known to hold nothing else, since it was looked through before; it is not done again then.

    Raises
    ------
    ParameterError
        If any other type is in it, such as a float or a tuple, or text that cannot be encoded as UTF-8; the message
        says where.

    Examples
    --------
    >>> canonical_json({"b": [1, None, True], "a": "é"})
    '{"a":"é","b":[1,null,true]}'
    """
    if not known and not _is_plain(value):
        _check(value, "value")
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return "sha256:" and the SHA-256 of the canonical JSON of a value, in hexadecimal.

    Raises
    ------
    ParameterError
        As `canonical_json`.

    Examples
    --------
    >>> digest({})
    'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return "sha256:" + hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def _is_plain(value: Any) -> bool:
    """Return whether a value certainly passes `_check`, which is slower as it keeps track of the place."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int or kind is bool or value is None:
        return True
    if kind is list:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_plain, value.values()))
    return False


def _check(value: Any, where: str) -> None:
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{where}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ParameterError(f"{where}: key {key!r:.40} is no text; keys of JSON are text")
            _check_text(key, where)
            _check(item, f"{where}.{printable(key):.40}")
    elif value is not None and not isinstance(value, int):  # bool is an int
        kind = type(value).__name__
        raise ParameterError(
            f"{where}: {value!r:.40} is a {kind}; only null, true, false, whole numbers, text, lists and objects have "
            "one canonical form: write decimals as text"
        )


def _check_text(text: str, where: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ParameterError(f"{where}: text {printable(text)!r:.80} cannot be written as UTF-8") from error
