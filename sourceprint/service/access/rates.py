"""Rate limits: how many requests a key may make in a minute, counted in the memory of the server."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["RateLimits"]

_MOST_KEYS = 10_000  # buckets that are kept; those used longest ago go first
_MINUTE_SECONDS = 60.0


@dataclass(slots=True)
class RateLimits:
    """A token bucket for each key: full after a quiet minute, refilled evenly.

    Parameters
    ----------
    monotonic : callable
        Returns seconds that never go back.
    """

    monotonic: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, per_minute: int) -> float:
        """Take one request from the bucket of a key; return 0.0, or the seconds to wait where it is empty."""
        with self._lock:
            now = self.monotonic()
            left, at = self._buckets.pop(key, (float(per_minute), now))
            left = min(per_minute, left + (now - at) * per_minute / _MINUTE_SECONDS)
            wait = 0.0 if left >= 1.0 else (1.0 - left) * _MINUTE_SECONDS / per_minute
            self._buckets[key] = (left if wait else left - 1.0, now)
            while len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
            return wait
