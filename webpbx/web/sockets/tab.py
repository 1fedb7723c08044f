import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from webpbx.web.errors import BadRequest, unexpected
from webpbx.web.limits import TokenBucket
from webpbx.web.sessions import Signed
from webpbx.web.sockets.surface import Device

_EVENT_RATE: Final = 20.0
_EVENT_BURST: Final = 40.0
_WAITING: Final = 500  # events to a tab that have not been taken by the wire

Emit = Callable[[str, dict[str, Any], str], Awaitable[None]]


class Tab:
    """One signed-in socket: who it is, which device it speaks for, and what is on its way to it, numbered in order."""

    def __init__(
        self, socket_id: str, engine_id: str, signed: Signed, *, emit: Emit, clock: Callable[[], float]
    ) -> None:
        self.socket_id = socket_id
        self.engine_id = engine_id
        self.signed = signed
        self.device_id = ""
        self.tab_id = ""
        self.bucket = TokenBucket(rate=_EVENT_RATE, burst=_EVENT_BURST, clock=clock)
        self.seq = 0
        self.overrun = False
        """It has missed an event, as it does not read or as we failed: it must be cut, and comes back by hello."""
        self._device: Device | None = None
        self._listens = False
        self._emit = emit
        self._outgoing: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(_WAITING)
        self._writer = asyncio.create_task(self._write())

    @property
    def device(self) -> Device:
        """The endpoint that this tab commands; raise BadRequest before its hello."""
        if self._device is None:
            raise BadRequest("Say hello before anything else.")
        return self._device

    def send(self, event: str, payload: dict[str, Any]) -> None:
        """Queue one event with the next number, if the tab has its snapshot; what comes before is in the snapshot."""
        if not self._listens:
            return
        if self._outgoing.full():
            self.overrun = True
            return
        self.seq += 1
        self._outgoing.put_nowait((event, {"seq": self.seq, **payload}))

    async def quiet(self) -> None:
        """Take no new events and wait until the queued ones are on the wire: then a snapshot may be made."""
        self._listens = False
        await self._outgoing.join()

    def listen(self, device: Device) -> None:
        """Take events from now on: the snapshot is made."""
        self._device = device
        self._listens = True

    async def close(self) -> None:
        """Send nothing more."""
        self._listens = False
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        while not self._outgoing.empty():
            self._outgoing.get_nowait()
            self._outgoing.task_done()

    async def _write(self) -> None:
        while True:
            event, payload = await self._outgoing.get()
            try:
                await self._emit(event, payload, self.socket_id)
            except Exception as error:  # noqa: BLE001 - a tab that misses an event must be cut, not left silent
                unexpected(error, where=f"telling a tab of {event}")
                self.overrun = True
            finally:
                self._outgoing.task_done()
