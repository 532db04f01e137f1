"""Beside decisions: comments, assignments, excluded stretches, allowed recordings; each with its person, in the log."""

from __future__ import annotations

from pathlib import Path

from sourceprint.royalties.uses.states import change_state
from sourceprint.service.desk.allowances import apply_allowances, list_allowances
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue, waiting
from tests.service_servers import TestService
from tests.sourceprint.service.console.queue.test_match_by_http import keeping as keeping
from tests.sourceprint.service.console.queue.test_match_by_http import with_match
from tests.sourceprint.service.console.test_review_by_http import HOSTILE, last_states, rights_of
from tests.sourceprint.service.test_scans_by_http import events


def test_a_use_is_assigned_and_commented_on_and_found_under_mine(service: TestService, tmp_path: Path) -> None:
    found = fill_queue(rights_of(service), tmp_path, 3)
    bo, cy = (new_person(service, name, "reviewer") for name in ("Bo", "Cy"))
    reader = new_person(service, "Al", "accountant")
    path = f"/console/review/{found[1].id}"
    with poster(service, cookies_of(service, bo), Accept="text/html") as client:
        assert 'Assigned to <strong class="name">nobody' in client.get(path).text
        sent = client.post(f"{path}/assignment", data={"to": cy.actor})
        assert (sent.status_code, sent.headers["location"]) == (303, f"{path}#notes")
        assert client.post(f"{path}/comment", data={"note": HOSTILE}).status_code == 303
        shown = client.get(path).text
        assert HOSTILE not in shown
        assert "&lt;img" in shown
        assert 'assigned it to <span class="name">Cy' in shown
        assert 'for <span class="name">Cy' in client.get("/console/review").text
        for data in ({"to": reader.actor}, {"to": "person:0"}):
            assert client.post(f"{path}/assignment", data=data).status_code == 422
        for note in ("", " ", "x" * 2_001):
            assert client.post(f"{path}/comment", data={"note": note}).status_code == 422
        assert client.post("/console/review/U0/comment", data={"note": "x"}).status_code == 404
        assert "Nothing waits under these filters" in client.get("/console/review?assigned=me").text
    with poster(service, cookies_of(service, cy)) as client:
        mine = client.get("/console/review?assigned=me").text
        assert (found[1].track_name in mine, found[0].track_name in mine) == (True, False)
        decided = client.post(f"{path}?assigned=me", data={"seen": "0", "state": "claimed"})
        assert decided.headers["location"] == f"/console/review?assigned=me&done={found[1].id}"
        assert client.post(f"{path}/assignment", data={"to": ""}).status_code == 303
        assert found[1].track_name not in client.get("/console/review?assigned=me&state=review").text
    noted = [(one["event"], one["actor"], one["data"]) for one in events(service) if "ssigned" in one["event"]]
    assert noted == [("use.assigned", bo.actor, {"to": cy.actor}), ("use.assigned", cy.actor, {"to": ""})]
    assert HOSTILE not in str(events(service))


def test_an_excluded_stretch_never_counts_again_and_its_use_is_rejected(
    keeping: TestService, music: Path, tmp_path: Path
) -> None:
    use = with_match(keeping, music, tmp_path)
    bo = new_person(keeping, "Bo", "reviewer")
    path = f"/console/review/{use.id}/exclusion"
    with poster(keeping, cookies_of(keeping, bo), Accept="text/html") as client:
        for data, status in (
            ({"seen": "0", "passage": "0", "reason": " "}, 422),
            ({"seen": "0", "passage": "9", "reason": "a loop"}, 422),
            ({"passage": "0", "reason": "a loop"}, 422),
            ({"seen": "7", "passage": "0", "reason": "a loop"}, 409),
        ):
            assert client.post(path, data=data).status_code == status, data
        assert last_states(keeping, use.id) == []
        assert client.post(path, data={"seen": "0", "passage": "0", "reason": "a bought loop"}).status_code == 303
        shown = client.get(f"/console/review/{use.id}").text
        assert "of A-1: a bought loop" in shown
    assert last_states(keeping, use.id) == [("withdrawn", bo.actor)]
    with keeping.client() as client:
        excluded = client.get("/v1/catalogue/recordings/A-1").json()["excluded"]
        assert len(excluded) == 1
    changed = [one["actor"] for one in events(keeping) if one["event"] == "recording.changed"]
    assert changed == [bo.actor]


def test_an_allowed_recording_is_rejected_for_its_licensee_now_and_later_but_no_decision_is_repeated(
    service: TestService, tmp_path: Path
) -> None:
    rights = rights_of(service)
    found = fill_queue(rights, tmp_path, 4)
    of_r1 = [one.id for one in found if one.recording_id == "R1"]
    change_state(rights, [of_r1[0]], "claimed", "heard", "key:0")
    bo = new_person(service, "Bo", "reviewer")
    with poster(service, cookies_of(service, bo), Accept="text/html") as client:
        assert client.post(f"/console/review/{of_r1[1]}/allowance", data={"reason": ""}).status_code == 422
        done = client.post(f"/console/review/{of_r1[1]}/allowance", data={"reason": HOSTILE})
        assert (done.status_code, done.headers["location"]) == (303, "/console/review/allowances?done=1")
        listed = client.get(done.headers["location"]).text
        assert ("1 use rejected" in listed, HOSTILE in listed) == (True, False)
        assert last_states(service, of_r1[1]) == [("withdrawn", bo.actor)]
        assert last_states(service, of_r1[0]) == [("claimed", "key:0")]  # decided before
        undone = client.post(f"/console/review/{of_r1[1]}/undo", data={"seen": "2"})
        assert undone.status_code == 303
        with service.server.database.reading() as connection:
            held = list_allowances(connection, "main")
            assert list_allowances(connection, "other") == []
        assert apply_allowances(rights, held) == []  # it was taken back
        fill_queue(rights, tmp_path, 6)
        assert len(apply_allowances(rights, held)) == 1  # 5.wav is new
        assert {one.recording_id for one in waiting(rights)} == {"R1", "R2"}
        end = f"/console/review/allowances/{held[0].id}/end"
        assert client.post(end).status_code == 303
        assert client.post(end).status_code == 422
        assert "None." in client.get("/console/review/allowances").text
    made = [(one["event"], one["actor"]) for one in events(service) if one["event"].startswith("allowance")]
    assert made == [("allowance.made", bo.actor), ("allowance.ended", bo.actor)]
