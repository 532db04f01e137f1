"""Licences: read exactly, refused where anything is not understood, the same after every trip."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.digests import digest_of, exact_json
from fingerprint.errors import ParameterError, RightsError
from sourceprint.royalties.rights.licence_toml import (
    licence_document,
    licence_of,
    licence_toml,
    new_licence,
    parse_licence,
)
from sourceprint.royalties.rights.licences import PURPOSES, Amendment, Conditions, Deduction, Licence, RateCard, Scope
from sourceprint.royalties.rights.records import MASTER, WORK_RIGHTS
from sourceprint.royalties.territories import Territories

WHOLE_LICENCE = """
schema = "sourceprint/licence/1"
id = "LIC-2026-07"
licensor = "P-LABEL"
licensee = "P-GENERATOR"
valid_from = 2026-01-01
valid_to = 2026-12-31
purposes = ["train", "generate"]
replaces = "LIC-2025-07"

[scope]
recordings = ["R2", "R1", "R2"]
works = ["W1"]
tags = ["catalogue-a"]
labels = ["Blue Label"]

[territories]
include = ["Worldwide"]
exclude = ["us"]

[conditions]
max_consecutive_seconds = "15"
max_total_seconds = "30.5"
max_share_of_track = "50 %"
no_vocals = true

[rate_card]
currency = "eur"
royalty_rate = "12.5 %"
per_second = "0.002"
per_match = "0.10"
per_usage = false
minimum_payout = "20.00"

[rate_card.rights]
Master = "50 %"
MechanicalRight = "25 %"
PerformingRight = "25 %"

