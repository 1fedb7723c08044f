"""What every relay server of the bench is asked, and what its processes cost."""

import random
import socket
from pathlib import Path
from typing import Protocol

HOST = "127.0.0.1"
PROC = Path("/proc")


class RelayServer(Protocol):
    """A server in processes of its own that joins a browser's end to a provider's."""

    name: str

    async def start(self) -> None: ...
    async def join(self, call: str, browser_offer: str, trunk_sdp: str) -> tuple[str, str]:
        """Return the answer for the browser and the SDP for the provider."""
        ...

    def cpu_ns(self) -> int:
        """Return CPU time used so far by all threads of its processes."""
        ...

    async def stop(self) -> None: ...


def process_cpu_ns(pid: int) -> int:
    """Return the CPU time of a process' threads and of its children."""
    total = 0
    for task in (PROC / str(pid) / "task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
        total += sum(process_cpu_ns(int(child)) for child in (task / "children").read_text().split())
    return total


def port_range(count: int) -> int:
    """Return the first of `count` UDP ports in a row; the first two are free now, servers pass over others in use."""
    while True:
        first = random.randrange(20000, 32000 - count, 2)  # noqa: S311 - spreads benches that run at the same time
        try:
            for port in (first, first + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
                    tried.bind((HOST, port))
        except OSError:
            continue
        return first
