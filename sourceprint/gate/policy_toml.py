"""Read and validate a policy of the gate from TOML.

Unknown keys and values are refused: a misspelt condition would be ignored. So are conditions that no match can meet,
and a policy that can hold nothing back: such a gate would be open unnoticed. Messages name file, key, value and remedy.
The digest is that of the file's bytes, as `sha256sum` prints it.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from fingerprint.disk import decoded, read_small
from fingerprint.errors import EvidenceError, ParameterError, printable
from index.search.significance import LEAST_FALSE_PER_1000H, MOST_CONFIDENCE
from index.storage.manifest import layer_specs
from sourceprint.gate.policy import (
    NEAR_LIMIT_PER_1000H,
    PASS,
    SCHEMA,
    Action,
    GateLicence,
    GatePolicy,
    Names,
    Purpose,
    Rule,
)
from sourceprint.identifiers.isrc import compact, validate
from sourceprint.toml_documents import Table, TableError, raised, read_toml

__all__ = ["RESERVED", "default_policy", "load_policy", "parse_policy"]

RESERVED = ("licensed", "outside_licence", "unresolved", "near_limit", "otherwise")
"""Names of decisions that are no rule of the policy; reports say them where they say the id of a rule."""

_CONDITIONS = (
    "min_confidence", "max_false_per_1000h", "min_seconds", "min_total_seconds", "min_percent_of_file",
    "min_percent_of_recording", "layers", "recordings", "isrcs",
)  # fmt: skip
_LARGEST_FILE = 1 << 20

_Rate = Annotated[float, Meta(ge=LEAST_FALSE_PER_1000H, le=1_000_000.0)]
_NearLimit = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]
_Seconds = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]
_Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
_Text = Annotated[str, Meta(pattern=r"^\S(.*\S)?$")]  # no spaces at its ends: no id has any
_RuleId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="write up to 100 letters, digits, dots, hyphens and underscores",
    ),
]
_Texts = Annotated[tuple[_Text, ...], Meta(min_length=1)]
_Layers = Annotated[
    tuple[str, ...], Meta(min_length=1, description=f"write a list of some of {', '.join(layer_specs())}")
]
_Purposes = Annotated[tuple[Purpose, ...], Meta(min_length=1)]


class _RuleTable(Table, frozen=True):
    id: _RuleId
    action: Action
    min_confidence: Annotated[float, Meta(ge=0.0, le=MOST_CONFIDENCE)] | None = None
    max_false_per_1000h: _Rate | None = None
    min_seconds: _Seconds | None = None
    min_total_seconds: _Seconds | None = None
    min_percent_of_file: _Percent | None = None
    min_percent_of_recording: _Percent | None = None
    layers: _Layers | None = None
    recordings: _Texts | None = None
    isrcs: _Texts | None = None

    def faults(self) -> Iterator[TableError]:
        if self.id in RESERVED:
            yield TableError("id", f"{', '.join(RESERVED)} have a meaning of their own; choose another")
        if all(getattr(self, key) is None for key in _CONDITIONS):
            yield TableError(
                "",
                f"has no condition and would decide everything; give one of {', '.join(_CONDITIONS)}, or write "
                "otherwise at the top of the file",
            )
        if not set(self.layers or ()) <= layer_specs().keys():
            yield TableError("layers")
        yield from raised(
            lambda: _whole_milliseconds("min_seconds", self.min_seconds),
            lambda: _whole_milliseconds("min_total_seconds", self.min_total_seconds),
            lambda: _codes(self.isrcs),
        )

    def rule(self) -> Rule:
        return Rule(
            id=self.id,
            action=self.action,
            min_confidence=self.min_confidence,
            max_false_per_1000h=self.max_false_per_1000h,
            min_ms=_whole_milliseconds("min_seconds", self.min_seconds),
            min_total_ms=_whole_milliseconds("min_total_seconds", self.min_total_seconds),
            min_percent_of_file=self.min_percent_of_file,
            min_percent_of_recording=self.min_percent_of_recording,
            layers=_once(self.layers),
            names=_names(self.recordings, self.isrcs),
        )


class _LicenceTable(Table, frozen=True):
    reference: _Text
    recordings: _Texts | None = None
    isrcs: _Texts | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    max_seconds: _Seconds | None = None
    max_percent_of_file: _Percent | None = None
    uses: _Purposes | None = None

    def faults(self) -> Iterator[TableError]:
        if self.recordings is None and self.isrcs is None:
            yield TableError("", "names no recording; give recordings or isrcs")
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            yield TableError("valid_until", f"it lies before valid_from {self.valid_from}; exchange them")
        yield from raised(lambda: _whole_milliseconds("max_seconds", self.max_seconds), lambda: _codes(self.isrcs))

    def licence(self) -> GateLicence:
        return GateLicence(
            reference=self.reference,
            names=_names(self.recordings, self.isrcs),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            max_ms=_whole_milliseconds("max_seconds", self.max_seconds),
            max_percent_of_file=self.max_percent_of_file,
            uses=_once(self.uses),
        )


class _PolicyTable(Table, frozen=True):
    schema: str
    name: _Text
    otherwise: Action
    outside_licence: Literal["review", "block"] = "block"
    unresolved: Literal["review", "block"] = "review"
    use: Purpose = "generate"
    too_short: Literal["pass", "error"] = "error"
    not_enough_music: Literal["pass", "error"] = "error"
    truncated: Literal["pass", "error"] = "error"
    damaged: Literal["pass", "error"] = "error"
    max_false_per_1000h: _Rate = 1.0
    near_limit_per_1000h: _NearLimit | None = None
    thorough: bool = False
    rules: tuple[_RuleTable, ...] = ()
    licensed: tuple[_LicenceTable, ...] = ()

    def faults(self) -> Iterator[TableError]:
        if self.otherwise == PASS and not self.licensed and all(rule.action == PASS for rule in self.rules):
            yield TableError(
                "otherwise",
                'nothing could ever be held back; write "review", by which no check fails unless it is asked to',
            )
        if self.near_limit_per_1000h and self.near_limit_per_1000h < self.max_false_per_1000h:
            yield TableError(
                "near_limit_per_1000h",
                f"it lies below max_false_per_1000h {self.max_false_per_1000h:g}, up to which matches are reported; "
                "write a greater rate, or 0 for none",
            )
        yield from _twice("rules", "id", [rule.id for rule in self.rules])
        yield from _twice("licensed", "reference", [licence.reference for licence in self.licensed])


def load_policy(path: Path) -> GatePolicy:
    """Return the policy in a file.

    Raises
    ------
    EvidenceError
        If the file cannot be read or is no policy; the message names file, key, value and remedy.
    """
    name = printable(path)
    too_large = f"has more than {_LARGEST_FILE} bytes; this is no policy"
    data = read_small(path, EvidenceError, most=_LARGEST_FILE, too_large=too_large, name=f"policy {name}")
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
        Its name in messages.

    Raises
    ------
    EvidenceError
        As `load_policy`.
    """
    name = f"policy {name}"
    text = decoded(data, name, EvidenceError)
    table = read_toml(text, _PolicyTable, schema=SCHEMA, name=name, failure=EvidenceError)
    return GatePolicy(
        name=table.name,
        sha256=hashlib.sha256(data).hexdigest(),
        rules=tuple(rule.rule() for rule in table.rules),
        otherwise=table.otherwise,
        licences=tuple(licence.licence() for licence in table.licensed),
        outside_licence=table.outside_licence,
        unresolved=table.unresolved,
        use=table.use,
        too_short=table.too_short,
        not_enough_music=table.not_enough_music,
        truncated=table.truncated,
        damaged=table.damaged,
        max_false_per_1000h=table.max_false_per_1000h,
        near_limit_per_1000h=(
            NEAR_LIMIT_PER_1000H if table.near_limit_per_1000h is None else table.near_limit_per_1000h
        ),
        thorough=table.thorough,
    )


def _whole_milliseconds(key: str, seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if abs(seconds * 1000 - round(seconds * 1000)) > 1e-6:
        raise TableError(key, "write at most three decimals; times are whole milliseconds")
    return round(seconds * 1000)


def _names(recordings: tuple[str, ...] | None, isrcs: tuple[str, ...] | None) -> Names:
    return Names(tuple(unicodedata.normalize("NFC", text) for text in _once(recordings)), _codes(isrcs))


def _codes(isrcs: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return ISRCs without separators; one with a star or a question mark is a pattern."""
    try:
        return tuple(
            compact(written) if "*" in written or "?" in written else validate(written) for written in _once(isrcs)
        )
    except ParameterError as error:
        raise TableError("", f"isrcs: {printable(str(error))}; mend it, or write * for what may be anything") from error


def _once(texts: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts or ()))


def _twice(section: str, key: str, values: Sequence[str]) -> Iterator[TableError]:
    for position, value in enumerate(values):
        if value in values[:position]:
            yield TableError(
                "",
                f"{section}[{position + 1}].{key} is {value!r:.60}, as in an earlier one; give each a name of its own",
            )
