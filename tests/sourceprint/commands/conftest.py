"""Kernels in the memory of the test process: a forked worker would load them anew, in half a second each."""

from __future__ import annotations

import pytest

from sourceprint.scans.warm_up import warm_up


@pytest.fixture(scope="session", autouse=True)
def _kernels_in_memory() -> None:
    warm_up()
