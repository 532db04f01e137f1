"""Licences judged share by share: payee and licence, held shares, and shares listed but not paid."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sourceprint.royalties.money import ZERO, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licences import Amendment, Conditions, Deduction, Licence, Scope
from sourceprint.royalties.rights.records import MASTER, RecordingWork, Share
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.lines import Line
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.line_tables import statement_csv
from sourceprint.royalties.statements.files.page import party_page
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.line_explanation import explain_line, explanation_to_json
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.territories import Territories
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_party,
    a_passage,
    a_policy,
    a_rate_card,
    a_recording,
    a_scan_result,
    a_share,
    a_use,
    a_use_passage,
    a_work,
    only_in,
    sha_of,
    store_rights,
)

Q3 = Period.parse("2026-Q3")
HALF = 500_000
MECHANICAL, PERFORMING = "MechanicalRight", "PerformingRight"
MASTER_CARD = {"rights": ((MASTER, 1_000_000),), "royalty_millionths": None, "per_match": None}
WORKS_CARD = {"rights": ((MECHANICAL, HALF), (PERFORMING, HALF)), "royalty_millionths": None, "per_match": None}


def label(licence_id: str = "LIC-LABEL", *, cents_per_second: int = 100, **fields: Any) -> Licence:
    """Return a label's licence of the master of R1."""
    given = {"licensor": "P-LABEL", "scope": Scope(recordings=("R1",)), **fields}
    return a_licence(licence_id, rate_card=a_rate_card(**MASTER_CARD, per_second=Fraction(cents_per_second)), **given)


def publisher(licence_id: str = "LIC-PUB", *, cents_per_second: int = 50, **fields: Any) -> Licence:
    """Return a publisher's licence of the work W1."""
    given = {"licensor": "P-PUB", "scope": Scope(works=("W1",)), **fields}
    return a_licence(licence_id, rate_card=a_rate_card(**WORKS_CARD, per_second=Fraction(cents_per_second)), **given)


def rights_of(*licences: Licence, master: Iterable[Share] = (), recordings: Iterable[str] = ("R1",)) -> Rights:
    """Return R1 of P-LABEL, which performs W1 of a publisher and a writer, half each."""
    masters = list(master) or [a_share(one, "P-LABEL" if one == "R1" else f"P-{one}") for one in recordings]
    return Rights.of(
        recordings=[a_recording(one) for one in recordings],
        works=[a_work("W1")],
        parties=[a_party(one) for one in ("P-LABEL", "P-PUB", "P-WRITER", "P-NEW", "P-OLD", "P-R2", LICENSEE)],
        links=[RecordingWork(one, "W1") for one in recordings],
        master_shares=masters,
        work_shares=[
            a_share("W1", party, right, HALF) for right in (MECHANICAL, PERFORMING) for party in ("P-PUB", "P-WRITER")
        ],
        licences=licences,
        revision=1,
    )


def stated(
    rights: Rights,
    *uses: Use,
    rows: Iterable[UsageRow] = (),
    methods: tuple[str, ...] = ("matched-seconds",),
    licensee: str = LICENSEE,
) -> Statement:
    """Return the proven statement of uses; of 20 s of R1 where none is given."""
    statement = compute_statement(
        uses or (a_use(),),
        rights,
        a_policy(methods=methods),
        licensee=licensee,
        period=Q3,
        currency="EUR",
        issued_on="2026-10-02",
        usage=Usage(tuple(rows)),
    )
    prove(statement)
    return statement


def owed(statement: Statement) -> dict[tuple[str, str, str], str]:
    """Return the owed amounts by kind or payee, right and licence."""
    found: dict[tuple[str, str, str], Any] = {}
    for line in statement.lines:
        key = (line.party_id if line.kind == "payable" else line.kind, line.right, line.licence_id)
        found[key] = found.get(key, ZERO) + line.gross
    return {key: str(amount) for key, amount in found.items()}


def outside(statement: Statement) -> list[tuple[str, str, str, str]]:
    return [(one.right, one.work_id or one.recording_id, one.party_id, one.outcome) for one in statement.outside]


