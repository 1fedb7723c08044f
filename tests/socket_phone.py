"""A user's telephone without a browser: signs in over HTTP, then speaks the page's Socket.IO; sound is another's."""

import asyncio
import itertools
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp
import socketio

NAMESPACE = "/phone"
Call = dict[str, Any]


class Refused(Exception):  # noqa: N818 - the server's answer, not a fault of the test
    """The server acknowledged with an error."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer)
        self.error_id = answer.get("error_id")


class SocketPhone:
    """One tab; use with `async with`. `calls` is what the page would show, by leg id."""

    def __init__(self, url: str, login: str, password: str, *, device: str = "test-device") -> None:
        self.calls: dict[str, Call] = {}
        self.notices: list[dict[str, Any]] = []
        self.device = device
        self._url = url
        self._sign_in = {"login": login, "password": password}
        self._changed = asyncio.Condition()
        self._stack = AsyncExitStack()
        self._generation = itertools.count(1)

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        cookies = aiohttp.CookieJar(unsafe=True)  # the server's name is an address
        http = await self._stack.enter_async_context(aiohttp.ClientSession(cookie_jar=cookies))
        origin = {"Origin": self._url}
        async with http.post(f"{self._url}/api/v1/session", json=self._sign_in, headers=origin) as answer:
            told = await answer.json()
            if not answer.ok:
                raise Refused(told)
        client: Any = socketio.AsyncClient  # the library has no types
        self._socket = client(http_session=http, reconnection=False)
        self._socket.on("call", self._on_call, namespace=NAMESPACE)
        self._socket.on("snapshot", self._on_snapshot, namespace=NAMESPACE)
        self._socket.on("notice", self._on_notice, namespace=NAMESPACE)
        self._stack.push_async_callback(self._socket.disconnect)
        await self._socket.connect(
            self._url, headers=origin, auth={"csrf": told["csrf"]}, namespaces=[NAMESPACE], transports=["websocket"]
        )
        device = {"device_id": self.device, "tab_id": f"tab-of-{self.device}", "owner": True, "language": "en"}
        await self._on_snapshot(await self.send("hello", **device))

    async def send(self, event: str, **fields: Any) -> dict[str, Any]:
        """Send an event; return its acknowledgement, or raise Refused."""
        fields["id"] = uuid.uuid4().hex  # the server remembers what a device has ordered, over its connections too
        answer = await self._socket.call(event, fields, namespace=NAMESPACE, timeout=20)
        if "error_id" in answer:
            raise Refused(answer)
        return dict(answer)

    async def go_on_duty(self) -> None:
        await self.send("duty", on=True)

    async def dial(self, number: str) -> str:
        """Call a number; return the leg's id."""
        return str((await self.send("dial", number=number))["leg_id"])

    async def answer(self, leg_id: str) -> None:
        await self.send("answer", leg_id=leg_id)

    async def hang_up(self, leg_id: str) -> None:
        await self.send("hang_up", leg_id=leg_id)

    async def press(self, leg_id: str, keys: str) -> None:
        await self.send("digits", leg_id=leg_id, keys=keys)

    async def attach(self, leg_id: str, offer: str) -> str:
        """Bring sound to a leg; return the SDP answer."""
        answer = await self.send("attach", leg_id=leg_id, sdp=offer, generation=next(self._generation))
        return str(answer["sdp"])

    async def rings(self, *, seconds: float = 15.0) -> Call:
        """Wait for an incoming call."""
        return await self.shows(
            lambda call: call["direction"] == "in" and call["state"] == "ringing", "a ringing call", seconds=seconds
        )

    async def until(self, leg_id: str, state: str, *, seconds: float = 15.0) -> Call:
        """Wait until a call has a state."""
        return await self.shows(
            lambda call: call["leg_id"] == leg_id and call["state"] == state, f"{leg_id} {state}", seconds=seconds
        )

    async def shows(self, condition: Callable[[Call], bool], what: str, *, seconds: float = 15.0) -> Call:
        """Wait for a call that meets a condition."""

        def found() -> Call | None:
            return next((call for call in self.calls.values() if condition(call)), None)

        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: found() is not None), seconds)
            except TimeoutError:
                raise AssertionError(f"not within {seconds} s: {what}; shown: {list(self.calls.values())}") from None
            call = found()
            assert call is not None
            return call

    async def _on_call(self, told: dict[str, Any]) -> None:
        async with self._changed:
            self.calls[told["call"]["leg_id"]] = told["call"]
            self._changed.notify_all()

    async def _on_snapshot(self, told: dict[str, Any]) -> None:
        async with self._changed:
            self.calls |= {call["leg_id"]: call for call in told.get("calls", [])}
            self._changed.notify_all()

    async def _on_notice(self, told: dict[str, Any]) -> None:
        self.notices.append(told)
