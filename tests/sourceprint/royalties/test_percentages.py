"""Percentages: written and read exactly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.percentages import format_percent, parse_percent


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
