"""Fields that records of a statement got after schema 2 was first written: left out where they have their default.

A statement is kept, signed and named by its bytes, so a field that is added to a line, a balance or any other record in
it must not show in statements from before. A new field needs a default, and nothing else.
"""

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

from msgspec import UNSET

__all__ = ["left_out"]

_EVER_SINCE = {
    "Adjustment": {"by_hand"},
    "Balance": {"recouped"},
    "Contribution": {"basis"},
    "Line": {"shares_on"},
    "OutsideShare": {
        "right", "recording_id", "work_id", "party_id", "share_id", "work_millionths", "share_millionths",
    },
    "Party": {"ipi", "isni", "dpid"},
    "UsageRow": {"generated_on", "purpose", "track_id", "used_on", "sha256", "matched_by"},
}  # fmt: skip
"""By record, the fields with a default that are written whatever they hold. Nothing is ever added here."""

_Shortened = Callable[[Any], Any]


def left_out(value: Any) -> Any:
    """Return a part of a statement in which later fields with their default are unset, so that they are not encoded."""
    is_several = isinstance(value, tuple) and bool(value)
    kind: Any = type(value[0] if is_several else value)
    shortened = _of_record(kind)
    if shortened is None:
        return value
    return tuple(map(shortened, value)) if is_several else shortened(value)


@functools.cache
def _of_record(kind: Any) -> _Shortened | None:
    """Return a function that leaves later fields out of a record, all the way down; None if it can have none."""
    if not (is_dataclass(kind) and isinstance(kind, type)):
        return None
    hints = get_type_hints(kind)
    ever_since = _EVER_SINCE.get(kind.__name__, set())
    later = [one for one in fields(kind) if one.default is not MISSING and one.name not in ever_since]
    nested = [name for name, hint in hints.items() if _may_hold_later(hint)]
    if not later and not nested:
        return None

    def shortened(record: Any) -> Any:
        changed = {one.name: UNSET for one in later if getattr(record, one.name) == one.default}
        return replace(record, **changed, **{name: left_out(getattr(record, name)) for name in nested})

    return shortened


def _may_hold_later(hint: Any) -> bool:
    return _of_record(hint) is not None or any(map(_may_hold_later, get_args(hint)))
