"""Identifiers: public examples are taken, near misses refused with the right check digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.identifiers import codes as check_characters
from sourceprint.identifiers import dpid, grid, icpn, ipi, isni, iswc

Check = Callable[[str], str]

# Name, validate, format, an example as it is printed, compact.
EXAMPLES: list[tuple[str, Check, Check, str, str]] = [
    ("ISWC", iswc.validate, iswc.format_iswc, "T-034.524.680-1", "T0345246801"),
    ("IPI", ipi.validate, ipi.format_ipi, "00000000199", "00000000199"),
    ("IPI", ipi.validate, ipi.format_ipi, "00000000395", "00000000395"),
    ("IPI", ipi.validate, ipi.format_ipi, "00122619891", "00122619891"),
    ("IPI base", ipi.validate_base, ipi.format_base, "I-001068130-6", "I0010681306"),
    ("ISNI", isni.validate, isni.format_isni, "0000 0000 8126 6409", "0000000081266409"),
    ("DPID", dpid.validate, dpid.format_dpid, "PA-DPIDA-2013020802-I", "PADPIDA2013020802I"),
    ("GRid", grid.validate, grid.format_grid, "A1-2425G-ABC1234002-M", "A12425GABC1234002M"),
    ("ICPN", icpn.validate, icpn.format_icpn, "036000291452", "036000291452"),
    ("ICPN", icpn.validate, icpn.format_icpn, "4006381333931", "4006381333931"),
]
DIGITS = "0123456789"
ALPHANUMERIC = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def wrong_digits(code: str, first: int, alphabet: str = DIGITS) -> Iterator[tuple[int, str]]:
    """Yield every code that differs in one place from `first` on, with the place."""
    for place in range(first, len(code)):
        for other in alphabet:
            if other != code[place]:
                yield place, code[:place] + other + code[place + 1 :]


def transposed(code: str, first: int) -> Iterator[tuple[int, str]]:
    """Yield every code with two different neighbours transposed, with the place of the first."""
    for place in range(first, len(code) - 1):
        if code[place] != code[place + 1]:
            yield place, code[:place] + code[place + 1] + code[place] + code[place + 2 :]


@pytest.mark.parametrize(("name", "validate", "form", "printed", "compact"), EXAMPLES)
def test_public_examples_are_valid_and_print_as_published(
    name: str, validate: Check, form: Check, printed: str, compact: str
) -> None:
    assert validate(printed) == validate(compact) == compact
    assert form(compact) == printed
    assert validate(f"  {printed.lower()} ") == compact
    assert validate(f"{name.removesuffix(' base')}: {printed}") == compact
    assert validate(printed.replace("-", "\u2011")) == compact


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T-034.524.680-2", r"ISWC 'T-034\.524\.680-2': the check digit must be 1; it is 2"),
        ("T-034.524.608-1", "ISWC .* the check digit must be 3"),
        ("034.524.680-1", "must start with T"),
        ("T-034.524.680", "has 9 characters after the T, must have 10 digits"),
        ("T-034.524.68O-1", "digits only after the T"),
        ("3,45247E+9", "a spreadsheet has made a number of it"),
        ("", "must start with T"),
        ("T\n", r"ISWC 'T': has 0 characters"),
    ],
)
def test_iswc_near_misses_are_refused_with_the_expected_digit(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        iswc.validate(text)


@pytest.mark.parametrize(
    ("validate", "text", "message"),
    [
        (ipi.validate, "00122619892", "the check digits must be 91; they are 92"),
        (ipi.validate, "00122916891", "the check digits must be"),
        (ipi.validate, "122619891.0", "a spreadsheet has made a number of it"),
        (ipi.validate, "1.22619891E+08", "a spreadsheet has made a number of it"),
        (ipi.validate, "000122619891", "has 12 digits, must be 1 to 11 digits"),
        (ipi.validate, "I-001068130-6", "shape of a base number, but a name number is wanted"),
        (ipi.validate, "0", "is the number of nobody; leave the cell empty"),
        (ipi.validate, "", "is no number, must be 1 to 11 digits"),
        (ipi.validate, "١٢٢", "is no number, must be 1 to 11 digits"),
        (ipi.validate_base, "I-001068130-5", "the check digit must be 6; it is 5"),
        (ipi.validate_base, "00122619891", "must be I and ten digits"),
        (isni.validate, "0000 0000 8126 6408", "the check character must be 9; it is 8"),
        (isni.validate, "8.12664E+13", "a spreadsheet has made a number of it, and digits are lost; take the code"),
        (isni.validate, "8,12664e13", "a spreadsheet has made a number of it"),
        (isni.validate, "81266409", "taken zeros away; 0000000081266409 would be valid; take the code"),
        (isni.validate, "81266408", "taken zeros away; take the code"),
        (isni.validate, "00000000812664099", "has 17 characters, must have 16"),
        (isni.validate, "X000000081266409", "must be fifteen digits and a digit or X"),
        (icpn.validate, "036000291453", "the check digit must be 2; it is 3"),
        (icpn.validate, "36000291452", "taken zeros away"),
        (icpn.validate, "3.6E+10", "a spreadsheet has made a number of it"),
        (icpn.validate, "03600029145X", "must have 12 to 14 digits"),
        (grid.validate, "A1-2425G-ABC1234002-N", "the check character must be M; it is N"),
        (grid.validate, "B1-2425G-ABC1234002-M", "must be A1 and sixteen"),
        (dpid.validate, "PADPIDA201302080I", "must be PADPIDA, ten digits and a check character"),
    ],
)
def test_near_misses_are_refused_with_value_and_remedy(validate: Check, text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        validate(text)


def test_a_name_number_without_its_leading_zeros_is_the_same_number() -> None:
    assert ipi.validate("122619891") == ipi.validate("00122619891")
    assert ipi.validate("199") == "00000000199"


def test_a_dpid_with_another_check_character_is_taken_with_a_warning() -> None:
    assert dpid.warning("PADPIDA2013020802I") == ""
    assert dpid.validate("PADPIDA2013020802J") == "PADPIDA2013020802J"
    assert "should be I; taken as it is" in dpid.warning("PADPIDA2013020802J")


def test_the_number_of_a_party_never_forges_a_line_of_a_message() -> None:
    with pytest.raises(ParameterError) as caught:
        isni.validate("1\nerror: 2" + "3" * 500)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("body", ["034524680", "000000000", "999999999", "123456789"])
def test_iswc_finds_transpositions_and_says_which_wrong_digits_it_cannot_find(body: str) -> None:
    code = f"T{body}{check_characters.weighted(body, 1)}"
    for place, wrong in wrong_digits(code, 1):
        difference = abs(int(code[place]) - int(wrong[place]))
        weight = place if place < 10 else 1
        assert iswc.is_valid(wrong) == (weight * difference % 10 == 0), wrong
    for place, wrong in transposed(code, 1):
        unnoticed = place == 9 and abs(int(code[9]) - int(code[10])) == 5
        assert iswc.is_valid(wrong) == unnoticed, wrong


@pytest.mark.parametrize("body", ["001068130", "123456789"])
def test_ipi_base_numbers_find_the_errors_that_iswcs_find(body: str) -> None:
    code = f"I{body}{check_characters.weighted(body, 2)}"
    for place, wrong in [*wrong_digits(code, 1), *transposed(code, 1)]:
        if place < 9 and wrong[place + 1] != code[place + 1]:  # a transposition among the nine
            with pytest.raises(ParameterError, match="the check digit must be"):
                ipi.validate_base(wrong)
    assert ipi.validate_base(code) == code


@pytest.mark.parametrize("body", ["001226198", "000000001", "000000003", "987654321", "123456789", "000000050"])
def test_ipi_name_numbers_find_single_errors_but_for_sums_of_0_and_1(body: str) -> None:
    def total(code: str) -> int:
        return sum((10 - place) * int(digit) for place, digit in enumerate(code[:9])) % 101

    code = body + check_characters.mod_101(body)
    assert ipi.validate(code) == code
    for _, wrong in [*wrong_digits(code, 0), *transposed(code, 0)]:
        unnoticed = {total(code), total(wrong)} == {0, 1} and wrong[9:] == code[9:]
        assert ipi.is_valid(wrong) == (unnoticed and bool(wrong.strip("0"))), wrong


@pytest.mark.parametrize("body", ["000000008126640", "000000012103268", "123456789012345"])
def test_isni_finds_every_wrong_digit_and_every_transposition(body: str) -> None:
    code = body + check_characters.iso_mod_11_2(body)
    assert isni.validate(code) == code
    for _, wrong in [*wrong_digits(code, 0, DIGITS + "X"), *transposed(code, 0)]:
        assert not isni.is_valid(wrong), wrong


@pytest.mark.parametrize("body", ["03600029145", "400638133393", "1234567890123", "05160500000"])
def test_icpn_finds_every_wrong_digit_and_transpositions_but_of_digits_that_differ_by_5(body: str) -> None:
    code = body + check_characters.gs1(body)
    assert icpn.validate(code) == code
    for _, wrong in wrong_digits(code, 0):
        assert not icpn.is_valid(wrong), wrong
    for place, wrong in transposed(code, 0):
        assert icpn.is_valid(wrong) == (abs(int(code[place]) - int(code[place + 1])) == 5), wrong


@pytest.mark.parametrize("body", ["A12425GABC1234002", "A1ZZZZZ9876543210"])
def test_grid_finds_every_wrong_character_and_the_transpositions_of_the_examples(body: str) -> None:
    code = body + check_characters.iso_mod_37_36(body)
    assert grid.validate(code) == code
    for _, wrong in [*wrong_digits(code, 2, ALPHANUMERIC), *transposed(code, 2)]:
        assert not grid.is_valid(wrong), wrong


def test_dpid_warns_of_every_wrong_character() -> None:
    code = "PADPIDA2013020802I"
    for _, wrong in [*wrong_digits(code, 7), *transposed(code, 7)]:
        if dpid.is_valid(wrong):
            assert dpid.warning(wrong), wrong


BODIES: dict[str, tuple[Check, Check, Check]] = {
    "iswc": (iswc.validate, iswc.format_iswc, lambda body: f"T{body[:9]}{check_characters.weighted(body[:9], 1)}"),
    "ipi": (ipi.validate, ipi.format_ipi, lambda body: body[:9] + check_characters.mod_101(body[:9])),
    "base": (ipi.validate_base, ipi.format_base, lambda body: f"I{body[:9]}{check_characters.weighted(body[:9], 2)}"),
    "isni": (isni.validate, isni.format_isni, lambda body: body[:15] + check_characters.iso_mod_11_2(body[:15])),
    "icpn": (icpn.validate, icpn.format_icpn, lambda body: body[:12] + check_characters.gs1(body[:12])),
    "grid": (
        grid.validate,
        grid.format_grid,
        lambda body: f"A1{body[:15]}" + check_characters.iso_mod_37_36(f"A1{body[:15]}"),
    ),
    "dpid": (
        dpid.validate,
        dpid.format_dpid,
        lambda body: f"PADPIDA{body[:10]}" + check_characters.iso_mod_37_36(f"PADPIDA{body[:10]}"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", BODIES)
@settings(deadline=None, max_examples=50)
@given(body=st.text(DIGITS, min_size=15, max_size=15).filter(lambda body: body[:9].strip("0")))
def test_every_code_with_its_check_digit_prints_and_reads_back(scheme: str, body: str) -> None:
    validate, form, make = BODIES[scheme]
    code = make(body)
    assert validate(code) == code
    assert validate(form(code)) == code
    assert form(form(code)) == form(code)
