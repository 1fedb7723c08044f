"""The one UDP socket a worker has for all browsers at an address, and whose each datagram is."""

import ipaddress
import socket
from collections import Counter, deque
from typing import Protocol

from webpbx.media import stun
from webpbx.media.batch import Address, Inbox, Key, address_of
from webpbx.media.context import Context
from webpbx.media.errors import BadRequestError
from webpbx.media.packet import MAX_DATAGRAM, PacketBuffer

MIN_DATAGRAM = 12  # the shortest RTP header
SOCKET_BUFFER = 4 << 20
DTLS_SECONDS = 0.004  # handshake work a turn
MAX_QUEUED = 16  # DTLS datagrams of one path; a flight has at most a handful
PLAIN_PER_SECOND = 5  # unauthenticated STUN answers per address
PLAIN_SOURCES = 200  # addresses answered within a second


class Path(Protocol):
    """A browser's PeerConnection as its socket sees it."""

    queued: int  # DTLS datagrams that wait

    def check(self, request: stun.BindingRequest, via: "BrowserSocket", address: Address, now: float) -> None:
        """Take a STUN request that names this path."""
        ...

    def receive(self, packet: PacketBuffer, length: int, now: float) -> None:
        """Take SRTP or SRTCP from a validated source."""
        ...

    def receive_dtls(self, datagram: bytes) -> None:
        """Take DTLS from a validated source."""
        ...


class Registry:
    """Paths by the user name browsers call them, and the handshakes that wait for their turn."""

    def __init__(self, context: Context) -> None:
        self.by_ufrag: dict[str, Path] = {}
        self.plain: Counter[str] = Counter()
        self.plain_second = 0
        self._context = context
        self._waiting: deque[tuple[Path, bytes]] = deque(maxlen=1024)
        self._scheduled = False

    def handshake(self, path: Path, datagram: bytes) -> None:
        """Hand the datagram to the path's DTLS when there is time: handshakes must not delay sound."""
        if path.queued >= MAX_QUEUED or len(self._waiting) == self._waiting.maxlen:
            self._context.dropped["dtls_busy"] += 1
            return
        path.queued += 1
        self._waiting.append((path, datagram))
        if not self._scheduled:
            self._scheduled = True
            self._context.loop.call_later(0, self._work)

    def _work(self) -> None:
        loop = self._context.loop
        end = loop.clock() + DTLS_SECONDS
        try:
            while self._waiting and loop.clock() < end:
                path, datagram = self._waiting.popleft()
                path.queued -= 1
                path.receive_dtls(datagram)
        finally:
            self._scheduled = bool(self._waiting)
            if self._scheduled:
                loop.call_later(DTLS_SECONDS, self._work)


class BrowserSocket:
    """Read datagrams and hand each to its path; whatever cannot be placed is dropped and counted."""

    def __init__(self, context: Context, registry: Registry, *, address: str, port: int, advertised: str) -> None:
        self.advertised = advertised
        self.by_source: dict[Key, Path] = {}
        self._context = context
        self._registry = registry
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            raise BadRequestError(
                f"UDP port {port} of {address} cannot be used for media ({error.strerror}); choose another media port."
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._inbox = Inbox(self._socket)
        context.loop.add_reader(self._socket.fileno(), self._read, media=True)

    def close(self) -> None:
        """Stop listening."""
        self._context.loop.remove(self._socket.fileno())
        self._socket.close()

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """Send one datagram; a full buffer or an unreachable address loses it."""
        try:
            self._socket.sendto(data, address)
            self._context.packets_out += 1
        except OSError:
            self._context.dropped["send_failed"] += 1

    def _read(self) -> None:
        context, by_source = self._context, self.by_source
        dropped, now = context.dropped, context.loop.now
        for packet, length, source in self._inbox.take():
            context.packets_in += 1
            if not MIN_DATAGRAM <= length <= MAX_DATAGRAM:
                dropped["odd_size"] += 1
            elif 128 <= packet.view[0] <= 191:  # noqa: PLR2004 - RFC 7983
                path = by_source.get(source)
                if path is None:
                    dropped["unvalidated_source"] += 1
                    continue
                try:
                    path.receive(packet, length, now)
                except Exception as error:  # noqa: BLE001 - one packet's trouble is not that of the others taken with it
                    context.loop.failed(error)
            else:
                self._receive_other(bytes(packet.view[:length]), source, now)

    def _receive_other(self, datagram: bytes, source: Key, now: float) -> None:
        first = datagram[0]
        if first <= 3:  # noqa: PLR2004 - RFC 7983
            self._stun(datagram, address_of(source), now)
        elif 20 <= first <= 63:  # noqa: PLR2004 - RFC 7983
            path = self.by_source.get(source)
            if path is None:
                self._context.dropped["unvalidated_source"] += 1
            else:
                self._registry.handshake(path, datagram)
        else:
            self._context.dropped["odd_first_byte"] += 1

    def _stun(self, data: bytes, address: Address, now: float) -> None:
        request = stun.parse_request(data)
        if request is None:
            self._context.dropped["bad_stun"] += 1
        elif request.username is None:
            self._answer_plain(request, address, now)
        else:
            path = self._registry.by_ufrag.get(request.username.partition(":")[0])
            if path is None:
                self._context.dropped["unknown_ufrag"] += 1
            else:
                path.check(request, self, address, now)

    def _answer_plain(self, request: stun.BindingRequest, address: Address, now: float) -> None:
        """Serve as a STUN server, so little to each address that reflecting it is of no use."""
        registry = self._registry
        if int(now) != registry.plain_second:
            registry.plain_second = int(now)
            registry.plain.clear()
        host = address[0]
        if registry.plain[host] >= PLAIN_PER_SECOND or (
            host not in registry.plain and len(registry.plain) >= PLAIN_SOURCES
        ):
            self._context.dropped["stun_rate"] += 1
            return
        registry.plain[host] += 1
        self.send(stun.success(request.transaction, address[:2], None), address)