[[rate_card.deductions]]
name = "administration"
rate = "10 %"
"""
SMALLEST = """
schema = "sourceprint/licence/1"
id = "L"
licensor = "A"
licensee = "B"
valid_from = 2026-01-01
purposes = ["train"]
[scope]
everything = true
[rate_card]
currency = "JPY"
per_match = "1"
[rate_card.rights]
Master = "100 %"
"""


def test_every_key_arrives_where_it_belongs() -> None:
    licence = parse_licence(WHOLE_LICENCE, name="a.toml")
    assert licence == Licence(
        id="LIC-2026-07",
        licensor="P-LABEL",
        licensee="P-GENERATOR",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        purposes=("generate", "train"),
        territories=Territories(("Worldwide",), ("US",)),
        scope=Scope(recordings=("R1", "R2"), works=("W1",), tags=("catalogue-a",), labels=("Blue Label",)),
        conditions=Conditions(15_000, 30_500, 500_000, True),
        rate_card=RateCard(
            currency="EUR",
            rights=(("Master", 500_000), ("MechanicalRight", 250_000), ("PerformingRight", 250_000)),
            royalty_millionths=125_000,
            per_second=Fraction(1, 5),
            per_match=Fraction(10),
            per_usage=False,
            minimum_payout=2000,
            deductions=(Deduction("administration", 100_000),),
        ),
        replaces="LIC-2025-07",
        digest=licence.digest,
    )
    assert licence.digest == digest_of(exact_json(licence_document(licence)))


def test_a_condition_that_is_left_out_asks_for_nothing() -> None:
    licence = parse_licence(SMALLEST, name="a.toml")
    assert licence.valid_to is None
    assert licence.territories == Territories()
    assert licence.conditions == Conditions()
    assert licence.rate_card == RateCard("JPY", (("Master", 1_000_000),), per_match=Fraction(1))
    assert licence.replaces == ""


def test_the_same_licence_written_otherwise_has_the_same_digest() -> None:
    first = parse_licence(WHOLE_LICENCE, name="a.toml")
    rewritten = (
        "\ufeff"
        + WHOLE_LICENCE.replace('"12.5 %"', '"12.50%"')
        .replace('["R2", "R1", "R2"]', '["R1", "R2"]')
        .replace("valid_from = 2026-01-01", 'valid_from = "2026-01-01"')
        .replace('"0.002"', '"0.0020"')
        + "\n# a remark\n"
    )
    assert parse_licence(rewritten, name="b.toml") == first
    assert parse_licence(WHOLE_LICENCE.replace('"12.5 %"', '"12.6 %"'), name="c.toml").digest != first.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('purposes = ["train", "generate"]', "", "a.toml: purposes is missing"),
        ("max_total_seconds", "max_total_second", r"conditions\.max_total_second: .*max_total_seconds may be meant"),
        ("no_vocals = true", "vocals = false", r"conditions\.vocals: there is no such key; no_vocals may be meant"),
        ("licensor =", "licenser =", "licenser: there is no such key; licensor may be meant"),
        ("Master =", "Masters =", r"rate_card\.rights\.Masters: there is no such key; Master may be meant"),
        ("per_usage = false", "zzz = 1", r"rate_card\.zzz: there is no such key; known are currency"),
        ('"12.5 %"', "12.5", 'royalty_rate 12.5: write it as text, in quotes, such as "12.5 %"'),
        ('"15"', "15", "max_consecutive_seconds 15: write it as text, in quotes"),
        ('"15"', "1e400", "max_consecutive_seconds 1e400: write it as text"),
        ('"15"', "true", "max_consecutive_seconds: must be text"),
        ('"15"', '"0.0001"', "at most three decimals"),
        ('"15"', '"-1"', "must be from 0 to"),
        ('"12.5 %"', '"12.5"', "royalty_rate '12.5': has no sign %"),
        ('"12.5 %"', '"101 %"', "royalty_rate '101 %': must not be over 100 %"),
        ('"0.002"', '"-0.002"', "per_second '-0.002': must not be negative"),
        ('"0.002"', '"1e3"', "per_second '1e3': not a decimal number"),
        ('"0.002"', '"9223372036854775808"', "beyond 9223372036854775807 minor units of EUR"),
        ('"0.002"', f'"0.{"0" * 30}1"', "has more than 30 decimals"),
        ('"20.00"', '"20.001"', "EUR has 2 decimals"),
        ('"20.00"', '"-20.00"', "minimum_payout '-20.00': must not be negative"),
        ('Master = "50 %"', 'Master = "51 %"', "rate_card.rights: sum to 101 %; they must sum to 100 %"),
        ('Master = "50 %"', 'Master = "50 %"\nPrintRight = "0 %"', "PrintRight: is 0 %; leave the right out"),
        ("valid_to = 2026-12-31", "valid_to = 2025-12-31", "valid_to 2025-12-31: lies before valid_from 2026-01-01"),
        ("valid_to = 2026-12-31", "valid_to = 2026-12-31T10:00:00", "valid_to 2026-12-31 10:00:00: has a time"),
        ("valid_to = 2026-12-31", 'valid_to = "2026-02-30"', "there is no such day"),
        ("valid_to = 2026-12-31", "valid_to = 20261231", "valid_to 20261231: write it as text"),
        ('"eur"', '"EURO"', "currency 'EURO': not a currency of ISO 4217"),
        ('"us"', '"UK"', "the United Kingdom is GB"),
        ('"us"', '"World"', "territory Worldwide is excluded"),
        ('["Worldwide"]', "[]", "territories.include: is empty"),
        ('["train", "generate"]', '["sell"]', "'sell' is none of train, generate, reference-audio"),
        ('["train", "generate"]', "[]", "purposes: is empty"),
        ('["train", "generate"]', '"train"', "purposes: must be a list of texts"),
        ("[scope]", "[scope]\neverything = true", "everything = true and recordings as well"),
        ('works = ["W1"]', "works = [1]", "scope.works 1: write it as text"),
        ('works = ["W1"]', 'works = [""]', "scope.works '': must have 1 to 512"),
        ('"LIC-2025-07"', '"LIC-2026-07"', "a licence cannot replace itself"),
        ('"LIC-2026-07"', r'"LIC\n2026"', r"id 'LIC\\n2026': must have 1 to 512 printable"),
        ('rate = "10 %"', "", "deductions, number 1: rate is missing"),
        ('"10 %"', '"100.1 %"', "number 1: rate '100.1 %': must not be over 100 %"),
        (
            "licence/1",
            "licence/2",
            "schema is 'sourceprint/licence/2'; this version reads schema = \"sourceprint/licence",
        ),
        ("no_vocals = true", "no_vocals = 1", "no_vocals is 1; write true or false"),
        ("id =", "id", "a.toml: not TOML .*line 3"),
        ("[conditions]", "[conditions.x]", r"conditions\.x: there is no such key"),
    ],
)
def test_values_not_understood_are_refused_with_key_value_and_remedy(old: str, new: str, message: str) -> None:
    assert old in WHOLE_LICENCE
    with pytest.raises(RightsError, match=message) as caught:
        parse_licence(WHOLE_LICENCE.replace(old, new, 1), name="a.toml")
    assert "\n" not in str(caught.value)


def test_an_empty_licence_says_all_that_is_to_be_filled_in_at_once() -> None:
    with pytest.raises(RightsError) as caught:
        parse_licence(new_licence(), name="new.toml")
    text = new_licence().split("\n")
    faults = [line.removeprefix("new.toml: ") for line in str(caught.value).split("\n")]
    assert [fault.split(":")[0].split(" ")[0] for fault in faults] == [
        "id", "licensor", "licensee", "valid_from", "purposes", "scope", "rate_card", "currency", "rate_card.rights",
    ]  # fmt: skip
    for fault in faults:
        number = int(fault.rpartition("(line ")[2].rstrip(")"))
        key = fault.split(":")[0].split(" ")[0]
        assert text[number - 1].startswith((key.rpartition(".")[2], f"[{key}]")), fault


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"id =": "ids =", '"eur"': '"EURO"', '"20.00"': '"x"'}, ["ids", "currency", "minimum_payout"]),
        ({"recordings =": "recordngs =", "works =": "work ="}, ["scope.recordngs", "scope.work"]),
        ({"royalty_rate": "royal_rate", "per_second": "second"}, ["rate_card.royal_rate", "rate_card.second"]),
        ({'["Worldwide"]': "[]", '"us"': '"UK"'}, ["territories.include"]),
    ],
)
def test_one_fault_is_said_once_and_several_each_on_a_line(changes: dict[str, str], keys: list[str]) -> None:
    text = WHOLE_LICENCE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(RightsError) as caught:
        parse_licence(text, name="a.toml")
    lines = str(caught.value).split("\n")
    assert len(lines) == len(keys), lines
    for line, key in zip(lines, keys, strict=True):
        assert line.startswith("a.toml: ")
        assert key in line


def test_deductions_of_more_than_all_or_twice_the_same_name_are_refused() -> None:
    second = '\n[[rate_card.deductions]]\nname = "{}"\nrate = "{}"\n'
    with pytest.raises(RightsError, match="sum to 101 %; more than all"):
        parse_licence(WHOLE_LICENCE + second.format("tax", "91 %"), name="a.toml")
    with pytest.raises(RightsError, match="number 2: 'administration' is there twice"):
        parse_licence(WHOLE_LICENCE + second.format("administration", "1 %"), name="a.toml")


def test_a_licence_without_scope_or_price_is_refused() -> None:
    with pytest.raises(RightsError, match="scope: names nothing"):
        parse_licence(SMALLEST.replace("everything = true", ""), name="a.toml")
    with pytest.raises(RightsError, match="scope: parties only narrows a scope; add everything = true, or list"):
        parse_licence(SMALLEST.replace("everything = true", 'parties = ["P1"]'), name="a.toml")
    with pytest.raises(RightsError, match="rate_card: says no price"):
        parse_licence(SMALLEST.replace('per_match = "1"', ""), name="a.toml")
    with pytest.raises(RightsError, match=r"rate_card\.rights is missing"):
        parse_licence(SMALLEST.replace('[rate_card.rights]\nMaster = "100 %"', ""), name="a.toml")


def test_absurd_files_are_refused_without_a_trace() -> None:
    with pytest.raises(RightsError, match="a licence has at most 16000000"):
        parse_licence("#" * 16_000_001, name="a.toml")
    with pytest.raises(RightsError, match="nested too deep"):
        parse_licence("a = " + "[" * 100_000, name="a.toml")


AMENDED = """
[[amendments]]
from = 2026-04-01
rate_card = { per_second = "0.003", royalty_rate = "12.5 %" }
remove = ["conditions.no_vocals"]

