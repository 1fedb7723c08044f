"""A tab as the real Socket.IO client makes one."""
# The library has no types.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import socketio

from tests.web.house import House, ScriptedDevice
from webpbx.web.sockets.phone import NAMESPACE

HELLO: Final[dict[str, Any]] = {"device_id": "d1", "tab_id": "t1", "owner": True, "language": "de"}


class Page:
    """One tab; what the server sends is kept in order."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.socket.on("*", self._hear, namespace=NAMESPACE)
        self.socket.on("disconnect", self._lose, namespace=NAMESPACE)
        self._ids = 0

    async def _hear(self, event: str, data: Any) -> None:
        await self.told.put((event, data))

    async def _lose(self, _reason: str) -> None:
        self.gone.set()

    async def send(self, event: str, *, id: str | None = None, **fields: Any) -> Any:  # noqa: A002 - the field's name
        self._ids += 1
        return await self.raw(event, {"id": id or f"c{self._ids}", **fields})

    async def raw(self, event: str, *data: Any) -> Any:
        return await self.socket.call(event, data if len(data) != 1 else data[0], namespace=NAMESPACE, timeout=20)

    async def flood(self, times: int) -> None:
        with contextlib.suppress(socketio.exceptions.SocketIOError):
            for _ in range(times):
                await self.socket.emit("duty", {"id": "c", "on": True}, namespace=NAMESPACE)

    async def hears(self) -> tuple[str, Any]:
        return await asyncio.wait_for(self.told.get(), 20)


@contextlib.asynccontextmanager
async def open_page(
    house: House, login: str = "anna", *, origin: str | None = "", auth: dict[str, Any] | None = None, cookie: str = ""
) -> AsyncIterator[Page]:
    """Open a tab whose user signed in by a bearer token, unless `auth` says otherwise."""
    headers = {"Cookie": cookie} if cookie else {}
    if origin is not None:
        headers["Origin"] = origin or house.origin
    if auth is None:
        user = await house.store.users.by_login(login)
        assert user is not None
        auth = {"token": await house.sessions.open_tab(user)}
    async with connected(house.origin, auth=auth, headers=headers) as page:
        yield page


@contextlib.asynccontextmanager
async def connected(url: str, *, auth: dict[str, Any], headers: dict[str, str]) -> AsyncIterator[Page]:
    """Connect a tab and disconnect it."""
    page = Page()
    try:
        await page.socket.connect(
            url, headers=headers, auth=auth, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=20
        )
        yield page
    finally:
        await page.socket.shutdown()
        await page.socket.disconnect()


def device_of(house: House, user: str = "anna", device: str = "d1") -> ScriptedDevice:
    return house.phones.devices["acme", user, device]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another task brings about."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.001)


async def refusal(house: House, auth: dict[str, Any], cookie: str = "") -> Any:
    page = Page()
    refused: asyncio.Queue[Any] = asyncio.Queue()
    page.socket.on("connect_error", refused.put, namespace=NAMESPACE)
    headers = {"Origin": house.origin} | ({"Cookie": cookie} if cookie else {})
    with contextlib.suppress(socketio.exceptions.ConnectionError):
        await page.socket.connect(
            house.origin, headers=headers, auth=auth, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=20
        )
    await page.socket.disconnect()
    return (await asyncio.wait_for(refused.get(), 20))["data"]["error_id"]
