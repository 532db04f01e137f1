"""A file of scan results: JSON Lines (`match --jsonl`, `results --format jsonl`) or one JSON array (`match --json`).

In comes a path; out come the results in the order of the file, each checked (`sourceprint.scans.results`). The file is
read piece by piece: one record at a time is in memory.
"""

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from fingerprint.errors import ParameterError, printable
from sourceprint.scans.results import ScanResult, read_result

__all__ = ["REMEDY", "ResultFile", "is_check_report"]

REMEDY = "write the file anew with `sourceprint match --jsonl`, or of a run with `sourceprint results --format jsonl`"

_CHECK = re.compile(rb'\s*\{\s*"schema":\s*"sourceprint/check/')
_HEAD_BYTES = 256
_LARGEST_RECORD = 1 << 28
_CHUNK = 1 << 20


def is_check_report(path: Path) -> bool:
    """Return whether a file is the JSON report of a check, which holds verdicts and no traces of a scan."""
    with path.open("rb") as file:
        return _CHECK.match(file.read(_HEAD_BYTES)) is not None


class ResultFile:
    """The results in a file; iterating yields the number of the line on which each starts, and the result.

    Parameters
    ----------
    path : Path
        The file.
    exact : bool
        Whether probabilities keep their digits (`Probability.exact`); slower.
    prepared : callable, optional
        Applied to each JSON object whose text has an escaped character, before it is checked.

    Attributes
    ----------
    sha256 : str
        Of the file, 64 hexadecimal digits; "" until it has been read to its end.
    is_array : bool
        Whether it is one JSON array.

    Raises
    ------
    ParameterError
        While iterating, if something in it is no scan result; the message has file, line, field, value and remedy.
    OSError
        While iterating, if the file cannot be read.
    """

    def __init__(self, path: Path, *, exact: bool = False, prepared: Callable[[Any], Any] | None = None) -> None:
        self._path = path
        self._name = printable(path)
        self._decoder = json.JSONDecoder(parse_float=Decimal if exact else None, parse_constant=_refuse_constant)
        self._prepared = prepared
        self.sha256 = ""
        self.is_array = False

    def __iter__(self) -> Iterator[tuple[int, ScanResult]]:
        """Read the file from its start."""
        self.sha256 = ""
        hasher = hashlib.sha256()
        if is_check_report(self._path):
            raise ParameterError(
                f"{self._name}: the report of a check, not results of a scan; scan the same files with `sourceprint "
                "scan FILES --out RUN`, and give RUN"
            )
        with self._path.open("rb") as file:
            self.is_array = _starts_an_array(file)
            for line, record, text in (self._items if self.is_array else self._lines)(file, hasher):
                try:
                    prepared = self._prepared(record) if self._prepared and "\\u" in text else record
                    yield line, read_result(prepared, remedy=REMEDY)
                except ParameterError as error:
                    raise ParameterError(f"{self._name}, line {line}: {error}") from error
                except RecursionError as error:
                    raise self._refusal(line, "nested too deep") from error
        self.sha256 = hasher.hexdigest()

    def _refusal(self, line: int, problem: str) -> ParameterError:
        return ParameterError(f"{self._name}, line {line}: {problem}; {REMEDY}")

    def _lines(self, file: BinaryIO, hasher: "hashlib._Hash") -> Iterator[tuple[int, Any, str]]:
        """Yield the records of JSON Lines, with the number of their line and its text."""
        number = 0
        while data := file.readline(_LARGEST_RECORD):
            number += 1
            hasher.update(data)
            if not data.strip():
                continue
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                yield number, self._decoder.decode(text), text
            except UnicodeDecodeError as error:
                raise self._refusal(number, f"not UTF-8 (byte 0x{data[error.start]:02x})") from error
            except (ValueError, RecursionError) as error:
                if not data.endswith(b"\n"):
                    problem = "cut short; the scan was interrupted or is still running"
                    raise self._refusal(number, problem) from error
                raise self._refusal(number, f"not JSON ({error})") from error

    def _items(self, file: BinaryIO, hasher: "hashlib._Hash") -> Iterator[tuple[int, Any, str]]:
        """Yield the records of one JSON array, with the number of the line on which each starts, and its text."""
        decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        text, line, state = "", 1, "start"

        def more() -> bool:
            """Read on; by as much as there is, so that a long record is not tried again and again."""
            nonlocal text
            data = file.read(max(_CHUNK, len(text)))
            hasher.update(data)
            try:
                text += decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise self._refusal(line, f"not UTF-8 ({error.reason})") from error
            return bool(data)

        while True:
            bare = text.lstrip()
            line += text.count("\n", 0, len(text) - len(bare))
            text = bare
            if not text:
                if more():
                    continue
                if state == "end":
                    return
                raise self._refusal(line, "cut short; the array has no end")
            if text[0] == "{" and state in ("first", "item"):
                try:
                    record, end = self._decoder.raw_decode(text)
                except (ValueError, RecursionError) as error:
                    if len(text) < _LARGEST_RECORD and more():
                        continue
                    raise self._refusal(line, f"not JSON, or cut short ({error})") from error
                yield line, record, text[:end]
                state = "next"
            elif (state, text[0]) in _AFTER:
                state, end = _AFTER[state, text[0]], 1
            else:
                raise self._refusal(line, f"{text[0]!r} is not expected here; the file must be one array of objects")
            line += text.count("\n", 0, end)
            text = text[end:]


# Tokens between the objects of an array, and the state after each.
_AFTER = {("start", "["): "first", ("first", "]"): "end", ("next", "]"): "end", ("next", ","): "item"}


def _starts_an_array(file: BinaryIO) -> bool:
    start = file.read(_CHUNK).removeprefix(codecs.BOM_UTF8).lstrip()
    file.seek(0)
    return start.startswith(b"[")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
