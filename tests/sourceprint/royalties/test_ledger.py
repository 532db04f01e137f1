"""The ledger of uses: only ever added to, the same again changes nothing, and every change of state has its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from fingerprint.digests import exact_json
from fingerprint.errors import ParameterError, RightsError, UnknownRightsError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import attribution, use_event
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.uses.ledger import attribute_results, current_uses, list_uses
from sourceprint.royalties.uses.policy import load_policy, policy_of
from sourceprint.royalties.uses.states import TRANSITIONS, change_state, use_history
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import STATES, Use, use_from_json, use_to_json
from sourceprint.royalties.uses.uses_text import (
    AttributionReport,
    report_text,
    report_to_json,
    uses_text,
)
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_recording,
    a_scan_result,
    a_use,
    sha_of,
    some_rights,
    store_rights,
)

ONE = a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)), a_match("R2", a_passage(20_000, 29_000)))
TWO = a_scan_result("two.wav", a_match("R9", a_passage(0, 9_000)))
NONE = a_scan_result("none.wav")
POLICY = load_policy("matched-seconds")


@pytest.fixture
def rights_on_file(database: Database) -> Database:
    store_rights(database, some_rights(licences=[a_licence()]))
    return database


def at(second: int) -> datetime:
    return datetime(2026, 11, 22, 10, 0, second, tzinfo=UTC)


def entered(database: Database, folder: Path, *results: dict[str, Any], **options: Any) -> AttributionReport:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    given: dict[str, Any] = {
        "licensee": LICENSEE,
        "generated_on": "2026-07-14",
        "by": "ann",
        "now": at(0),
        "policy": POLICY,
    } | options
    return attribute_results(database, path, **given)


def uses_in(database: Database, **options: Any) -> list[Use]:
    with database.reading() as connection:
        return list(current_uses(connection, LICENSEE, **options))


def count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_results_become_uses_and_the_report_adds_up(rights_on_file: Database, tmp_path: Path) -> None:
    failed = a_scan_result("bad.wav", status="decode_error", reason="empty")
    failed["track"]["sha256"] = None
    report = entered(rights_on_file, tmp_path, ONE, TWO, NONE, failed, ONE)
    uses = uses_in(rights_on_file)
    assert sorted((u.recording_id, u.state, u.attributed_us) for u in uses) == [
        ("", "unresolved", 9_000_000),
        ("R1", "claimed", 9_000_000),
        ("R2", "claimed", 9_000_000),
    ]
    assert report.tracks == {"decode_error": 1, "matched": 2, "no_match": 1}
    assert (report.n_failed, report.repeated, report.passages) == (1, 1, 3)
    assert report.states == {"claimed": (2, 18_000_000), "unresolved": (1, 9_000_000)}
    assert report.outcomes == {"licensed": 9}  # the master and two rights in the work, of each use
    assert (report.added, report.unchanged, report.superseded) == (3, 0, 0)
    assert all(use.rights_revision == report.rights_revision == 1 for use in uses)


def test_the_policy_is_kept_with_the_attribution(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, ONE)
    with rights_on_file.reading() as connection:
        row = connection.execute(select(attribution)).one()
    assert policy_of(json.loads(row.policy)) == POLICY
    assert (row.made_by, row.made_at, len(row.results_sha256)) == ("ann", "2026-11-22T10:00:00Z", 64)


def test_attributing_the_same_again_changes_nothing(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, ONE, TWO)
    before = uses_in(rights_on_file)
    change_state(rights_on_file, [before[0].id], "withdrawn", "by letter of 3 July")
    report = entered(rights_on_file, tmp_path, ONE, TWO, now=at(5))
    assert (report.attribution_id, report.added, report.unchanged, report.superseded) == (None, 0, 3, 0)
    assert (count(rights_on_file, attribution), count(rights_on_file, use_table)) == (1, 3)
    assert uses_in(rights_on_file)[0].state == "withdrawn"


def test_another_policy_supersedes_and_deletes_nothing(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, ONE)
    before = uses_in(rights_on_file)
    report = entered(rights_on_file, tmp_path, ONE, policy=load_policy("equal"), now=at(9))
    assert (report.added, report.superseded) == (2, 2)
    assert {use.policy_digest for use in uses_in(rights_on_file)} == {load_policy("equal").digest}
    assert count(rights_on_file, use_table) == 4
    assert uses_in(rights_on_file, at="2026-11-22T10:00:08Z") == before
    assert uses_in(rights_on_file, at="2026-11-22T09:59:59Z") == []


def test_a_track_that_matches_no_more_loses_its_uses_and_one_that_failed_keeps_them(
    rights_on_file: Database, tmp_path: Path
) -> None:
    entered(rights_on_file, tmp_path, ONE, TWO)
    failed = a_scan_result("two.wav", status="decode_error", reason="not found")
    report = entered(rights_on_file, tmp_path, a_scan_result("one.wav"), failed, now=at(3))
    assert (report.superseded, report.added) == (2, 0)
    assert [use.track_name for use in uses_in(rights_on_file)] == ["two.wav"]


def test_a_decision_goes_on_to_the_use_in_place_or_is_reported(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, ONE)
    first, second = sorted(uses_in(rights_on_file), key=lambda use: use.recording_id)
    change_state(rights_on_file, [first.id, second.id], "disputed", "the label says no", now=at(1))
    changed = a_scan_result("one.wav", ONE["matches"][0])
    report = entered(rights_on_file, tmp_path, changed, policy=load_policy("equal"), now=at(2))
    (use,) = uses_in(rights_on_file)
    assert (use.state, use.state_rule) == ("disputed", f"carried over from {first.id}: the label says no")
    assert (report.carried_over, report.decisions_without_use) == (1, (second.id,))
    assert f"decisions on uses that no new use replaces: {second.id}" in report_text(report)


def test_usage_gives_day_purpose_and_territories(rights_on_file: Database, tmp_path: Path) -> None:
    usage = Usage(
        (
            UsageRow("one.wav", "DE", 5, None, "", "2027-01-01", "train"),
            UsageRow("", "FR", 0, Fraction(900), "EUR"),
            UsageRow("other.wav", "DE", 5, None, ""),
        )
    )
    report = entered(rights_on_file, tmp_path, ONE, TWO, usage=usage, territories=["US"])
    one = next(use for use in uses_in(rights_on_file) if use.recording_id == "R1")
    two = next(use for use in uses_in(rights_on_file) if use.track_name == "two.wav")
    assert (one.generated_on, one.purpose, one.territories) == ("2027-01-01", "train", ("DE", "FR"))
    judged = {use.id: outcomes for use, outcomes in list_uses(rights_on_file, LICENSEE)}
    assert {o.outcome.outcome for o in judged[one.id]} == {"outside_licence"}
    assert (two.generated_on, two.purpose, two.territories) == ("2026-07-14", "generate", ("FR",))
    assert report.usage_without_result == ("other.wav",)


def test_uses_are_found_by_track_and_period(rights_on_file: Database, tmp_path: Path) -> None:
    usage = Usage((UsageRow("two.wav", "DE", 5, None, "", "2026-10-01"),))
    entered(rights_on_file, tmp_path, ONE, TWO, usage=usage)
    assert {u.track_name for u in uses_in(rights_on_file, tracks=["two.wav"])} == {"two.wav"}
    assert {u.track_name for u in uses_in(rights_on_file, tracks=[sha_of("one.wav")])} == {"one.wav"}
    assert {u.track_name for u in uses_in(rights_on_file, generated_between=Period.parse("2026-Q4"))} == {"two.wav"}


def test_faulty_input_leaves_the_ledger_unchanged(rights_on_file: Database, tmp_path: Path) -> None:
    with pytest.raises(RightsError, match=r"line 2: schema=None"):
        entered(rights_on_file, tmp_path, ONE, {})
    with pytest.raises(RightsError, match=r"track one.wav: the day of generation is not known.*--generated DATE"):
        entered(rights_on_file, tmp_path, ONE, generated_on="")
    many = [a_scan_result(f"{k}.wav", a_match("R1", a_passage(0, 9_000))) for k in range(7)]
    with pytest.raises(RightsError, match=r"^tracks 0.wav, 1.wav, 2.wav, 3.wav, 4.wav and 2 more: the day"):
        entered(rights_on_file, tmp_path, *many, generated_on="")
    with pytest.raises(UnknownRightsError, match=r"licensee P-NOBODY: no such party in .*; import it with"):
        entered(rights_on_file, tmp_path, ONE, licensee="P-NOBODY")
    with pytest.raises(ParameterError, match=r"purpose 'sing'"):
        entered(rights_on_file, tmp_path, ONE, purpose="sing")
    twins = [a_scan_result(name, a_match("R1", a_passage(0, 9_000))) for name in ("a/x.wav", "b/x.wav")]
    with pytest.raises(RightsError, match=r"usage of x.wav: two tracks of the results have this name"):
        entered(rights_on_file, tmp_path, *twins, usage=Usage((UsageRow("x.wav", "DE", 1, None, ""),)))
    assert (count(rights_on_file, attribution), count(rights_on_file, use_table)) == (0, 0)


def test_the_table_of_transitions_lists_allowed_changes(rights_on_file: Database, tmp_path: Path) -> None:
    assert set(TRANSITIONS) == set(STATES)
    entered(rights_on_file, tmp_path, ONE)
    one = uses_in(rights_on_file)[0].id
    for state in ("disputed", "resolved", "disputed", "withdrawn"):
        change_state(rights_on_file, [one], state, f"now {state}", "bob", now=at(7))
    with pytest.raises(RightsError, match=rf"use {one}: is withdrawn, which can become disputed, not claimed"):
        change_state(rights_on_file, [one], "claimed", "again")
    with rights_on_file.reading() as connection:
        history = use_history(connection, one)
    assert [change.state for change in history] == ["claimed", "disputed", "resolved", "disputed", "withdrawn"]
    assert (history[0].reason, history[0].made_by) == ("thresholds.claim_confidence 0.99", "ann")
    assert (history[4].reason, history[4].made_by, history[4].made_at) == (
        "now withdrawn",
        "bob",
        "2026-11-22T10:00:07Z",
    )
    assert uses_in(rights_on_file, at="2026-11-22T10:00:06Z")[0].state == "claimed"


def test_all_uses_change_or_none(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, ONE)
    one, two = (use.id for use in uses_in(rights_on_file))
    change_state(rights_on_file, [two], "disputed", "by letter")
    with pytest.raises(RightsError, match="is claimed, which can become disputed, withdrawn, not resolved"):
        change_state(rights_on_file, [two, one], "resolved", "both")
    with pytest.raises(UnknownRightsError, match="use Unone: not in"):
        change_state(rights_on_file, [one, "Unone"], "disputed", "both")
    with pytest.raises(ParameterError, match="reason: write one of 1 to"):
        change_state(rights_on_file, [one], "disputed", "  ")
    with pytest.raises(ParameterError, match="state 'paid': write one of claimed"):
        change_state(rights_on_file, [one], "paid", "so")
    with rights_on_file.reading() as connection, pytest.raises(UnknownRightsError, match="there is none of this id"):
        use_history(connection, "Unone")
    assert count(rights_on_file, use_event) == 1
    entered(rights_on_file, tmp_path, a_scan_result("one.wav"))
    with pytest.raises(RightsError, match="superseded by a later attribution"):
        change_state(rights_on_file, [one], "disputed", "too late")


@pytest.mark.slow
def test_more_tracks_than_one_batch_are_all_entered(rights_on_file: Database, tmp_path: Path) -> None:
    results = [a_scan_result(f"{n}.wav", a_match("R1", a_passage(0, 9_000))) for n in range(2_500)]
    report = entered(rights_on_file, tmp_path, *results)
    assert (report.added, report.tracks) == (2_500, {"matched": 2_500})
    uses = uses_in(rights_on_file)
    assert [use.track_sha256 for use in uses] == sorted(sha_of(f"{n}.wav") for n in range(2_500))


def test_new_rights_give_new_uses_with_the_revision(rights_on_file: Database, tmp_path: Path) -> None:
    entered(rights_on_file, tmp_path, TWO)
    store_rights(rights_on_file, some_rights({"R9": ["W9"]}))
    report = entered(rights_on_file, tmp_path, TWO, now=at(1))
    (use,) = uses_in(rights_on_file)
    assert (use.recording_id, use.state, use.rights_revision) == ("R9", "claimed", report.rights_revision)
    assert a_recording("R9").index_id == use.index_id


def test_uses_are_listed_a_line_each_and_give_themselves_back_as_json() -> None:
    uses = [a_use("a\nb.wav"), a_use("two.wav", "R2")]
    assert [use_from_json(json.loads(exact_json(use_to_json(use)))) for use in uses] == uses
    table = uses_text((use, ()) for use in uses).splitlines()
    assert len(table) == 3
    assert "a\\nb.wav" in table[1]
    assert table[0].split() == ["use", "state", "track", "of", "from", "to", "seconds", "licence", "rule"]


def test_the_report_is_plain_json(rights_on_file: Database, tmp_path: Path) -> None:
    report = entered(rights_on_file, tmp_path, ONE)
    document = json.loads(json.dumps(report_to_json(report)))
    assert document["schema"] == "sourceprint/attribution/1"
    assert document["states"] == {"claimed": {"uses": 2, "attributed_us": 18_000_000}}
    assert "2 added, 0 unchanged, 0 superseded; attribution 1" in report_text(report)


def test_a_use_withdrawn_by_mistake_is_disputed_and_resolved_but_not_one_that_won_no_time(
    rights_on_file: Database, tmp_path: Path
) -> None:
    beaten = a_match("R2", a_passage(0, 9_000, aligned_landmarks=1))
    entered(rights_on_file, tmp_path, a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)), beaten))
    first, second = sorted(uses_in(rights_on_file), key=lambda use: use.recording_id)
    for state in ("withdrawn", "disputed", "resolved"):
        change_state(rights_on_file, [first.id], state, f"now {state}")
    assert [use.state for use in uses_in(rights_on_file) if use.id == first.id] == ["resolved"]
    with pytest.raises(RightsError, match=rf"use {second.id}: is withdrawn, which can become nothing, not disputed"):
        change_state(rights_on_file, [second.id], "disputed", "heard it")
