"""The UDP socket of the stack, with the ICMP errors its peers send back."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final

from webpbx.sip.grammar import MESSAGE_LIMIT
from webpbx.sip.transport import Address

_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_QUEUE_LIMIT: Final = 64
_MSG_ERRQUEUE: Final = getattr(socket, "MSG_ERRQUEUE", 0x2000)


class UdpSocket(asyncio.DatagramProtocol):
    """Hold the socket; `on_data(data, remote)` hears datagrams, `on_error(remote)` closed ports.

    Between `open` and `read` what comes waits in the socket's own buffer, and can be sent already.
    """

    def __init__(self, on_data: Callable[[bytes, Address], None], on_error: Callable[[Address], None]) -> None:
        self._on_data = on_data
        self._on_error = on_error
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.get_running_loop().create_future()
        self.local: Address = ("", 0)

    async def open(self, listen: Address) -> socket.AddressFamily:
        """Bind; raise OSError when the address is taken."""
        host = listen[0].strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            if family == socket.AF_INET:
                opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            else:
                opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            opened.bind((host, listen[1]))
        except OSError:
            opened.close()
            raise
        self._socket = opened
        self.local = opened.getsockname()[:2]
        return family

    async def read(self) -> None:
        """Hear from now on what has come and what comes."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)
        transport.max_size = MESSAGE_LIMIT  # type: ignore[attr-defined]  # asyncio takes 256 KiB a datagram otherwise
        self._transport = transport

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram; a full queue or an unreachable address loses it, as UDP may."""
        if self._transport is None:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.sendto(data, remote)
        elif not self._transport.is_closing():
            self._transport.sendto(data, remote)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Pass a datagram on."""
        self._on_data(data, (str(addr[0]), addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Find out from the error queue whose port is closed."""
        _ = exc
        for _turn in range(_QUEUE_LIMIT):
            try:
                if self._socket is None:
                    return
                _data, _ancillary, _flags, address = self._socket.recvmsg(0, 512, _MSG_ERRQUEUE)
            except (OSError, struct.error):
                return
            if address:
                self._on_error((str(address[0]), int(address[1])))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the socket is closed."""
        _ = exc
        if not self._closed.done():
            self._closed.set_result(None)

    async def close(self) -> None:
        """Close the socket and wait until it is."""
        if self._transport is not None:
            self._transport.close()
            await self._closed
        elif self._socket is not None:
            self._socket.close()
            self._socket = None


def local_address_towards(remote: Address, family: socket.AddressFamily) -> str:
    """Return the address this machine would send from; no packet is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        return str(probe.getsockname()[0])
