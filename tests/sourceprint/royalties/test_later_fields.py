"""Fields that records of a statement get later do not show where they have their default, all the way down."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.statements.amounts.lines import Contribution
from sourceprint.royalties.statements.files.later_fields import left_out
from sourceprint.royalties.statements.files.statement_json import plain


@dataclass(frozen=True, slots=True)
class Tiered:
    """A record that got fields later, under no name that statements of schema 2 began with."""

    name: str
    tier: str = ""
    above: Amount = ZERO
    steps: tuple[int, ...] = ()
    up_to: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Holder:
    """A record that holds such."""

    parts: tuple[Tiered, ...]
    last: Tiered | None


def test_a_later_field_is_left_out_where_it_has_its_default() -> None:
    bare = Tiered("one", above=Amount.parse("0"), up_to=int("1000000"))  # equal to the defaults, not the same objects
    assert plain((bare,)) == ({"name": "one"},)
    assert plain(Holder((bare,), bare)) == {"parts": ({"name": "one"},), "last": {"name": "one"}}
    assert plain(Holder((), None)) == {"parts": (), "last": None}


def test_a_later_field_is_written_where_it_holds_something() -> None:
    told = Tiered("one", "second", Amount.parse("0.5"), (1,), 7)
    written = {"name": "one", "tier": "second", "above": "0.5", "steps": (1,), "up_to": 7}
    assert plain(Holder((told,), None)) == {"parts": (written,), "last": None}


def test_missing_fields_are_read_as_their_defaults() -> None:
    assert msgspec.convert(plain(Holder((Tiered("one"),), None)), Holder) == Holder((Tiered("one"),), None)


def test_fields_of_the_first_version_are_written_with_any_value() -> None:
    part = Contribution("U1", "equal", ZERO, 1, 1, 1, "S1")
    assert plain(part)["basis"] == ""
    assert left_out(part) == part