[[amendments]]
from = "2026-07-01"
precedence = 5
valid_to = 2027-06-30
[amendments.territories]
exclude = ["US", "CA"]
[amendments.rate_card.rights]
Master = "100 %"
[[amendments.rate_card.deductions]]
name = "tax"
rate = "1 %"
"""


def test_precedence_and_parties_arrive() -> None:
    text = WHOLE_LICENCE.replace("replaces =", "precedence = 7\nreplaces =").replace(
        'works = ["W1"]', 'works = ["W1"]\nparties = ["P-2", "P-1"]'
    )
    licence = parse_licence(text, name="a.toml")
    assert (licence.precedence, licence.scope.parties) == (7, ("P-1", "P-2"))
    assert licence.scope.covers_party("P-1")
    assert not licence.scope.covers_party("")
    assert parse_licence(licence_toml(licence), name="a.toml") == licence


def test_an_amendment_changes_the_named_terms_from_its_day_on() -> None:
    licence = parse_licence(WHOLE_LICENCE + AMENDED, name="a.toml")
    base = licence.on(date(2026, 3, 31))
    assert base == licence
    assert base.rate_card.per_second == Fraction(1, 5)
    spring = licence.on(date(2026, 4, 1))
    assert spring.rate_card.per_second == Fraction(3, 10)
    assert spring.conditions == Conditions(15_000, 30_500, 500_000, no_vocals=False)
    assert spring.rate_card.rights == base.rate_card.rights
    summer = licence.on(date(2027, 1, 1))
    assert summer.rate_card.per_second == Fraction(3, 10)
    assert summer.rate_card.rights == (("Master", 1_000_000),)
    assert summer.rate_card.deductions == (Deduction("tax", 10_000),)
    assert summer.territories == Territories(("Worldwide",), ("CA", "US"))
    assert (summer.precedence, summer.valid_to) == (5, date(2027, 6, 30))
    assert parse_licence(licence_toml(licence), name="b.toml") == licence
    # A value that an amendment repeats is no change: a quarter's royalty_rate was 12.5 % already.
    assert licence_document(licence)["amendments"][0] == {
        "from": "2026-04-01",
        "rate_card": {"per_second": "0.003"},
        "remove": ["conditions.no_vocals"],
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from = 2026-04-01", "", "amendments, number 1: from is missing"),
        ("from = 2026-04-01", "from = 2026-01-01", "number 1: from 2026-01-01: must be after 2026-01-01; sort"),
        ('"2026-07-01"', '"2026-04-01"', "number 2: from 2026-04-01: must be after 2026-04-01"),
        ('"0.003"', '"-1"', "amendments, number 1: rate_card.per_second '-1': must not be negative"),
        ("per_second", "per_secnd", "number 1: rate_card.per_secnd: there is no such key; per_second may be meant"),
        ("precedence = 5", 'licensee = "X"', "amendments, number 2: licensee cannot change; write a licence that"),
        ("precedence = 5", "precedence = -5", "number 2: precedence is -5; write a whole number from 0 to 1000000"),
        ("no_vocals", "vocals", "number 1: remove 'conditions.vocals': the licence has no such key then"),
        ('per_second = "0.003"', 'currency = "USD"', "number 1: rate_card.currency cannot change"),
        (
            'rate_card = { per_second = "0.003", royalty_rate = "12.5 %" }\nremove = ["conditions.no_vocals"]',
            'rate_card.royalty_rate = "12.5 %"',
            "number 1: changes nothing",
        ),
        ("[[amendments]]\nfrom = 2026-04-01", "[amendments]\nfrom = 2026-04-01", "not TOML"),
    ],
)
def test_an_amendment_that_is_not_understood_is_refused(old: str, new: str, message: str) -> None:
    assert old in AMENDED
    with pytest.raises(RightsError, match=message):
        parse_licence(WHOLE_LICENCE + AMENDED.replace(old, new, 1), name="a.toml")


ids = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
sorted_ids = st.sets(ids, max_size=3).map(lambda found: tuple(sorted(found)))
millionths = st.integers(0, 1_000_000)


@st.composite
def licences(draw: st.DrawFn) -> Licence:
    start = draw(st.dates())
    names = draw(st.lists(ids, max_size=2, unique=True))
    first = draw(st.integers(1, 999_999))
    right, other = draw(st.permutations([MASTER, *WORK_RIGHTS]))[:2]
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    rate = st.none() | st.integers(0, 10**12).map(lambda units: Fraction(units, 10**10))
    scope = Scope(draw(st.just(False)), *(draw(sorted_ids) for _ in range(5)))
    if not (scope.recordings or scope.works or scope.tags or scope.labels):
        scope = Scope(everything=True, parties=scope.parties)
    licence_id = draw(ids)
    licence = Licence(
        id=licence_id,
        licensor=draw(ids),
        licensee=draw(ids),
        valid_from=start,
        valid_to=draw(st.none() | st.dates(min_value=start)),
        purposes=tuple(sorted(draw(st.sets(st.sampled_from(PURPOSES), min_size=1)))),
        territories=draw(
            st.sampled_from([Territories(), Territories(("DE", "FR")), Territories(("Worldwide",), ("US",))])
        ),
        scope=scope,
        conditions=Conditions(
            draw(st.none() | st.integers(0, 10**12)),
            draw(st.none() | st.integers(0, 10**12)),
            draw(st.none() | millionths),
            draw(st.booleans()),
        ),
        rate_card=RateCard(
            currency=currency,
            rights=tuple(sorted([(right, first), (other, 1_000_000 - first)])),
            royalty_millionths=draw(millionths),
            per_second=draw(rate),
            per_match=draw(rate),
            per_usage=draw(st.booleans()),
            minimum_payout=draw(st.integers(0, 10**9)),
            deductions=tuple(Deduction(name, draw(st.integers(0, 500_000))) for name in names),
        ),
        replaces=draw(st.just("") | ids.filter(lambda other: other != licence_id)),
        precedence=draw(st.none() | st.integers(0, 1_000_000)),
    )
    if start.year > 9000 or draw(st.booleans()):
        return licence
    later = replace(licence, precedence=draw(st.integers(0, 9)), conditions=Conditions(no_vocals=draw(st.booleans())))
    return replace(licence, amendments=(Amendment(start + timedelta(1), later),) if later != licence else ())


@settings(deadline=None)
@given(licences())
def test_document_and_toml_read_back_as_the_same_licence(licence: Licence) -> None:
    document = licence_document(licence)
    stored = json.loads(exact_json(document))
    assert licence_of(stored, digest_of(exact_json(stored))) == parse_licence(licence_toml(licence), name="a.toml")
    assert licence_of(stored, "") == licence
    assert parse_licence(licence_toml(licence), name="a.toml").digest == digest_of(exact_json(document))


def test_a_rate_without_end_is_stored_with_as_many_decimals_as_are_read() -> None:
    licence = parse_licence(SMALLEST, name="a.toml")
    endless = replace(licence, rate_card=replace(licence.rate_card, per_second=Fraction(1, 3)))  # of a cent
    stored = licence_of(licence_document(endless), "")
    assert stored.rate_card.per_second is not None
    assert 0 < Fraction(1, 3) - stored.rate_card.per_second < Fraction(1, 10**27)
    assert licence_document(stored) == licence_document(endless)


def test_a_stored_document_that_was_altered_is_refused() -> None:
    document = licence_document(parse_licence(SMALLEST, name="a.toml"))
    document["extra"] = 1
    with pytest.raises(ParameterError, match="extra: there is no such key"):
        licence_of(document, "")
