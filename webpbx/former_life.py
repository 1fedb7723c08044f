"""What a switch finds of its former life: calls that are written, and the workers that still carry their sound."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final

from webpbx.calls.exchanges import Exchanges
from webpbx.calls.live_calls import LiveCalls
from webpbx.calls.restore import Reviver, restore, sweep
from webpbx.media.client import Hello, Media
from webpbx.store.store import Store

logger = logging.getLogger(__name__)

WORKERS_KNOWN_SECONDS: Final = 2.5
"""How long the workers of written calls may take to answer a new switch."""


class FormerLife:
    """Takes up the written calls once, and has every worker's legs swept that belong to none."""

    def __init__(self, exchanges: Exchanges, live_calls: LiveCalls) -> None:
        self._exchanges = exchanges
        self._live_calls = live_calls
        self._hellos: dict[str, Hello] = {}
        self._heard = asyncio.Event()
        self._media: Media | None = None
        self._sweeps: set[asyncio.Task[None]] = set()

    def worker_ready(self, worker: str, hello: Hello) -> None:
        """Note what a worker says of itself when it is reached; once calls are taken up, sweep it."""
        self._hellos[worker] = hello
        self._heard.set()
        if self._media is not None:
            sweeping = asyncio.create_task(self._sweep({worker: hello}, self._media), name=f"sweep of {worker}")
            self._sweeps.add(sweeping)
            sweeping.add_done_callback(self._sweeps.discard)

    async def hear_workers(self) -> None:
        """Wait for the workers of the written calls."""
        needed = {leg.worker for call in await self._live_calls.all() for leg in call.legs}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WORKERS_KNOWN_SECONDS):
                while not needed <= set(self._hellos):
                    self._heard.clear()
                    await self._heard.wait()

    async def take_up(self, *, revivers: Mapping[str, Reviver], media: Media, store: Store) -> None:
        """Let joined calls go on, end the others, and close the records of those of which nothing is left."""
        hellos = dict(self._hellos)  # another may come meanwhile
        restored = await restore(
            self._live_calls, exchanges=self._exchanges, revivers=revivers, hellos=hellos, media=media
        )
        self._media = media
        await self._sweep({worker: hello for worker, hello in self._hellos.items() if worker not in hellos}, media)
        living = [call_id for exchange in self._exchanges.values() for call_id in exchange.calls]
        closed = await store.close_interrupted(living=living)
        if restored.taken_up or restored.ended or closed:
            logger.info(
                "after a restart: %d calls go on, %d were ended, %d records closed",
                *(restored.taken_up, restored.ended, closed),
            )

    async def _sweep(self, hellos: Mapping[str, Hello], media: Media) -> None:
        closed = await sweep(self._exchanges, hellos, media)
        if closed:
            logger.info("closed %d legs that belonged to no call", closed)