def held(statement: Statement) -> list[Line]:
    return [line for line in statement.lines if line.kind == "held"]


PUBLISHED = {
    ("P-PUB", MECHANICAL, "LIC-PUB"): "2.5",
    ("P-PUB", PERFORMING, "LIC-PUB"): "2.5",
    ("P-WRITER", MECHANICAL, "LIC-PUB"): "2.5",
    ("P-WRITER", PERFORMING, "LIC-PUB"): "2.5",
}


def issued(database: Database, folder: Path, *matches: dict[str, Any]) -> Statement:
    """Return the statement of one track in which these matches were found, once attributed and issued."""
    results = folder / "results.jsonl"
    results.write_text(json.dumps(a_scan_result("one.wav", *matches)) + "\n")
    policy, now = load_policy("matched-seconds"), datetime(2026, 10, 2, 10, tzinfo=UTC)
    attribute_results(database, results, policy, licensee=LICENSEE, generated_on="2026-07-14", by="ann", now=now)
    return issue_statement(
        database, licensee=LICENSEE, period=Q3, issued_on="2026-10-02", by="ann", now=now, currency="EUR"
    )


def test_a_label_licenses_the_master_and_a_publisher_the_work_of_one_use(database: Database, tmp_path: Path) -> None:
    store_rights(database, rights_of(label(), publisher()))
    statement = issued(database, tmp_path, a_match("R1", a_passage(0, 20_000)))
    assert owed(statement) == {("P-LABEL", MASTER, "LIC-LABEL"): "20", **PUBLISHED}
    assert statement.outside == ()
    assert [licence_id for licence_id, _ in statement.licences] == ["LIC-LABEL", "LIC-PUB"]
    assert {one.party_id: str(one.paid) for one in statement.balances} == {
        "P-LABEL": "20",
        "P-PUB": "5",
        "P-WRITER": "5",
    }


def test_rights_of_all_candidates_are_looked_up(database: Database, tmp_path: Path) -> None:
    second = label("LIC-R2", scope=Scope(recordings=("R2",)), cents_per_second=30)
    store_rights(database, rights_of(second, publisher(), recordings=("R1", "R2")))
    both = (a_match("R1", a_passage(0, 20_000)), a_match("R2", a_passage(0, 20_000)))
    statement = issued(database, tmp_path, *both)
    assert owed(statement) == {("held", MASTER, "LIC-R2"): "6", **PUBLISHED}


def test_the_shares_of_a_work_that_nobody_licensed_are_listed_one_by_one() -> None:
    statement = stated(rights_of(label()))
    assert owed(statement) == {("P-LABEL", MASTER, "LIC-LABEL"): "20"}
    assert outside(statement) == [
        (MECHANICAL, "W1", "P-PUB", "no_licence"),
        (MECHANICAL, "W1", "P-WRITER", "no_licence"),
        (PERFORMING, "W1", "P-PUB", "no_licence"),
        (PERFORMING, "W1", "P-WRITER", "no_licence"),
    ]
    assert {one.share_millionths for one in statement.outside} == {HALF}


def test_a_work_without_shares_or_of_which_nothing_is_on_file_is_listed() -> None:
    bare = replace(rights_of(label()), work_shares={})
    assert outside(stated(bare))[0] == ("", "W1", "", "no_licence")
    unknown = replace(bare, work_weights={})
    assert [(one.right, one.work_id) for one in stated(unknown).outside] == [("", "")]


