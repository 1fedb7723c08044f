"""Socket.IO as the library speaks it, with the guards it lacks.

python-socketio lets a client send binary parts, several hundred events a second, events named like its own ("connect"),
and logs a traceback for each malformed packet. Everything a client sends passes here first.
"""
# The library has no types.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import engineio
import socketio
from aiohttp import web
from engineio.async_drivers.aiohttp import WebSocket
from engineio.async_socket import AsyncSocket

from webpbx.errors import WebpbxError
from webpbx.web.errors import BadRequest, ack_of, unexpected
from webpbx.web.limits import TokenBucket

Connected = Callable[[str, str, web.Request, Any], Awaitable[None]]
"""Socket id, connection id, the request that opened it, what the page handed over."""
Disconnected = Callable[[str], Awaitable[None]]
Command = Callable[[str, str, tuple[Any, ...]], Awaitable[Mapping[str, Any]]]
"""Socket id, event, arguments."""

MESSAGE_LIMIT: Final = 64 * 1024
PING_INTERVAL: Final = 10
PING_TIMEOUT: Final = 10
# Above the rate for events: who exceeds this is not a page, and is cut.
_CUT_RATE: Final = 40.0
_CUT_BURST: Final = 200.0
_SEND_TIMEOUT: Final = 20.0
_CLOSE_TIMEOUT: Final = 2.0
# Engine.IO close, pong, or a message that is a Socket.IO connect, disconnect, event or ack.
_ALLOWED: Final = re.compile(r"1|3|4[0-3]")

_CONNECTION: Final = web.RequestKey("connection", AsyncSocket)

_logger = logging.getLogger("webpbx.web.sockets.engine")
# Below this the library would write whole packets: tokens and pressed keys.
_logger.setLevel(logging.ERROR)


class _GuardedWebSocket(WebSocket):
    """One browser's WebSocket: text only, bounded in size and rate, and never waiting for ever on a slow reader."""

    async def __call__(self, environ: Mapping[str, Any]) -> web.StreamResponse:
        request: web.Request = environ["aiohttp.request"]
        self._request = request
        self._bucket: TokenBucket = self.server.bucket()
        self._socket = self._sock = web.WebSocketResponse(
            max_msg_size=MESSAGE_LIMIT, compress=False, timeout=_CLOSE_TIMEOUT
        )
        await self._socket.prepare(request)
        self.environ = environ
        await self.handler(self)
        return self._socket

    async def send(self, message: str) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT):
                await self._socket.send_str(message)
        except TimeoutError:
            self._cut()
            raise

    async def wait(self) -> str:
        message = await self._socket.receive()
        if not isinstance(message.data, str):
            raise OSError("closed")
        if not self._bucket.take() or not _ALLOWED.match(message.data):
            self._cut()
            raise OSError("flood or garbage")
        return message.data

    def _cut(self) -> None:
        transport = self._request.transport
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Engine(engineio.AsyncServer):
    """Engine.IO whose tasks end with it."""

    def __init__(self, *, clock: Callable[[], float], **options: Any) -> None:
        super().__init__(**options)
        self._async = {**(self._async or {}), "websocket": _GuardedWebSocket}
        self._tasks: dict[asyncio.Task[Any], Any] = {}
        """With whose they are: a connection's waits for its next ping would outlive it."""
        self._clock = clock

    def bucket(self) -> TokenBucket:
        return TokenBucket(rate=_CUT_RATE, burst=_CUT_BURST, clock=self._clock)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(target(*args, **kwargs))
        self._tasks[task] = getattr(target, "__self__", None)
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def end_tasks_of(self, owner: Any) -> None:
        for task in [task for task, whose in self._tasks.items() if whose is owner]:
            task.cancel()

    async def shutdown(self) -> None:
        for socket in list(self.sockets.values()):
            await socket.close(wait=False)
        if self.service_task_handle is not None:
            await super().shutdown()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Namespace(socketio.AsyncNamespace):
    """Hands what the library receives to the callbacks of SocketServer."""

    def __init__(self, namespace: str, *, connected: Connected, disconnected: Disconnected, command: Command) -> None:
        super().__init__(namespace)
        self._connected = connected
        self._disconnected = disconnected
        self._command = command

    async def trigger_event(self, event: str, *args: Any) -> Any:
        if event == "connect":
            return await self._connect(*args)
        if event == "disconnect":
            await self._disconnected(args[0])
            return None
        return await self._command(args[0], event, args[1:])

    async def _connect(self, socket_id: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        server: Any = self.server
        engine_id = server.manager.eio_sid_from_sid(socket_id, self.namespace)
        try:
            await self._connected(socket_id, engine_id, environ["aiohttp.request"], auth)
        except WebpbxError as error:
            raise socketio.exceptions.ConnectionRefusedError(error.text, ack_of(error)) from None
        except Exception as error:  # noqa: BLE001 - the client is told no more than that it failed
            told = unexpected(error, where="signing a socket in")
            raise socketio.exceptions.ConnectionRefusedError(told.text, ack_of(told)) from None


class _Server(socketio.AsyncServer):
    """Socket.IO that takes the listed events and ends a connection over anything else."""

    def __init__(self, *, events: frozenset[str], **options: Any) -> None:
        self._events = events
        super().__init__(**options)

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def cut_off(self, engine_id: str) -> None:
        socket = self.eio.sockets.get(engine_id)
        if socket is not None:
            await socket.close(wait=False)
            await socket.queue.put(None)  # ends the writer, which closes the WebSocket

    async def drop(self, request: web.Request) -> None:
        """Forget a connection whose handler is over: the library does so only where nothing failed in it."""
        socket = request.get(_CONNECTION)
        if socket is not None:
            self.eio.sockets.pop(socket.sid, None)
            await socket.close(wait=False, abort=True)
            await socket.queue.put(None)
            self.eio.end_tasks_of(socket)

    async def _handle_eio_connect(self, eio_sid: str, environ: Mapping[str, Any]) -> None:  # type: ignore[override]
        environ["aiohttp.request"][_CONNECTION] = self.eio.sockets[eio_sid]
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, namespace or "/") is not None:
            raise BadRequest("This connection is signed in already.")
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:  # type: ignore[override]
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closing or socket.closed:
            return  # what comes after the cut would sign in a connection that nobody ends any more
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception:  # noqa: BLE001 - whatever the parser makes of garbage, the answer is the same
            await self.cut_off(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str, id: int | None, data: Any) -> None:  # noqa: A002 - theirs
        if not isinstance(data, list) or not data or data[0] not in self._events:
            raise BadRequest("There is no such event.")
        await super()._handle_event(eio_sid, namespace, id, data)


