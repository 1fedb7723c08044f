"""A name server on loopback that can fall silent or go away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.asyncresolver import Resolver

from webpbx.sip.name_servers import NameServers

HERE = "127.0.0.1"


class NameServer(asyncio.DatagramProtocol):
    """Answer from `zone`, lines as in a zone file: name, TTL, kind, data."""

    def __init__(self, *zone: str) -> None:
        self.zone = list(zone)
        self.asked: Counter[str] = Counter()
        self.silent = False
        self.broken: set[str] = set()
        """Kinds that are answered with SERVFAIL."""
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HERE, 0))
        self._transport = transport
        self.port = int(transport.get_extra_info("sockname")[1])

    def kill(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked[f"{name.to_text(omit_final_dot=True)} {kind}"] += 1
        if self.silent or self._transport is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if kind in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        else:
            lines = [line.split(None, 3) for line in self.zone]
            mine = [line for line in lines if line[0] == name.to_text(omit_final_dot=True)]
            for _, ttl, _, text in (line for line in mine if line[2] == kind):
                answer.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, text))
            if not mine:
                answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)

    def servers(self, *, hosts: Path = Path("/dev/null"), lifetime: float = 5.0) -> NameServers:
        """Give the client side, which asks this server alone."""

        def make() -> Resolver:
            resolver = Resolver(configure=False)
            resolver.nameservers = [HERE]
            resolver.port = self.port
            return resolver

        return NameServers(make, hosts=hosts, lifetime=lifetime)


@asynccontextmanager
async def name_server(*zone: str) -> AsyncIterator[NameServer]:
    server = NameServer(*zone)
    await server.open()
    try:
        yield server
    finally:
        server.kill()
        await asyncio.sleep(0)