def test_a_blanket_beside_a_direct_licence_holds_the_share_and_names_both_and_the_others_proceed() -> None:
    blanket = a_licence("LIC-ALL", rate_card=a_rate_card(per_second=Fraction(40), royalty_millionths=None))
    statement = stated(rights_of(blanket, label(), publisher(scope=Scope(works=("W2",)))))
    # The blanket has half of 8.00 for the master, the direct licence 20.00: the larger amount is held.
    assert owed(statement) == {
        ("held", MASTER, "LIC-LABEL"): "20",
        ("P-PUB", MECHANICAL, "LIC-ALL"): "1",
        ("P-PUB", PERFORMING, "LIC-ALL"): "1",
        ("P-WRITER", MECHANICAL, "LIC-ALL"): "1",
        ("P-WRITER", PERFORMING, "LIC-ALL"): "1",
    }
    (line,) = held(statement)
    (share,) = statement.held  # it is on the page of the party that holds the share
    assert (share.line, share.party_id, share.reason) == (line.number, "P-LABEL", line.reason)
    assert share.amount == line.gross
    assert [licence_id for licence_id, _ in statement.licences] == ["LIC-ALL", "LIC-LABEL"]
    assert b"Held for you" in party_page(statement, "P-LABEL")
    assert b"Held for you" not in party_page(statement, "P-PUB")
    assert line.reason == "P-LABEL: LIC-ALL and LIC-LABEL permit it, and no precedence says which of them pays"
    explained = explain_line(statement, line.number)
    assert "  licence     LIC-LABEL of the several that are named, as the amount under it is the largest\n" in explained
    both = "LIC-ALL and LIC-LABEL permit it, and no precedence says which of them pays"
    assert f"  held for    Label (P-LABEL) 20.00: {both}\n" in explained
    assert explanation_to_json(statement, line.number)["held_for"] == [
        {"party_id": "P-LABEL", "amount": "20.00", "reason": f"P-LABEL: {both}"}
    ]
    assert statement.outside == ()


def test_precedence_says_which_of_two_pays() -> None:
    blanket = a_licence("LIC-ALL", rate_card=a_rate_card(per_second=Fraction(40), royalty_millionths=None))
    direct = owed(stated(rights_of(blanket, label(precedence=1))))
    assert direct["P-LABEL", MASTER, "LIC-LABEL"] == "20"
    general = owed(stated(rights_of(replace(blanket, precedence=2), label(precedence=1))))
    assert general["P-LABEL", MASTER, "LIC-ALL"] == "4"


def test_a_licence_that_replaces_another_is_no_rival_of_it() -> None:
    follower = label("LIC-NEW", cents_per_second=200, valid_from=date(2026, 7, 1), replaces="LIC-LABEL")
    rights = rights_of(label(), follower)
    assert owed(stated(rights)) == {("P-LABEL", MASTER, "LIC-NEW"): "40"}
    assert owed(stated(rights, a_use(generated_on="2026-06-30"))) == {("P-LABEL", MASTER, "LIC-LABEL"): "20"}


def test_licences_of_two_licensees_never_mix() -> None:
    foreign = label("LIC-OTHER", licensee="P-OTHER", precedence=9, cents_per_second=1)
    assert owed(stated(rights_of(label(), foreign)))["P-LABEL", MASTER, "LIC-LABEL"] == "20"
    other = stated(rights_of(label(), foreign), a_use(licensee="P-OTHER"), licensee="P-OTHER")
    assert owed(other) == {("P-LABEL", MASTER, "LIC-OTHER"): "0.2"}


def test_a_licence_of_everything_never_pushes_out_the_licence_of_another_party() -> None:
    everything = a_licence("LIC-ALL", rate_card=a_rate_card(per_second=Fraction(40), royalty_millionths=None))
    rivals = stated(rights_of(everything, publisher()))
    assert {(line.right, line.licence_id) for line in held(rivals)} == {
        (MECHANICAL, "LIC-PUB"),
        (PERFORMING, "LIC-PUB"),
    }
    assert all("LIC-ALL and LIC-PUB permit it" in line.reason for line in held(rivals))
    assert [licence_id for licence_id, _ in rivals.licences] == ["LIC-ALL", "LIC-PUB"]
    own = replace(everything, scope=Scope(everything=True, parties=("P-LABEL",)))
    assert owed(stated(rights_of(own, publisher()))) == {("P-LABEL", MASTER, "LIC-ALL"): "4", **PUBLISHED}


