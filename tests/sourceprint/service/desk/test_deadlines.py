"""A dispute that nobody answers lapses by the clock, once, as the settings say; an open recording stays disputed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint.royalties.uses.states import change_state
from sourceprint.service.desk.chores import do_chores
from sourceprint.service.settings import Settings, settings_of
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue, waiting
from tests.service_servers import TestService
from tests.sourceprint.service.console.test_review_by_http import last_states, rights_of
from tests.sourceprint.service.test_scans_by_http import events

DAY = 86_400


@pytest.mark.parametrize("state", ["withdrawn", "resolved"])
def test_a_dispute_lapses_after_its_days_and_the_log_names_the_deadline(
    service: TestService, tmp_path: Path, state: str
) -> None:
    rights, server = rights_of(service), service.server
    first, second, _ = fill_queue(rights, tmp_path, 3)
    (open_use,) = waiting(rights, state="unresolved")
    change_state(rights, [first.id, open_use.id], "disputed", "not ours", "bo", now=service.clock())
    service.clock.pass_seconds(5 * DAY)
    change_state(rights, [second.id], "disputed", "not ours", "bo", now=service.clock())
    with poster(service, cookies_of(service, new_person(service, "Bo", "reviewer"))) as client:
        assert "2027-01-06: the dispute lapses" in client.get(f"/console/review/{second.id}").text

    def lapsed(days: int = 30) -> int:
        return do_chores(server.database, server.folder, days=days, state=state)

    service.clock.pass_seconds(25 * DAY - 1)
    assert lapsed() == 0
    service.clock.pass_seconds(1)
    assert lapsed(days=0) == 0
    assert lapsed() == (1 if state == "resolved" else 2)  # nobody could be paid for the open one
    assert lapsed() == 0
    assert last_states(service, first.id) == [("disputed", "bo"), (state, "deadline")]
    assert last_states(service, second.id) == [("disputed", "bo")]
    noted = [(one["actor"], one["subject"], one["data"]) for one in events(service) if one["event"] == "use.lapsed"]
    assert ("deadline", f"use:{first.id}", {"state": state, "days": 30}) in noted


def test_settings_of_deadlines_are_checked() -> None:
    assert (Settings(data=Path("x")).dispute_days, Settings(data=Path("x")).lapsed_dispute) == (30, "withdrawn")
    assert settings_of({"SOURCEPRINT_DISPUTE_DAYS": "0"}, data=Path("x")).dispute_days == 0
    with pytest.raises(ParameterError, match="dispute_days=-1: must be at least 0"):
        settings_of({"SOURCEPRINT_DISPUTE_DAYS": "-1"}, data=Path("x"))
    with pytest.raises(ParameterError, match="lapsed_dispute=paid: must be withdrawn or resolved"):
        settings_of({"SOURCEPRINT_LAPSED_DISPUTE": "paid"}, data=Path("x"))
