"""Work beside the requests: repeated, never ended by an error, and looked after a last time."""

from __future__ import annotations

import logging
from threading import Event

import pytest

from fingerprint.errors import ParameterError
from sourceprint.service.background import Background


def test_errors_are_told_and_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    enough = Event()

    def look(_: Event) -> bool:
        seen.append(len(seen))
        if len(seen) == 1:
            raise ParameterError("the disk is away")
        if len(seen) == 2:
            raise ZeroDivisionError("a fault of ours")
        enough.set()
        return False

    work = Background("work", look, every_seconds=0.001, trouble="work waits")
    with caplog.at_level(logging.ERROR, "sourceprint.service"):
        work.start()
        assert enough.wait(30)
        work.stop()
    first, second = caplog.records[:2]
    assert (first.getMessage(), first.exc_info) == ("work waits: the disk is away", None)
    assert second.getMessage() == "work waits"
    assert second.exc_info is not None
    assert "a fault of ours" in str(second.exc_info[1])


def test_more_that_waits_is_done_at_once_and_the_rest_at_the_stop() -> None:
    seen: list[bool] = []
    some = Event()

    def look(stopping: Event) -> bool:
        seen.append(stopping.is_set())
        if len(seen) == 3:
            some.set()
        return len(seen) < 3

    work = Background("work", look, every_seconds=3600, trouble="work waits", at_last=True)
    work.start()
    assert some.wait(30)
    work.stop()
    assert seen == [False, False, False, True]
    Background("other", look, every_seconds=3600, trouble="").stop()  # was never started
    assert len(seen) == 4
