"""How late an event loop is: a probe each 20 ms, and the stack of what held it up."""

import asyncio
import gc
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Self

from prometheus_client import CollectorRegistry, Histogram

PERIOD = 0.020  # seconds between two probes
TOO_LATE = 0.040  # seconds of lag after which the stack is logged
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0)  # seconds

logger = logging.getLogger(__name__)


class LoopLag:
    """Feeds `webpbx_loop_lag_seconds{process}` and `webpbx_gc_pause_seconds{process}` while it is entered.

    A thread watches: over 40 ms it logs once where the loop's thread stands.
    """

    def __init__(
        self, process: str, *, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lag = Histogram(
            "webpbx_loop_lag_seconds", "How late a 20 ms timer fires", ["process"], registry=registry, buckets=BUCKETS
        ).labels(process)
        self._pause = Histogram(
            "webpbx_gc_pause_seconds", "Length of garbage collections", ["process"], registry=registry, buckets=BUCKETS
        ).labels(process)
        self._clock = clock
        self._due = 0.0
        self._collecting_since = 0.0
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

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = self._clock() + PERIOD
        self._timer = loop.call_later(PERIOD, self._probe, loop)

    def _probe(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lag.observe(max(0.0, self._clock() - self._due))
        self._schedule(loop)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = self._clock()
        else:
            self._pause.observe(self._clock() - self._collecting_since)

    def _watch(self) -> None:
        told = 0.0
        while not self._over.wait(TOO_LATE):
            due = self._due
            lag = self._clock() - due
            frame = sys._current_frames().get(self._loop_thread) if lag > TOO_LATE and due != told else None  # noqa: SLF001 - the documented way to another thread's stack
            if frame is not None:
                told = due
                stack = "".join(traceback.format_stack(frame))
                logger.warning("the event loop is held up since %.0f ms:\n%s", lag * 1000, stack)
