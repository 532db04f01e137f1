"""Names from outside, fit for files: as the name of a file, and as text in it.

File names (`safe_names`) are made of the last part of a path, so that nothing can climb out of the folder. Characters
that file systems or shells take amiss become `_`, long names are cut. Where a name had to be changed, or two would be
one (on a file system that minds neither case nor accents' composition), a digest of the original is put behind it.

Text may hold bytes that are no UTF-8 (Python keeps them as lone surrogates), line breaks, tabs, commands to a terminal,
and marks that turn the direction of writing: `well_formed` and `one_line` escape them.
"""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

__all__ = [
    "in_number_order",
    "one_line",
    "path_text",
    "quoted",
    "safe_names",
    "well_formed",
    "well_formed_json",
]

_HARMLESS = frozenset(" ._-()[],+=@#")
_RESERVED = frozenset({"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


def safe_names(names: Iterable[str], *, max_bytes: int = 96) -> dict[str, str]:
    """Return for each name one that a file may have; no two differ in case or composition alone.

    Parameters
    ----------
    names : iterable of str
        Paths or ids, in any order; each result depends on the whole set, not on its order.
    max_bytes : int
        Length of the longest, in UTF-8 and with its digest; endings that are put behind come on top.

    Examples
    --------
    >>> safe_names(["mixes/one.wav", "two.wav"])
    {'mixes/one.wav': 'one.wav', 'two.wav': 'two.wav'}
    >>> safe_names(["a/x.wav", "b/X.wav"])
    {'a/x.wav': 'x.wav-3971ddcad82537f2', 'b/X.wav': 'X.wav-0f9bf381867b9f69'}
    """
    unique = sorted(set(names))
    plain = {name: _plain(name, max_bytes) for name in unique}
    with_digest = {name: _with_digest(name, plain[name], max_bytes) for name in unique}
    taken = Counter(_key(each) for each in (*plain.values(), *with_digest.values()))
    kept = {name for name in unique if plain[name] == name.rpartition("/")[2] and taken[_key(plain[name])] == 1}
    return {name: plain[name] if name in kept else with_digest[name] for name in unique}


def _plain(name: str, max_bytes: int) -> str:
    last = unicodedata.normalize("NFC", name.rpartition("/")[2])
    text = "".join(c if c in _HARMLESS or unicodedata.category(c)[0] in "LMN" else "_" for c in last)
    if not text or text[0] in ".-" or text != text.strip() or text.partition(".")[0].casefold() in _RESERVED:
        text = f"_{text.strip()}"
    return _cut(text, max_bytes)


def _with_digest(name: str, plain: str, max_bytes: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_cut(plain, max_bytes - len(digest) - 1)}-{digest}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore").rstrip()


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


_SURROGATES = re.compile("[\ud800-\udfff]")
# Control characters, line and paragraph separators, marks that turn the direction of writing, lone surrogates. Unlike
# str.isprintable, ideographic spaces and joiners pass: titles in many scripts are made of them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def in_number_order(name: str) -> tuple[list[tuple[str, int, str]], str]:
    """Return the natural sort key of a name: by the numbers in it, without regard to case.

    Examples
    --------
    >>> sorted(["gen-10", "gen-9", "Gen-1"], key=in_number_order)
    ['Gen-1', 'gen-9', 'gen-10']
    """
    words = re.split(r"[0-9]+", name.casefold())
    numbers = [digits.lstrip("0") for digits in re.findall(r"[0-9]+", name)]  # of any length: int() would refuse some
    return [(word, len(digits), digits) for word, digits in zip(words, [*numbers, ""], strict=True)], name


def well_formed(text: str) -> str:
    r"""Return text that can be written as UTF-8: bytes that are no UTF-8 are escaped, the rest is unchanged.

    Examples
    --------
    >>> print(well_formed("caf\udce9.wav"))
    caf\udce9.wav
    """
    return _SURROGATES.sub(_escaped, text)


def well_formed_json(value: Any) -> Any:
    """Return plain JSON types with all text in them `well_formed`."""
    if isinstance(value, str):
        return value if value.isascii() else well_formed(value)
    if isinstance(value, dict):
        return {well_formed(key): well_formed_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [well_formed_json(item) for item in value]
    return value


def quoted(path: str) -> str:
    r"""Return the bytes of a path that is no UTF-8, percent-encoded, so that it can be told from others; else "".

    Examples
    --------
    >>> quoted("caf\udce9.wav"), quoted("café.wav")
    ('caf%E9.wav', '')
    """
    return quote(os.fsencode(path)) if _SURROGATES.search(path) else ""


def path_text(name: str, quoted_name: str) -> str:
    r"""Return the path that has a name in a result: the one `quoted` beside it, else the name itself.

    Raises
    ------
    ValueError
        If the two are not of one path.

    Examples
    --------
    >>> path_text("caf\\udce9.wav", "caf%E9.wav") == "caf\udce9.wav"
    True
    """
    if not quoted_name:
        return name
    path = os.fsdecode(unquote_to_bytes(quoted_name))
    if well_formed(path) != name:
        raise ValueError(f"{quoted_name!r:.80} is not the name {name!r:.80}")
    return path


def one_line(text: str) -> str:
    r"""Return text that stays one cell of one line: line breaks, tabs and all else that could get out are escaped.

    Examples
    --------
    >>> print(one_line("two\tcells\r\n夏　祭り"))
    two\tcells\r\n夏　祭り
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
