"""How late an event loop is: a probe each 20 ms, and the stack of what held it up."""

import asyncio
import gc
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Final, Self

PERIOD: Final = 0.020  # seconds between two probes
TOO_LATE: Final = 0.040  # seconds of lag after which the stack is logged
WINDOW: Final = round(60 / PERIOD)  # probes that count: those of the last minute

logger = logging.getLogger(__name__)


class LoopProbe:
    """Measures the running loop while it is entered; a thread logs once where the loop stands when it is over 40 ms."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lags: deque[float] = deque([0.0], maxlen=WINDOW)
        self._clock = clock
        self._due = 0.0
        self._collecting_since = 0.0
        self.longest_collection = 0.0
        """Seconds that the longest garbage collection took so far."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop_thread = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="loop lag", daemon=True)

    def __enter__(self) -> Self:
        """Begin on the running loop."""
        self._loop_thread = threading.get_ident()
        gc.callbacks.append(self._on_collection)
        self._schedule(asyncio.get_running_loop())
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        gc.callbacks.remove(self._on_collection)
        self._over.set()
        self._watcher.join()

    def quantiles(self) -> tuple[float, float, float]:
        """Give the median, the 99th percentile and the worst of the last minute, in seconds."""
        lags = sorted(self._lags)
        return lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1]

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = self._clock() + PERIOD
        self._timer = loop.call_later(PERIOD, self._probe, loop)

    def _probe(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lags.append(max(0.0, self._clock() - self._due))
        self._schedule(loop)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = self._clock()
        else:
            self.longest_collection = max(self.longest_collection, self._clock() - self._collecting_since)

    def _watch(self) -> None:
        told = 0.0
        while not self._over.wait(TOO_LATE):
            due = self._due
            lag = self._clock() - due
            frame = sys._current_frames().get(self._loop_thread) if lag > TOO_LATE and due != told else None  # noqa: SLF001 - the documented way to another thread's stack
            if frame is not None:
                told = due
                logger.warning("the event loop is held up since %.0f ms: %s", lag * 1000, _where(frame))


def _where(frame: FrameType) -> str:
    """Name the calls under way, the innermost first; their source stays unread, which would take memory and time."""
    calls = traceback.walk_stack(frame)
    return ", ".join(f"{call.f_code.co_qualname} ({call.f_code.co_filename}:{line})" for call, line in calls)
