"""The builder of scan results makes what the product reads."""

from __future__ import annotations

import pytest

from evidence.results import read_result
from tests.scan_records import a_failure, a_match, a_result, a_segment


def test_built_results_are_scan_results() -> None:
    twice = a_match("s1", [a_segment(0), a_segment(5_000, 65_000)])
    result = read_result(a_result("mix.wav", [twice, a_match("s2")]))
    assert (result.name, result.status, result.searched) == ("mix.wav", "matched", True)
    assert [found.asset_id for found in result.matches] == ["s1", "s2"]
    assert (result.matches[0].query_match_ms, result.matches[0].asset_match_ms) == (15_000, 15_000)
    assert read_result(a_result()).status == "no_match"
    failure = read_result(a_failure())
    assert (failure.status, failure.reason, failure.duration_ms) == ("decode_error", "is no audio file", 0)


def test_a_field_that_results_do_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="confidense: no such field"):
        a_segment(confidense=0.5)
