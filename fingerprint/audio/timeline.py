"""Where decoded sound lies in time: at its presentation times, as any player shows them.

A container may start its sound late (a delay, an edit list), leave holes in it, or change its clock. A gap is time for
which the file holds no sound: it becomes silence of that length, never cut out. Sound is never cut out either: where
times step back, later sound is placed after earlier sound.

A file may state a hole of years. Gaps are kept up to `MAX_GAP_SECONDS` in all, at rates beyond 48 kHz up to as many
samples; one beyond is closed, and so are those that a broadcast stream, whose clock may jump, makes of a jump. Times
after it count on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["MAX_GAP_SECONDS", "START_TOLERANCE_SECONDS", "Gaps", "Timeline"]

MAX_GAP_SECONDS: Final = 4 * 3600.0
_GAP_RATE_HZ: Final = 48_000

# Encoders put a frame or two of delay before the first sample: a start this late is the start.
START_TOLERANCE_SECONDS: Final = 0.1

# Containers round times to milliseconds, and live encoders are late by some.
_TOLERANCE_SECONDS: Final = 0.05

# Further back than any rounding or overlap: the clock was set anew.
_STEP_BACK_SECONDS: Final = 1.0

_LISTED: Final = 3


@dataclass(slots=True)
class Gaps:
    """Silent stretches that replace missing sound: how many, how long, and the first few.

    Attributes
    ----------
    seconds : float
        Length of all, in seconds.
    count : int
        How many there are.
    spans : list of tuple of float
        Start and end of the first three, in seconds.
    """

    seconds: float = 0.0
    count: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)

    def add(self, start_seconds: float, seconds: float) -> None:
        """Count one more."""
        self.seconds += seconds
        self.count += 1
        if len(self.spans) < _LISTED:
            self.spans.append((start_seconds, start_seconds + seconds))

    def without_first(self) -> Gaps:
        """Return all but the first."""
        start, end = self.spans[0]
        return Gaps(self.seconds - (end - start), self.count - 1, self.spans[1:])

    def extend(self, later: Gaps, shift_seconds: float) -> None:
        """Count those of a later part of the file, which starts at `shift_seconds`."""
        self.seconds += later.seconds
        self.count += later.count
        moved = [(start + shift_seconds, end + shift_seconds) for start, end in later.spans]
        self.spans = [*self.spans, *moved][:_LISTED]

    def __str__(self) -> str:
        spans = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in self.spans)
        return spans + (f" and {self.count - len(self.spans)} more" if self.count > len(self.spans) else "")


class Timeline:
    """Gaps before frames, from their times.

    Parameters
    ----------
    origin_seconds : float
        Time in the file that is second 0 of the track.
    rate_hz : int
        Rate of the sound, in Hz.
    longest_gap_seconds : float
        A longer step forwards, once there was sound, is a jump of the clock.

    Attributes
    ----------
    gaps : Gaps
        Time for which the file holds no sound.
    damaged : Gaps
        Sound that could not be decoded.
    jumps : Gaps
        Steps of the clock, for which there is no silence; a span ends before it starts where times step back.

    Examples
    --------
    >>> timeline = Timeline(0.0, rate_hz=44100)
    >>> timeline.gap_before(5.0, at_seconds=0.0), timeline.gap_before(6.001, at_seconds=6.0)
    (5.0, 0.0)
    >>> str(timeline.gaps)
    '0.00-5.00 s'
    """

    def __init__(self, origin_seconds: float, *, rate_hz: int, longest_gap_seconds: float = MAX_GAP_SECONDS) -> None:
        self.gaps = Gaps()
        self.damaged = Gaps()
        self.jumps = Gaps()
        self._origin_seconds = origin_seconds
        self._all_gaps_seconds = MAX_GAP_SECONDS * min(1.0, _GAP_RATE_HZ / max(1, rate_hz))
        self._longest_gap_seconds = longest_gap_seconds

    def gap_before(self, time_seconds: float, *, at_seconds: float, damaged: bool = False) -> float:
        """Return how much silence goes before a frame.

        Parameters
        ----------
        time_seconds : float
            Time that the file gives the frame.
        at_seconds : float
            Where the sound before it ends on the track.
        damaged : bool
            True where something before it could not be decoded.

        Returns
        -------
        float
            Seconds of silence, 0 where the frame follows at once.
        """
        ahead = time_seconds - self._origin_seconds - at_seconds
        if not at_seconds and abs(ahead) <= START_TOLERANCE_SECONDS:
            self._origin_seconds += ahead
            return 0.0
        if -_STEP_BACK_SECONDS <= ahead <= _TOLERANCE_SECONDS:
            return 0.0
        longest = self._all_gaps_seconds - self.gaps.seconds - self.damaged.seconds
        if at_seconds:
            longest = min(longest, self._longest_gap_seconds)
        if not 0.0 <= ahead <= longest:
            self._origin_seconds += ahead
            self.jumps.add(at_seconds, ahead)
            return 0.0
        (self.damaged if damaged else self.gaps).add(at_seconds, ahead)
        return ahead