def test_parties_of_a_scope_leave_other_and_unowned_shares_alone() -> None:
    theirs = publisher(scope=Scope(works=("W1",), parties=("P-PUB",)))
    shares = {"W1": (a_share("W1", "P-PUB", MECHANICAL, HALF), a_share("W1", "P-WRITER", MECHANICAL, 250_000))}
    statement = stated(replace(rights_of(label(), theirs), work_shares=shares))
    assert owed(statement)["P-PUB", MECHANICAL, "LIC-PUB"] == "2.5"
    assert (MECHANICAL, "W1", "P-WRITER", "no_licence") in outside(statement)
    assert (MECHANICAL, "W1", "", "no_licence") in outside(statement)
    assert "unclaimed" not in {line.kind for line in statement.lines}
    without = stated(replace(rights_of(label(), publisher()), work_shares=shares))
    assert owed(without)["unclaimed", MECHANICAL, "LIC-PUB"] == "1.25"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"territories": only_in("DE")}, "LIC-LABEL: holds in DE, used in FR"),
        ({"valid_to": date(2026, 7, 13)}, "LIC-LABEL: expired on 2026-07-13, generated 2026-07-14"),
        ({"purposes": ("train",)}, "LIC-LABEL: permits train, made for generate"),
        (
            {"conditions": Conditions(max_total_ms=19_999)},
            "LIC-LABEL: max_total_seconds 19.999: 20 s of R1",
        ),
    ],
    ids=["territory", "date", "purpose", "condition"],
)
def test_each_licence_has_its_own_limits(fields: dict[str, Any], rule: str) -> None:
    statement = stated(rights_of(label(**fields), publisher()), rows=[UsageRow("one.wav", "FR", 1, None, "")])
    assert owed(statement) == PUBLISHED
    (one,) = statement.outside
    assert (one.right, one.party_id, one.outcome, one.rule) == (MASTER, "P-LABEL", "outside_licence", rule)


def test_an_open_recording_holds_money_as_soon_as_one_candidate_would_be_paid() -> None:
    second = label("LIC-R2", scope=Scope(recordings=("R2",)), cents_per_second=30)
    rights = rights_of(second, recordings=("R1", "R2"))
    passages = (a_use_passage(0, 20_000, contenders=("R1", "R2")),)
    nobody = a_use(recording_id="", work_ids=(), passages=passages, state="unresolved", state_rule="overlap")
    statement = stated(rights, nobody)
    assert owed(statement) == {("held", MASTER, "LIC-R2"): "6"}
    assert [(line.recording_id, line.reason) for line in held(statement)] == [("", "unresolved: overlap")]
    assert {(one.right, one.recording_id, one.party_id) for one in statement.outside} == {
        (MECHANICAL, "", ""),
        (PERFORMING, "", ""),
    }
    dearer = stated(replace(rights, licences={**rights.licences, "LIC-LABEL": label()}), nobody)
    assert owed(dearer) == {("held", MASTER, "LIC-LABEL"): "20"}


def test_who_holds_a_share_on_the_day_of_usage_is_paid_else_who_holds_it_at_the_end_of_the_period() -> None:
    sold = [
        a_share("R1", "P-OLD", valid_to=date(2026, 8, 15)),
        a_share("R1", "P-NEW", valid_from=date(2026, 8, 16)),
    ]
    rights, one = rights_of(label(), master=sold), sha_of("one.wav")
    by_day = stated(
        rights,
        rows=[
            UsageRow("one.wav", "DE", 3, None, "", used_on="2026-08-15", sha256=one, matched_by="name"),
            UsageRow("one.wav", "DE", 2, None, "", used_on="2026-08-16", sha256=one, matched_by="name"),
            UsageRow("one.wav", "DE", 1, None, "", used_on="2026-08-17", sha256=one, matched_by="name"),
        ],
    )
    lines = {line.party_id: line for line in by_day.lines}
    assert {party: str(line.gross) for party, line in lines.items()} == {"P-OLD": "60", "P-NEW": "60"}
    assert lines["P-OLD"].shares_on == "2026-08-15, by the day of usage"
    assert lines["P-NEW"].shares_on == "2026-08-16 to 2026-08-17, by the day of usage"
    assert (lines["P-NEW"].usages, lines["P-NEW"].attributed_us) == (3, 20_000_000)
    told = {party: explain_line(by_day, line.number) for party, line in lines.items()}
    assert re.findall(r"\d usages? on [0-9-]+", told["P-OLD"]) == ["3 usages on 2026-08-15"]
    assert re.findall(r"\d usages? on [0-9-]+", told["P-NEW"]) == ["2 usages on 2026-08-16", "1 usage on 2026-08-17"]
    table = list(csv.DictReader(statement_csv(by_day).decode().splitlines()))
    assert {row["payee_id"]: row["shares_on"] for row in table if row["line"] != "0"} == {
        party: line.shares_on for party, line in lines.items()
    }
    whole = stated(rights, rows=[UsageRow("one.wav", "DE", 6, None, "")])
    assert owed(whole) == {("P-NEW", MASTER, "LIC-LABEL"): "120"}
    assert whole.lines[0].shares_on == "2026-09-30, the last day of the period"


