"""An office at work, made once for the tests of a file that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console_office import Office, office_at_work


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Yield the office; tests that change something make one of their own."""
    with office_at_work(tmp_path_factory.mktemp("office")) as made:
        yield made
