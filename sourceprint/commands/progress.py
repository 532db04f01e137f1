"""Progress of long work on stderr, and its orderly end.

On a terminal a bar, elsewhere a line now and then. Output of a command meanwhile goes through a `Teller`, so that the
bar and the text do not run into each other.
"""

import functools
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click

from sourceprint.commands.terminal import complain, note
from sourceprint.text.tables import counted

__all__ = ["COMPILING", "ItemOutcome", "Teller", "progress", "progress_line", "stop_on_signals"]

COMPILING = "compiling for this processor first, once: up to half a minute"
"""Note where a command is the first to fingerprint or search on a machine."""

PROGRESS_DELAY_SECONDS = 2
LINE_SECONDS = 30.0  # between lines of progress where there is no terminal
SHOWN_ALIKE = 5  # remarks that are the same but for names and numbers; further ones are counted
_NAMES_AND_NUMBERS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d+")


class ItemOutcome(Protocol):
    """Outcome of one item of a run."""

    @property
    def name(self) -> str:
        """Name of the item, fit for a message."""

    @property
    def kind(self) -> str:
        """In a word; "failed" where it is an error."""

    @property
    def remarks(self) -> Sequence[str]:
        """Sentences for the user."""


class Teller:
    """Prints beside a progress bar: data to stdout, the rest to stderr.

    Parameters
    ----------
    quiet : bool
        Whether notes are left out.
    line : callable, optional
        Returns how far it has come as a line, of units done, outcomes by kind, and seconds taken; it is printed now and
        then.
    """

    def __init__(
        self, bar: Any, quiet: bool, *, line: Callable[[int, Mapping[str, int], float], str] | None = None
    ) -> None:
        self._bar = bar
        self._quiet = quiet
        self._line = line
        self._kinds: Counter[str] = Counter()
        self._alike: Counter[tuple[bool, str]] = Counter()
        self._n = 0
        self._started_at = self._told_at = time.monotonic()

    def step(self, n: int = 1) -> None:
        """Say that `n` more units are done."""
        self._n += n
        self._bar.update(n)
        if self._line is not None and time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            click.echo(self._line(self._n, self._kinds, self._told_at - self._started_at), err=True)

    def data(self, text: str) -> None:
        """Print data to stdout."""
        self._bar.clear()  # it is drawn again with the next step
        click.echo(text)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        if not self._quiet:
            self._bar.clear()
            note(text)

    def complain(self, text: str) -> None:
        """Print an error."""
        self._bar.clear()
        complain(text)

    def outcome(self, outcome: ItemOutcome) -> None:
        """Say that one item is done, and print the remarks about it: errors where it failed, else notes."""
        self._kinds[outcome.kind] += 1
        self._bar.set_postfix_str(_kinds_text(self._kinds), refresh=False)
        self.step()
        for remark in outcome.remarks:
            self.remark(outcome.name, remark, failed=outcome.kind == "failed")

    def remark(self, name: str, text: str, *, failed: bool) -> None:
        """Print a sentence about one item; of many that are the same but for names and numbers, the first few."""
        key = (failed, _NAMES_AND_NUMBERS.sub("'", text.replace(name, "'")))
        self._alike[key] += 1
        if self._alike[key] <= SHOWN_ALIKE:
            (self.complain if failed else self.note)(f"{name}: {text}")

    def close(self) -> None:
        """Say how many remarks were left out as there were so many alike."""
        for (failed, key), n in self._alike.items():
            if n > SHOWN_ALIKE:
                like = " ".join(key.replace("'", "...").split())
                (self.complain if failed else self.note)(f"{n - SHOWN_ALIKE} more like these: {like}")
        self._alike.clear()


def progress_line(n: int, kinds: Mapping[str, int], seconds: float, *, total: int | None, unit: str) -> str:
    """Return how far a run has come, as one line.

    Examples
    --------
    >>> progress_line(30, {"matched": 4, "failed": 1}, 60.0, total=90, unit="file")
    '30 of 90 files done (4 matched, 1 failed), 0.50 per second, about 2 min to go'
    """
    done = f"{n} of {counted(total, unit)}" if total is not None else counted(n, unit)
    kinds_text = f" ({_kinds_text(kinds)})" if kinds else ""
    rate = n / max(seconds, 1e-9)
    left = f", about {max(1, round((total - n) / rate / 60))} min to go" if total is not None and 0 < n < total else ""
    return f"{done} done{kinds_text}, {rate:.2f} per second{left}"


@contextmanager
def progress(
    total: int | None, quiet: bool, *, unit: str = "file", unit_scale: bool = False, in_lines: bool = False
) -> Iterator[Teller]:
    """Show progress on stderr, if that is a terminal and the work takes long enough for a bar to be of use.

    Parameters
    ----------
    total : int or None
        Units in all, if that is known.
    quiet : bool
        Show no bar, and no notes either.
    unit_scale : bool
        Whether large numbers are shortened, as in 3.2 MB.
    in_lines : bool
        Whether progress is told in a line every half minute where there is no terminal.

    Yields
    ------
    Teller
        By which to count and to print.
    """
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its thread would keep the one worker of one job from being forked
    hidden = quiet or not sys.stderr.isatty()
    delay = PROGRESS_DELAY_SECONDS
    with tqdm(total=total, unit=unit, unit_scale=unit_scale, delay=delay, leave=False, disable=hidden) as bar:
        line = functools.partial(progress_line, total=total, unit=unit) if in_lines and hidden and not quiet else None
        teller = Teller(bar, quiet, line=line)
        try:
            yield teller
        finally:
            teller.close()


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Take Ctrl-C and SIGTERM for the wish to come to an end: the first sets the event, the second interrupts."""
    stop = threading.Event()

    def note_wish(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, note_wish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kinds_text(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())