def test_a_price_once_per_track_counts_on_the_first_day_of_usage() -> None:
    once = label()
    once = replace(once, rate_card=replace(once.rate_card, per_usage=False))
    days = [UsageRow("one.wav", "DE", 5, None, "", used_on=day) for day in ("2026-07-20", "2026-07-21")]
    assert owed(stated(rights_of(once), rows=days)) == {("P-LABEL", MASTER, "LIC-LABEL"): "20"}


def test_an_amended_rate_and_its_deductions_hold_from_their_day_on() -> None:
    base = label()
    dearer = replace(base.rate_card, per_second=Fraction(200), deductions=(Deduction("tax", 100_000),))
    amended = replace(base, amendments=(Amendment(date(2026, 8, 1), replace(base, rate_card=dearer)),))
    before, after = a_use("one.wav", generated_on="2026-07-31"), a_use("two.wav", generated_on="2026-08-01")
    statement = stated(rights_of(amended), before, after)
    (line,) = statement.lines
    assert (str(line.gross), str(line.net)) == ("60", "56")  # 20 + 40, a tenth off the 40
    assert [(one.name, str(one.amount)) for one in line.deductions] == [("tax", "4")]


def test_an_amended_territory_holds_from_its_day_on_without_another_attribution() -> None:
    base = label(territories=only_in("DE"))
    amended = replace(base, amendments=(Amendment(date(2026, 8, 1), replace(base, territories=only_in("DE", "FR"))),))
    rows = [UsageRow(name, "FR", 1, None, "") for name in ("one.wav", "two.wav")]
    uses = a_use("one.wav", generated_on="2026-07-31"), a_use("two.wav", generated_on="2026-08-01")
    statement = stated(rights_of(amended), *uses, rows=rows)
    assert owed(statement) == {("P-LABEL", MASTER, "LIC-LABEL"): "20"}
    assert [(one.use_id, one.rule) for one in statement.outside if one.right == MASTER] == [
        (uses[0].id, "LIC-LABEL: holds in DE, used in FR")
    ]


def by_revenue(licence: Licence, millionths: int) -> Licence:
    card = replace(licence.rate_card, per_second=None, royalty_millionths=millionths)
    return replace(licence, rate_card=card)


def test_each_licence_by_revenue_accounts_for_all_of_it() -> None:
    rights = rights_of(by_revenue(label(), 100_000), by_revenue(publisher(), 50_000), recordings=("R1", "R2"))
    uses = a_use(ms=30_000), a_use(recording_id="R2", ms=10_000, work_ids=("W1",))
    statement = stated(rights, *uses, rows=[UsageRow("one.wav", "DE", 1, Fraction(10_000), "EUR")])
    # 10 % of 100.00 is 10.00 for masters, of which R1 has three quarters; 5 % is 5.00 for works, all of it W1's.
    assert owed(statement) == {
        ("P-LABEL", MASTER, "LIC-LABEL"): "7.5",
        ("unmatched", MASTER, "LIC-LABEL"): "2.5",
        ("P-PUB", MECHANICAL, "LIC-PUB"): "1.25",
        ("P-PUB", PERFORMING, "LIC-PUB"): "1.25",
        ("P-WRITER", MECHANICAL, "LIC-PUB"): "1.25",
        ("P-WRITER", PERFORMING, "LIC-PUB"): "1.25",
    }
    assert outside(statement) == [(MASTER, "R2", "P-R2", "no_licence")]


