"""Keys: found by their text alone, for as long as they hold."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from fingerprint.errors import ParameterError, UnknownRightsError
from sourceprint.service.access import api_keys
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.access.organisations import close_organisation
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.schema import api_key, outbox
from tests.service_servers import TestService


def found(service: TestService, text: str) -> api_keys.ApiKey | None:
    database = service.server.database
    with database.reading() as connection:
        return api_keys.find_key(connection, text, now=database.now())


def test_a_key_is_found_by_its_text_and_its_secret_is_kept_nowhere(service: TestService) -> None:
    text = service.key("main", "check", "scan")
    key = found(service, text)
    assert key is not None
    assert (key.organisation_id, key.scopes) == ("main", (KeyScope.SCAN, KeyScope.CHECK))
    secret = text.rpartition(f"{key.id}_")[2]
    with service.server.database.reading() as connection:
        rows = [*connection.execute(select(api_key)), *connection.execute(select(outbox))]
    assert rows
    assert secret not in str(rows)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t[:-1], lambda t: t + "A", str.upper]
)
def test_a_text_that_differs_is_no_key(sqlite_service: TestService, change: object) -> None:
    text = sqlite_service.key("main")
    assert found(sqlite_service, change(text)) is None  # type: ignore[operator]


def test_a_key_ends_when_it_expires_is_revoked_or_its_organisation_is_closed(service: TestService) -> None:
    database = service.server.database
    expiring = service.key("main", expires_at=service.clock.now + timedelta(hours=1))
    revoked, closed = service.key("main"), service.key("other")
    key = found(service, revoked)
    assert key is not None
    with database.writing() as connection:
        api_keys.revoke_key(connection, "main", key.id, at=database.now(), actor="test")
        close_organisation(connection, "other", at=database.now(), actor="test")
    assert (found(service, revoked), found(service, closed)) == (None, None)
    assert found(service, expiring) is not None
    service.clock.pass_seconds(3600)
    assert found(service, expiring) is None


def test_a_rotated_key_holds_until_the_overlap_is_over(service: TestService) -> None:
    database = service.server.database
    old = service.key("main", "scan", budget=5)
    key = found(service, old)
    assert key is not None
    with database.writing() as connection:
        _, new = api_keys.rotate_key(
            connection, "main", key.id, now=database.clock(), overlap=timedelta(hours=2), actor="test"
        )
    successor = found(service, new)
    assert successor is not None
    assert (successor.scopes, successor.budget) == (key.scopes, 5)
    assert found(service, old) is not None
    service.clock.pass_seconds(7200)
    assert found(service, old) is None
    assert found(service, new) is not None


def test_the_successor_of_a_key_that_expires_is_valid_for_as_long(service: TestService) -> None:
    database = service.server.database
    with database.writing() as connection:
        key, _ = api_keys.issue_key(
            connection, "main", "pipeline", ["scan"], at=database.now(), actor="test",
            expires_at=database.clock() + timedelta(days=90),
        )  # fmt: skip
    service.clock.pass_seconds(80 * 86_400)
    with database.writing() as connection:
        successor, _ = api_keys.rotate_key(
            connection, "main", key.id, now=database.clock(), overlap=timedelta(hours=2), actor="test"
        )
    assert successor.expires_at == time_text(database.clock() + timedelta(days=90))


def test_a_budget_is_never_overspent(service: TestService) -> None:
    text = service.key("main", budget=3)
    key = found(service, text)
    assert key is not None
    with service.server.database.writing() as connection:
        assert [api_keys.spend(connection, key, n) for n in (2, 2, 1, 1)] == [True, False, True, False]
    assert found(service, text).searches == 3  # type: ignore[union-attr]


def test_a_key_and_its_successors_share_one_budget(service: TestService) -> None:
    database = service.server.database
    first = found(service, service.key("main", budget=4))
    alone = found(service, service.key("main", budget=4))
    assert first is not None
    assert alone is not None
    with database.writing() as connection:
        assert api_keys.spend(connection, first, 1)
        keys = [first]
        for _ in range(2):
            made, _ = api_keys.rotate_key(
                connection, "main", keys[-1].id, now=database.clock(), overlap=timedelta(hours=1), actor="test"
            )
            keys.append(made)
        assert [(key.budget, key.searches, key.line) for key in keys[1:]] == [(4, 1, first.id)] * 2
        spent = [api_keys.spend(connection, key, n) for key, n in ((keys[2], 2), (first, 2), (first, 1), (keys[1], 1))]
        assert spent == [True, False, True, False]
        listed = {key.id: key.searches for key in api_keys.list_keys(connection, "main")}
    assert {listed[key.id] for key in keys} == {4}
    assert listed[alone.id] == 0


def test_the_successor_of_a_key_without_a_budget_counts_on(service: TestService) -> None:
    database = service.server.database
    old = service.key("main")
    key = found(service, old)
    assert key is not None
    with database.writing() as connection:
        made, new = api_keys.rotate_key(
            connection, "main", key.id, now=database.clock(), overlap=timedelta(hours=1), actor="test"
        )
        assert api_keys.spend(connection, key, 3)
        assert api_keys.spend(connection, made, 4)
    assert [found(service, text).searches for text in (old, new)] == [7, 7]  # type: ignore[union-attr]


def test_a_key_and_its_successor_share_one_rate(sqlite_service: TestService) -> None:
    database = sqlite_service.server.database
    old = sqlite_service.key("main", per_minute=2)
    key = found(sqlite_service, old)
    assert key is not None
    with database.writing() as connection:
        _, new = api_keys.rotate_key(
            connection, "main", key.id, now=database.clock(), overlap=timedelta(hours=1), actor="test"
        )
    answers = [
        httpx.get(f"{sqlite_service.url}/v1/scans", headers={"Authorization": f"Bearer {text}"}).status_code
        for text in (old, new, old, new)
    ]
    assert answers == [200, 200, 429, 429]


def test_unsuitable_keys_are_refused(sqlite_service: TestService) -> None:
    with pytest.raises(ParameterError, match="scope 'scann': is unknown; there are scan, check"):
        sqlite_service.key("main", "scann")
    with pytest.raises(UnknownRightsError, match="organisation nobody: is not there"):
        sqlite_service.key("nobody")
    with pytest.raises(ParameterError, match="budget=-1: must be 0 to"):
        sqlite_service.key("main", budget=-1)
    database = sqlite_service.server.database
    key = found(sqlite_service, sqlite_service.key("main"))
    assert key is not None
    with database.writing() as connection, pytest.raises(UnknownRightsError, match="organisation other has no"):
        api_keys.revoke_key(connection, "other", key.id, at=database.now(), actor="test")
