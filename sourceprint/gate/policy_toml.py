"""Policies of the gate as text: TOML in, a validated `GatePolicy` out.

Whatever is not understood is refused: a condition that is misspelt would be a condition that nobody keeps. So is what
no match could ever fulfil, and a policy that could hold nothing back: such a gate would stand open without a sound.
Messages name file, key, value and remedy. The digest is that of the file's bytes, as `sha256sum` prints it.
"""

import difflib
import hashlib
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from fingerprint.errors import EvidenceError, ParameterError, printable
from index.search.significance import LEAST_FALSE_PER_1000H, MOST_CONFIDENCE
from index.storage.layers import layer_specs
from sourceprint.gate.policy import (
    ACTIONS,
    BLOCK,
    ERROR,
    PASS,
    REVIEW,
    SCHEMA,
    USES,
    GateLicence,
    GatePolicy,
    Names,
    Rule,
)
from sourceprint.identifiers.isrc import compact, validate

__all__ = ["RESERVED", "default_policy", "load_policy", "parse_policy"]

RESERVED = ("licensed", "outside_licence", "unresolved", "otherwise")
"""Names of decisions that are no rule of the policy; reports say them where they say the id of a rule."""

_TOP = (
    "schema", "name", "otherwise", "outside_licence", "unresolved", "use", "too_short", "not_enough_music",
    "max_false_per_1000h", "thorough", "rules", "licensed",
)  # fmt: skip
_NAMES = ("recordings", "isrcs")
_CONDITIONS = (
    "min_confidence", "max_false_per_1000h", "min_seconds", "min_percent_of_file", "min_percent_of_recording",
    "layers", *_NAMES,
)  # fmt: skip
_RULE = ("id", "action", *_CONDITIONS)
_LICENSED = ("reference", *_NAMES, "valid_from", "valid_until", "max_seconds", "max_percent_of_file", "uses")
_LARGEST_FILE = 1 << 20
_LARGEST_RATE = 1_000_000.0
_LARGEST_SECONDS = 1_000_000.0
_LONGEST_TEXT = 512
_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def load_policy(path: Path) -> GatePolicy:
    """Return the policy in a file.

    Raises
    ------
    EvidenceError
        If the file cannot be read or is no policy; the message names file, key, value and remedy.
    """
    name = printable(path)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise EvidenceError(f"policy {name}: cannot be read ({error.strerror}); check its path") from error
    if len(data) > _LARGEST_FILE:
        raise EvidenceError(f"policy {name}: has more than {_LARGEST_FILE} bytes; this is no policy")
    return parse_policy(data, name=name)


def default_policy() -> GatePolicy:
    """Return the policy that holds where none is given.

    Examples
    --------
    >>> default_policy().otherwise, default_policy().rules[0].min_confidence
    ('review', 0.999)
    """
    data = (resources.files("sourceprint.gate") / "default.toml").read_bytes()
    return parse_policy(data, name="default")


