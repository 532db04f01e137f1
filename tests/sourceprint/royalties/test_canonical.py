"""Canonical JSON and percentages: one form for one value, exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.canonical import canonical_json, digest
from sourceprint.royalties.money import format_percent, parse_percent

encodable = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | encodable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(encodable, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(documents)
def test_canonical_json_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@settings(deadline=None)
@given(st.dictionaries(encodable, st.integers(), min_size=2, max_size=6))
def test_order_of_keys_changes_neither_text_nor_digest(value: dict[str, int]) -> None:
    other = dict(reversed(list(value.items())))
    assert canonical_json(other) == canonical_json(value)
    assert digest(other) == digest(value)


def test_digest_tells_text_from_numbers() -> None:
    assert len({digest(value) for value in (1, "1", True, [1], None, {"1": 1})}) == 6


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "value: 0.5 is a float"),
        ({"a": [1, {"b": 2.0}]}, r"value\.a\[1\]\.b: 2.0 is a float"),
        ((1, 2), "is a tuple"),
        ({1: "x"}, "key 1 is no text"),
        ({"a": "\ud800"}, "cannot be written as UTF-8"),
        (b"x", "is a bytes"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        canonical_json(value)


@settings(deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_percentage_reads_back_exactly(millionths: int) -> None:
    assert parse_percent(format_percent(millionths)) == millionths


@pytest.mark.parametrize(
    ("text", "millionths"), [("25%", 250_000), (" 33.3333 % ", 333_333), ("12.50000000 %", 125_000), ("0 %", 0)]
)
def test_percentages_as_people_write_them(text: str, millionths: int) -> None:
    assert parse_percent(text) == millionths


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("25", "'25': has no sign %; write 25 % for a quarter"),
        ("0.25", "has no sign %"),
        ("-5 %", "must not be negative"),
        ("12,5 %", "has a comma; write a decimal point"),
        ("33.33333 %", "more than four decimals"),
        ("100.0001 %", "must not be over 100 %"),
        ("", "has no sign %"),
        ("%", "write a number and the sign %"),
        ("1e2 %", "write a number and the sign %"),
        ("٢٥ %", "write a number and the sign %"),
        ("1\n2 %", r"'1\\n2 %'"),
    ],
)
def test_other_writings_are_refused_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_percent(text)


def test_more_than_all_is_taken_where_it_makes_sense() -> None:
    assert parse_percent("150 %", allow_over_100=True) == 1_500_000
