"""Recordings too short to be found by themselves: how much of one counts, and the remark on it.

A passage has to score above chance for the whole catalogue, and audio cut into other music loses the landmarks at both
of its ends. Measured with 16 recordings of each length, in the clear between other music: of 0.8 s, 2 to 4 were found,
of 1.0 s 6 to 8, of 1.2 s 12 or 13, of 1.5 s 14, of 2.0 s all; the lower figures in a catalogue of 100 000.
"""

import math

from index.storage.tags import Ranges, outside

__all__ = ["brevity_remarks"]

_SURE_SECONDS = 2.0


def brevity_remarks(duration_ms: int, *, excluded: Ranges = ()) -> tuple[str, ...]:
    """Return the remarks on a short recording; none for most.

    Parameters
    ----------
    duration_ms : int
        Length of the recording.
    excluded : tuple of (int, int)
        Its excluded ranges, in milliseconds: only the longest stretch between them counts.

    Examples
    --------
    >>> brevity_remarks(180_000)
    ()
    >>> brevity_remarks(180_000, excluded=((1_000, 180_000),))[0][:44]
    'only 1 s at a stretch counts: in a programme'
    """
    longest = max((end - start for start, end in outside(0.0, duration_ms / 1000, excluded)), default=0.0)
    if longest >= _SURE_SECONDS:
        return ()
    shown = math.floor(100 * longest + 1e-6) / 100
    return (
        f"only {shown:g} s at a stretch counts: in a programme it may not be found; of such recordings, 2 s are found, "
        "1.5 s mostly, 1 s in half of the cases and less hardly ever; add the longer recording that it comes from, if "
        "there is one",
    )
