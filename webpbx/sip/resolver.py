"""Where a proxy is: NAPTR, SRV, A and AAAA in this order (RFC 3263 §4), fetched beforehand, never in the packet path.

What was asked for once is renewed as its TTL ends for as long as somebody uses it. While the name servers are gone the
last answer stands (RFC 8767); that a name exists no longer is an answer.
"""

import asyncio
import ipaddress
import logging
import random as random_source
import socket
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, Final

from webpbx.sip.name_servers import NameServers, NameServersGoneError
from webpbx.sip.transport import Address, Way

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 60.0
"""How often who holds addresses for long asks for them again."""
FIRST_SECONDS: Final = 2.0
"""How long a name that was never known is waited for; its answer is kept even if it comes later."""
LEAST_SECONDS: Final = 5.0
MOST_SECONDS: Final = 86_400.0
"""TTLs are held in between; a question nobody answered is asked again after the least."""
PINNED_SECONDS: Final = 60.0
IN_USE_SECONDS: Final = 900.0
"""A name nobody has used for so long is renewed no more; its answer is still kept."""
_SERVICES: Final = {"UDP": ("SIP+D2U", "_sip._udp"), "TCP": ("SIP+D2T", "_sip._tcp"), "TLS": ("SIPS+D2T", "_sips._tcp")}
"""Each transport's NAPTR service and SRV label (RFC 3263 §4.1)."""

Question = tuple[str, int, str]
"""Host, port, transport; with a port, 0 included where no transport is named, A and AAAA alone are asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place of a service: what SRV says of it, and its addresses."""

    addresses: tuple[Address, ...]
    priority: int = 0
    weight: int = 0


@dataclass(slots=True)
class _Held:
    """An answer: fresh until `until`; `is_whole` False when a server was silent on part of it."""

    targets: tuple[Target, ...]
    until: float
    is_whole: bool
    is_orphaned: bool = False
    """It stands only because the name servers are gone."""


class Resolver:
    """Keep the addresses of names. One IP family, or both with AF_UNSPEC, IPv4 first."""

    def __init__(
        self,
        family: socket.AddressFamily,
        *,
        servers: NameServers | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: random_source.Random | None = None,
    ) -> None:
        self._kinds = [
            kind
            for kind, spoken in (("A", socket.AF_INET), ("AAAA", socket.AF_INET6))
            if family in {spoken, socket.AF_UNSPEC}
        ]
        self._servers = servers or NameServers()
        self._clock = clock
        self._random = random or random_source.SystemRandom()
        self._held: dict[Question, _Held] = {}
        self._used: dict[Question, float] = {}
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._renewals: dict[Question, asyncio.TimerHandle] = {}

    async def places(self, way: Way) -> list[Address]:
        """Return where a way leads, in the order of trial; SRV's weights are drawn anew each time."""
        host, port = way.address
        return await self._answer((way.host, way.port, way.transport), host, port)

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host itself, each with this port."""
        return await self._answer((host, port, ""), host, port)

    async def _answer(self, question: Question, host: str, port: int) -> list[Address]:
        if literal := _literal(host):
            return [(literal, port)]
        self._used[question] = self._clock()
        held = self._held.get(question)
        if held is None or self._clock() >= held.until:
            asking = self._ask(question)
            if held is None:
                await asyncio.wait([asking], timeout=FIRST_SECONDS)
                held = self._held.get(question)
        return list(dict.fromkeys(self._in_order(held.targets))) if held else []

    def _in_order(self, targets: Sequence[Target]) -> Iterable[Address]:
        """Draw by weight within each priority (RFC 2782)."""
        for _, group in groupby(sorted(targets, key=lambda each: each.priority), key=lambda each: each.priority):
            left = sorted(group, key=lambda each: each.weight)
            while left:
                sums = list(accumulate(each.weight for each in left))
                drawn = bisect_left(sums, self._random.randint(0, sums[-1]))
                yield from left.pop(drawn).addresses

    # -- asking --------------------------------------------------------------------------------------------------

    def _ask(self, question: Question) -> asyncio.Task[None]:
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.get_running_loop().create_task(self._fetch(question))
            asking.add_done_callback(lambda _: self._asking.pop(question, None))
        return asking

    async def _fetch(self, question: Question) -> None:
        search = _Search(self._servers, self._kinds)
        targets = await search.run(*question)
        seconds = min(max(search.seconds, LEAST_SECONDS), MOST_SECONDS) if search.is_whole else LEAST_SECONDS
        until = self._clock() + seconds
        held = self._held.get(question)
        if held is not None and not search.is_whole and ((held.targets and held.is_whole) or not targets):
            if not held.is_orphaned:
                log.warning("the name servers do not tell where %s is: what was known of it stands", question[0])
            held.until, held.is_orphaned = until, True
        else:
            if held is None or held.targets != targets:
                log.info("%s is at %s", question[0], ", ".join(_words(targets)) or "no address")
            self._held[question] = _Held(targets, until, search.is_whole)
        if former := self._renewals.pop(question, None):
            former.cancel()
        self._renewals[question] = asyncio.get_running_loop().call_later(seconds, self._renew, question)

    def _renew(self, question: Question) -> None:
        """Ask again as an answer ends, so that nobody ever waits for it."""
        del self._renewals[question]
        if self._clock() - self._used[question] < IN_USE_SECONDS:
            self._ask(question)

    async def close(self) -> None:
        """Ask no more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for renewal in self._renewals.values():
            renewal.cancel()
        self._renewals.clear()