class SocketServer:
    """A Socket.IO server for one namespace and a fixed set of events, over WebSocket only.

    `connected` raises WebpbxError to refuse a socket; `command` returns the acknowledgement of an event.
    """

    def __init__(
        self,
        *,
        namespace: str,
        events: frozenset[str],
        connected: Connected,
        disconnected: Disconnected,
        command: Command,
        clock: Callable[[], float],
    ) -> None:
        self._namespace = namespace
        self._server = _Server(
            events=events,
            async_mode="aiohttp",
            clock=clock,
            transports=["websocket"],
            allow_upgrades=False,
            namespaces=[namespace],
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            max_http_buffer_size=MESSAGE_LIMIT,
            cors_allowed_origins=[],  # checked before the library sees the request
            logger=_logger,
            engineio_logger=_logger,
        )
        self._server.register_namespace(
            _Namespace(namespace, connected=connected, disconnected=disconnected, command=command)
        )

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket from its opening to its end; raise BadRequest for anything else."""
        query = request.query
        wanted = query.get("transport") == "websocket" and query.get("EIO") == "4" and "sid" not in query
        if not wanted or "j" in query or not web.WebSocketResponse().can_prepare(request):
            raise BadRequest("This address takes WebSocket connections of Socket.IO 5 only.")
        try:
            response: web.StreamResponse = await self._server.handle_request(request)
        finally:
            await self._server.drop(request)
        return response

    async def tell(self, socket_id: str, event: str, payload: Mapping[str, Any]) -> None:
        """Send one event to one socket."""
        await self._server.emit(event, payload, to=socket_id, namespace=self._namespace)

    async def cut_off(self, engine_id: str) -> None:
        """End a whole connection, without waiting for a client that does not read."""
        await self._server.cut_off(engine_id)

    async def close(self) -> None:
        """End every connection and every task."""
        await self._server.shutdown()
