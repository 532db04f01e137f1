"""One worker process: its start, its pipes, its loop, and the cause of its end.

Several workers are spawned: a process with threads must not be forked (OpenMP hangs in it), and they live long enough
to pay for their start. The one worker of one job is forked, which costs some milliseconds, as the libraries are loaded
and the index is open: on Linux, from a process without other threads (`can_fork`).

Every worker has a pipe of its own for tasks and answers, and one for its last words: `faulthandler` writes there its
position when a signal ended it. It uses one thread, gets no Ctrl-C, and ends with its parent.
"""

import ctypes
import faulthandler
import fcntl
import multiprocessing
import os
import signal
import stat
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from sourceprint.faults import Fault, contained, fault_of, fault_of_death, log_fault
from sourceprint.file_limits import limit_memory, most_memory_mb

__all__ = ["WorkerProcess", "can_fork", "in_this_process"]

MOST_LAST_WORDS = 65_536  # bytes that a dying worker may write: the capacity of a pipe
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_OOM_SCORE = "300"  # of 1000: the system ends the worker before the process that minds it
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


_forbidden: list[None] = []  # one entry for each block of `in_this_process` that is open


@contextmanager
def in_this_process() -> Iterator[None]:
    """Keep the work of one job in this process inside the block, for measuring it: nothing else survives a crash."""
    _forbidden.append(None)
    try:
        yield
    finally:
        _forbidden.pop()


def can_fork() -> bool:
    """Return whether this process can be forked without harm, and may have children."""
    if _forbidden:
        return False
    is_alone = threading.active_count() == 1 and not multiprocessing.current_process().daemon
    return sys.platform == "linux" and is_alone


class WorkerProcess:
    """A process, and this end of its pipes.

    Parameters
    ----------
    work : callable
        Function to call with each task.
    forked : bool
        Whether it is forked; else it is spawned, and imports `work`.
    limited : bool
        Whether each task may take only so much memory (`sourceprint.file_limits`).

    Attributes
    ----------
    pipe : Connection
        Takes tasks, and has an answer for each: (True, a result or a Fault), or (False, an error that ends the run).
        The first answer, (True, None), belongs to none: the worker has started.

    Raises
    ------
    OSError
        If the system gives no process.
    """

    def __init__(self, work: Callable[[Any], Any], *, forked: bool = False, limited: bool = False) -> None:
        context = multiprocessing.get_context("fork" if forked else "spawn")
        self.pipe, theirs = context.Pipe()
        self._last_words, dying = context.Pipe(duplex=False)
        self._process: Any = context.Process(  # type: ignore[attr-defined]  # every context has it
            target=_serve, args=(theirs, dying, work, forked, limited), daemon=True
        )
        try:
            with _without_interruptions() if forked else _with_one_thread():
                self._process.start()
        except BaseException:
            self.pipe.close()
            self._last_words.close()
            raise
        finally:
            theirs.close()  # so that reading from a worker that has died says so
            dying.close()

    def end(self, *, patience_seconds: float = 0.0) -> Fault:
        """End the process after a while, and return the fault of the file that it ended at, if it did so by itself."""
        self._process.join(patience_seconds)
        self._process.kill()
        self._process.join()
        said = os.read(self._last_words.fileno(), MOST_LAST_WORDS).decode("utf-8", "replace")
        self.pipe.close()
        self._last_words.close()
        return fault_of_death(self._process.exitcode, said)


def _serve(pipe: Connection, dying: Connection, work: Callable[[Any], Any], forked: bool, limited: bool) -> None:
    """Work off tasks until the other end of the pipe is closed; runs in the worker."""
    faulthandler.enable(dying.fileno(), all_threads=False)
    _die_first(forked)
    _quieten_libraries()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if forked:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's handler is not for its worker
        _let_go_of_files()
    else:
        from index.vectors.exact import use_threads  # here, as FAISS reads its settings when it is loaded

        use_threads(1)
    with suppress(EOFError, BrokenPipeError):
        pipe.send((True, None))
        while True:
            task = pipe.recv()
            if limited:
                limit_memory(most_memory_mb())
            try:
                answer = (True, contained(lambda: work(task)))  # noqa: B023 - called at once
            except BaseException as error:  # noqa: BLE001 - raised again where the results are read
                answer = (False, error)
            try:
                pipe.send(answer)
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - an answer that cannot be sent is a fault of its file too
                pipe.send((True, fault_of(error)))


def _quieten_libraries() -> None:
    """Keep decoders' complaints about damaged files off the terminal; messages of Python still get there."""
    if sys.stderr is not None:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    sys.unraisablehook = _log_unraisable
    nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nothing, 2)
    os.close(nothing)


def _log_unraisable(what: Any) -> None:
    """Log an exception that nobody could catch, as in a callback of a decoder, where Python would print it."""
    log_fault(fault_of(what.exc_value), str(what.err_msg or "in a callback"))


def _let_go_of_files() -> None:
    """Close the parent's files that are open for writing, so that this process does not prolong their locks."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # that of the listing itself
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            if is_file and descriptor > 2 and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
                os.dup2(nothing, descriptor, inheritable=False)  # the number must not come to mean another file


def _die_first(forked: bool) -> None:
    """Let the system end this process before its parent where memory runs out, and a forked one with its parent."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_OOM_SCORE)
    if forked:  # by the only thread of the parent: the signal comes when that ends
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _end_with(sentinel: int) -> None:
    # Without its parent a worker would only end with its task, which may take minutes.
    wait([sentinel])
    os._exit(1)


@contextmanager
def _without_interruptions() -> Iterator[None]:
    """Let processes that are forked in the block have no Ctrl-C, from the first."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            # Of threads that libraries started; `can_fork` has seen that there are no others.
            warnings.filterwarnings("ignore", "This process", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _with_one_thread() -> Iterator[None]:
    """Let processes that are spawned in the block have one thread per library, and no Ctrl-C, from the first."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    resource_tracker.ensure_running()  # first, as starting it lets Ctrl-C through again
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
