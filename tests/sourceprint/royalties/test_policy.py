"""Policies: shipped ones load, wrong ones are refused with the remedy, and the digest is of the meaning."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import ParameterError, RightsError
from sourceprint.royalties.uses.policy import (
    METHODS,
    load_policy,
    parse_policy,
    policy_document,
    policy_of,
    shipped_policies,
    shipped_policy,
)

TEXT = """
schema = "sourceprint/policy/1"
name = "ours"
[amount]
methods = ["matched-seconds", "equal"]
[thresholds]
min_seconds = "3"
claim_confidence = "0.99"
review_confidence = "0.9"
[overlap]
decide_by = "evidence"
evidence_factor = "4"
otherwise = "unresolved"
composition = "fill"
"""


def test_there_is_a_shipped_policy_for_every_method() -> None:
    assert set(shipped_policies()) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_shipped_policy_loads_by_its_name_and_leads_with_its_method(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.amount.methods[0] == name
    assert policy.digest.startswith("sha256:")


def test_every_value_arrives_exactly() -> None:
    policy = parse_policy(TEXT.replace('"3"', '"2.5"'), name="p.toml")
    assert policy.thresholds.min_ms == 2500
    assert policy.amount.methods == ("matched-seconds", "equal")
    assert (policy.thresholds.claim_confidence, policy.thresholds.review_confidence) == (
        Decimal("0.99"),
        Decimal("0.9"),
    )
    assert (policy.overlap.decide_by, policy.overlap.otherwise, policy.overlap.composition) == (
        "evidence",
        "unresolved",
        "fill",
    )
    assert policy.overlap.evidence_factor == 4


def test_the_digest_is_of_the_meaning_not_of_the_writing() -> None:
    digest = parse_policy(TEXT, name="p").digest
    assert (
        parse_policy("# comment\n" + TEXT.replace('"0.99"', '"0.990"').replace('"3"', "3"), name="q").digest == digest
    )
    assert parse_policy(TEXT.replace('"0.99"', '"0.991"'), name="p").digest != digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('min_seconds = "3"', "min_seconds = 3.5", r"thresholds.min_seconds is 3.5; write the number as text"),
        ('min_seconds = "3"', 'min_seconds = "-1"', r"thresholds.min_seconds is '-1'; it must lie from 0 to 86400"),
        ('min_seconds = "3"', 'min_seconds = "0.0005"', r"more than three decimals"),
        (
            'min_seconds = "3"',
            'min_second = "3"',
            r"thresholds.min_second: there is no such key; min_seconds may",
        ),
        ('min_seconds = "3"', "", r"thresholds.min_seconds is missing; write the number as text"),
        ('min_seconds = "3"', "min_seconds = true", r"is True; write the number as text"),
        ('"0.99"', '"1.5"', r"claim_confidence is '1.5'; it must lie from 0 to 1"),
        ('"0.99"', '"0.5"', r"thresholds.review_confidence is 0.9; it is above claim_confidence 0.5"),
        ('"0.99"', '"0.9999999999"', r"at most 9 decimals"),
        ('"0.99"', '"high"', r"not a decimal number"),
        ('decide_by = "evidence"', 'decide_by = "vote"', r"'vote'; write one of evidence, split, unresolved"),
        ('otherwise = "unresolved"', 'otherwise = "evidence"', r"write one of split, unresolved"),
        ('composition = "fill"', "composition = 1", r"overlap.composition is 1; write one of fill, ignore"),
        ('evidence_factor = "4"', 'evidence_factor = "0.5"', r"it must lie from 1 to 1000000"),
        ('["matched-seconds", "equal"]', "[]", r"amount.methods is \[\]; write a list"),
        (
            '["matched-seconds", "equal"]',
            '["seconds"]',
            r"amount.methods is \['seconds'\]; write .* of matched-seconds",
        ),
        ('["matched-seconds", "equal"]', '["equal", "equal"]', r"'equal' twice; remove one"),
        ("policy/1", "policy/2", r'is .*policy/2.; this version reads schema = "sourceprint/policy/1" \(line 2\)$'),
        ('name = "ours"', 'name = "a\\nb"', r"name is .*; write a text of one line, in quotation marks, of up to 100"),
        (
            "[amount]",
            "[amounts]",
            r"^p.toml: amounts: there is no such key; amount may be meant \(line 4\)$",
        ),
        ("[amount]", "[amount", r"p.toml: not TOML"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_the_remedy(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ParameterError, match=message):
        parse_policy(TEXT.replace(old, new, 1), name="p.toml")


def test_a_section_that_is_no_table_is_refused() -> None:
    document = policy_document(parse_policy(TEXT, name="p")) | {"amount": "all"}
    with pytest.raises(ParameterError, match=r"amount is 'all'; it must be a table"):
        policy_of(document)


@given(
    min_ms=st.integers(0, 86_400_000),
    bands=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(sorted),
    factor=st.integers(1, 10**6),
)
def test_the_document_of_a_policy_gives_the_policy_back(min_ms: int, bands: list[int], factor: int) -> None:
    review, claim = (f"{Decimal(band).scaleb(-9):f}" for band in bands)
    text = TEXT.replace('"3"', f'"{Decimal(min_ms) / 1000:f}"').replace('"0.99"', f'"{claim}"')
    policy = parse_policy(text.replace('"0.9"', f'"{review}"').replace('"4"', f'"{factor}"'), name="p")
    assert policy_of(policy_document(policy)) == policy
    assert policy.thresholds.min_ms == min_ms


def test_a_policy_file_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RightsError, match=r"cannot be read .* or one of coverage-weighted, equal"):
        load_policy(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(RightsError, match=r"not UTF-8 \(byte 0xe9 at position 11\); save it as UTF-8"):
        load_policy(str(tmp_path / "latin.toml"))
    (tmp_path / "huge.toml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(RightsError, match=r"this is no policy"):
        load_policy(str(tmp_path / "huge.toml"))
    (tmp_path / "ours.toml").write_text(TEXT, encoding="utf-8-sig")
    assert load_policy(str(tmp_path / "ours.toml")).name == "ours"


def test_the_usage_table_may_be_left_out_and_changes_the_digest_only_where_it_differs() -> None:
    text = shipped_policy("equal").partition("\n[usage]")[0]
    plain = parse_policy(text, name="p")
    assert parse_policy(shipped_policy("equal"), name="p") == plain
    said = parse_policy(text + '\n[usage]\nnot_scanned = "stop"\nnames = "exact"\n', name="p")
    held = parse_policy(text + '\n[usage]\nnot_scanned = "hold"\n', name="p")
    assert said == plain
    assert (held.usage.not_scanned, held.usage.names) == ("hold", "exact")
    assert held.digest != plain.digest
    assert policy_of(policy_document(held)) == held
    with pytest.raises(ParameterError, match=r"usage\.not_scanned is 'pay'; write one of stop, hold"):
        parse_policy(text + '\n[usage]\nnot_scanned = "pay"\n', name="p")
