"""The review queue: its order, pages and filters, the facts of one use, stale decisions, and decisions taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerprint.errors import ParameterError, RightsError, StaleDecisionError, UnknownRightsError
from sourceprint.royalties.review.facts import use_facts
from sourceprint.royalties.review.undo import undo_change
from sourceprint.royalties.review.waiting import page_of
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.uses.states import change_state, last_changes, use_history
from tests.review_records import fill_queue, waiting


def last_change(database: Database, use_id: str) -> int:
    with database.reading() as connection:
        return last_changes(connection, [use_id]).get(use_id, 0)


def test_what_waits_comes_longest_first_and_leaves_with_a_decision(database: Database, tmp_path: Path) -> None:
    found = fill_queue(database, tmp_path, 3)
    assert [(one.track_name, one.attributed_us, one.recording_id) for one in found] == [
        ("3.wav", 7_000_000, "R1"),
        ("2.wav", 6_000_000, "R2"),
        ("1.wav", 5_000_000, "R1"),
    ]
    assert found[0].reason.startswith("thresholds.claim_confidence")
    change_state(database, [found[1].id], "disputed", "not ours", "bo")
    assert [one.track_name for one in waiting(database)] == ["3.wav", "1.wav"]
    (disputed,) = waiting(database, state="disputed")
    assert (disputed.track_name, disputed.reason, disputed.last_change) == ("2.wav", "not ours", 1)
    (unresolved,) = waiting(database, state="unresolved")
    assert (unresolved.track_name, unresolved.candidates, unresolved.is_open) == ("open.wav", ("R3", "R4"), True)
    with pytest.raises(ParameterError, match="state 'claimed': nothing waits in it"):
        waiting(database, state="claimed")


def test_filters_find_by_licensee_recording_title_isrc_track_and_id(database: Database, tmp_path: Path) -> None:
    found = fill_queue(database, tmp_path, 4, title="Blaue STRASSE")
    r1 = ["3.wav", "1.wav"]
    for wanted, names in (
        ({"recording_id": "R1"}, r1),
        ({"recording_id": "R"}, []),
        ({"text": "blaue straße"}, r1),
        ({"text": "GB-UM7-10-29604"}, r1),
        ({"text": " 4.WAV "}, ["4.wav"]),
        ({"text": found[0].id.lower()}, ["4.wav"]),
        ({"text": "%"}, []),
        ({"text": "-"}, []),
        ({"licensee": "P-GEN"}, ["4.wav", "3.wav", "2.wav", "1.wav"]),
        ({"licensee": "P-NOBODY"}, []),
    ):
        assert [one.track_name for one in waiting(database, **wanted)] == names, wanted
    assert [one.track_name for one in waiting(database, state="unresolved", recording_id="R4")] == ["open.wav"]


def test_pages_follow_each_other_though_their_last_use_is_decided(sqlite_database: Database, tmp_path: Path) -> None:
    found = fill_queue(sqlite_database, tmp_path, 7)
    first = page_of(found, size=3)
    assert ([one.track_name for one in first.items], first.first) == (["7.wav", "6.wav", "5.wav"], 1)
    change_state(sqlite_database, [first.items[-1].id], "claimed", "heard", "bo")
    second = page_of(waiting(sqlite_database), after=first.next, size=3)
    assert ([one.track_name for one in second.items], second.first) == (["4.wav", "3.wav", "2.wav"], 3)
    third = page_of(waiting(sqlite_database), after=second.next, size=3)
    assert ([one.track_name for one in third.items], third.next) == (["1.wav"], "")
    for after in ("x", "EUR_7_", "EUR_-1_2_U1", "EUR_\u0663_1_U1", "EUR_1_" + "9" * 90 + "_U"):
        with pytest.raises(ParameterError, match="is no place of the queue"):
            page_of(found, after=after)


def test_the_facts_of_a_use_name_owners_licences_and_possible_decisions(database: Database, tmp_path: Path) -> None:
    found = fill_queue(database, tmp_path, 1)
    with database.reading() as connection:
        facts = use_facts(connection, found[0].id)
        open_use = use_facts(connection, waiting(database, state="unresolved")[0].id)
        with pytest.raises(UnknownRightsError, match="is not among the current uses"):
            use_facts(connection, "U0")
    assert (facts.licensee, facts.recordings[0].isrc, facts.last_change) == ("Gen", "GBUM71029604", 0)
    master = facts.shares[0]
    assert (master.right, master.owner, master.share, master.outcome) == ("Master", "Blue", "100 %", "licensed")
    assert (master.licences, master.territories) == ("LIC-1", ("Worldwide",))
    assert facts.possible == ("claimed", "disputed", "resolved", "withdrawn")
    assert (open_use.possible, open_use.contenders) == (("disputed", "resolved", "withdrawn"), ("R3", "R4"))
    assert {one.subject for one in open_use.shares} >= {"R3", "R4"}


def test_a_decision_on_a_use_that_was_changed_meanwhile_is_refused(database: Database, tmp_path: Path) -> None:
    found = fill_queue(database, tmp_path, 2)
    seen = {one.id: one.last_change for one in found}
    change_state(database, [found[0].id], "claimed", "heard", "bo", seen=seen)
    with pytest.raises(StaleDecisionError, match=r"was changed meanwhile: claimed by bo at .*Z: heard"):
        change_state(database, [one.id for one in found], "withdrawn", "noise", "cy", seen=seen)
    assert [one.track_name for one in waiting(database)] == ["1.wav"]  # of a list all, or none


def test_a_decision_is_taken_back_by_its_person_once_and_stays_on_file(database: Database, tmp_path: Path) -> None:
    use_id = fill_queue(database, tmp_path, 1)[0].id
    with pytest.raises(RightsError, match="is no decision of yours"):
        undo_change(database, use_id, "bo", seen=0)
    change_state(database, [use_id], "claimed", "heard", "bo")
    seen = last_change(database, use_id)
    with pytest.raises(RightsError, match="its last change, claimed by bo, is no decision of yours"):
        undo_change(database, use_id, "cy", seen=seen)
    with pytest.raises(StaleDecisionError, match="claimed by bo"):
        undo_change(database, use_id, "bo", seen=seen - 1)
    assert undo_change(database, use_id, "bo", seen=seen).state == "review"
    assert [one.id for one in waiting(database)] == [use_id]
    with pytest.raises(RightsError, match="is no decision of yours"):
        undo_change(database, use_id, "bo", seen=last_change(database, use_id))
    change_state(database, [use_id], "withdrawn", "noise", "cy")
    with database.reading() as connection:
        history = use_history(connection, use_id)
        assert verify_chain(connection).holds
    assert [(one.state, one.made_by) for one in history] == [
        ("review", "ann"), ("claimed", "bo"), ("review", "bo"), ("withdrawn", "cy")
    ]  # fmt: skip
    assert history[2].reason == "undone: was claimed: heard"


def test_an_undone_dispute_names_the_recording_that_was_named_before(sqlite_database: Database, tmp_path: Path) -> None:
    fill_queue(sqlite_database, tmp_path, 0)
    use_id = waiting(sqlite_database, state="unresolved")[0].id
    change_state(sqlite_database, [use_id], "resolved", "by its cover", "bo", recording_id="R4")
    change_state(sqlite_database, [use_id], "disputed", "a cover", "bo")
    undo_change(sqlite_database, use_id, "bo", seen=last_change(sqlite_database, use_id))
    with sqlite_database.reading() as connection:
        facts = use_facts(connection, use_id)
    assert (facts.use.state, facts.use.recording_id) == ("resolved", "R4")
    assert facts.possible == ("disputed", "withdrawn")
