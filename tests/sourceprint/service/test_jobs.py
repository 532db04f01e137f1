"""Jobs: claimed once, renewed, lost, finished by the holder of the latest token alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from sourceprint.service.line import jobs
from sourceprint.service.line.jobs import ADDITION, DONE, FAILED, KINDS, QUEUED, RUNNING, SCAN, JobClaim, _turns, claim
from tests.service_servers import TestService


def add(service: TestService, n: int, kind: str = SCAN, organisation: str = "main", **more: Any) -> list[str]:
    database = service.server.database
    with database.writing() as connection:
        rows = [{"arguments": f'{{"name": "{at}"}}', **more} for at in range(n)]
        return jobs.add_jobs(connection, organisation, kind, rows, at=database.now(), by="test")


def take(service: TestService, owner: str = "w1", **more: Any) -> list[JobClaim]:
    return claim(service.server.database, owner, lease_seconds=60, **more)


def finish(service: TestService, held: JobClaim, state: str = DONE) -> bool:
    database = service.server.database
    with database.writing() as connection:
        return jobs.finish(connection, held, state, at=database.now(), result='{"n": 1}')


def state_of(service: TestService, job_id: str) -> jobs.Job:
    with service.server.database.reading() as connection:
        found = jobs.find_job(connection, "main", job_id)
    assert found is not None
    return found


def test_jobs_are_claimed_in_the_order_of_priority_and_submission(service: TestService) -> None:
    later = add(service, 1, priority=2)
    first, second = add(service, 2)
    assert [take(service)[0].job.id for _ in range(3)] == [first, second, *later]
    assert take(service) == []


def test_a_job_is_claimed_by_one_worker_however_many_ask_at_once(service: TestService) -> None:
    ids, found, lock = add(service, 40), [], threading.Lock()

    def work(owner: str) -> None:
        while held := take(service, owner):
            with lock:
                found.append(held[0].job.id)
            assert finish(service, held[0])

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(ids)


def test_a_lease_that_ran_out_goes_to_another_worker_and_the_late_finish_is_refused(service: TestService) -> None:
    (job_id,) = add(service, 1)
    (late,) = take(service, "w1")
    service.clock.pass_seconds(61)
    (held,) = take(service, "w2")
    assert held.job.id == job_id
    assert (held.job.token, held.job.losses) == (2, 1)
    assert not finish(service, late)
    assert finish(service, held)
    assert not finish(service, late, FAILED)
    assert not finish(service, held, FAILED)  # a final state stays
    assert state_of(service, job_id).state == DONE


def test_a_heartbeat_keeps_a_lease_and_does_not_revive_one_that_ran_out(service: TestService) -> None:
    add(service, 1)
    (held,) = take(service, "w1")
    for _ in range(3):
        service.clock.pass_seconds(45)
        assert jobs.heartbeat(service.server.database, "w1", lease_seconds=60) == 1
        assert take(service, "w2") == []
    service.clock.pass_seconds(61)
    assert jobs.heartbeat(service.server.database, "w1", lease_seconds=60) == 0
    assert take(service, "w2")[0].job.id == held.job.id


@pytest.mark.parametrize("lost", [True, False])
def test_a_returned_job_is_claimed_again(service: TestService, lost: bool) -> None:
    add(service, 1)
    take(service, "w1")
    assert jobs.give_back(service.server.database, "w1", lost=lost) == 1
    (held,) = take(service, "w2")
    assert held.job.losses == int(lost)


def test_additions_of_one_organisation_are_claimed_together_and_by_one_worker(service: TestService) -> None:
    own = add(service, 3, ADDITION)
    add(service, 1, ADDITION, "other")
    (scan,) = add(service, 1)
    assert [held.job.id for held in take(service, "w1", most=64)] == own
    add(service, 1, ADDITION)
    assert [held.job.organisation_id for held in take(service, "w2", most=64)] == ["other"]
    assert [held.job.id for held in take(service, "w3", most=64)] == [scan]
    assert take(service, "w4", most=64) == []  # the fourth addition waits for the first three


def test_the_list_of_jobs_is_paged_and_filtered_and_shows_one_organisation(service: TestService) -> None:
    ids = add(service, 3, reference="r")
    add(service, 1, organisation="other", reference="r")
    take(service)
    with service.server.database.reading() as connection:
        first = jobs.list_jobs(connection, "main", SCAN, limit=2)
        rest = jobs.list_jobs(connection, "main", SCAN, after=first[-1].id, reference="r")
        waiting = jobs.list_jobs(connection, "main", SCAN, state=QUEUED)
        assert jobs.queue_length(connection) == {QUEUED: 3, RUNNING: 1}
        assert jobs.find_job(connection, "other", ids[0]) is None
    assert [one.id for one in first + rest] == ids
    assert [one.id for one in waiting] == ids[1:]


def test_organisations_take_turns_however_many_jobs_one_of_them_has(service: TestService) -> None:
    crowd = add(service, 5, priority=2)
    late = add(service, 2, organisation="other", priority=2)
    order = []
    for _ in range(4):  # nothing runs: the one that was served longest ago is next
        service.clock.pass_seconds(1)
        (held,) = take(service)
        order.append(held.job.id)
        assert finish(service, held)
    assert order == [crowd[0], late[0], crowd[1], late[1]]
    running = [take(service, f"w{n}")[0].job.id for n in range(2)]
    (first, *_) = add(service, 2, organisation="other", priority=2)
    assert [*running, take(service, "w3")[0].job.id] == [crowd[2], crowd[3], first]  # the one with fewer running
    (urgent,) = add(service, 1, priority=0)
    assert take(service, "w4")[0].job.id == urgent  # before every turn


def test_a_claim_looks_at_no_more_rows_for_ten_thousand_waiting_jobs(service: TestService) -> None:
    add(service, 10_000, priority=2)
    add(service, 1_000, ADDITION)
    add(service, 1, organisation="other", priority=2)
    database = service.server.database
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
    query = _turns(KINDS).params(now=database.now())
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN" if database.is_server else "EXPLAIN QUERY PLAN"
    with database.reading() as connection:
        plan = [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}".replace("%", "%%"))]
    scans = [
        line for line in plan if ("Seq Scan on job" in line or line.startswith("SCAN job")) and "INDEX" not in line
    ]
    assert scans == [], "\n".join(plan)
    assert any("ix_job_line" in line for line in plan)
    assert any("ix_job_turn" in line for line in plan)
    taken = [take(service, f"w{n}")[0].job for n in range(3)]
    assert {one.organisation_id for one in taken[1:]} == {"main", "other"}
