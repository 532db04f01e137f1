"""The queue kept up to date in the background: read before anybody asks, where somebody may."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from sourceprint.royalties.review.waiting import WaitingQueue, read_queue
from sourceprint.service.console.queue import kept
from sourceprint.service.console.queue.kept import QueueKeeper
from sourceprint.service.people.sign_ins import end_sign_ins
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue
from tests.royalty_records import a_licence, a_rate_card, some_rights, store_rights
from tests.service_servers import TestService


def test_a_queue_is_read_before_anybody_asks_where_a_reader_is_signed_in(
    service: TestService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = service.server.folder.organisation("main").rights()
    fill_queue(rights, tmp_path, 3)
    read: list[WaitingQueue | None] = []

    def reading(connection: Connection, known: WaitingQueue | None) -> WaitingQueue:
        read.append(known)
        return read_queue(connection, known)

    monkeypatch.setattr(kept, "read_queue", reading)
    keeper, bo, cy = (
        QueueKeeper(service.server),
        new_person(service, "Bo", "auditor"),
        new_person(service, "Cy", "licensee"),
    )
    keeper.look()
    with poster(service, cookies_of(service, cy)):
        keeper.look()
    assert read == []  # nobody who may read it is signed in
    cookies = cookies_of(service, bo)
    keeper.look()
    assert read == [None]
    store_rights(rights, some_rights({"R1": ("W1",)}, licences=[a_licence(rate_card=a_rate_card(currency="JPY"))]))
    keeper.look()
    kept_now = kept.waiting_in(rights)
    with poster(service, cookies) as client:
        shown = client.get("/console/review")
    assert "JPY" in shown.text
    assert read[-1] is kept_now  # and was not read again for the page
    assert kept.waiting_in(rights) is kept_now
    n = len(read)
    with service.server.database.writing() as connection:
        end_sign_ins(connection, bo.id, at=service.server.database.now())
    keeper.look()
    assert len(read) == n
