"""A server that kills one of its processes at an operation, if it is told to: the moments that a clock rarely hits.

    python -m benchmarks.service_child FOLDER serve ...

FOLDER may hold a file `aim-server` or `aim-worker` with a number. From then on each process of that role counts its
operations: commits of a database, as each begins and when it is over, files that are created, renamed, deleted or
flushed. The first that reaches the number deletes the file, leaves `hit` with the name of the operation, and kills
itself by SIGKILL before it is carried out. Workers, which are spawned, import this module and do the same.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

__all__ = ["HIT", "ROLES"]

ROLES: Final = ("server", "worker")
HIT: Final = "hit"
_AUDITED: Final = {"os.rename": "rename", "os.remove": "delete"}


class _Aim:
    def __init__(self, folder: Path, role: str, data: str) -> None:
        self._file = folder / f"aim-{role}"
        self._hit = folder / HIT
        self._data = data
        self._pid = os.getpid()
        self._stamp = 0
        self._n_done = 0
        self._busy = False
        self._has_committed = False

    def install(self) -> None:
        sys.addaudithook(self._audit)
        event.listen(Engine, "commit", lambda _: self._commit())
        event.listen(Pool, "checkin", lambda *_: self._checkin())
        flush = os.fsync

        def fsync(descriptor: Any) -> None:
            self._reach("flush of a file")
            flush(descriptor)

        os.fsync = fsync  # type: ignore[assignment]

    def _audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self._busy:
            return
        if name == "open":
            path, _, flags = arguments
            if isinstance(path, str) and (flags or 0) & os.O_CREAT and path.startswith(self._data):
                self._reach(f"creating a file of the {self._place(path)}")
        elif name in _AUDITED and str(arguments[0]).startswith(self._data):
            word = {"rename": "renaming", "delete": "deleting"}[_AUDITED[name]]
            self._reach(f"{word} a file of the {self._place(str(arguments[0]))}")

    def _place(self, path: str) -> str:
        parts = Path(path).relative_to(self._data).parts
        return "index" if "index" in parts else {"log": "log", "uploads": "uploads"}.get(parts[0], "data folder")

    def _commit(self) -> None:
        self._has_committed = True
        self._reach("commit in the database")

    def _checkin(self) -> None:
        if self._has_committed:
            self._has_committed = False
            self._reach("after a commit in the database")

    def _reach(self, words: str) -> None:
        if self._busy or os.getpid() != self._pid:  # one file's process is no worker
            return
        self._busy = True
        try:
            self._count(words)
        except OSError:  # no aim, or another process has hit it
            pass
        finally:
            self._busy = False

    def _count(self, words: str) -> None:
        stamp = self._file.stat().st_mtime_ns
        if stamp != self._stamp:
            self._stamp, self._n_done = stamp, 0
        self._n_done += 1
        if self._n_done >= int(self._file.read_text(encoding="ascii")):
            self._file.unlink()
            self._hit.write_text(words, encoding="utf-8")
            os.kill(self._pid, signal.SIGKILL)


if __name__ in ("__main__", "__mp_main__"):
    _Aim(
        Path(sys.argv[1]),
        "server" if __name__ == "__main__" else "worker",
        sys.argv[sys.argv.index("--data") + 1],
    ).install()

if __name__ == "__main__":
    importlib.import_module("cli").main(sys.argv[2:])
