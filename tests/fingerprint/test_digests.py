"""Canonical JSON and digests: one text for one value, the bytes that stored digests were made of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.digests import canonical_json, digest_of, exact_json, pretty_json
from fingerprint.errors import ParameterError
from fingerprint.params import Params
from index.storage.manifest import LayerSpec

EXACT = {"b": [1, None, True, -3], "a": 'é\u2028"\\\n', "Z": {"é": {}, "e": []}}
FLOATS = {"x": 0.1, "y": [1e-9, 2.0, 1e22], **EXACT}


def digest(value: Any) -> str:
    return digest_of(exact_json(value))


def test_the_bytes_are_those_that_stored_digests_were_made_of() -> None:
    rest = rb',"b":[1,null,true,-3],"x":0.1,"y":[1e-09,2.0,1e+22]}'
    assert canonical_json(FLOATS) == rb'{"Z":{"e":[],"\u00e9":{}},"a":"\u00e9\u2028\"\\\n"' + rest
    written = '{"Z":{"e":[],"é":{}},"a":"é\u2028\\"\\\\\\n","b":[1,null,true,-3]}'.encode()
    assert exact_json(EXACT) == canonical_json(EXACT, utf8=True) == written
    assert digest(EXACT) == "sha256:007c887e4777f66b0083a37898c4f95e2ef1f54ffdbead5628038edc7a039de9"
    assert Params().digest == "sha256:f8affed18188ac296fd28939f02c4f72a7496baadcf712a93f4001b102ec984c"
    assert LayerSpec(Params().to_dict(), 64).digest == Params().digest


def test_documents_for_people_keep_the_order_of_their_fields() -> None:
    value = {"y": [1e-9], **EXACT}
    assert pretty_json(value) == (
        rb"""{
 "y": [
  1e-09
 ],
 "b": [
  1,
  null,
  true,
  -3
 ],
 "a": "\u00e9\u2028\"\\\n",
 "Z": {
  "\u00e9": {},
  "e": []
 }
}
"""
    )
    assert pretty_json({"é": [1]}, indent=2, utf8=True) == '{\n  "é": [\n    1\n  ]\n}\n'.encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_invalid_json_numbers_are_refused(number: float) -> None:
    for written in (canonical_json, pretty_json):
        with pytest.raises(ValueError, match="Out of range float values"):
            written([number])


encodable = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | encodable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(encodable, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(documents)
def test_canonical_json_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(exact_json(value)) == value


@settings(deadline=None)
@given(st.dictionaries(encodable, st.integers(), min_size=2, max_size=6))
def test_order_of_keys_changes_neither_text_nor_digest(value: dict[str, int]) -> None:
    other = dict(reversed(list(value.items())))
    assert exact_json(other) == exact_json(value)
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
def test_values_without_a_canonical_form_are_refused_with_their_place(value: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        exact_json(value)
