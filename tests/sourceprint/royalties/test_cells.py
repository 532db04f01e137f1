"""Shares are read exactly as they are written, and never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.percentages import percent_number
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.tables.cells import Unit, parse_share


@pytest.mark.parametrize(
    ("text", "unit", "millionths"),
    [
        ("25 %", None, 250_000),
        ("25%", "fraction", 250_000),
        ("25,5 %", None, 255_000),
        ("33,3333\u00a0%", None, 333_333),
        ("25", "percent", 250_000),
        ("0.25", "fraction", 250_000),
        ("0,25", "percent", 2_500),
        ("1", "percent", 10_000),
        ("1", "fraction", WHOLE),
        ("1,000", "fraction", WHOLE),
        ("100", "percent", WHOLE),
        ("0.0001", "percent", 1),
        ("0.000001", "fraction", 1),
        ("+50.00", "percent", 500_000),
    ],
)
def test_a_share_is_the_one_that_it_states(text: str, unit: Unit | None, millionths: int) -> None:
    assert parse_share(text, unit) == millionths


@pytest.mark.parametrize("text", ["25", "0.25", "1", "100", "25,5"])
def test_a_bare_share_is_not_guessed(text: str) -> None:
    assert parse_share(text) is None


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("0 %", None, "zero; leave the row out"),
        ("0", "percent", "zero"),
        ("-5 %", None, "negative"),
        ("-0.5", None, "negative"),
        ("100.0001 %", None, "over 100 %"),
        ("25", "fraction", "over 100 %.*are they percentages"),
        ("33.333333 %", None, "4 decimals; write 33.3333 %"),
        ("33." + "3" * 30 + " %", None, "write 33.3333 %"),
        ("33.3333" + "0" * 25 + "1 %", None, "write 33.3333 %"),
        ("0.3333333", "fraction", "6 decimals; write 0.333333"),
        ("0.00001 %", None, "the smallest share is 0.0001 %"),
        ("1.000,5 %", None, "not a number"),
        ("2.5E+01", None, "no exponent"),
        ("quarter", None, "not a number"),
        ("1/4", None, "not a number"),
        ("9" * 50, "percent", "not a number"),
        ("٢٥ %", None, "not a number"),
    ],
)
def test_a_share_that_cannot_be_is_refused_with_the_remedy(text: str, unit: Unit | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_share(text, unit)


@settings(deadline=None)
@given(st.integers(1, WHOLE))
def test_every_share_survives_being_written_and_read(millionths: int) -> None:
    assert parse_share(percent_number(millionths), "percent") == millionths
    assert parse_share(percent_number(millionths).replace(".", ",") + " %") == millionths
    assert parse_share(f"{Decimal(millionths).scaleb(-6):f}", "fraction") == millionths
