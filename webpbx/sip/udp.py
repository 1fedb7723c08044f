"""The UDP socket of the stack, with the ICMP errors its peers send back.

In a flood the kernel's queue would make every message minutes late, those of running calls too. So the queue is emptied
at once, what belongs to a call or to a request of ours comes first, and the rest waits in a short queue of our own
that is worked off in slices; what finds it full is dropped unread, and its sender repeats it.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from webpbx.sip.grammar import MESSAGE_LIMIT
from webpbx.sip.transport import Address

WAITING_LIMIT: Final = 500
WAITING_BYTES: Final = 2 << 20
_READ_AT_ONCE: Final = 100
_SLICE_S: Final = 0.003
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_QUEUE_LIMIT: Final = 64
_BUFFER: Final = 4 << 20
_MSG_ERRQUEUE: Final = getattr(socket, "MSG_ERRQUEUE", 0x2000)


class UdpSocket:
    """Hold the socket; `on_data(data, remote)` hears datagrams, `on_error(remote)` closed ports.

    `expected(data)` tells at a glance whether a datagram belongs to something under way; `on_shed()` hears of each that
    was dropped. Between `open` and `read` what comes waits in the socket's own buffer, and can be sent already.
    """

    def __init__(
        self,
        on_data: Callable[[bytes, Address], None],
        on_error: Callable[[Address], None],
        *,
        expected: Callable[[bytes], bool] = lambda _: False,
        on_shed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_data = on_data
        self._on_error = on_error
        self._expected = expected
        self._on_shed = on_shed
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, Address]] = deque()
        self._waiting_bytes = 0
        self._working: asyncio.Handle | None = None
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
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            opened.bind((host, listen[1]))
        except OSError:
            opened.close()
            raise
        self._socket = opened
        self.local = opened.getsockname()[:2]
        return family

    def read(self) -> None:
        """Hear from now on what has come and what comes."""
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram; a full queue loses it, as UDP may; of an unreachable address `on_error` hears."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(data, remote)
        except BlockingIOError:
            return
        except OSError:  # mostly an earlier datagram's ICMP error, told by this call, which has then not sent
            self._read_errors()
            try:
                self._socket.sendto(data, remote)
            except BlockingIOError:
                return
            except OSError:  # no way leads there, or none that may be taken: as good as a closed port
                self._loop.call_soon(self._on_error, remote)

    def _readable(self) -> None:
        """Empty the kernel's queue: serve what is expected now, put the rest into ours."""
        for _turn in range(_READ_AT_ONCE):
            if self._socket is None:
                return
            try:
                data, source = self._socket.recvfrom(MESSAGE_LIMIT)
            except BlockingIOError:
                break
            except OSError:
                self._read_errors()
                continue
            remote = (str(source[0]), int(source[1]))
            if self._expected(data):
                self._on_data(data, remote)
            elif len(self._waiting) < WAITING_LIMIT and self._waiting_bytes < WAITING_BYTES:
                self._waiting.append((data, remote))
                self._waiting_bytes += len(data)
            else:
                self._on_shed()
        if self._waiting and self._working is None:
            self._work()

    def _work(self) -> None:
        """Serve what waits, for a slice of time, then let others have the loop."""
        self._working = None
        until = self._loop.time() + _SLICE_S
        while self._waiting and self._socket is not None:
            data, remote = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            self._on_data(data, remote)
            if self._loop.time() > until:
                self._working = self._loop.call_soon(self._work)
                return

    def _read_errors(self) -> None:
        """Find out from the error queue whose port is closed."""
        for _turn in range(_QUEUE_LIMIT):
            try:
                if self._socket is None:
                    return
                _data, _ancillary, _flags, address = self._socket.recvmsg(0, 512, _MSG_ERRQUEUE)
            except (OSError, struct.error):
                return
            if address:
                self._on_error((str(address[0]), int(address[1])))

    async def close(self) -> None:
        """Close the socket; what waits is lost."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._working is not None:
            self._working.cancel()
        self._waiting.clear()


def local_address_towards(remote: Address, family: socket.AddressFamily) -> str:
    """Return the address this machine would send from; no packet is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        return str(probe.getsockname()[0])
