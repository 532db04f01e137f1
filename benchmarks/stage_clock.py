"""Where the time goes inside a running program, stage by stage, without touching it.

A timer interrupts the program every few milliseconds of processor time; the time since the last interruption
goes to the innermost function on the stack that a table of stages names. So the time of a library is that of the stage
that called it, generators that hand work to each other are told apart, and a call that lasts long counts as long as it
lasted. A tracing profiler (cProfile) would charge Python-heavy stages for being watched, and cannot say on whose behalf
NumPy worked.
"""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

__all__ = ["OTHER", "StageClock", "Stages"]

Stages = Mapping[str, str]
"""Stage by place below the root of the project: a folder, a file in it, or "file:function"; the narrower goes first."""

OTHER = "other"
INTERVAL_SECONDS = 0.002
_ROOT = f"{Path(__file__).resolve().parent.parent.as_posix()}/"


class StageClock:
    """Sums up processor time by stage while the context is open; main thread only.

    Parameters
    ----------
    stages : mapping
        See `Stages`. A place that is in no stage belongs to its caller, and to `OTHER` when nobody is named.

    Attributes
    ----------
    seconds : dict
        Processor time by stage, of this process and all its threads.

    Examples
    --------
    >>> with StageClock({"benchmarks/stage_clock.py": "here"}) as clock:
    ...     total = sum(range(1000))
    >>> set(clock.seconds) <= {"here", "other"}
    True
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._since = 0.0
        self.seconds: dict[str, float] = defaultdict(float)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGPROF, self._tick)
        self._since = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        self.seconds[OTHER] += time.process_time() - self._since
        signal.signal(signal.SIGPROF, self._before)

    def _tick(self, _: int, frame: FrameType | None) -> None:
        now = time.process_time()
        self.seconds[self._stage_of(frame)] += now - self._since
        self._since = now

    def _stage_of(self, frame: FrameType | None) -> str:
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_ROOT):
                place = file[len(_ROOT) :]
                for key in (f"{place}:{frame.f_code.co_name}", place, place.rpartition("/")[0]):
                    if key in self._stages:
                        return self._stages[key]
            frame = frame.f_back
        return OTHER
