"""Tracks scanned again: a narrower look withdraws nothing, and decisions of people outlive a moved boundary."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import scan, scanned_track
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.searches import TrackSearch
from sourceprint.royalties.uses.states import change_state, use_history
from sourceprint.royalties.uses.use import Use
from sourceprint.royalties.uses.uses_text import AttributionReport, report_text
from tests.royalty_records import (
    INDEX_DIGEST,
    LICENSEE,
    a_match,
    a_passage,
    a_scan_result,
    an_alternative,
    sha_of,
    some_rights,
    store_rights,
)

OTHER_INDEX = "sha256:" + "7" * 64
POLICY = load_policy("matched-seconds")
Attribute = Callable[..., AttributionReport]


@pytest.fixture
def attribute(database: Database, tmp_path: Path) -> Attribute:
    """Return a function that attributes results, a second later each time."""
    store_rights(database, some_rights({"R1": ["W1"], "R2": ["W2"], "R3": ["W3"]}))
    times = iter(range(60))

    def enter(*results: dict[str, Any], **options: Any) -> AttributionReport:
        path = tmp_path / "results.jsonl"
        path.write_text("".join(json.dumps(result) + "\n" for result in results))
        now = datetime(2026, 11, 22, 10, 0, next(times), tzinfo=UTC)
        given = {"policy": POLICY, "licensee": LICENSEE, "generated_on": "2026-07-14", "by": "ann", "now": now}
        return attribute_results(database, path, **{**given, **options})

    return enter


def uses_in(database: Database) -> dict[str, Use]:
    """Return the current uses by recording."""
    with database.reading() as connection:
        return {use.recording_id: use for use in current_uses(connection, LICENSEE)}


def one_wav(*matches: dict[str, Any], digest: str = INDEX_DIGEST, **searched: Any) -> dict[str, Any]:
    """Return a scan of one.wav, of nine recordings in an index unless said otherwise."""
    result = a_scan_result("one.wav", *matches)
    index = {**result["index"], "digest": digest}
    return {**result, "index": index, "searched": {"only": [], "exclude": [], "recordings": 9, **searched}}


FIRST = a_match("R1", a_passage(0, 9_000))
SECOND = a_match("R2", a_passage(20_000, 29_000))
METHOD: dict[str, Any] = {"scales": [0.85, 1.0, 1.18], "max_false_per_1000h": 1.0, "layer": "recording"}
FULL = one_wav(SECOND, FIRST, **METHOD)


def whole_index(**fields: Any) -> TrackSearch:
    """Return a search of all nine recordings of an index."""
    method: dict[str, Any] = {"scales": (0.85, 1.0, 1.18), "max_false_per_1000h": 1.0, "layer": "recording"}
    return TrackSearch(**{"index_digest": INDEX_DIGEST, "index_recordings": 9, "recordings": 9, **method, **fields})


def holds(digest: str, recording: str) -> bool:
    """Say that R2 is in the other index, which is at hand."""
    return (digest, recording) == (OTHER_INDEX, "asset-R2")


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (whole_index(), ""),
        (whole_index(only=("tag:all",)), ""),  # a filter that leaves nothing out
        (whole_index(scales=(0.5, 0.85, 1.0, 1.18, 2.0), max_false_per_1000h=5.0), ""),
        (whole_index(only=("id:asset-R2",), recordings=1), "1 of 9 recordings (--only id:asset-R2) were searched"),
        (whole_index(exclude=("tag:pop",), recordings=5), "5 of 9 recordings (--exclude tag:pop) were searched"),
        (whole_index(recordings=0), "0 of 9 recordings were searched"),
        (whole_index(scales=(1.0,)), "time scales 0.85, 1.18 were not searched"),
        (whole_index(max_false_per_1000h=0.1), "the limit was 0.1 false matches in 1000 h, not 1"),
        (whole_index(layer="composition"), "layer composition was searched, not recording"),
        (whole_index(unsearched_streams=(2,)), "audio streams 2 could not be searched"),
        (whole_index(index_digest=OTHER_INDEX), "another index was searched, and it is not known to hold asset-R1"),
        (
            whole_index(index_digest=OTHER_INDEX, recordings=2, only=("tag:pop",)),
            "2 of 9 recordings (--only tag:pop) of another index were searched",
        ),
        (whole_index(index_digest=OTHER_INDEX, recordings=2, only=("id:asset-R1", "id:asset-R2")), ""),
    ],
)
def test_searches_are_compared(later: TrackSearch, why: str) -> None:
    assert later.narrower_than(whole_index(), ["asset-R1", "asset-R2"], [], holds) == why


def test_a_search_in_another_index_is_full_where_it_holds_all_that_was_found() -> None:
    elsewhere = whole_index(index_digest=OTHER_INDEX)
    assert elsewhere.narrower_than(whole_index(), ["asset-R2"], [], holds) == ""
    assert elsewhere.narrower_than(whole_index(), ["asset-R1", "asset-R2"], ["asset-R1"], holds) == ""


def test_the_same_filter_is_as_full_and_another_is_not() -> None:
    pop = whole_index(only=("tag:pop",), exclude=("id:a",), recordings=3)
    fuller, other = whole_index(only=("tag:pop",), recordings=4), whole_index(only=("tag:rock",), recordings=5)
    assert fuller.narrower_than(pop, ["x"], [], holds) == ""
    assert other.narrower_than(pop, ["x"], [], holds) == "5 of 9 recordings (--only tag:rock) were searched"
    assert pop.narrower_than(fuller, ["x"], [], holds).startswith("3 of 9 recordings (--only tag:pop --exclude id:a)")
    # Results without the words of a filter: the same settings searched the same.
    unsaid = whole_index(recordings=3, settings_digest="sha256:5")
    assert unsaid.narrower_than(unsaid, ["x"], [], holds) == ""
    assert unsaid.narrower_than(whole_index(recordings=3), ["x"], [], holds) == "3 of 9 recordings were searched"


def test_a_search_older_than_the_record_is_taken_for_one_of_the_whole_index() -> None:
    old = TrackSearch(INDEX_DIGEST)
    assert whole_index().narrower_than(old, ["a"], [], holds) == ""
    assert whole_index(recordings=1).narrower_than(old, ["a"], [], holds) == "1 of 9 recordings were searched"


def test_a_narrower_look_withdraws_nothing_and_says_so(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    before = uses_in(database)
    failed = {**one_wav(), "status": "decode_error", "reason": "cut"}
    emptier = one_wav(SECOND, digest=OTHER_INDEX, **METHOD)
    filtered = one_wav(SECOND, only=["id:asset-R2"], recordings=1, **METHOD)
    for later, kept, not_entered in ((failed, 0, 0), (emptier, 1, 1), (filtered, 1, 0)):
        report = attribute(later)
        assert uses_in(database) == before
        assert (report.superseded, report.added, report.kept, report.not_entered) == (0, 0, kept, not_entered)
    assert report.kept_because == {"1 of 9 recordings (--only id:asset-R2) were searched": 1}
    assert (
        "kept        1 use that a fuller scan found and this one did not\n"
        "            1 since 1 of 9 recordings (--only id:asset-R2) were searched"
    ) in report_text(report)


def test_an_equally_full_search_supersedes_missing_findings(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    report = attribute(one_wav(SECOND, **METHOD))
    assert (set(uses_in(database)), report.superseded, report.kept) == ({"R2"}, 1, 0)


def test_an_index_at_hand_lists_its_recordings(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    report = attribute(one_wav(digest=OTHER_INDEX, **METHOD), holds=lambda digest, _: digest == OTHER_INDEX)
    assert (report.superseded, report.kept, uses_in(database)) == (2, 0, {})


def test_a_reason_supersedes_any_search_and_is_kept(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    report = attribute(one_wav(digest=OTHER_INDEX, **METHOD), supersede="new catalogue, by contract")
    assert (report.superseded, uses_in(database)) == (2, {})
    with database.reading() as connection:
        assert list(connection.scalars(select(scan.c.reason).order_by(scan.c.id))) == ["", "new catalogue, by contract"]
    with pytest.raises(ParameterError, match="supersede: the reason has 2001 characters, 2000 at most"):
        attribute(FULL, supersede="x" * 2001)


def test_a_look_of_two_halves_is_as_full_as_each_and_no_fuller(database: Database, attribute: Attribute) -> None:
    half = {"recordings": 1, **METHOD}
    attribute(one_wav(FIRST, only=["id:asset-R1"], **half))
    assert attribute(one_wav(SECOND, only=["id:asset-R2"], **half)).kept == 1
    assert set(uses_in(database)) == {"R1", "R2"}
    assert attribute(one_wav(only=["id:asset-R1"], **half)).superseded == 0  # another look was as full, and it stands
    assert attribute(one_wav(**METHOD)).superseded == 2


def test_time_of_a_fuller_scan_is_not_given_away_twice(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    narrow = one_wav(a_match("R3", a_passage(4_000, 12_000)), only=["id:asset-R3"], recordings=1, **METHOD)
    report = attribute(narrow)
    uses = uses_in(database)
    assert (report.added, report.kept, report.in_conflict) == (1, 2, 1)
    assert uses["R3"].state == "review"
    assert f"gave time of it to R1 ({uses['R1'].id})" in uses["R3"].state_rule
    assert {uses[one].state for one in ("R1", "R2")} == {"claimed"}
    # A full scan that gives the time to R3 alone ends the conflict; nobody has to decide.
    full = one_wav(a_match("R3", a_passage(4_000, 12_000)), SECOND, **METHOD)
    assert attribute(full).unchanged == 1
    assert uses_in(database)["R3"].id == uses["R3"].id
    assert {one: use.state for one, use in uses_in(database).items()} == {"R2": "claimed", "R3": "claimed"}


def test_a_narrower_search_keeps_the_findings_of_a_fuller_one(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    before = uses_in(database)
    moved = a_match("R1", a_passage(0, 14_000))
    report = attribute(one_wav(moved, only=["id:asset-R1"], recordings=1, **METHOD))
    assert (report.added, report.not_entered, uses_in(database)) == (0, 1, before)


def test_scans_are_kept_with_every_track_and_the_same_again_adds_none(database: Database, attribute: Attribute) -> None:
    unread = a_scan_result("gone.wav", status="decode_error", reason="empty")
    unread["track"]["sha256"] = None
    named = a_scan_result("out/none.wav")
    named["track"]["id"] = "N-1"
    results = (FULL, named, unread)
    report = attribute(*results)
    assert attribute(*results).attribution_id is None
    with database.reading() as connection:
        rows = connection.execute(select(scanned_track).order_by(scanned_track.c.row_id)).all()
        searches = list(connection.scalars(select(scan.c.document)))
    assert [(row.track_sha256, row.file_name, row.track_id, row.status) for row in rows] == [
        (sha_of("one.wav"), "one.wav", "", "matched"),
        (sha_of("out/none.wav"), "none.wav", "N-1", "no_match"),
        ("", "gone.wav", "", "decode_error"),
    ]
    assert report.attribution_id == 1
    assert json.loads(searches[0])["scales"] == [0.85, 1.0, 1.18]
    assert len(searches) == 2


def test_two_catalogues_of_one_licensee_leave_each_other_alone(database: Database, attribute: Attribute) -> None:
    attribute(one_wav(FIRST, **METHOD))
    attribute(one_wav(SECOND, digest=OTHER_INDEX, recordings=90_000, **METHOD))
    assert set(uses_in(database)) == {"R1", "R2"}
    assert attribute(one_wav(FIRST, **METHOD)).superseded == 0


# Decisions.


def decided(database: Database, state: str, of: str = "R1", **options: Any) -> Use:
    """Give the use of a recording a state, and return the use as it was."""
    use, day = uses_in(database)[of], datetime(2026, 11, 22, tzinfo=UTC)
    change_state(database, [use.id], state, "letter of 3 July", "bob", now=day, **options)
    return use


def test_a_decision_survives_a_boundary_that_moves_by_less_than_a_second(
    database: Database, attribute: Attribute
) -> None:
    state = "withdrawn"
    two = a_match("R1", a_passage(0, 9_000), a_passage(40_000, 46_000, 50_000))
    attribute(one_wav(two))
    old = decided(database, state)
    moved = a_match("R1", a_passage(999, 9_999, 999), a_passage(39_500, 46_200, 49_500))
    for _ in range(2):
        report = attribute(one_wav(moved))
    use = uses_in(database)["R1"]
    assert use.id != old.id
    assert (use.state, use.state_rule) == (state, f"carried over from {old.id}: letter of 3 July")
    assert (report.carried_over, report.asked_again, report.attribution_id) == (0, 0, None)
    # And again: the reason names where it came from last, and is not nested.
    attribute(one_wav(two))
    attribute(one_wav(a_match("R1", a_passage(100, 9_000, 100), a_passage(40_000, 46_000, 50_000))))
    assert uses_in(database)["R1"].state_rule.count("carried over") == 1


def test_a_decision_that_cannot_hold_is_asked_for_again(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    old = decided(database, "withdrawn")
    asked = f"decide again: {old.id} was withdrawn by bob on 2026-11-22: letter of 3 July"
    # A second later; ten seconds long; the same time of the track, from elsewhere in the recording.
    for moved in (a_passage(1_000, 9_000, 1_000), a_passage(0, 10_000), a_passage(0, 10_000, 60_000)):
        report = attribute(one_wav(SECOND, a_match("R1", moved), **METHOD))
        assert (uses_in(database)["R1"].state, uses_in(database)["R1"].state_rule) == ("review", asked)
        assert (report.carried_over, report.asked_again, report.decisions_without_use) == (0, 1, ())
        assert "1 decision to take again" in report_text(report)
    # The question itself outlives the next scan, and is answered once.
    attribute(one_wav(SECOND, a_match("R1", a_passage(0, 10_001, 60_000)), **METHOD))
    assert uses_in(database)["R1"].state_rule == asked
    decided(database, "withdrawn")
    assert uses_in(database)["R1"].state_rule == "letter of 3 July"


def test_a_decision_is_asked_for_again_where_the_time_goes_to_another_recording(
    database: Database, attribute: Attribute
) -> None:
    attribute(FULL)
    old = decided(database, "disputed")
    report = attribute(one_wav(SECOND, a_match("R3", a_passage(500, 9_500)), **METHOD))
    uses = uses_in(database)
    assert (uses["R3"].state, uses["R2"].state) == ("review", "claimed")
    assert old.id in uses["R3"].state_rule
    assert (report.asked_again, report.decisions_without_use) == (1, ())


def test_a_decision_on_a_use_that_is_gone_is_named(database: Database, attribute: Attribute) -> None:
    attribute(FULL)
    old = decided(database, "disputed")
    report = attribute(one_wav(SECOND, **METHOD))
    assert report.decisions_without_use == (old.id,)
    with database.reading() as connection:
        assert [change.state for change in use_history(connection, old.id)] == ["claimed", "disputed"]


def test_a_named_recording_survives_and_is_asked_for_again_once_it_is_found_alone(
    database: Database, attribute: Attribute
) -> None:
    def copied(end: int) -> dict[str, Any]:
        other = an_alternative("asset-R2", 0, end)
        return one_wav(a_match("R1", a_passage(0, end, also_fits=["asset-R2"], alternatives=[other])))

    attribute(copied(9_000))
    decided(database, "resolved", "", recording_id="R2")
    assert attribute(copied(9_400)).carried_over == 1
    assert uses_in(database)["R2"].state == "resolved"
    report = attribute(one_wav(a_match("R1", a_passage(0, 9_400))))
    assert (report.asked_again, uses_in(database)["R1"].state) == (1, "review")
    assert "was resolved as R2 by ann" in uses_in(database)["R1"].state_rule
