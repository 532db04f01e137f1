"""Rates that change with volume: read from licences, counted over statements, priced exactly, said and proven."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import RightsError
from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rate_tiers import Tier
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licence_toml import licence_toml, parse_licence
from sourceprint.royalties.rights.licences import Licence, Scope
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.line_explanation import explain_line, explanation_to_json
from sourceprint.royalties.statements.proof import flaws_of, prove
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.restatements import restate_usage
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import MethodOrder, Policy, load_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    a_use,
    some_rights,
    store_rights,
)

NOW = datetime(2026, 4, 2, 10, 0, 0, tzinfo=UTC)
FEE, SECONDS = load_policy("fixed-fee"), load_policy("matched-seconds")
CENT_THEN_LESS = (Tier(1000, per_match=Fraction(4, 5)),)  # 0.01 EUR, 0.008 EUR from 1000 usages on
MASTER = (("Master", 1_000_000),)
LICENCE = """schema = "sourceprint/licence/1"
id = "LIC-1"
licensor = "P-LABEL"
licensee = "P-GEN"
valid_from = 2026-01-01
purposes = ["generate"]
[scope]
everything = true
[rate_card]
currency = "EUR"
per_second = "0.01"
tiers_period = "quarter"
[rate_card.rights]
Master = "100 %"
[[rate_card.tiers]]
from_usages = 1000
per_second = "0.008"
[[rate_card.tiers]]
from_usages = 5000
per_second = "0.005"
"""


def tiered(licence_id: str = "LIC-1", *, period: str = "quarter", **card: Any) -> Licence:
    """Return a licence of everything at 0.01 EUR a match, 0.008 EUR from 1000 usages on, for the master alone."""
    given = {"per_match": Fraction(1), "rights": MASTER, "tiers": CENT_THEN_LESS, "tiers_period": period, **card}
    return a_licence(licence_id, rate_card=a_rate_card(**given), valid_to=None)


def some_usage(*rows: tuple[str, str, int], day: str = "") -> Usage:
    return Usage(tuple(UsageRow(track, territory, n, None, "", used_on=day) for track, territory, n in rows), "a" * 64)


def stated(
    *uses: Use,
    licences: list[Licence],
    usage: Usage,
    policy: Policy = FEE,
    rights: Rights | None = None,
    **options: Any,
) -> Statement:
    statement = compute_statement(
        uses,
        rights or some_rights(licences=licences),
        policy,
        licensee=LICENSEE,
        period=Period.parse("2026-Q3"),
        currency="EUR",
        issued_on="2026-10-02",
        usage=usage,
        **options,
    )
    prove(statement)
    assert parse_statement(statement_bytes(statement)) == statement
    return statement


def nets(statement: Statement) -> list[tuple[str, str, str]]:
    return [(line.territory, line.recording_id, str(line.net)) for line in statement.lines]


# Keys of the licence.


def test_tiers_are_read_and_written_again_as_they_are() -> None:
    licence = parse_licence(LICENCE, name="licence.toml")
    assert licence.rate_card.tiers == (Tier(1000, Fraction(4, 5)), Tier(5000, Fraction(1, 2)))
    assert licence.rate_card.tiers_period == "quarter"
    assert parse_licence(licence_toml(licence), name="again") == licence
    amendment = '[[amendments]]\nfrom = 2026-07-01\nrate_card = { per_second = "0.02" }\n'
    amended = parse_licence(LICENCE + amendment, name="licence.toml")
    assert amended.amendments[0].terms.rate_card == replace(licence.rate_card, per_second=Fraction(2))


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ("= 5000", "= 900", r"tiers, number 2: from_usages 900: must be above 1000, that of the tier .* \(line 18\)"),
        ("= 5000", "= 1000", r"from_usages 1000: must be above 1000, that of the tier before; sort them"),
        (
            "= 1000",
            "= 0",
            r"tiers, number 1: from_usages is 0; write a whole number from 1 .* rate card's own rate",
        ),
        ("= 1000", "= -5", r"from_usages is -5; write a whole number from 1"),
        ("= 1000", '= "1000"', r"from_usages is '1000'; write a whole number from 1"),
        ("from_usages = 1000\n", "", r"tiers, number 1: from_usages is missing; `sourceprint rights new-licence`"),
        ('"0.008"', '"-0.008"', r"tiers, number 1: per_second '-0.008': must not be negative"),
        ('"0.008"', "0.008", r"tiers, number 1: per_second 0.008: write it as text, in quotes"),
        ('per_second = "0.008"\n', "", r"tiers, number 1: has no rate; write per_second or per_match"),
        ('per_second = "0.008"', 'per_match = "0.008"', r"per_match: the rate card has no per_match for usages below"),
        ('per_second = "0.01"', 'royalty_rate = "10 %"', r"per_second: the rate card has no per_second for usages"),
        ('"0.008"\n', '"0.008"\ncurrency = "USD"\n', r"currency: there is no such key; known are from_usages, per_"),
        ('tiers_period = "quarter"\n', "", r"tiers_period is missing; write one of statement, month, quarter, year"),
        ('tiers_period = "quarter"', 'tiers_period = "week"', r"tiers_period is 'week'; write one of statement, month"),
        (
            'per_second = "0.01"',
            'per_second = "0.01"\nper_usage = false',
            r"tiers: count usages, and per_usage = false",
        ),
    ],
)
def test_wrong_tiers_are_refused_by_name(written: str, instead: str, message: str) -> None:
    assert written in LICENCE
    with pytest.raises(RightsError, match=message):
        parse_licence(LICENCE.replace(written, instead), name="licence.toml")


def test_a_period_without_tiers_and_tiers_without_tables_are_refused() -> None:
    alone = LICENCE[: LICENCE.index("[[rate_card.tiers]]")]
    with pytest.raises(RightsError, match=r"tiers_period: there are no \[\[rate_card.tiers\]\]"):
        parse_licence(alone, name="licence.toml")
    with pytest.raises(RightsError, match=r"rate_card.tiers is \[\]; write 1 to 100 tables"):
        parse_licence(alone.replace("tiers_period", "tiers = []\ntiers_period"), name="licence.toml")


@pytest.mark.parametrize(
    "change",
    [
        'rate_card = { tiers = [{ from_usages = 5, per_second = "0.1" }] }',
        'rate_card = { tiers_period = "year" }',
        'remove = ["rate_card.tiers", "rate_card.tiers_period"]',
    ],
)
def test_tiers_cannot_be_amended(change: str) -> None:
    with pytest.raises(RightsError, match=r"amendments, number 1: rate_card.tiers\w* cannot change; write a licence"):
        parse_licence(f"{LICENCE}[[amendments]]\nfrom = 2026-07-01\n{change}\n", name="licence.toml")


def test_an_amendment_cannot_take_the_rate_from_under_its_tiers() -> None:
    change = 'remove = ["rate_card.per_second"]\nrate_card = { per_match = "0.1" }'
    with pytest.raises(RightsError, match=r"number 1: .*the rate card has no per_second for usages below the first"):
        parse_licence(f"{LICENCE}[[amendments]]\nfrom = 2026-07-01\n{change}\n", name="licence.toml")


# Prices.


def test_a_boundary_within_one_statement_is_shared_by_all_its_usages() -> None:
    usage = some_usage(("one.wav", "DE", 900), ("two.wav", "DE", 600))
    statement = stated(a_use(), a_use("two.wav", "R2"), licences=[tiered()], usage=usage)
    assert nets(statement) == [("DE", "R1", "8.4"), ("DE", "R2", "5.6")]  # of 14.00 EUR
    words = "usages 1 to 1500 in 2026-07-01 to 2026-09-30: 1000 at 0.01 EUR, 500 at 0.008 EUR"
    basis = f"14/15 of 0.01 EUR per match x 900 usages (LIC-1), the mean of {words}"
    assert statement.lines[0].contributions[0].basis == basis
    assert basis in explain_line(statement, 1)
    assert explanation_to_json(statement, 1)["contributions"][0]["basis"] == basis
    assert f"tiers of LIC-1, {words}" in statement_text(statement)


def test_all_that_is_written_of_a_statement_says_its_tiers_and_is_audited(tmp_path: Path) -> None:
    usage = some_usage(("one.wav", "DE", 900), ("two.wav", "DE", 600))
    statement = stated(a_use(), a_use("two.wav", "R2"), licences=[tiered()], usage=usage)
    write_statement(statement, tmp_path / "folder")
    page = (tmp_path / "folder" / "statement.html").read_text()
    assert page.count("usages 1 to 1500 in 2026-07-01 to 2026-09-30: 1000 at 0.01 EUR, 500 at 0.008 EUR") > 1
    assert audit_statement(tmp_path / "folder") == []
    (pot,) = json.loads((tmp_path / "folder" / "statement.json").read_text())["tiers"]
    assert (pot["before"], pot["usages"], pot["amount"]) == (0, 1500, "14")
    assert pot["steps"] == [{"rate": "1/1", "usages": 1000}, {"rate": "4/5", "usages": 500}]


def test_a_usage_counts_once_however_many_territories_rights_and_uses_it_pays() -> None:
    usage = some_usage(("one.wav", "DE", 600), ("one.wav", "FR", 600))
    rights = (("Master", 500_000), ("MechanicalRight", 250_000), ("PerformingRight", 250_000))
    licence = tiered(rights=rights)
    statement = stated(a_use(), a_use(recording_id="R2"), licences=[licence], usage=usage)
    (pot,) = statement.tiers
    assert (pot.usages, str(pot.amount)) == (1200, "23.2")  # two uses at 1000 x 0.01 + 200 x 0.008 each
    assert {str(part.amount) for part in pot.parts} == {"5.8"}
    assert sum_of(line.gross for line in statement.lines) == pot.amount
    assert len(statement.lines) == 12


def test_usages_under_another_licence_or_priced_by_revenue_do_not_count() -> None:
    mine = replace(tiered("LIC-A"), scope=Scope(recordings=("R1",)))
    other = replace(tiered("LIC-B"), scope=Scope(recordings=("R2",)))
    usage = some_usage(("one.wav", "DE", 900), ("two.wav", "DE", 900))
    uses = (a_use(), a_use("two.wav", "R2"))
    statement = stated(*uses, licences=[mine, other], usage=usage)
    assert [(pot.licence_id, pot.usages) for pot in statement.tiers] == [("LIC-A", 900), ("LIC-B", 900)]
    sold = Usage((*some_usage(("one.wav", "DE", 900)).rows, UsageRow("two.wav", "FR", 900, Fraction(8000), "EUR")))
    both = replace(FEE, amount=MethodOrder(("matched-seconds", "fixed-fee")))
    statement = stated(*uses, licences=[tiered(per_second=None)], usage=sold, policy=both)
    assert [pot.usages for pot in statement.tiers] == [900]


def test_a_rate_that_no_tier_changes_stays_as_it_is() -> None:
    statement = stated(a_use(ms=10_000), licences=[tiered()], usage=some_usage(("one.wav", "DE", 1500)), policy=SECONDS)
    assert (statement.tiers, nets(statement)) == ((), [("DE", "R1", "30")])  # 0.002 EUR x 10 s x 1500


def test_an_amended_rate_holds_below_the_tiers_of_the_same_count() -> None:
    licence = tiered()
    card = replace(licence.rate_card, per_match=Fraction(2))
    amended = parse_licence(
        licence_toml(licence) + '[[amendments]]\nfrom = "2026-08-01"\nrate_card = { per_match = "0.02" }\n', name="a"
    )
    assert amended.amendments[0].terms.rate_card == card
    uses = (a_use(), a_use("two.wav", "R2", generated_on="2026-08-02"))
    usage = some_usage(("one.wav", "DE", 900), ("two.wav", "DE", 600))
    statement = stated(*uses, licences=[amended], usage=usage)
    # 1500 usages: 1000 at 0.01 and 500 at 0.008 come to 14.00 EUR; 1000 at 0.02 and 500 at 0.008 to 24.00 EUR.
    assert nets(statement) == [("DE", "R1", "8.4"), ("DE", "R2", "9.6")]


def test_parts_sum_to_the_pot_for_awkward_rates_currencies_and_days() -> None:
    tiers = (Tier(7, Fraction(1, 8)), Tier(11, Fraction(7, 1000), Fraction(1)))
    licence = tiered(currency="USD", per_second=Fraction(3, 7), tiers=tiers, period="statement")
    days = [f"2026-07-{day:02}" for day in (3, 9)]
    rows = [
        row
        for at, place in enumerate(("DE", "FR", "US"))
        for day in days
        for row in some_usage(("one.wav", place, 1 + at), ("two.wav", place, 2), day=day).rows
    ]
    uses = (a_use(ms=9_001), a_use("two.wav", "R2", ms=7_777))
    quote = Conversion("USD", "EUR", Fraction(91, 97), "2026-09-30", "ECB")
    statement = stated(*uses, licences=[licence], usage=Usage(tuple(rows)), policy=SECONDS, rate_of=lambda _: quote)
    (pot,) = statement.tiers
    assert (pot.usages, [step.usages for step in pot.steps]) == (24, [7, 4, 13])
    assert len(pot.parts) == 12
    assert sum_of(part.amount for part in pot.parts) == pot.amount == sum_of(one.gross for one in statement.lines)
    mean = (7 * Fraction(3, 7) + 4 * Fraction(1, 8) + 13 * Fraction(7, 1000)) / 24
    whole = mean * (12 * Fraction(9_001, 1000) + 12 * Fraction(7_777, 1000)) * Fraction(91, 97)
    assert pot.amount == Amount.nearest(whole, "EUR")
    assert " on 2026-07-03 x 91/97 EUR per USD (LIC-1), the mean of 24 usages: 7 at " in (
        statement.lines[0].contributions[0].basis
    )


def test_shares_that_two_licences_cover_are_held_for_the_larger_amount() -> None:
    cheap = tiered("LIC-A", per_match=Fraction(1, 2))
    usage = some_usage(("one.wav", "DE", 1500))
    statement = stated(a_use(), licences=[cheap, tiered("LIC-B")], usage=usage)
    assert [(line.kind, line.licence_id, str(line.net)) for line in statement.lines] == [("held", "LIC-B", "14")]
    assert [str(pot.amount) for pot in statement.tiers] == ["9", "14"]


def test_no_usages_cost_nothing() -> None:
    statement = stated(a_use(), licences=[tiered()], usage=some_usage(("one.wav", "DE", 0)))
    assert ([str(pot.amount) for pot in statement.tiers], nets(statement)) == (["0"], [("DE", "R1", "0")])


def test_a_proof_finds_tiers_that_do_not_add_up() -> None:
    usage = some_usage(("one.wav", "DE", 900), ("two.wav", "DE", 600))
    statement = stated(a_use(), a_use("two.wav", "R2"), licences=[tiered()], usage=usage)
    (pot,) = statement.tiers
    one, two = pot.parts
    cent = Amount.parse("0.01")
    forged = {
        "by rate they are 1501": replace(pot, steps=(replace(pot.steps[0], usages=1001), pot.steps[1])),
        "its usages at their rates come to 1400": replace(pot, amount=pot.amount + cent),
        "its parts sum to": replace(pot, parts=(replace(one, amount=one.amount + cent), two)),
        "which is not its part": replace(
            pot, parts=(replace(one, amount=one.amount + cent), replace(two, amount=two.amount - cent))
        ),
        "those of its uses are 1501": replace(pot, parts=(replace(one, usages=one.usages + 1), two)),
        "is not among the uses": replace(pot, parts=(replace(one, use_id="U0"), two)),
    }
    for message, wrong in forged.items():
        assert any(message in what for _, what in flaws_of(replace(statement, tiers=(wrong,)))), message
    line = statement.lines[0]
    part = replace(line.contributions[0], amount=line.contributions[0].amount + cent)
    dearer = replace(line, contributions=(part,), gross=line.gross + cent, net=line.net + cent)
    found = list(flaws_of(replace(statement, lines=(dearer, *statement.lines[1:]))))
    assert ("line 1", f"amount 8.41 of use {part.use_id} is no part of the tiers") in found


# Over several statements.


def attribute(database: Database, folder: Path, day: str, *names: str) -> None:
    path = folder / "results.jsonl"
    results = [a_scan_result(name, a_match("R1", a_passage(0, 9_000))) for name in names]
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    attribute_results(database, path, FEE, licensee=LICENSEE, generated_on=day, by="ann", now=NOW)


def issue(database: Database, label: str, usages: int = 0, **options: Any) -> Statement:
    period = Period.parse(label)
    after = period.end + timedelta(days=2)
    given = {"issued_on": after.isoformat(), "by": "ann", "now": NOW, "today": after, **options}
    usage = some_usage(("a.wav", "DE", usages))
    return issue_statement(database, licensee=LICENSEE, period=period, usage=usage, **given)


def restate(database: Database, label: str, usages: int) -> None:
    restate_usage(
        database,
        licensee=LICENSEE,
        period=Period.parse(label),
        usage=some_usage(("a.wav", "DE", usages)),
        reason="a shop was late",
        by="bob",
        now=NOW,
    )


def gross(statement: Statement) -> str:
    return str(sum_of(line.gross for line in statement.lines))


def test_usages_count_over_the_statements_of_a_span_and_follow_restatements(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_rights(database, some_rights(licences=[tiered(period="year")]))
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    assert gross(issue(database, "2026-Q1", 700)) == "7"
    second = issue(database, "2026-Q2", 500)
    assert gross(second) == "4.6"  # 300 at 0.01 EUR, 200 at 0.008 EUR
    assert [(pot.before, pot.usages) for pot in second.tiers] == [(700, 500)]
    assert second == issue(database, "2026-Q2", 500)
    assert gross(issue(database, "2027-Q1", 400)) == "4"  # a new year starts again
    restate(database, "2026-Q1", 1200)
    computed: list[str] = []

    def noted(*args: Any, **options: Any) -> Statement:
        computed.append(options["period"].label)
        return compute_statement(*args, **options)

    monkeypatch.setattr("sourceprint.royalties.statements.earlier.recomputation.compute_statement", noted)
    quick, full = (issue(database, "2027-Q2", 700, draft=True, everything=all_) for all_ in (False, True))
    assert (quick, computed[:2]) == (full, ["2026-Q1", "2026-Q2"])  # not that of the next year
    last = issue(database, "2027-Q2", 700)
    assert gross(last) == "6.8"  # after 400 of the year: 600 at 0.01 EUR, 100 at 0.008 EUR
    assert [(one.period, str(one.amount)) for one in last.adjustments] == [("2026-Q1", "4.6"), ("2026-Q2", "-0.6")]
    assert last.adjustments[0].reason.startswith("usage restated by bob, 2026-04-02, version 2: a shop was late; ")
    assert last.adjustments[0].reason.endswith("; counted under licence LIC-1: usages 1 to 700, now usages 1 to 1200")
    assert "counted under licence LIC-1: usages 701 to 1200, now usages 1201 to 1700" in last.adjustments[1].reason
    computed.clear()
    assert (issue(database, "2027-Q3", 100, draft=True).adjustments, computed) == ((), [])


@pytest.mark.parametrize(("period", "expected"), [("statement", "8"), ("quarter", "8"), ("term", "6.4")])
def test_usages_count_over_the_period_that_the_licence_states(
    sqlite_database: Database, tmp_path: Path, period: str, expected: str
) -> None:
    store_rights(sqlite_database, some_rights(licences=[tiered(period=period)]))
    attribute(sqlite_database, tmp_path, "2026-02-01", "a.wav")
    issue(sqlite_database, "2026-Q4", 1000)
    assert gross(issue(sqlite_database, "2027-Q1", 800)) == expected


def test_figures_of_a_closed_statement_stay_as_adjusted_last(sqlite_database: Database, tmp_path: Path) -> None:
    licence = tiered(period="year")
    licence = replace(licence, deal=replace(licence.deal, audit_window_months=4))
    store_rights(sqlite_database, some_rights(licences=[licence]))
    attribute(sqlite_database, tmp_path, "2026-02-01", "a.wav")
    issue(sqlite_database, "2026-Q1", 700)
    restate(sqlite_database, "2026-Q1", 900)
    assert gross(issue(sqlite_database, "2026-Q2", 100)) == "1"
    for everything in (False, True):  # the first quarter is closed by then
        third = issue(sqlite_database, "2026-Q3", 100, draft=True, everything=everything)
        assert [(pot.before, gross(third)) for pot in third.tiers] == [(1000, "0.8")]
