"""Scan results from JSON objects of any version, checked.

Version 1 (`sourceprint.scans.results.version_1`) is read as if it were version 2. Fields that are not known here are
left alone and kept in `ScanResult.raw`, so that a newer version's results can be read and written again.
"""

import functools
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, get_args

import msgspec

from fingerprint.digests import DEEPEST, is_deeper, is_sha256
from fingerprint.errors import ParameterError, printable
from sourceprint.scans.results.records import LAYERS, SCHEMA, Probability, ScanResult, Status
from sourceprint.scans.results.version_1 import SCHEMA_1, as_version_2, version_1_path

__all__ = ["expect_consistent", "read_result"]


def read_result(record: Any, *, remedy: str = "scan the file again") -> ScanResult:
    """Return the scan result in a JSON object of any version.

    Parameters
    ----------
    record : dict
        Plain JSON types; numbers with a fraction may be Decimal, for exact probabilities.
    remedy : str
        Remedy for a wrong one, for the message.

    Raises
    ------
    ParameterError
        If it is no scan result, or a field is missing or wrong; the message has field, value, rule and remedy.
    """
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema not in (SCHEMA, SCHEMA_1):
        found = f"schema={schema!r:.80}" if isinstance(record, dict) else f"{type(record).__name__}: is no object"
        raise ParameterError(f"{found}: must be {SCHEMA} or {SCHEMA_1}; {remedy}")
    document = record
    if is_deeper(record, DEEPEST):
        raise ParameterError(f"a field is nested too deep, {DEEPEST} levels are possible; {remedy}")
    try:
        if schema == SCHEMA_1:
            document = as_version_2(record, SCHEMA)
        result = msgspec.convert(document, ScanResult, dec_hook=_probability)
    except msgspec.ValidationError as error:
        raise ParameterError(f"{_problem(error, document, schema)}; {remedy}") from error
    except UnicodeEncodeError as error:
        raise ParameterError(f"a text or the name of a field holds half a character (a surrogate); {remedy}") from error
    result.__dict__["raw"] = document
    result.__dict__["read_as"] = schema
    _expect_encodable(result, remedy)
    return result


def expect_consistent(result: ScanResult, *, remedy: str = "scan the file again") -> None:
    """Refuse a result that contradicts itself, or that money could not be computed from.

    Raises
    ------
    ParameterError
        If a track that was searched has no SHA-256, status and matches differ, a layer is unknown, a passage is empty,
        or an id is; the message has field, value, rule and remedy.
    """
    named = functools.partial(_as_read, result)
    for field, text in (("track.name", result.track.name), ("index.digest", result.index.digest)):
        _expect_text(named(field), text, remedy)
    if (result.searched or result.sha256) and not is_sha256(result.sha256):
        sha256 = result.track.sha256
        found = "is missing" if sha256 is None else f"={sha256!r:.80}"
        raise _refused(named("track.sha256"), found, "64 hexadecimal digits in lower case", remedy)
    if bool(result.matches) != (result.status == "matched"):
        raise _refused("status", f"={result.status!r}", f"what fits {len(result.matches)} matches", remedy)
    for n, match in enumerate(result.matches):
        _expect_text(named(f"matches[{n}].recording_id"), match.recording_id, remedy)
        if match.layer not in LAYERS:
            raise _refused(f"matches[{n}].layer", f"={match.layer!r:.80}", " or ".join(LAYERS), remedy)
        for m, passage in enumerate(match.passages):
            if passage.track_start_ms == passage.track_end_ms:
                place = f"matches[{n}].passages[{m}]"
                first = named(f"{place}.track_start_ms").rpartition(".")[2]
                rule = f"after {first} {passage.track_start_ms}"
                raise _refused(named(f"{place}.track_end_ms"), f"={passage.track_end_ms}", rule, remedy)
            for k, other in enumerate(passage.also_fits):
                _expect_text(named(f"matches[{n}].passages[{m}].also_fits[{k}]"), other, remedy)
            for k, alternative in enumerate(passage.alternatives):
                place = f"matches[{n}].passages[{m}].alternatives[{k}].recording_id"
                if alternative.recording_id not in passage.also_fits:
                    found = f"={alternative.recording_id!r:.80}"
                    raise _refused(place, found, f"one of matches[{n}].passages[{m}].also_fits", remedy)


