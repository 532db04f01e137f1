"""The interval of garbage collection is as before once the last block has ended."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from sourceprint.royalties.garbage import rare_collections


@pytest.fixture(autouse=True)
def _interval_of_python() -> Iterator[None]:
    # A command that another test ran in this process may have set an interval of its own.
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_the_interval_is_longer_until_the_last_block_ends() -> None:
    before = gc.get_threshold()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with rare_collections():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with rare_collections():
        thread.start()
        assert entered.wait(60)
    inside = gc.get_threshold()
    leave.set()
    thread.join()
    assert (inside[0], inside[1:]) == (20_000, before[1:])
    assert gc.get_threshold() == before


def test_a_failure_ends_the_block_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


@pytest.mark.parametrize("threshold", [0, 50_000])
def test_an_interval_that_is_longer_already_or_none_at_all_stays(threshold: int) -> None:
    before = gc.get_threshold()
    gc.set_threshold(threshold)
    try:
        with rare_collections():
            assert gc.get_threshold()[0] == threshold
        assert gc.get_threshold()[0] == threshold
    finally:
        gc.set_threshold(*before)