territories = st.sampled_from([Territories(), only_in("DE"), Territories(("Worldwide",), ("DE",))])
scopes = st.sampled_from(
    [
        Scope(everything=True),
        Scope(recordings=("R1",)),
        Scope(works=("W1",)),
        Scope(everything=True, parties=("P-PUB",)),
        Scope(recordings=("R2",), works=("W1",), parties=("P-LABEL", "P-WRITER")),
    ]
)
cards = st.sampled_from(
    [
        a_rate_card(per_second=None, per_match=None),
        a_rate_card(royalty_millionths=None, per_match=None),
        a_rate_card(**{**MASTER_CARD, "royalty_millionths": 70_001}, per_second=None),
        a_rate_card(**{**WORKS_CARD, "royalty_millionths": 33_333}, per_second=None),
        a_rate_card(**WORKS_CARD, per_second=Fraction(7, 3)),
    ]
)


@given(
    st.lists(st.tuples(territories, scopes, cards, st.sampled_from([None, 0, 1])), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.sampled_from(["R1", "R2", ""]), st.integers(1, 30_000), st.sampled_from(["claimed", "disputed"])),
        max_size=3,
    ),
    st.sampled_from(["matched-seconds", "pro-rata-pool", "coverage-weighted"]),
)
def test_every_share_has_one_outcome_and_every_licence_by_revenue_accounts_for_its_base(
    terms: list[tuple[Territories, Scope, Any, int | None]], parts: list[tuple[str, int, str]], method: str
) -> None:
    licences = [
        a_licence(f"LIC-{number}", territories=where, scope=scope, rate_card=card, precedence=precedence)
        for number, (where, scope, card, precedence) in enumerate(terms)
    ]
    rights = rights_of(*licences, recordings=("R1", "R2"))
    uses = {}
    for number, (recording, ms, state) in enumerate(parts):
        at = 31_000 * number
        passages = (a_use_passage(at, at + ms, contenders=() if recording else ("R1", "R2")),)
        state = state if recording else "unresolved"
        works = ("W1",) if recording else ()
        use = a_use(recording_id=recording, work_ids=works, passages=passages, state=state, track_ms=99_000)
        uses[use.id] = use
    rows = [UsageRow("one.wav", "DE", 3, Fraction(9_999), "EUR"), UsageRow("one.wav", "FR", 1, Fraction(1), "EUR")]
    methods = (method, "matched-seconds") if method != "matched-seconds" else (method,)
    statement = stated(rights, *uses.values(), rows=rows, methods=methods) if uses else stated(rights, rows=rows)
    for row in rows:
        for licence in licences:
            card = licence.rate_card
            mine = [
                line for line in statement.lines if (line.licence_id, line.territory) == (licence.id, row.territory)
            ]
            if card.royalty_millionths is None or card.per_second is not None:
                assert "unmatched" not in {line.kind for line in mine}
                continue
            base = row.revenue * card.royalty_millionths / 1_000_000 if row.revenue else Fraction(0)
            expected = base if licence.territories.covers(row.territory) else Fraction(0)
            assert abs(sum_of(line.gross for line in mine).minor("EUR") - expected) < Fraction(1, 10**11)
    for use in statement.uses:
        for territory in ("DE", "FR"):
            listed = [one for one in statement.outside if (one.use_id, one.territory) == (use.id, territory)]
            lines = [line for line in statement.lines if line.territory == territory and line.kind != "unmatched"]
            paid = [(line, part) for line in lines for part in line.contributions if part.use_id == use.id]
            for right in (MASTER, MECHANICAL, PERFORMING):
                if use.candidates:
                    assert any(one.right == right for one in listed) or any(line.right == right for line, _ in paid)
                    continue
                sizes = [one.share_millionths for one in listed if one.right == right]
                sizes += [part.share_millionths for line, part in paid if line.right == right]
                assert sum(sizes) == 1_000_000
