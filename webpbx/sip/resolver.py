"""Names to addresses, beforehand and cached, never in the packet path (RFC 3263 §4; NAPTR and SRV are to join here)."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from webpbx.sip.transport import Address

KEEP_SECONDS: Final = 60.0
"""How long an answer is fresh; an older one is still used while the name servers are gone."""

Lookup = Callable[[str, int, socket.AddressFamily], list[Address]]


def look_up(host: str, port: int, family: socket.AddressFamily) -> list[Address]:
    """Ask the system for a name's addresses; blocks, raises OSError."""
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    addresses = [(str(each[4][0]), port) for each in found]
    return list(dict.fromkeys(addresses))


class Resolver:
    """Look names up in threads of its own."""

    def __init__(
        self, family: socket.AddressFamily, *, lookup: Lookup = look_up, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._family = family
        self._lookup = lookup
        self._clock = clock
        self._cache: dict[Address, tuple[float, list[Address]]] = {}
        self._asking: dict[Address, asyncio.Future[list[Address]]] = {}
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sip-dns")

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return where a host is; [] when nobody knows. A stale answer is returned while it is asked anew."""
        try:
            return [(str(ipaddress.ip_address(host.strip("[]"))), port)]
        except ValueError:
            pass
        held = self._cache.get((host, port))
        if held is not None and self._clock() - held[0] < KEEP_SECONDS:
            return held[1]
        asking = self._ask(host, port)
        if held is not None:
            return held[1]
        return await asyncio.shield(asking)

    def _ask(self, host: str, port: int) -> asyncio.Future[list[Address]]:
        key = host, port
        if key not in self._asking:
            task = asyncio.ensure_future(self._fetch(host, port))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return self._asking[key]

    async def _fetch(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._executor, self._lookup, host, port, self._family)
        except (OSError, UnicodeError):
            found = []
        if found:
            self._cache[host, port] = self._clock(), found
        held = self._cache.get((host, port))
        return found or (held[1] if held else [])

    async def close(self) -> None:
        """End what is being asked; threads that hang in a name server are not waited for."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        self._executor.shutdown(wait=False, cancel_futures=True)