class _Search:
    """One question's way through the records; `seconds` is the shortest TTL met."""

    def __init__(self, servers: NameServers, kinds: Sequence[str]) -> None:
        self._servers = servers
        self._kinds = kinds
        self.seconds = MOST_SECONDS
        self.is_whole = True

    async def run(self, host: str, port: int, transport: str) -> tuple[Target, ...]:
        """Return the targets; a server that is silent on one record does not keep us from the others."""
        if port or not transport or self._servers.pinned(host):
            default = Way(host, port, transport).address[1] if transport else port
            found = await self._addresses(host, default)
            return (Target(found),) if found else ()
        service, label = _SERVICES[transport]
        pointers, services = await asyncio.gather(
            self._pointers(host, service), self._records(f"{label}.{host}", "SRV")
        )
        if pointers:
            named = await asyncio.gather(*(self._records(name, "SRV") for name in pointers))
            services = next((records for records in named if records), services)
        if services:
            return await self._targets(services)
        found = await self._addresses(host, Way(host, 0, transport).address[1])
        return (Target(found),) if found else ()

    async def _records(self, name: str, kind: str) -> list[Any]:
        try:
            found, seconds = await self._servers.records(name, kind)
        except NameServersGoneError as error:
            log.debug("%s", error)
            self.is_whole = False
            return []
        if found:
            self.seconds = min(self.seconds, seconds)
        return found

    async def _pointers(self, host: str, service: str) -> list[str]:
        """Return the SRV names that NAPTR gives for a transport, in order (RFC 3263 §4.1)."""
        found = [
            each
            for each in await self._records(host, "NAPTR")
            if each.service.decode("latin-1").upper() == service and each.flags.lower() == b"s"
        ]
        return [str(each.replacement) for each in sorted(found, key=lambda each: (each.order, each.preference))]

    async def _targets(self, services: list[Any]) -> tuple[Target, ...]:
        """Give each SRV record its addresses; the target "." says that the service is not to be had (RFC 2782)."""
        real = [each for each in services if str(each.target) != "."]
        found = await asyncio.gather(*(self._addresses(str(each.target), each.port) for each in real))
        return tuple(
            Target(places, each.priority, each.weight) for each, places in zip(real, found, strict=True) if places
        )

    async def _addresses(self, name: str, port: int) -> tuple[Address, ...]:
        pinned = [literal for text in self._servers.pinned(name) if (literal := _literal(text))]
        if pinned:
            self.seconds = min(self.seconds, PINNED_SECONDS)
            families = {"A": 4, "AAAA": 6}
            spoken = [families[kind] for kind in self._kinds]
            return tuple((each, port) for each in pinned if ipaddress.ip_address(each).version in spoken)
        found = await asyncio.gather(*(self._records(name, kind) for kind in self._kinds))
        return tuple((str(record.address), port) for records in found for record in records)


def _literal(host: str) -> str:
    """Return an IP address without brackets, "" for a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return ""


def _words(targets: Sequence[Target]) -> Iterable[str]:
    return (f"{host}:{port}" for target in targets for host, port in target.addresses)