def parse_policy(data: bytes, *, name: str) -> GatePolicy:
    """Return the policy that the content of a file states.

    Parameters
    ----------
    data : bytes
        TOML, UTF-8.
    name : str
        What messages call it.

    Raises
    ------
    EvidenceError
        As `load_policy`.
    """
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise EvidenceError(
            f"policy {name}: not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start}); "
            "save it as UTF-8"
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EvidenceError(f"policy {name}: not TOML ({error}); texts stand in quotation marks") from error
    top = _Table(document, f"policy {name}", "", _TOP)
    if document.get("schema") != SCHEMA:
        raise top.wrong("schema", f'this version reads schema = "{SCHEMA}"')
    rules = tuple(_rule(table) for table in top.tables("rules", _RULE))
    _refuse_twice("rules", "id", [rule.id for rule in rules], name)
    licences = tuple(_licence(table) for table in top.tables("licensed", _LICENSED))
    _refuse_twice("licensed", "reference", [licence.reference for licence in licences], name)
    rate = top.number("max_false_per_1000h", least=LEAST_FALSE_PER_1000H, most=_LARGEST_RATE, default=1.0)
    otherwise = top.word("otherwise", ACTIONS)
    if otherwise == PASS and not licences and all(rule.action == PASS for rule in rules):
        raise top.wrong("otherwise", 'nothing could ever be held back; write "review", which passes by --fail-on block')
    return GatePolicy(
        name=top.text("name"),
        sha256=hashlib.sha256(data).hexdigest(),
        rules=rules,
        otherwise=otherwise,
        licences=licences,
        outside_licence=top.word("outside_licence", (REVIEW, BLOCK), BLOCK),
        unresolved=top.word("unresolved", (REVIEW, BLOCK), REVIEW),
        use=top.word("use", USES, "generate"),
        too_short=top.word("too_short", (PASS, ERROR), ERROR),
        not_enough_music=top.word("not_enough_music", (PASS, ERROR), ERROR),
        max_false_per_1000h=1.0 if rate is None else rate,
        thorough=top.flag("thorough"),
    )


def _rule(table: "_Table") -> Rule:
    rule_id = table.text("id")
    if not _RULE_ID.fullmatch(rule_id):
        raise table.wrong("id", "write up to 100 letters, digits, dots, hyphens and underscores")
    if rule_id in RESERVED:
        raise table.wrong("id", f"{', '.join(RESERVED)} have a meaning of their own; choose another")
    if not any(key in table for key in _CONDITIONS):
        raise table.complaint(f"has no condition and would decide everything; give one of {', '.join(_CONDITIONS)}, "
                              "or write otherwise at the top of the file")  # fmt: skip
    return Rule(
        id=rule_id,
        action=table.word("action", ACTIONS),
        min_confidence=table.number("min_confidence", most=MOST_CONFIDENCE),
        max_false_per_1000h=table.number("max_false_per_1000h", least=LEAST_FALSE_PER_1000H, most=_LARGEST_RATE),
        min_ms=table.milliseconds("min_seconds"),
        min_percent_of_file=table.number("min_percent_of_file", most=100.0),
        min_percent_of_recording=table.number("min_percent_of_recording", most=100.0),
        layers=table.words("layers", tuple(layer_specs())),
        names=_names(table),
    )


def _licence(table: "_Table") -> GateLicence:
    reference = table.text("reference")
    names = _names(table)
    if not names:
        raise table.complaint("names no recording; give recordings or isrcs")
    valid_from, valid_until = table.day("valid_from"), table.day("valid_until")
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        raise table.wrong("valid_until", f"it lies before valid_from {valid_from}; exchange them")
    return GateLicence(
        reference=reference,
        names=names,
        valid_from=valid_from,
        valid_until=valid_until,
        max_ms=table.milliseconds("max_seconds"),
        max_percent_of_file=table.number("max_percent_of_file", most=100.0),
        uses=table.words("uses", USES),
    )


def _names(table: "_Table") -> Names:
    ids = tuple(unicodedata.normalize("NFC", text) for text in table.texts("recordings"))
    codes = []
    for written in table.texts("isrcs"):
        if "*" in written or "?" in written:
            codes.append(compact(written))
            continue
        try:
            codes.append(validate(written))
        except ParameterError as error:
            raise table.complaint(f"isrcs: {printable(str(error))}; mend it, or write * for what may be anything")\
                from error  # fmt: skip
    return Names(ids, tuple(codes))


def _refuse_twice(section: str, key: str, values: Sequence[str], name: str) -> None:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise EvidenceError(
                f"policy {name}: {section}[{position + 1}].{key} is {value!r:.60}, as in an earlier one; "
                "give each a name of its own"
            )


class _Table:
    """Typed access to one table of the file; what is wrong is named by its place."""

    def __init__(self, table: Mapping[str, Any], file: str, place: str, known: Sequence[str]) -> None:
        self._table = table
        self._file = file
        self._place = place
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)
                raise self.complaint(
                    f"{key!r:.60} is not known; the nearest that is known is {near[0]}, all are {', '.join(known)}"
                )

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def complaint(self, text: str) -> EvidenceError:
        return EvidenceError(": ".join(part for part in (self._file, self._place, text) if part))

    def wrong(self, key: str, remedy: str) -> EvidenceError:
        what = f"{self._place}.{key}" if self._place else key
        value = self._table.get(key, "missing")
        shown = str(value) if isinstance(value, date) or key not in self._table else f"{value!r:.60}"
        return EvidenceError(f"{self._file}: {what} is {shown}; {remedy}")

    def tables(self, key: str, known: Sequence[str]) -> list["_Table"]:
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, f"write tables that start with [[{key}]]")
        return [_Table(item, self._file, f"{key}[{n}]", known) for n, item in enumerate(value, start=1)]

    def text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not _is_line(value):
            raise self.wrong(key, f"write a text of one line, in quotation marks, of up to {_LONGEST_TEXT} characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key)
        if value is None:
            return ()
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(text, str) and _is_line(text) for text in value)
        ):
            raise self.wrong(key, 'write a list of texts, as ["one", "two-*"], or leave the key out')
        return tuple(dict.fromkeys(value))

    def word(self, key: str, words: Sequence[str], default: str | None = None) -> str:
        value = self._table.get(key, default)
        if not isinstance(value, str) or value not in words:
            raise self.wrong(key, f"write one of {', '.join(words)}")
        return value

    def words(self, key: str, words: Sequence[str]) -> tuple[str, ...]:
        values = self.texts(key)
        if not set(values) <= set(words):
            raise self.wrong(key, f"write a list of some of {', '.join(words)}")
        return values

    def flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "write true or false, without quotation marks")
        return value

    def number(self, key: str, *, most: float, least: float = 0.0, default: float | None = None) -> float | None:
        value = self._table.get(key, default)
        if value is None:
            return None
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not math.isfinite(value) or not least <= value <= most:
            raise self.wrong(key, f"write a number from {least:g} to {most:.9g}, without quotation marks")
        return float(value)

    def milliseconds(self, key: str) -> int | None:
        seconds = self.number(key, most=_LARGEST_SECONDS)
        if seconds is None:
            return None
        if abs(seconds * 1000 - round(seconds * 1000)) > 1e-6:
            raise self.wrong(key, "write at most three decimals; times are whole milliseconds")
        return round(seconds * 1000)

    def day(self, key: str) -> date | None:
        value = self._table.get(key)
        if value is None:
            return None
        if isinstance(value, datetime) or not isinstance(value, date):
            raise self.wrong(key, "write a day without quotation marks and time, as 2026-12-31")
        return value


def _is_line(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TEXT and text.isprintable() and text.strip() == text
