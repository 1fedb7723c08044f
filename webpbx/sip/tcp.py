"""The connections of the stack: TCP, and TLS on top of it."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from webpbx.sip.tls import Authorities, name_of, names
from webpbx.sip.transport import Address, Flow

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0
_UNREAD_LIMIT: Final = 1 << 20
"""Bytes a far end may leave unread before its connection is dropped."""
_FAREWELL_SECONDS: Final = 1.0
_REFUSALS: Final = 1000
"""Ways whose last refusal is remembered."""
_KEEP_ALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000))


class Watcher(Protocol):
    """Who hears of connections."""

    def accept(self, flow: Flow) -> bool:
        """Hear of a connection that came in; False has it closed."""

    def opened(self, flow: Flow) -> None:
        """Hear that a connection of ours is up."""

    def heard(self, flow: Flow, data: bytes) -> None:
        """Hear what was read."""

    def closed(self, flow: Flow) -> None:
        """Hear that a connection is gone, or could not be made."""


class Connection(asyncio.Protocol):
    """Hold one connection; what is sent before it is up goes out when it is."""

    def __init__(self, connections: "Connections", flow: Flow, *, accepted: bool) -> None:
        self.flow = flow
        self.refusal = ""
        self.gone = asyncio.get_running_loop().create_future()
        self._accepted = accepted
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._unsent = bytearray()
        self._unheard = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a TLS peer that is not whom we mean hears nothing from us."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio gives a Protocol
        self._transport = transport
        identity = self.flow.identity
        if identity:
            found = names(transport.get_extra_info("peercert"))
            if name_of(identity) not in found:
                self.refusal = f"its certificate names {', '.join(found) or 'nobody'}"
                transport.abort()
                return
        keep_alive(transport)
        if not self._accepted:
            self._connections.watcher.opened(self.flow)
        transport.write(bytes(self._unsent))
        self._unsent.clear()
        if self._unheard:  # read together with the end of a TLS handshake
            self._connections.watcher.heard(self.flow, bytes(self._unheard))

    def data_received(self, data: bytes) -> None:
        """Pass on what was read."""
        if self._transport is None:
            self._unheard += data
        elif not self._transport.is_closing():
            self._connections.watcher.heard(self.flow, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        _ = exc
        self._connections.lost(self)

    def send(self, data: bytes) -> None:
        """Send, or keep it until the connection is up; a far end that reads nothing is left."""
        if self._transport is None:
            self._unsent += data
        elif not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > _UNREAD_LIMIT:
                self._transport.abort()

    def close(self) -> None:
        """Close once what was sent is out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def keep_alive(transport: asyncio.Transport) -> None:
    """Have the kernel notice within a minute that the far end is gone."""
    own: socket.socket = transport.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Door(asyncio.Protocol):
    """Take a connection that comes in; TLS begins only once its address has proved not to have too many."""

    def __init__(
        self, connections: "Connections", flow_of: Callable[[Address], Flow], context: ssl.SSLContext | None
    ) -> None:
        self._connections = connections
        self._flow_of = flow_of
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make it a connection, or close it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio gives a Protocol
        remote = transport.get_extra_info("peername")
        flow = self._flow_of((remote[0], remote[1])) if remote else None
        if flow is None or not self._connections.watcher.accept(flow):
            transport.abort()
            return
        connection = self._connections.hold(flow)
        if self._context is None:
            transport.set_protocol(connection)
            connection.connection_made(transport)
        else:
            transport.pause_reading()
            self._connections.spawn(self._shake_hands(connection, transport, self._context))

    async def _shake_hands(self, connection: Connection, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            inner = await loop.start_tls(
                transport, connection, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except (OSError, asyncio.CancelledError) as error:
            log.info("a TLS handshake of %s:%s failed: %s", *connection.flow.remote, error)
            transport.abort()
            self._connections.lost(connection)
            return
        if inner is None or connection.gone.done():
            return
        connection.connection_made(inner)


class Connections:
    """Hold every connection by its flow, open those that are sent upon, take those that come in."""

    def __init__(self, watcher: Watcher, authorities: Authorities) -> None:
        self.watcher = watcher
        self._authorities = authorities
        self._held: dict[Flow, Connection] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusals: dict[Flow, str] = {}
        """Why the last connection of ours that way could not be made."""

    async def listen(
        self, address: Address, flow_of: Callable[[Address], Flow], context: ssl.SSLContext | None = None
    ) -> Address:
        """Listen at an address, for TLS with a context; return the address, raise OSError when it is taken.

        Connections wait until `accept`.
        """
        host, port = address[0].strip("[]"), address[1]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family)
        bound.setblocking(False)
        host, port = bound.getsockname()[:2]
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Door(self, flow_of, context), sock=bound, start_serving=False)
        self._servers.append(server)
        return host, port

    async def accept(self) -> None:
        """Take connections from now on, those first that have waited."""
        for server in self._servers:
            await server.start_serving()

    def send(self, flow: Flow, data: bytes, source: Address | None) -> None:
        """Send on a flow; without a connection one is opened, from the source given."""
        connection = self._held.get(flow)
        if connection is None:
            connection = self._held[flow] = Connection(self, flow, accepted=False)
            self.spawn(self._connect(connection, source))
        connection.send(data)

    def close(self, flow: Flow) -> None:
        """Close a connection once what was sent is out."""
        connection = self._held.get(flow)
        if connection is not None:
            connection.close()

    def hold(self, flow: Flow) -> Connection:
        """Make a connection of one that came in."""
        connection = self._held[flow] = Connection(self, flow, accepted=True)
        return connection

    def lost(self, connection: Connection) -> None:
        """Hear, once or more, that a connection is gone."""
        if not connection.gone.done():
            connection.gone.set_result(None)
            del self._held[connection.flow]
            self.watcher.closed(connection.flow)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the end."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: Connection, source: Address | None) -> None:
        flow = connection.flow
        loop = asyncio.get_running_loop()
        try:
            context = None
            if flow.transport == "TLS":
                context = self._authorities.context(flow.identity)
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(
                    lambda: connection,
                    *flow.remote,
                    ssl=context,
                    server_hostname=name_of(flow.identity).removeprefix("*.") if context else None,
                    local_addr=source,
                )
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            connection.refusal = connection.refusal or _words(error)
            self._remember(flow, connection.refusal)
            self.lost(connection)
        else:
            self._remember(flow, connection.refusal)
        if connection.refusal:
            log.warning("no %s connection to %s:%s: %s", flow.transport, *flow.remote, connection.refusal)

    def _remember(self, flow: Flow, refusal: str) -> None:
        """Keep why a way is closed, for who asks; a way that is open again has no reason."""
        self.refusals.pop(flow, None)
        if refusal:
            if len(self.refusals) >= _REFUSALS:
                del self.refusals[next(iter(self.refusals))]
            self.refusals[flow] = refusal

    async def end(self) -> None:
        """Close everything and wait until it is."""
        for server in self._servers:
            server.close()
        held = list(self._held.values())
        for connection in held:
            connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        waiting = [connection.gone for connection in held]
        if waiting:
            await asyncio.wait(waiting, timeout=_FAREWELL_SECONDS)
        for connection in held:
            connection.abort()
        await asyncio.gather(*waiting)
        for server in self._servers:
            await server.wait_closed()


def _words(error: BaseException) -> str:
    """Say why a connection could not be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed ({(error.reason or str(error)).replace('_', ' ').lower()})"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or "it does not answer"
