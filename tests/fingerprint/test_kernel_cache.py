"""Compiled code that several processes keep in one place at once: each finds its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile

from fingerprint.kernel_cache import is_kept, one_by_one, share_safely

Files: Any = IndexDataCacheFile


def test_code_kept_by_several_at_once_is_found_under_its_own_types(tmp_path: Path) -> None:
    # Each has a descriptor of the folder of its own, as processes have.
    share_safely()
    start = Barrier(4)

    def keep(number: int) -> None:
        file = Files(str(tmp_path), "kernel", ("stamp", 1))
        start.wait()
        for step in range(10):
            file.save((number, step), f"code of {number}, {step}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, range(4)))
    found = Files(str(tmp_path), "kernel", ("stamp", 1))
    every = [(number, step) for number in range(4) for step in range(10)]
    assert [found.load(key) for key in every] == [f"code of {number}, {step}" for number, step in every]


def test_an_end_between_code_and_index_leaves_no_wrong_code(tmp_path: Path) -> None:
    share_safely()
    old = Files(str(tmp_path), "kernel", ("stamp", 1))
    old.save("types", "old code")
    new = Files(str(tmp_path), "kernel", ("stamp", 2))

    written: list[str] = []

    def until_the_second(real: Callable[..., None]) -> Callable[..., None]:
        def write(*args: object) -> None:
            written.append(real.__name__)
            if len(written) == 2:
                raise KeyboardInterrupt
            real(*args)

        return write

    new._save_index, new._save_data = until_the_second(new._save_index), until_the_second(new._save_data)
    with pytest.raises(KeyboardInterrupt):
        new.save("types", "new code")
    fresh = Files(str(tmp_path), "kernel", ("stamp", 2))
    assert fresh.load("types") is None
    fresh.save("types", "new code")
    assert fresh.load("types") == "new code"


def test_a_module_is_used_for_the_first_time_by_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Compiled at once by two, the halves of a generalised ufunc may come from different processes.
    (tmp_path / "kernels_of_others").mkdir()
    (tmp_path / "kernels_of_others" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    inside: list[int] = []
    most: list[int] = []

    def use(number: int) -> None:
        with one_by_one("kernels_of_others"):
            inside.append(number)
            time.sleep(0.02)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert most == [1, 1, 1, 1]
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), one_by_one("no_such_package"):
        pass


def test_a_kernel_is_kept_once_it_was_compiled(tmp_path: Path) -> None:
    (tmp_path / "loops.py").write_text("from numba import njit\n\n@njit(cache=True)\ndef one(x):\n    return x + 1\n")
    code = "from fingerprint.kernel_cache import is_kept; import loops; print(is_kept(loops.one), loops.one(1))"
    for expected in ("False 2\n", "True 2\n"):
        environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "NUMBA_CACHE_DIR": str(tmp_path)}
        environment["NUMBA_DISABLE_JIT"] = "0"
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ | environment
        )
        assert done.stdout == expected
    assert is_kept(lambda x: x)  # where nothing is compiled
