"""Processor time of each test function, and a report of those that lack the mark `slow`.

Counted is the time of the test process and of the children that it waited for, for all cases of a function together.
Setup counts but for the costliest case, whose fixtures may serve others too. No test asserts a time: `pytest -m "not
slow"` lists the functions above the limit at the end of its report.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator

import pytest

__all__ = ["Times", "costs"]

LIMIT_SECONDS = 1.5
"""Seconds from which a function is listed: the limit of the mark, and half of it for a busy machine."""

_PROPERTY = "processor seconds"


def _now() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def costs(cases: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Return the seconds of each function, from the seconds of setup and of the rest of each of its cases.

    >>> costs({"test_a": [(5.0, 0.25), (0.5, 0.25)]})
    {'test_a': 1.0}
    """
    return {
        name: sum(setup + rest for setup, rest in of_one) - max(setup for setup, _ in of_one)
        for name, of_one in cases.items()
    }


class Times:
    """Plugin that measures in the process of a test, and reports in the one that the user started."""

    def __init__(self, config: pytest.Config) -> None:
        self._lists = "not slow" in config.option.markexpr
        self._cases: dict[str, list[tuple[float, float]]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        began = _now()
        try:
            yield
        finally:
            item.user_properties.append((_PROPERTY, _now() - began))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        began = _now()
        try:
            yield
        finally:
            item.user_properties.append((_PROPERTY, _now() - began))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            seconds = [float(str(value)) for name, value in report.user_properties if name == _PROPERTY]
            if len(seconds) == 2:
                self._cases[report.nodeid.partition("[")[0]].append((seconds[0], seconds[1]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._lists:
            return
        listed = sorted(
            ((cost, name) for name, cost in costs(self._cases).items() if cost >= LIMIT_SECONDS), reverse=True
        )
        if listed:
            terminalreporter.section(f"{LIMIT_SECONDS} s of a processor or more without the mark slow")
            for cost, name in listed:
                terminalreporter.line(f"{cost:5.1f} s {name}")
