"""Settings of all tests: one thread, a reproducible search for counter-examples, and the corpus where there is one."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import tqdm
from hypothesis import HealthCheck, settings

from tests.processor_time import Times
from tests.royalty_databases import _schemas, database, database_place, new_sqlite, sqlite_database
from tests.text_snapshots import pytest_addoption, snapshot

# Found by pytest: fixtures for all tests, and an option.
__all__ = ["_schemas", "database", "database_place", "new_sqlite", "pytest_addoption", "snapshot", "sqlite_database"]

# Examples from a fixed seed, so that a run can be repeated, and no deadline: the first call of a kernel compiles it.
settings.register_profile(
    "sourceprint", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("sourceprint"), max_examples=15)
settings.load_profile("sourceprint")

# The thread of a bar would keep `sourceprint.workers` from forking, in all tests that follow in the same process.
tqdm.tqdm.monitor_interval = 0
_MOST_SECONDS_TO_END = 10.0  # of other threads that were told to end


# Tests flush files tens of thousands of times, and wait for the disk each time: in memory nothing waits. What would be
# lost without a flush is another matter, and tested with a disk that forgets (`benchmarks/durability_disk.py`).
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 2 * 1024**3  # free; containers often have 64 MiB
if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES:
    os.environ["TMPDIR"] = str(_MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """Search less without the slow tests, and deal out the files in the order of the collection."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("quick")
    config.pluginmanager.register(Times(config), "processor times")
    if hasattr(config.option, "loadscopereorder"):  # where pytest-xdist is installed
        config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Have every second process read the files from the end: compiled code of one is in the cache for the other."""
    report = yield
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0")[-1] in "13579" and isinstance(collector, pytest.Directory):
        report.result = list(reversed(report.result))
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with many slow tests first: a long one at the end leaves the other processes with nothing to do.

    The rest of the order is that of the names, in whichever order a process has read the files.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path], item.path, isinstance(item, pytest.DoctestItem)))


def pytest_collection_finish() -> None:
    """Keep modules and tests out of later garbage collections: they stay, and a forked worker would copy them all."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Fail where the tests of a file leave a thread: no worker can be forked for those that follow.

    Without a fork, work that is meant to end its worker would end the process of the tests.
    """
    yield
    until = time.monotonic() + _MOST_SECONDS_TO_END
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == 1, f"{threading.enumerate()}: close what started them"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder named by SOURCEPRINT_CORPUS; skip the test where there is none."""
    name = os.environ.get("SOURCEPRINT_CORPUS")
    if not name:
        pytest.skip("SOURCEPRINT_CORPUS is not set")
    folder = Path(name)
    if not (folder / "music.tsv").is_file():
        pytest.fail(f"SOURCEPRINT_CORPUS={name}: holds no music.tsv; name the folder of the corpus, or unset it")
    return folder


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep tests away from the index, the rights and the keys of the user who runs them."""
    for name in ("SOURCEPRINT_INDEX", "SOURCEPRINT_RIGHTS", "SOURCEPRINT_ACTOR", "SOURCEPRINT_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
