"""Share compiled kernels on disk between processes safely, and load them fast.

Numba keeps the code of each function in files of code and an index that says which file is for which types. It writes
the index first, and another process that compiles at the same time takes the same name for other types: from then on
every process that loads the code runs that of other types, and dies. So here the code is written before the index, by
one process at a time, and nobody reads meanwhile: the folder is locked, not a file in it. This covers all that numba
compiles in a process that imports this module.

That is not enough for generalised ufuncs, as librosa has them: each is kept in two files, and the second calls the
first by a name that differs from process to process. Two that compile at once may keep one file each, and a process
that loads them calls nothing. So modules that have them are first used by one process after the other (`one_by_one`).

Before numba loads compiled code, it imports all that it could compile, and SciPy's linear algebra: half a second.
Here it does so only where it has to compile. Kernels keep to that: NumPy functions that numba has written in Python
would be imported with each kernel that calls them, so `first_from` replaces `np.searchsorted`.
"""

import fcntl
import importlib.util
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba.core.caching import Cache, IndexDataCacheFile
from numba.core.runtime.nrt import rtsys

__all__ = ["is_kept", "one_by_one", "share_safely"]

_caches: Any = Cache
_files: Any = IndexDataCacheFile
_load = _files.load
_load_with_compiler = _caches.load_overload
_light: set[str] = set()


def share_safely(module: str = "") -> None:
    """Make numba's cache on disk safe for several processes; calling it twice is harmless.

    Parameters
    ----------
    module : str
        Name of a module whose functions, all of them kernels and none a ufunc, are to be loaded without the imports of
        the compiler.
    """
    _light.add(module)
    _caches.load_overload = _load_overload
    _files.save = _save
    _files.load = _load_whole


def is_kept(kernel: Any) -> bool:
    """Return whether a kernel is compiled already, in this process or on disk; True where nothing is compiled."""
    cache = getattr(kernel, "_cache", None)
    files = getattr(cache, "_cache_file", None)
    return files is None or bool(kernel.signatures or files._load_index())


@contextmanager
def one_by_one(module: str) -> Iterator[None]:
    """Import and use a module for the first time inside the block, while no other process does so in such a block.

    Parameters
    ----------
    module : str
        Name of a package that can be imported; its folder is locked.

    Raises
    ------
    ModuleNotFoundError
        If there is no such package.
    """
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"No package named {module!r}", name=module)
    with _locked(found.submodule_search_locations[0], fcntl.LOCK_EX):
        yield


def _save(self: Any, key: Any, data: Any) -> None:
    with _locked(self._cache_path, fcntl.LOCK_EX):
        overloads = self._load_index()
        taken = set(overloads.values())
        free = (name for number in itertools.count(1) if (name := self._data_name(number)) not in taken)
        name = overloads.get(key) or next(free)
        self._save_data(name, data)
        if key not in overloads:
            self._save_index({**overloads, key: name})


def _load_overload(self: Any, types: Any, context: Any) -> Any:
    """Load a kernel as numba does, but without `context.refresh()`, which the compiler calls itself."""
    if self._py_func.__module__ not in _light:
        return _load_with_compiler(self, types, context)
    rtsys.initialize(context)  # functions that kernels count references with
    return self._load_overload(types, context)


def _load_whole(self: Any, key: Any) -> Any:
    with _locked(self._cache_path, fcntl.LOCK_SH):
        return _load(self, key)


@contextmanager
def _locked(folder: str, kind: int) -> Iterator[None]:
    """Hold a lock on a folder; without an effect where it is not there yet, or the file system has no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