def _expect_encodable(result: ScanResult, remedy: str) -> None:
    """Refuse names that no file can have, and digests that are no text: files are named after them."""
    for field, name in (("track.name", result.path), ("track.moved_from", result.moved_from)):
        if "\0" in name or _NO_BYTE.search(name):
            found = f"={printable(name)!r:.80}"
            raise _refused(_as_read(result, field), found, "a name that a file can have", remedy)
    digests = (result.index_digest, result.params_digest, result.settings_digest)
    for field, digest in zip(("index.digest", "index.params_digest", "searched.settings_digest"), digests, strict=True):
        if not digest.isascii():
            raise _refused(_as_read(result, field), f"={printable(digest)!r:.80}", "a digest, in ASCII", remedy)


def _as_read(result: ScanResult, field: str) -> str:
    """Return the name of a field in the version of the layout that a result was read in."""
    if result.__dict__.get("read_as") != SCHEMA_1:
        return field
    return _field(version_1_path([name or int(number) for name, number in _STEP.findall(f".{field}")]))


def _probability(kind: type, value: Any) -> Probability:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if kind is not Probability or not is_number or not 0 <= value <= 1:
        raise ValueError("must be a number from 0 to 1")
    return Probability(Decimal(value) if isinstance(value, int) else value)


_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # halves of characters that stand for no byte of a name
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_WANTED = {
    "int": "a whole number from 0, below 2^53",
    "float": "a number",
    "str": "text",
    "array": "a list",
    "object": "an object",
    "bool": "true or false",
}


_TOLD = re.compile(r"(.*?)(?: - at `\$((?:\.[^.\[\]`]+|\[\d+\])*)`)?", re.DOTALL)  # a complaint of msgspec and its path


def _problem(error: msgspec.ValidationError, document: Any, schema: str) -> str:
    """Return msgspec's complaint as field, value and rule, in the words of the version that was read."""
    told = _TOLD.fullmatch(str(error))
    what, path = (told[1], told[2] or "") if told else (str(error), "")
    steps: list[str | int] = [name or int(number) for name, number in _STEP.findall(path)]
    value = document
    for step in steps:
        value = value[step]
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    ruled = re.fullmatch(r"Field `(\w+)`: (.*)", what)
    if named := missing or ruled:
        steps.append(named[1])
        value = value.get(named[1])
    field = _field(version_1_path(steps) if schema == SCHEMA_1 else steps)
    if value is None and (missing or not re.match(r"Expected `(array|bool)", what)):
        return f"{field}: is missing"
    return f"{field}={_shown(value)}: {ruled[2] if ruled else _rule(what)}"


def _rule(what: str) -> str:
    if what.startswith("Invalid enum value"):
        return f"must be one of {', '.join(get_args(Status))}"
    if what.startswith("must be"):
        return what
    kind = re.match(r"Expected `(\w+)", what)
    rule = _WANTED.get(kind[1], what) if kind else "a number"
    return f"must be {rule}{' that is not empty' if 'length' in what else ''}"


def _field(steps: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if isinstance(value, str) else f"{value!s:.80}"


def _expect_text(field: str, text: str, remedy: str) -> None:
    if not text:
        raise _refused(field, "=''", "text that is not empty", remedy)


def _refused(field: str, found: str, wanted: str, remedy: str) -> ParameterError:
    return ParameterError(f"{field}{found if found[0] == '=' else f': {found}'}: must be {wanted}; {remedy}")
