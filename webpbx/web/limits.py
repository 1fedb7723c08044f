import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_KEYS_KEPT: Final = 20_000


@dataclass(frozen=True)
class FailureLimit:
    """How many failed attempts within a time are too many."""

    failures: int
    seconds: float


class Failures:
    """Counts failed attempts by key in a sliding window; success costs nothing: offices share an address.

    Bounded: beyond 20,000 keys the one that failed longest ago is forgotten.
    """

    def __init__(self, limit: FailureLimit, *, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def retry_after(self, key: str) -> int | None:
        """Whole seconds until another attempt is taken; None when one is taken now."""
        times = self._recent(key)
        if len(times) < self._limit.failures:
            return None
        oldest_that_counts = times[-self._limit.failures]
        return max(1, math.ceil(oldest_that_counts + self._limit.seconds - self._clock()))

    def add(self, key: str) -> None:
        """Count one failed attempt."""
        times = self._recent(key)
        times.append(self._clock())
        self._times[key] = times[-self._limit.failures :]
        self._times.move_to_end(key)
        while len(self._times) > _KEYS_KEPT:
            self._times.popitem(last=False)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - self._limit.seconds
        times = [time for time in self._times.get(key, ()) if time > since]
        if times:
            self._times[key] = times
        else:
            self._times.pop(key, None)
        return times


class TokenBucket:
    """Lets `rate` a second through on average and `burst` at once."""

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """Token buckets by key, the least recently used forgotten beyond 20,000."""

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take one token of this key's bucket; False when there is none."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate=self._rate, burst=self._burst, clock=self._clock)
        self._buckets.move_to_end(key)
        while len(self._buckets) > _KEYS_KEPT:
            self._buckets.popitem(last=False)
        return bucket.take()
