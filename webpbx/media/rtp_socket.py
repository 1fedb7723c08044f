"""A trunk leg's own pair of UDP sockets, RTP on a random even port and RTCP one above."""

import ctypes
import ipaddress
import random
import socket
import sys
from typing import Any

from webpbx.media.errors import NoPortError

ATTEMPTS = 200
SOCKET_BUFFER = 1 << 18
STALE = 2000  # datagrams the buffer may hold
UNSPECIFIED = bytes(28)  # a socket address of family AF_UNSPEC


def open_pair(address: str, ports: tuple[int, int], rng: random.Random) -> tuple[socket.socket, socket.socket]:
    """Bind RTP and RTCP sockets within `ports`, first and last; raises NoPortError."""
    first, last = ports
    first += first % 2
    choices = (last - first + 1) // 2
    for _ in range(ATTEMPTS):
        if choices < 1:
            break
        port = first + 2 * rng.randrange(choices)
        opened: list[socket.socket] = []
        try:
            opened.append(_bound(address, port))
            opened.append(_bound(address, port + 1))
        except OSError:
            for each in opened:
                each.close()
            continue
        return opened[0], opened[1]
    raise NoPortError(f"No pair of UDP ports between {ports[0]} and {ports[1]} is free on {address}.")


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def connect_only(bound: socket.socket, address: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Connect to `address` and return it, or None where there is no such thing; None as `address` disconnects.

    What had come before, from anywhere, is thrown away. Raises OSError.
    """
    if sys.platform != "linux":
        return None
    if address is None or ipaddress.ip_address(address[0]).is_unspecified:
        ctypes.CDLL(None).connect(bound.fileno(), UNSPECIFIED, len(UNSPECIFIED))
        return None
    bound.connect(address)
    for _ in range(STALE):
        try:
            bound.recv(1)
        except BlockingIOError:
            break
        except OSError:  # an earlier far end's refusal
            continue
    return address
