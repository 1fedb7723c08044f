"""Spoilt RTP, RTCP, STUN and DTLS datagrams to a media worker's ports."""

import random
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aioice import stun

from tests.accept.garbage.mutation import Mutator
from tests.accept.garbage.pace import Counts

_SOCKETS: Final = 8
_LOOK_S: Final = 1.0  # how often it looks which ports are open
_HELLO: Final = bytes.fromhex(  # a DTLS 1.2 ClientHello with use_srtp, in one record
    "16fefd0000000000000000006b0100005f000000000000005ffefd" + "5a" * 32 + "0000000a" + "c02bc02fc00ac0140033"
    "01000031"
    + "000a00080006001d00170018"
    + "000b00020100"
    + "000d000e000c040305030603040105010601"
    + "000e0007000400010007"
    "00"
)
_ALERT: Final = bytes.fromhex("15fefd000000000000000000020228")


class MediaSource:
    """Send spoilt datagrams to a worker's browser port and to whichever of its trunk ports are open."""

    def __init__(
        self,
        host: str,
        *,
        browser_ports: Sequence[int],
        trunk_ports: tuple[int, int],
        fragments: Sequence[str],
        seed: int,
    ) -> None:
        """`fragments` are ICE user names of the worker that are in use."""
        self.counts = Counts()
        self._host = host
        self._browser_ports = browser_ports
        self._range = range(trunk_ports[0], trunk_ports[1] + 1)
        self._fragments = [*fragments, "nobody"]
        self._rng = random.Random(seed)
        self._mutator = Mutator(self._rng)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_SOCKETS)]
        for sock in self._sockets:
            sock.setblocking(False)
            sock.bind((host, 0))
        self._open: list[int] = []
        self._looked = 0.0

    def close(self) -> None:
        """Close its ports."""
        for sock in self._sockets:
            sock.close()

    def send(self) -> None:
        """Send one datagram."""
        kind = self._rng.choice((self._rtp, self._rtp, self._rtcp, self._stun, self._stun, self._dtls, self._noise))
        ports = self._open_ports() if self._rng.random() < 0.4 else []
        port = self._rng.choice(ports or self._browser_ports)
        sock = self._rng.choice(self._sockets)
        try:
            sock.sendto(kind()[:60_000], (self._host, port))
            self.counts[kind.__name__.strip("_") + (" to a trunk port" if ports else "")] += 1
            sock.recv(2048)
            self.counts["came back"] += 1
        except OSError:  # nothing came back, or a trunk port has just closed
            return

    def _open_ports(self) -> list[int]:
        """Return the UDP ports of the range that are open now."""
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            lines = Path("/proc/net/udp").read_text().splitlines()[1:]
            bound = (int(line.split()[1].rpartition(":")[2], 16) for line in lines)
            self._open = [port for port in bound if port in self._range]
        return self._open

    def _rtp(self) -> bytes:
        kind = self._rng.choice((0, 8, 101, 111, 13, 96, 127, self._rng.randrange(128)))
        header = struct.pack(
            "!BBHII", 0x80, kind, self._rng.randrange(65536), self._rng.getrandbits(32), self._rng.getrandbits(32)
        )
        packet = header + self._rng.randbytes(self._rng.choice((0, 4, 160, 160)))
        return packet if self._rng.random() < 0.5 else self._mutator.binary(packet)

    def _rtcp(self) -> bytes:
        report = struct.pack("!BBHI", 0x81, self._rng.choice((200, 201, 202, 203, 205, 206)), 7, 1) + bytes(24)
        return report if self._rng.random() < 0.3 else self._mutator.binary(report)

    def _stun(self) -> bytes:
        message = stun.Message(
            message_method=self._rng.choice((stun.Method.BINDING, stun.Method.ALLOCATE)),
            message_class=self._rng.choice(
                (stun.Class.REQUEST, stun.Class.REQUEST, stun.Class.RESPONSE, stun.Class.ERROR)
            ),
        )
        message.attributes["USERNAME"] = f"{self._rng.choice(self._fragments)}:them"
        message.attributes["PRIORITY"] = self._rng.getrandbits(31)
        message.attributes["ICE-CONTROLLING"] = self._rng.getrandbits(63)
        if self._rng.random() < 0.7:
            message.add_message_integrity(b"a guess")
        packet = bytes(message)
        return packet if self._rng.random() < 0.3 else self._mutator.binary(packet)

    def _dtls(self) -> bytes:
        record = self._rng.choice((_HELLO, _HELLO, _ALERT))
        return record if self._rng.random() < 0.3 else self._mutator.binary(record)

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.choice((0, 1, 2, 12, 20, 100, 1400)))
