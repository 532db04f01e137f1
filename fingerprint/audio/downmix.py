"""Mix many channels down to one, so that nothing cancels.

The input is blocks of samples of any scale, ``[shape=(n_channels, n)]``; the output is finite mono samples, and counts
of odd values.

The mean of the channels ("mid") is the natural downmix, and fails where channels are out of phase: a stereo file with
one side inverted has a silent mid. So each piece of half a second is checked: where the mid holds far less power than
unrelated channels would leave in it, the louder channel replaces it. The pieces lie at fixed places of the file:
the result depends on the file, not on how a decoder cuts it up.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fingerprint.audio.sources import piece_length

__all__ = ["Downmixer"]

# The mean of n unrelated channels of equal power holds 1/n of a channel's power. Below a fifth of that they cancel: for
# stereo, where the mid is 10 dB under the mean power of the two sides.
_CANCELLED: Final = 0.2

# 180 dB above full scale: no more a sample than NaN is, and its square overflows later on.
_ABSURD: Final = 1e9

_FULL_SCALE: Final = 0.999


class Downmixer:
    """Mix blocks of consecutive samples down to one channel, and count odd values.

    Parameters
    ----------
    rate_hz : int
        Rate of the samples, in Hz. Every block but the last must hold a whole number of pieces (`piece_length`).

    Attributes
    ----------
    rate_hz : int
        Rate of the samples, in Hz.
    n_samples : int
        Samples mixed so far.
    n_invalid : int
        Values that were NaN, infinite or beyond 1e9, and were set to zero.
    n_full_scale : int
        Mixed samples at or above 0.999.
    n_cancelled : int
        Samples of pieces where one channel replaced the mid.
    peak : float
        Largest magnitude of the mix.

    Examples
    --------
    >>> sine = np.sin(np.arange(8, dtype=np.float32))
    >>> mixer = Downmixer(8)
    >>> bool(np.array_equal(mixer.mix(np.stack([sine, -sine])), sine))
    True
    >>> mixer.n_cancelled
    8
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.n_samples = 0
        self.n_invalid = 0
        self.n_full_scale = 0
        self.n_cancelled = 0
        self.peak = 0.0
        self._stand_in = 0

    def mix(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mono signal of the next block.

        Parameters
        ----------
        channels : NDArray[np.float32] [shape=(n_channels, n)]
            Consecutive samples, of any scale; never changed.

        Returns
        -------
        NDArray[np.float32] [shape=(n,)]
            A new array of finite samples.
        """
        if not channels.size:
            return np.zeros(0, np.float32)
        stand_in = self._stand_in
        mono, n_cancelled = self._mix_pieces(channels)
        peak = max(float(mono.max()), -float(mono.min()))
        if not peak <= _ABSURD:  # True for NaN
            valid = np.abs(channels) <= _ABSURD
            self.n_invalid += valid.size - int(np.count_nonzero(valid))
            self._stand_in = stand_in
            mono, n_cancelled = self._mix_pieces(np.where(valid, channels, np.float32(0.0)))
            peak = max(float(mono.max()), -float(mono.min()))
        if peak >= _FULL_SCALE:
            self.n_full_scale += int(np.count_nonzero(np.abs(mono) >= _FULL_SCALE))
        self.peak = max(self.peak, peak)
        self.n_cancelled += n_cancelled
        self.n_samples += mono.size
        return mono

    def _mix_pieces(self, channels: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """Return the mix of the block, and the number of its samples where one channel replaced the mid."""
        n_channels, n_samples = channels.shape
        n_cancelled = 0
        with np.errstate(over="ignore", invalid="ignore"):  # NaN and the like: the caller looks
            mono = _mean_of_channels(channels)
            length = piece_length(self.rate_hz)
            for start in range(0, n_samples if n_channels > 1 else 0, length):
                piece = slice(start, start + length)
                if _is_cancelled(mono[piece], channels[:, piece]):
                    powers = [_power(channel[piece]) for channel in channels]
                    # Keep to one channel while it is loud enough: two inverted sides are equally loud, and going to
                    # and fro between them would click.
                    if self._stand_in >= n_channels or powers[self._stand_in] < 0.5 * max(powers):
                        self._stand_in = int(np.argmax(powers))
                    mono[piece] = channels[self._stand_in, piece]
                    n_cancelled += mono[piece].size
        return mono, n_cancelled


def _mean_of_channels(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    # Channel by channel: 17 times as fast as a mean over the short axis of interleaved samples.
    mono: NDArray[np.float32]
    if channels.shape[0] == 1:
        mono = channels[0].copy()
        return mono
    mono = channels[0] + channels[1]
    for channel in channels[2:]:
        mono += channel
    mono *= np.float32(1.0 / channels.shape[0])
    return mono


def _is_cancelled(mid: NDArray[np.float32], channels: NDArray[np.float32]) -> bool:
    n_channels, n_samples = channels.shape
    power = _power(mid)
    share = _CANCELLED / n_channels**2
    # First with the offsets counted in, which can only say yes too often, and takes a third of the time.
    in_memory_order = channels.T if channels.flags.f_contiguous else channels
    if power * n_samples >= share * float(np.einsum("ij,ij->", in_memory_order, in_memory_order)):
        return False
    return bool(power < share * sum(_power(channel) for channel in channels))


def _power(y: NDArray[np.float32]) -> float:
    """Return the variance of `y`: a constant offset is no sound."""
    mean = float(np.einsum("i->", y)) / y.size
    return max(0.0, float(np.einsum("i,i->", y, y)) / y.size - mean * mean)
