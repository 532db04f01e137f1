"""Damage without sense, and hostile values at every place of a file that is valid otherwise.

Checksums catch nearly all damage without sense; a file that an attacker writes has checksums that agree. So a format
that knows its own grammar takes a valid file apart, puts hostile values into it (`hostile_tree`, `hostile_array`), and
writes it as its own writer would.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Raw", "damaged", "hostile_array", "hostile_text", "hostile_tree", "json_text", "toml_text"]

_DEPTHS: Final = (60, 200, 900, 5000)


class Raw(str):
    """JSON as it is to be written, valid or not."""

    __slots__ = ()


_NUMBERS: Final = (
    *(0, -1, 1, 2, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64),
    *(-(2**31), -(2**63), 10**30, -(10**30), 0.0, -0.0, 0.5, -0.5, 1e-9, 1e-300, 5e-324, 1e9, 1e18, 1e300, -1e300),
)
_TEXTS: Final = (
    *("", " ", "\0", "\n", "/", "..", "../../etc/passwd", "a\0b", "x" * 300, "x" * 5000, "\ud800", "\u202e", "\ufeff"),
    *("=1+1", "<script>", "nan", "inf", "-1", "1e999", "2026-02-30", "sha256:", "sha256:" + "0" * 64, "0" * 64),
)
_RAW: Final = (
    *(Raw(text) for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "0x10", "01", "")),
    *(Raw(text) for text in ('"\\ud800"', '"\\udc00\\ud800"', '{"a":1,"a":2}')),
    *(Raw("[" * depth + "]" * depth) for depth in _DEPTHS),
    *(Raw('{"a":' * depth + "1" + "}" * depth) for depth in _DEPTHS),
)
_EMPTY: Final[tuple[Any, ...]] = (None, True, False, [], {}, [[]], [None], {"": 0})


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with one to four of: bits flipped, a cut, a chunk doubled, swapped, zeroed, dropped or inserted."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not out:
            return bytes(chance.randbytes(chance.randrange(64)))
        at, size = chance.randrange(len(out)), chance.choice((1, 2, 4, 8, 64, 512))
        kind = chance.randrange(7)
        if kind == 0:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del out[at:]
        elif kind == 2:
            out[at:at] = out[at : at + size]
        elif kind == 3:
            other = chance.randrange(len(out))
            one, two = bytes(out[at : at + size]), bytes(out[other : other + size])
            out[at : at + len(two)], out[other : other + len(one)] = two, one
        elif kind == 4:
            out[at : at + size] = bytes([chance.choice((0, 255, 127))]) * len(out[at : at + size])
        elif kind == 5:
            del out[at : at + size]
        else:
            out[at:at] = chance.randbytes(size)
    return bytes(out)


def hostile_text(chance: random.Random) -> str:
    """Return a text that nobody would write."""
    return chance.choice(_TEXTS)


def hostile_tree(chance: random.Random, tree: Any) -> Any:
    """Return a copy of a JSON value with one to three places changed: values, kinds, keys, lengths."""
    out: Any = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(_places(out))
        if not places:
            return _value(chance, out)
        holder, key = chance.choice(places)
        kind = chance.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind == 1:
            holder[hostile_text(chance)] = copy.deepcopy(holder[key])
        elif kind == 2 and isinstance(holder[key], list):
            holder[key] = holder[key] * chance.choice((2, 40)) if len(holder[key]) < 1000 else holder[key][:1]
        elif kind == 2 and isinstance(holder, list):
            chance.shuffle(holder)
        else:
            holder[key] = copy.deepcopy(_value(chance, holder[key]))  # or a list of ours may come to hold itself
    return out


def hostile_array(chance: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an array with hostile values or in a hostile order; its shape is kept."""
    out = array.copy()
    if not out.size:
        return out
    flat = out.reshape(-1)
    some = [chance.randrange(flat.size) for _ in range(chance.choice((1, 1, 3, flat.size)))]
    kind = chance.randrange(9)
    if kind <= 2:
        flat[some] = _number(chance, out.dtype)
    elif kind == 3:
        flat[:] = _number(chance, out.dtype)
    elif kind == 4:
        out[:] = out[::-1].copy()
    elif kind == 5:
        out[:] = out[chance.randrange(len(out))]
    elif kind == 6:
        out[:] = out[np.array([chance.randrange(len(out)) for _ in range(len(out))])]
    elif kind == 7:
        out[:] = np.repeat(out, chance.choice((2, 40)), axis=0)[: len(out)]
    else:
        with np.errstate(all="ignore"):
            flat[:] = flat * out.dtype.type(chance.choice((0, 2, 3, 100))) + out.dtype.type(chance.choice((0, 1, 2)))
    return out


def json_text(tree: Any) -> bytes:
    """Return a tree as JSON without spaces, keys in their order, as ASCII; `Raw` as it stands."""
    raw: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, Raw):
            raw.append(str(value))
            return f"\x01{len(raw) - 1}\x01"
        if isinstance(value, dict):
            return {str(key): marked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [marked(item) for item in value]
        return value

    text = json.dumps(marked(tree), separators=(",", ":"))
    for number, value in enumerate(raw):
        text = text.replace(f'"\\u0001{number}\\u0001"', value)
    return text.encode("utf-8", "surrogatepass")


def toml_text(tree: dict[str, Any]) -> bytes:
    """Return a tree as TOML, everything inside a top-level key in one line; `Raw` as it stands."""
    return "".join(f"{_toml_key(key)} = {_toml(value)}\n" for key, value in tree.items()).encode(
        "utf-8", "surrogatepass"
    )


def _toml(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml_key(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return "nan" if value is None else json.dumps(value)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every value that can be changed, as its container and its key there."""
    keys: Any = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _value(chance: random.Random, there: Any) -> Any:
    """Return a hostile value, of the kind that is there more often than not."""
    if isinstance(there, int | float) and not isinstance(there, bool) and chance.random() < 0.8:
        if chance.random() < 0.3:
            return chance.choice((there + 1, there - 1, there * 2, -there, there * 1e6, float(there), str(there)))
        return chance.choice(_NUMBERS)
    if isinstance(there, str) and chance.random() < 0.6:
        return chance.choice((*_TEXTS, there + "\0", there.upper(), there[:-1], there * 2))
    return chance.choice((*_NUMBERS, *_TEXTS, *_RAW, *_RAW, *_EMPTY))


def _number(chance: random.Random, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        most = float(np.finfo(dtype).max)
        tiny = float(np.finfo(dtype).tiny)
        return dtype.type(
            chance.choice((np.nan, np.inf, -np.inf, -1.0, -1e-6, 0.0, 1e4, most, -most, tiny, 1e3, 0.999))
        )
    if dtype.kind == "b":
        return chance.random() < 0.5
    info = np.iinfo(dtype)
    return dtype.type(chance.choice((info.min, info.max, info.max // 2, info.max - 1, 0, 1)))
