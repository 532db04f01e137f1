"""A hint names what was meant, or nothing: a wrong one leads astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sourceprint.text.nearest import is_slip, nearest

KEYS = ("min_seconds", "claim_confidence", "review_confidence", "methods", "name")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("min_second", "min_seconds"),
        ("seconds", "min_seconds"),
        ("claim_confidnece", "claim_confidence"),
        ("nane", "name"),
        ("confidence", "claim_confidence"),
        ("currency", ""),
        ("territory", ""),
        ("", ""),
    ],
)
def test_a_key_is_hinted_at_only_where_it_may_be_a_slip(name: str, meant: str) -> None:
    found = nearest(name, KEYS)
    assert found == meant or (name == "confidence" and found.endswith("_confidence"))


@pytest.mark.parametrize(("one", "two"), [("T1", "T9"), ("gen-10", "gen-01"), ("take 2", "take 3"), ("a", "bcd")])
def test_names_that_differ_in_a_number_or_in_all_letters_are_no_slips(one: str, two: str) -> None:
    assert not is_slip(one, two)


@given(st.text("abcdefgh", min_size=4, max_size=24), st.integers(0, 23), st.sampled_from("xyz"))
def test_one_wrong_missing_added_or_exchanged_letter_is_a_slip(name: str, at: int, letter: str) -> None:
    at %= len(name)
    assert is_slip(name[:at] + letter + name[at + 1 :], name)
    assert is_slip(name[:at] + name[at + 1 :], name)
    assert is_slip(name[:at] + letter + name[at:], name)
    assert is_slip(name[:at] + name[at : at + 2][::-1] + name[at + 2 :], name)
    assert not is_slip("z" * len(name), name)
