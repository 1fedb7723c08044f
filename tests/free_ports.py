"""Ports nobody listens on, below those the system hands out by itself."""

import contextlib
import random
import socket
from pathlib import Path


def free_block(count: int, *, address: str = "127.0.0.1", step: int = 1) -> int:
    """Return the first of `count` consecutive ports free for TCP and UDP, a multiple of `step`."""
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        first = random.randrange(10240, ephemeral - count, step)  # unseeded: runs beside one another must differ
        if all(is_free(port, address=address) for port in range(first, first + count)):
            return first
    raise OSError(f"no {count} free ports at {address}")


def is_free(port: int, *, address: str = "127.0.0.1") -> bool:
    with contextlib.ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
