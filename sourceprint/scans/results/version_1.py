"""Scan results of version 1 (`sourceprint/scan-result/1`), which are read for ever: the mapping of their keys.

Version 2 has other names for the same fields. `as_version_2` renames the keys of a JSON object; `version_1_path` leads
back, so that a message names the field as it is in the file. Values and unknown fields stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SCHEMA_1", "as_version_2", "version_1_path"]

SCHEMA_1 = "sourceprint/scan-result/1"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys of one kind of object in version 1, with their names in version 2; and the objects inside, by new name.

    Null for one of the keys in `absent` is as if it were not there.
    """

    names: Mapping[str, str]
    inside: Mapping[str, "_Keys"] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


_SPANS = {
    "query_start_ms": "track_start_ms",
    "query_end_ms": "track_end_ms",
    "asset_start_ms": "recording_start_ms",
    "asset_end_ms": "recording_end_ms",
}
_RECORDING_ID = {"asset_id": "recording_id"}
_MATCH = _Keys(
    {
        **_RECORDING_ID,
        "asset_duration_ms": "recording_duration_ms",
        "query_match_ms": "track_match_ms",
        "query_match_percentage": "track_match_percentage",
        "asset_match_ms": "recording_match_ms",
        "asset_match_percentage": "recording_match_percentage",
        "segments": "passages",
    },
    {"passages": _Keys(_SPANS, absent=("also_fits", "excluded"))},
    absent=("artists",),
)
_TRACK_LANDMARKS = {"query_landmarks": "track_landmarks"}
_ALIGNMENT = _Keys({**_SPANS, **_TRACK_LANDMARKS}, {"rivals": _Keys(_RECORDING_ID)})
_ACCOUNT = _Keys(_RECORDING_ID, dict.fromkeys(("catalogue", "alone", "excluded", "thorough"), _ALIGNMENT))
_RESULT = _Keys(
    {"query": "track"},
    {
        "track": _Keys({}, absent=("notes",)),
        "index": _Keys({"tracks": "recordings"}),
        "searched": _Keys({}, absent=("only", "exclude", "scales")),
        "matches": _MATCH,
        "explanation": _Keys({**_TRACK_LANDMARKS, "references": "recordings"}, {"recordings": _ACCOUNT}),
    },
)


def as_version_2(record: Mapping[str, Any], schema: str) -> dict[str, Any]:
    """Return a result of version 1 with the keys of version 2, under the name of that schema."""
    return {**_renamed(record, _RESULT), "schema": schema}


def version_1_path(steps: Sequence[str | int]) -> list[str | int]:
    """Return the way to a field of version 2, keys and positions, as version 1 names it.

    Examples
    --------
    >>> version_1_path(["matches", 0, "passages", 2, "p_false"]), version_1_path(["track", "name"])
    (['matches', 0, 'segments', 2, 'p_false'], ['query', 'name'])
    """
    path: list[str | int] = []
    keys = _RESULT
    for step in steps:
        if isinstance(step, int):
            path.append(step)
            continue
        path.append(next((old for old, new in keys.names.items() if new == step), step))
        keys = keys.inside.get(step, _Keys({}))
    return path


def _renamed(value: Any, keys: _Keys) -> Any:
    if isinstance(value, list):
        return [_renamed(item, keys) for item in value]
    if not isinstance(value, dict):
        return value
    # A key that only version 2 has is none of version 1: it must not take the place of the field.
    pairs = (
        (keys.names.get(key, key), item)
        for key, item in value.items()
        if key not in keys.names.values() and not (item is None and key in keys.absent)
    )
    return {key: _renamed(item, keys.inside[key]) if key in keys.inside else item for key, item in pairs}
