"""The store of dialogs as the network sees it: each write is a task, and who gave an order waits for its writes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.outputs import Persist
from webpbx.sip.session import InviteUsage

log = logging.getLogger(__name__)

PersistPort = Callable[[DialogState | DialogGone], Awaitable[None]]


class Writing:
    """Write dialogs; `written` hears of each, with the error if there was one, before anyone who waits goes on."""

    def __init__(self, persist: PersistPort | None, written: Callable[[InviteUsage, Exception | None], None]) -> None:
        self._persist = persist
        self._written = written
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: Counter[str] = Counter()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}

    def write(self, order: Persist) -> None:
        """Begin to write."""
        task = asyncio.get_running_loop().create_task(self._write_through(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._left[order.usage.id] += 1

    async def done(self, usage: InviteUsage) -> None:
        """Wait until all that was ordered for a call is written."""
        if self._left[usage.id]:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(usage.id, []).append(waiter)
            await waiter

    async def finish(self) -> None:
        """Wait for everything."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write_through(self, order: Persist) -> None:
        usage = order.usage
        error: Exception | None = None
        if self._persist is not None:
            try:
                await self._persist(order.state)
            except Exception as failure:  # noqa: BLE001 - whatever the store raises ends the call, not the network
                error = failure
        if error is not None:
            log.error("a call's state could not be written, so a call that is being set up ends: %r", error)
        self._left[usage.id] -= 1
        self._written(usage, error)
        if not self._left[usage.id]:
            del self._left[usage.id]
            for waiter in self._waiters.pop(usage.id, ()):
                if not waiter.done():
                    waiter.set_result(None)
