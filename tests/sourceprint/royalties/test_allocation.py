"""Allocation: the five methods with numbers that can be checked by hand, and amounts owed to nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import RightsError, StatementError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Scope
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.exchange import Rates, read_rates
from sourceprint.royalties.statements.amounts.lines import Line
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.page import statement_page
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_policy,
    a_rate_card,
    a_recording,
    a_share,
    a_use,
    a_use_passage,
    cents,
    only_in,
    some_rights,
)

Q3 = Period.parse("2026-Q3")
BY_REVENUE = a_rate_card(per_second=None, per_match=None)
FEE = a_rate_card(per_second=None, per_match=Fraction(10))


def stated(
    uses: Iterable[Use],
    *,
    methods: tuple[str, ...] = ("matched-seconds",),
    rights: Rights | None = None,
    card: Any = None,
    rows: Iterable[UsageRow] = (),
    **options: Any,
) -> Statement:
    """Return a proven statement of uses."""
    licences = [a_licence(rate_card=card or a_rate_card())]
    statement = compute_statement(
        uses,
        rights or some_rights(licences=licences),
        a_policy(methods=methods),
        **{
            "licensee": LICENSEE,
            "period": Q3,
            "currency": "EUR",
            "issued_on": "2026-10-02",
            "usage": Usage(tuple(rows)),
            **options,
        },
    )
    prove(statement)
    return statement


def earned(track: str, revenue: int | None, usages: int = 1, territory: str = "Worldwide") -> UsageRow:
    """Return usage, and revenue in EUR cents where it is reported."""
    return UsageRow(
        track, territory, usages, None if revenue is None else Fraction(revenue), "" if revenue is None else "EUR"
    )


def exact(statement: Statement, **wanted: str) -> Fraction | int:
    """Return the exact sum of the lines of which these attributes have these values, in cents."""
    return cents(line.gross for line in found(statement, **wanted))


def found(statement: Statement, **wanted: str) -> list[Line]:
    return [line for line in statement.lines if all(getattr(line, name) == value for name, value in wanted.items())]


TWO_IN_ONE = [a_use(ms=20_000), a_use(recording_id="R2", ms=10_000)]


def test_matched_seconds_is_the_rate_times_seconds_times_usages() -> None:
    statement = stated(TWO_IN_ONE, rows=[earned("one.wav", None, 3)])
    # 0.002 EUR x 20 s x 3 = 12 cents, half of it to the master
    assert exact(statement, party_id="P-R1") == 6
    assert exact(statement, party_id="P-W1", right="MechanicalRight") == 3
    assert exact(statement, party_id="P-R2") == 3
    assert [line.usages for line in found(statement, party_id="P-R1")] == [3]


def test_a_rate_without_per_usage_counts_once() -> None:
    statement = stated(TWO_IN_ONE, card=a_rate_card(per_usage=False), rows=[earned("one.wav", None, 3)])
    assert exact(statement, party_id="P-R1") == 2


def test_without_reported_usage_a_track_counts_once() -> None:
    assert exact(stated(TWO_IN_ONE), party_id="P-R1") == 2


def test_matched_seconds_without_a_rate_shares_out_the_revenue_of_the_track() -> None:
    statement = stated(TWO_IN_ONE, card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    # 12.5 % of 24.00 EUR is 300 cents; 20 of 30 seconds
    assert exact(statement, party_id="P-R1") == 100
    assert exact(statement) == 300


def test_coverage_leaves_the_rest_of_the_track_unmatched() -> None:
    statement = stated(TWO_IN_ONE, methods=("coverage-weighted",), card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    assert exact(statement, party_id="P-R1") == 50
    assert exact(statement, kind="unmatched") == 150
    assert "no use in the rest of one.wav" in found(statement, kind="unmatched")[0].reason


def test_coverage_of_a_track_of_unknown_length_is_refused() -> None:
    unknown = a_use(track_ms=0)
    with pytest.raises(StatementError, match=r"track 'one.wav': its length is not known.*scan it again"):
        stated([unknown], methods=("coverage-weighted",), card=BY_REVENUE, rows=[earned("one.wav", 2400)])


def test_equal_parts_by_recording() -> None:
    statement = stated(TWO_IN_ONE, methods=("equal",), card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    assert exact(statement, party_id="P-R1") == exact(statement, party_id="P-R2") == 75


def test_the_pool_goes_to_all_uses_by_seconds_and_usages() -> None:
    uses = [*TWO_IN_ONE, a_use("two.wav", ms=30_000)]
    rows = [earned("", 8000), earned("one.wav", None, 1), earned("two.wav", None, 2), earned("three.wav", None, 9)]
    statement = stated(uses, methods=("pro-rata-pool",), card=BY_REVENUE, rows=rows)
    # weights 20, 10 and 60 seconds; 12.5 % of 80.00 EUR is 1000 cents
    parts = [Fraction(round(Fraction(1000 * weight * 10**12, 90)), 10**12) for weight in (20, 60)]
    assert exact(statement, recording_id="R1", right="Master") == sum(parts) / 2
    assert not found(statement, kind="unmatched")


def test_a_pool_without_any_use_is_unmatched() -> None:
    statement = stated([], methods=("pro-rata-pool",), card=BY_REVENUE, rows=[earned("", 8000)])
    assert exact(statement, kind="unmatched") == exact(statement) == 1000


def test_a_fixed_fee_is_owed_for_each_match() -> None:
    statement = stated(TWO_IN_ONE, methods=("fixed-fee",), card=FEE, rows=[earned("one.wav", None, 4)])
    assert exact(statement, party_id="P-R1") == exact(statement, party_id="P-R2") == 20


def test_revenue_of_a_territory_belongs_to_the_tracks_that_state_none_by_usages() -> None:
    uses = [a_use("one.wav"), a_use("two.wav"), a_use("three.wav")]
    rows = [earned("", 3000), earned("one.wav", 800), earned("two.wav", None, 1), earned("three.wav", None, 2)]
    statement = stated(uses, card=BY_REVENUE, rows=rows)
    by_use = {part.use_id: part.amount for line in found(statement, party_id="P-R1") for part in line.contributions}
    assert sorted(map(cents, by_use.values())) == [100, 125, 250]


def test_revenue_of_a_track_without_a_use_is_unmatched_and_named() -> None:
    statement = stated([a_use()], card=BY_REVENUE, rows=[earned("one.wav", 800), earned("quiet.wav", 800)])
    assert exact(statement, kind="unmatched") == 100
    assert found(statement, kind="unmatched")[0].reason == "no use in quiet.wav"


def test_revenue_that_is_missing_for_one_track_is_refused() -> None:
    with pytest.raises(StatementError, match=r"two\.wav.*no revenue is reported.*write 0"):
        stated([a_use()], card=BY_REVENUE, rows=[earned("one.wav", 800), earned("two.wav", None, 2)])


def test_the_first_method_whose_inputs_exist_is_taken() -> None:
    methods = ("equal", "fixed-fee")
    assert stated([a_use()], methods=methods, card=FEE).lines[0].contributions[0].method == "fixed-fee"
    by_revenue = stated([a_use()], methods=methods, card=FEE, rows=[earned("one.wav", 800)])
    assert by_revenue.lines[0].contributions[0].method == "equal"


def test_no_method_with_its_inputs_is_refused_naming_the_missing_ones() -> None:
    with pytest.raises(StatementError, match=r"LIC-1 in Worldwide.*no per_second.*no revenue is reported"):
        stated([a_use()], card=BY_REVENUE)


def test_a_withdrawn_use_counts_for_nothing() -> None:
    withdrawn = TWO_IN_ONE[1].in_state("withdrawn", "letter")
    statement = stated([TWO_IN_ONE[0], withdrawn], card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    assert exact(statement, recording_id="R1") == 300
    assert not found(statement, recording_id="R2")


@pytest.mark.parametrize("state", ["review", "disputed", "unresolved"])
def test_a_use_that_is_not_settled_is_held_and_keeps_its_place(state: str) -> None:
    unsettled = TWO_IN_ONE[1].in_state(state, "some rule")
    statement = stated([TWO_IN_ONE[0], unsettled], card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    held = found(statement, recording_id="R2")
    assert {(line.kind, line.party_id, line.reason) for line in held} == {("held", "", f"{state}: some rule")}
    assert exact(statement, recording_id="R2") == 100


def test_a_use_outside_its_licence_is_listed_and_its_revenue_unmatched() -> None:
    outside = replace(TWO_IN_ONE[1], purpose="train")
    statement = stated([TWO_IN_ONE[0], outside], card=BY_REVENUE, rows=[earned("one.wav", 2400)])
    assert {(one.use_id, one.outcome, one.rule) for one in statement.outside} == {
        (outside.id, "outside_licence", "LIC-1: permits generate, made for train")
    }
    assert [(one.right, one.recording_id, one.work_id, one.party_id) for one in statement.outside] == [
        ("Master", "R2", "", "P-R2"),
        ("MechanicalRight", "R2", "W2", "P-W2"),
        ("PerformingRight", "R2", "W2", "P-W2"),
    ]
    assert exact(statement, kind="unmatched") == 100
    assert found(statement, kind="unmatched")[0].reason == (
        "outside the licence: LIC-1: permits generate, made for train"
    )
    assert not found(stated([outside]), kind="payable")


def test_a_composition_alone_is_owed_the_rights_of_the_work_only() -> None:
    use = a_use(recording_id="", layer="composition", work_ids=("W1",))
    by_rate = stated([use])
    assert {line.right for line in by_rate.lines} == {"MechanicalRight", "PerformingRight"}
    assert exact(by_rate) == 2
    by_revenue = stated([use], card=BY_REVENUE, rows=[earned("one.wav", 800)])
    assert exact(by_revenue, kind="unmatched", right="Master") == 50
    assert found(by_revenue, right="Master")[0].reason == "composition only"
    assert exact(by_revenue, party_id="P-W1") == 50


@pytest.mark.parametrize("purpose", ["train", "generate"], ids=["outside", "paid by rate"])
@pytest.mark.parametrize("method", ["matched-seconds", "pro-rata-pool"])
def test_a_composition_alone_that_revenue_does_not_pay_leaves_all_its_part_unmatched(method: str, purpose: str) -> None:
    card = a_rate_card(royalty_millionths=None)
    by_rate = a_licence("LIC-2", rate_card=card, scope=Scope(works=("W1",)), precedence=1)
    use = a_use(recording_id="", layer="composition", work_ids=("W1",), purpose=purpose)
    statement = stated(
        [use, a_use("two.wav", "R2", ms=20_000)],
        methods=tuple(dict.fromkeys((method, "matched-seconds"))),
        rights=some_rights(licences=[a_licence("LIC-1", rate_card=BY_REVENUE), by_rate]),
        rows=[earned("one.wav", 800), earned("two.wav", 800)],
    )
    assert exact(statement, licence_id="LIC-1") == 200
    assert exact(statement, licence_id="LIC-1", kind="unmatched", right="Master") == 50


@pytest.mark.parametrize(
    ("purpose", "scope"), [("train", Scope(everything=True)), ("generate", Scope(recordings=("R1",)))]
)
def test_a_composition_that_is_not_licensed_leaves_all_of_its_revenue_unmatched(purpose: str, scope: Scope) -> None:
    use = a_use(recording_id="", layer="composition", work_ids=("W1",), purpose=purpose)
    rights = some_rights(licences=[a_licence(rate_card=BY_REVENUE, scope=scope)])
    statement = stated([use], rights=rights, rows=[earned("one.wav", 800)])
    assert {line.kind for line in statement.lines} == {"unmatched"}
    assert exact(statement, right="Master") == 50
    assert exact(statement) == 100


@pytest.mark.parametrize("rows", [[], [earned("one.wav", 800)]], ids=["rate", "revenue"])
def test_an_unknown_recording_of_a_known_work_is_not_paid_twice(rows: list[UsageRow]) -> None:
    passages = (a_use_passage(0, 20_000, contenders=("R1", "R2")),)
    nobody = a_use(recording_id="", work_ids=(), passages=passages, state="unresolved", state_rule="overlap")
    work = a_use(recording_id="", work_ids=("W1",), passages=passages, layer="composition")
    statement = stated([nobody, work], card=BY_REVENUE if rows else None, rows=rows)
    assert {(line.kind, line.right) for line in statement.lines} == {
        ("held", "Master"),
        ("payable", "MechanicalRight"),
        ("payable", "PerformingRight"),
    }
    assert exact(statement) == (100 if rows else 4)


def test_shares_above_the_whole_are_held_and_the_claimants_named() -> None:
    rights = some_rights()
    over = [a_share("R1", "P-A", millionths=600_000), a_share("R1", "P-B", millionths=500_000)]
    statement = stated([a_use()], rights=replace(rights, master_shares={"R1": tuple(over)}))
    (line,) = found(statement, right="Master")
    assert (line.kind, line.party_id, cents(line.gross)) == ("overclaim", "", 2)
    assert line.reason == "shares of R1 sum to 110 %: P-A 60 %, P-B 50 %"


def test_a_work_in_dispute_is_held_and_the_master_is_paid() -> None:
    rights = some_rights()
    disputed = {work_id: replace(work, disputed="yes") for work_id, work in rights.works.items()}
    statement = stated([a_use()], rights=replace(rights, works=disputed))
    held = found(statement, kind="held")
    assert {(line.right, line.party_id, line.reason) for line in held} == {
        ("MechanicalRight", "", "work W1 is in dispute"),
        ("PerformingRight", "", "work W1 is in dispute"),
    }
    assert {line.right for line in found(statement, kind="payable")} == {"Master"}
    settled = {work_id: replace(work, disputed="no") for work_id, work in rights.works.items()}
    assert not found(stated([a_use()], rights=replace(rights, works=settled)), kind="held")


def test_the_remainder_of_shares_is_unclaimed() -> None:
    shares = (a_share("R1", "P-A", millionths=600_000), a_share("R1", "", millionths=150_000))
    statement = stated([a_use()], rights=replace(some_rights(), master_shares={"R1": shares}))
    (unclaimed,) = found(statement, right="Master", kind="unclaimed")
    assert cents(unclaimed.gross) == Fraction(4, 5)
    assert unclaimed.reason == "share S-R1-Master- of R1 names no party; shares of R1 sum to 75 %"
    assert exact(statement, party_id="P-A") == Fraction(6, 5)


def test_a_recording_without_a_work_leaves_the_rights_of_works_unclaimed() -> None:
    statement = stated([a_use()], rights=replace(some_rights(), work_weights={}))
    assert {line.reason for line in found(statement, kind="unclaimed")} == {"no work on file"}
    assert exact(statement, kind="unclaimed") == 2


def test_works_of_a_medley_divide_each_right_by_their_parts() -> None:
    rights = replace(some_rights(), work_weights={"R1": {"W1": 750_000, "W2": 250_000}})
    statement = stated([a_use()], rights=rights)
    assert exact(statement, party_id="P-W1") == Fraction(3, 2)
    assert exact(statement, party_id="P-W2") == Fraction(1, 2)


def test_shares_are_those_of_the_territory_and_of_the_day_of_usage_or_the_end_of_the_period() -> None:
    shares = (
        a_share("R1", "P-OLD", valid_to=date(2026, 7, 14), territories=only_in("DE")),
        a_share("R1", "P-NEW", valid_from=date(2026, 7, 15), territories=only_in("DE", "FR")),
        a_share("R1", "P-US", territories=only_in("US")),
    )
    rights = replace(some_rights(), master_shares={"R1": shares})
    rows = [replace(earned("one.wav", None, 1, "DE"), used_on="2026-07-14"), earned("two.wav", None, 1, "US")]
    rows += [earned("three.wav", None, 1, "DE"), earned("three.wav", None, 1, "FR")]
    uses = [a_use("one.wav"), a_use("two.wav"), a_use("three.wav", generated_on="2026-03-01")]
    statement = stated(uses, rights=rights, rows=rows)
    assert {(line.territory, line.party_id) for line in found(statement, right="Master")} == {
        ("DE", "P-OLD"),
        ("DE", "P-NEW"),
        ("FR", "P-NEW"),
        ("US", "P-US"),
    }


def test_a_territory_that_attribution_did_not_know_is_judged_when_it_is_stated() -> None:
    statement = stated([a_use(territories=("FR",))], rows=[earned("one.wav", None, 1, "DE")])
    assert {line.territory for line in found(statement, kind="payable")} == {"DE"}


def test_two_tracks_of_one_name_are_refused() -> None:
    uses = [a_use("a/one.wav"), a_use("b/one.wav")]
    with pytest.raises(StatementError, match="two generated tracks have this name"):
        stated(uses, rows=[earned("one.wav", None, 1)])


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([earned("one.wav", None, 3, "DE"), earned("one.wav", None, 3)], "track 'one.wav'"),
        ([earned("", 8000, territory="DE"), earned("", 9000)], "a territory as a whole"),
    ],
)
def test_the_world_beside_a_country_is_refused_as_the_country_would_count_twice(
    rows: list[UsageRow], what: str
) -> None:
    with pytest.raises(StatementError, match=rf"usage of {what}: Worldwide beside DE.*counts? twice"):
        stated([a_use()], rows=rows)


def test_the_world_for_one_track_and_countries_for_another_are_added_up() -> None:
    rows = [earned("one.wav", None, 3), earned("two.wav", None, 2, "DE")]
    assert exact(stated([a_use(), a_use("two.wav")], rows=rows)) == 20


def test_a_use_attributed_for_the_world_and_a_country_counts_once_without_usage() -> None:
    with pytest.raises(StatementError, match=r"usage of track 'one.wav': Worldwide beside DE"):
        stated([a_use(territories=("DE", "Worldwide"))])


def test_one_track_under_two_names_is_refused() -> None:
    use = a_use("out/one.wav")
    rows = [earned("one.wav", None, 1, "DE"), earned(use.track_sha256, None, 1, "FR")]
    with pytest.raises(StatementError, match=rf"track 'one.wav': is the track that .*{use.track_sha256}.* one name"):
        stated([use], rows=rows)
    # The file name alone of one track may be all of another's path.
    uses = [a_use("out/one.wav"), a_use("one.wav")]
    assert exact(stated(uses, rows=[earned("out/one.wav", None, 1), earned("one.wav", None, 1)])) == 8


def test_without_any_licence_on_file_nothing_is_owed_and_the_use_is_listed() -> None:
    statement = stated([a_use()], rights=some_rights(licences=[]))
    assert not statement.lines
    assert {one.outcome for one in statement.outside} == {"no_licence"}


def test_uses_under_another_licence_leave_their_revenue_unmatched_when_paid_by_rate() -> None:
    card = a_rate_card(royalty_millionths=None)
    direct = a_licence("LIC-2", rate_card=card, scope=Scope(recordings=("R2",)), precedence=1)
    rights = some_rights(licences=[a_licence("LIC-1", rate_card=BY_REVENUE), direct])
    statement = stated(TWO_IN_ONE, rights=rights, rows=[earned("one.wav", 2400)])
    assert exact(statement, licence_id="LIC-2") == 2
    assert exact(statement, kind="unmatched") == 100
    assert found(statement, kind="unmatched")[0].reason == "paid by matched-seconds under LIC-2"


def test_revenue_in_another_currency_is_converted_at_the_stated_rate() -> None:
    rows = [UsageRow("one.wav", "Worldwide", 1, Fraction(800), "USD")]
    rates = Rates((Conversion("USD", "EUR", Fraction("0.9"), "2026-09-28", "ECB"),), "f" * 64)
    statement = stated(
        [a_use()],
        card=BY_REVENUE,
        rows=rows,
        rate_of=lambda source: rates.conversion(source, "EUR", on=Q3.end),
        fx_sha256=rates.sha256,
    )
    assert exact(statement) == 90
    assert statement.conversions == rates.quotes
    assert "x 9/10 EUR per USD" in statement.lines[0].contributions[0].basis
    with pytest.raises(StatementError, match="exchange USD to EUR: no rates were given"):
        stated([a_use()], card=BY_REVENUE, rows=rows)


def test_revenue_that_no_licence_goes_by_is_named_in_any_currency() -> None:
    rows = [UsageRow("one.wav", "DE", 3, Fraction(800), "USD"), UsageRow("", "DE", 0, Fraction(1, 3), "EUR")]
    statement = stated([a_use(territories=("DE",))], rows=rows)  # by the second
    assert [(one.territory, one.currency, one.revenue) for one in statement.unused_revenue] == [
        ("DE", "EUR", Fraction(1, 3)),
        ("DE", "USD", 800),
    ]
    assert [line for line in statement_text(statement).splitlines() if "not used" in line] == [
        "revenue reported, and not used: 1/3 of 0.01 EUR of DE, no licence goes by it",
        "revenue reported, and not used: 8.00 USD of DE, no licence goes by it; no rate from USD to EUR is stated",
    ]
    assert "8.00 USD of DE, no licence goes by it; no rate from USD to EUR" in statement_page(statement).decode()
    assert parse_statement(statement_bytes(statement)) == statement
    assert exact(statement) == exact(stated([a_use(territories=("DE",))], rows=[earned("one.wav", None, 3, "DE")]))
    assert (
        stated([a_use(territories=("DE",))], card=BY_REVENUE, rows=[rows[1], earned("one.wav", 5)]).unused_revenue == ()
    )


def test_revenue_of_a_track_from_before_the_licence_is_named() -> None:
    late = a_licence(rate_card=BY_REVENUE, valid_from=date(2026, 7, 15))
    uses = [a_use(), a_use("two.wav", generated_on="2026-07-20")]
    rows = [earned("one.wav", 700), earned("two.wav", 900)]
    statement = stated(uses, rights=some_rights(licences=[late]), rows=rows)
    assert [(one.territory, one.revenue) for one in statement.unused_revenue] == [("Worldwide", Fraction(700))]
    assert exact(statement) == Fraction(900, 8)


def test_a_rate_card_in_yen_is_converted_with_its_decimals() -> None:
    card = a_rate_card(currency="JPY", per_second=Fraction(100), royalty_millionths=None)
    rate = Conversion("JPY", "EUR", Fraction(1, 160), "2026-09-30", "ECB")
    statement = stated([a_use()], card=card, rate_of=lambda source: rate)
    assert exact(statement) == Fraction(2000 * 100, 160)  # 2000 JPY in cents


RATES = (
    "date,from,to,rate,publisher\n"
    "2026-09-01,USD,EUR,0.9,ECB\n2026-09-28,USD,EUR,0.8954,ECB\n2026-10-01,USD,EUR,0.7,ECB\n"
)


def rates_file(folder: Path, text: str) -> Path:
    path = folder / "rates.csv"
    path.write_text(text)
    return path


def test_the_latest_rate_up_to_the_end_of_the_period_is_taken(tmp_path: Path) -> None:
    rates = read_rates(rates_file(tmp_path, "\ufeff" + RATES))
    assert rates.conversion("USD", "EUR", on=Q3.end) == Conversion(
        "USD", "EUR", Fraction("0.8954"), "2026-09-28", "ECB"
    )
    with pytest.raises(StatementError, match=r"EUR to USD: no rate.*from USD to EUR, which is not inverted"):
        rates.conversion("EUR", "USD", on=Q3.end)
    with pytest.raises(StatementError, match="the latest rate is of 2026-10-01, 91 days before"):
        rates.conversion("USD", "EUR", on=date(2026, 12, 31))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must name the columns"),
        ("date,from,to,rate\n", "no column publisher; add it to the first row"),
        ("date,from,to,rate,publisher\n2026-09-31,USD,EUR,1,ECB\n", "line 2: .*there is no such day"),
        ("date,from,to,rate,publisher\n2026-09-30,USD,XXQ,1,ECB\n", "line 2: currency 'XXQ'"),
        ("date,from,to,rate,publisher\n2026-09-30,USD,EUR,0,ECB\n", "must be above 0"),
        ("date,from,to,rate,publisher\n2026-09-30,USD,EUR,1e3,ECB\n", "not a decimal number"),
        ("date,from,to,rate,publisher\n2026-09-30,USD,USD,1,ECB\n", "needs no rate"),
        ("date,from,to,rate,publisher\n2026-09-30,USD,EUR,1,\n", "publisher of USD to EUR: is missing"),
        ("date,from,to,rate,publisher\n2026-09-30,USD\n", "line 2: currency ''"),
        (RATES + "2026-09-01,USD,EUR,0.8,ECB\n", "the same day, pair and publisher twice"),
    ],
)
def test_a_file_of_rates_that_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RightsError, match=message):
        read_rates(rates_file(tmp_path, text))


def test_rates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RightsError, match="cannot be read"):
        read_rates(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"date,from,to,rate,publisher\n2026-09-30,USD,EUR,1,\xe9\n")
    with pytest.raises(RightsError, match=r"not read on a guess \(no UTF-8, .* line 2 is"):
        read_rates(tmp_path / "latin.csv")


def test_a_recording_without_a_licence_by_revenue_in_force_owes_nothing_for_unmatched_revenue() -> None:
    expired = a_licence(rate_card=BY_REVENUE, valid_to=date(2026, 6, 30))
    statement = stated([], rights=some_rights(licences=[expired]), rows=[earned("", 8000)])
    assert statement.lines == ()


def test_titles_and_credits_name_everything_that_is_stated() -> None:
    rights = replace(some_rights(), recordings={"R1": a_recording("R1", isrc="AA6Q72000047")})
    statement = stated([a_use()], rights=rights)
    assert ("recording", "R1", "AA6Q72000047", "Title of R1") in statement.titles
    assert ("work", "W1", "", "Title of W1") in statement.titles
    assert [credit.recording_id for credit in statement.credits] == ["R1"]
    assert {party.id for party in statement.parties} == {"P-R1", "P-W1", "P-LABEL"}
