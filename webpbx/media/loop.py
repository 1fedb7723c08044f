"""The worker's own epoll loop.

asyncio allocates 256 KiB for each datagram and creates a handle for each callback; this loop does neither.
Time is the monotonic clock in seconds.
"""

import heapq
import logging
import select
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

Callback = Callable[[], None]

EPOLLOUT = select.EPOLLOUT
# How long packets are gathered. Waking is the dearest part of few calls: 4 ms instead of 2 saves a fifth of the CPU at
# 30 calls for 1.4 ms of delay, which no ear notices. Many calls fill the shorter time as well.
GATHER_FEW_SECONDS = 0.004
GATHER_MANY_SECONDS = 0.002
MANY = 12  # ready sockets
ROUNDS = 4  # of reading on in one turn: trunk sockets give one packet a round
LOGGED_ERRORS = 20


class Timer:
    """A callback due at a time, until cancelled."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callback) -> None:
        self.when = when
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Forget the callback; cancelling twice does no harm."""
        self.callback = None


class Loop:
    """Wait for sockets and timers and call back; an exception in a callback is counted and never ends the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.errors = 0
        self.now = clock()  # read once for all that is served together
        self._epoll = select.epoll()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._media: set[int] = set()
        self._timers: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._flowing = False  # packets came at the last gathering
        self._pause = GATHER_FEW_SECONDS
        self._stopped = False

    def add_reader(self, fileno: int, callback: Callback, *, media: bool = False) -> None:
        """Call back while `fileno` is readable; `media` sockets are read some time after waking, many at once."""
        self._readers[fileno] = callback
        if media:
            self._media.add(fileno)
        self._epoll.register(fileno, select.EPOLLIN)

    def set_writer(self, fileno: int, callback: Callback | None) -> None:
        """Call back while `fileno`, which has a reader, is writable; None ends that."""
        if callback is None:
            self._writers.pop(fileno, None)
            self._epoll.modify(fileno, select.EPOLLIN)
        else:
            self._writers[fileno] = callback
            self._epoll.modify(fileno, select.EPOLLIN | select.EPOLLOUT)

    def remove(self, fileno: int) -> None:
        """Forget `fileno`; call it before closing."""
        if self._readers.pop(fileno, None) is not None:
            self._epoll.unregister(fileno)
        self._writers.pop(fileno, None)
        self._media.discard(fileno)

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back once at `when`."""
        timer = Timer(when, callback)
        self._serial += 1
        heapq.heappush(self._timers, (when, self._serial, timer))
        return timer

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call back once in so many seconds."""
        return self.call_at(self.clock() + seconds, callback)

    def stop(self) -> None:
        """End `run` after the present turn."""
        self._stopped = True

    def close(self) -> None:
        """Release the descriptor."""
        self._epoll.close()

    def run(self) -> None:
        """Turn until stopped."""
        while not self._stopped:
            self.turn()

    def turn(self) -> None:
        """Wait for what is next and serve it."""
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        timeout = min(1.0, max(0.0, timers[0][0] - self.clock())) if timers else 1.0
        if not self._flowing:
            events = self._epoll.poll(timeout)
            self._flowing = not self._media.isdisjoint(fileno for fileno, _ in events)
            if not self._flowing:
                self._serve(events)
        if self._flowing:
            # While packets flow the next ones are sure to come: sleeping at once saves a wake-up for each gathering.
            time.sleep(min(self._pause, timeout))
            self._gather()
        self.now = now = self.clock()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                continue
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - counted and logged
                self.failed(error)

    def _gather(self) -> None:
        """Serve what has come, in rounds, and note whether packets still flow."""
        self._flowing = False
        ready = 0
        for _ in range(ROUNDS):
            events = self._epoll.poll(0)
            if not events:
                break
            self._flowing = self._flowing or not self._media.isdisjoint(fileno for fileno, _ in events)
            ready += len(events)
            self._serve(events)
        self._pause = GATHER_FEW_SECONDS if ready < MANY else GATHER_MANY_SECONDS

    def _serve(self, events: list[tuple[int, int]]) -> None:
        self.now = self.clock()
        readers, writers = self._readers, self._writers
        for fileno, flags in events:
            try:
                if flags & ~EPOLLOUT and (reader := readers.get(fileno)) is not None:
                    reader()
                if flags & EPOLLOUT and (writer := writers.get(fileno)) is not None:
                    writer()
            except Exception as error:  # noqa: BLE001 - one socket's trouble is not another's
                self.failed(error)

    def failed(self, error: Exception) -> None:
        """Count an error that must not end the loop."""
        self.errors += 1
        if self.errors <= LOGGED_ERRORS:
            logger.error("a callback of the media loop failed", exc_info=error)
