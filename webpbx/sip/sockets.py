"""Every socket of the stack, and which of our addresses a flow bears."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol, cast

from webpbx.sip.grammar import SipError
from webpbx.sip.name_servers import NameServers
from webpbx.sip.resolver import Resolver
from webpbx.sip.settings import SipSettings
from webpbx.sip.tcp import Connections, Watcher
from webpbx.sip.tls import Authorities, Certificate, server_context
from webpbx.sip.transport import Address, Flow, Way
from webpbx.sip.udp import UdpSocket, local_address_towards

Listen = tuple[str, str, int]
"""Transport, host, port; port 0 takes a free one."""
Proxy = Address | Way | Flow
"""Where a request goes first: a bare address is UDP's; the flow of a binding is the connection its phone opened."""
_WILDCARDS = frozenset({"0.0.0.0", "::"})


class Hearer(Watcher, Protocol):
    """Who hears of datagrams too."""

    def broken(self, remote: Address) -> None:
        """Hear of a closed UDP port."""

    def expects(self, data: bytes) -> bool:
        """Tell at a glance whether a datagram belongs to something under way."""

    def shed(self) -> None:
        """Hear of a datagram that was dropped unread."""


class Sockets:
    """Send by any transport; `local` names the address of each listener."""

    def __init__(self, hearer: Hearer, settings: SipSettings, servers: NameServers | None = None) -> None:
        self.local: dict[tuple[str, socket.AddressFamily], Address] = {}
        self._hearer = hearer
        self._settings = settings
        self._authorities = Authorities()
        self._connections = Connections(hearer, self._authorities)
        self._udp: dict[socket.AddressFamily, UdpSocket] = {}
        self._towards: dict[str, str] = {}
        self._servers = servers
        self._resolver: Resolver | None = None

    @property
    def address(self) -> Address:
        """The address of the first listener."""
        return next(iter(self.local.values()))

    @property
    def family(self) -> socket.AddressFamily:
        """Which addresses we can speak to."""
        families = {family for _, family in self.local}
        return families.pop() if len(families) == 1 else socket.AF_UNSPEC

    async def open(self, listen: Address | Sequence[Listen], certificate: Certificate | None) -> None:
        """Bind all, a bare address for UDP; raise SipError when one cannot be had, and then hold none."""
        for transport, host, port in _listeners(listen):
            try:
                await self._open(transport, host, port, certificate)
            except (OSError, SipError) as error:
                await self.close()
                words = error.strerror if isinstance(error, OSError) else str(error)
                raise SipError(f"cannot listen for SIP on {host}:{port}: {words}", listen=(host, port)) from error
        self._resolver = Resolver(self.family, servers=self._servers)

    async def _open(self, transport: str, host: str, port: int, certificate: Certificate | None) -> None:
        family = _family(host)
        if (transport, family) in self.local:
            raise SipError(f"there is one {transport} listener already")
        if transport == "UDP":
            udp = UdpSocket(
                lambda data, remote: self._hearer.heard(self.flow("UDP", remote), data),
                self._hearer.broken,
                expected=self._hearer.expects,
                on_shed=self._hearer.shed,
            )
            await udp.open((host, port))
            self._udp[family] = udp
            self.local[transport, family] = udp.local
        elif transport in {"TCP", "TLS"}:
            if transport == "TLS" and certificate is None:
                raise SipError("TLS needs a certificate")
            context = server_context(certificate) if transport == "TLS" and certificate is not None else None
            self.local[transport, family] = await self._connections.listen(
                (host, port), lambda remote: self.flow(transport, remote), context
            )
        else:
            raise SipError(f"{transport} is no transport of SIP here")

    async def read(self) -> None:
        """Hear from now on what has come and what comes."""
        for udp in self._udp.values():
            udp.read()
        await self._connections.accept()

    def flow(self, transport: str, remote: Address, identity: str = "") -> Flow:
        """Name the way to an address: with our address there, as the far end is to be told it."""
        local = self.local.get((transport, _family(remote[0])))
        host, port = local or ("", 0)
        if self._settings.advertised:
            host = self._settings.advertised
        elif not host or host in _WILDCARDS:
            host = self._local_towards(remote, host)
        return Flow(transport, (host, port), remote, identity)

    async def flows(self, proxies: Sequence[Proxy]) -> list[Flow]:
        """Resolve each proxy and name the ways to it, in order; those nobody knows are left out."""
        found = await asyncio.gather(*(self._ways_to(proxy) for proxy in proxies))
        return list(dict.fromkeys(flow for flows in found for flow in flows))

    async def _ways_to(self, proxy: Proxy) -> list[Flow]:
        if isinstance(proxy, Flow):
            return [proxy]
        way = proxy if isinstance(proxy, Way) else Way(*proxy)
        self._authorities.remember(way)
        places = await self._resolver.places(way) if self._resolver else []
        return [self.flow(way.transport, remote, way.identity) for remote in places]

    def large(self, proxies: Sequence[Proxy], flows: Sequence[Flow]) -> dict[Flow, Flow]:
        """Return the TCP flow, to the same address, of each UDP flow if large requests may go that way."""
        if not any(isinstance(proxy, Way) and proxy.tcp_if_large for proxy in proxies):
            return {}
        return {flow: self.flow("TCP", flow.remote) for flow in flows if flow.transport == "UDP"}

    def _local_towards(self, remote: Address, otherwise: str) -> str:
        known = self._towards.get(remote[0])
        if known is None:
            try:
                known = local_address_towards(remote, _family(remote[0]))
            except OSError:
                return otherwise or self.address[0]
            if len(self._towards) >= self._settings.max_sources:
                self._towards.clear()
            self._towards[remote[0]] = known
        return known

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message on a flow."""
        family = _family(flow.remote[0])
        if flow.is_reliable:
            bound = self.local.get((flow.transport, family))
            source = (bound[0], 0) if bound and bound[0] not in _WILDCARDS else None
            self._connections.send(flow, data, source)
        elif family in self._udp:
            self._udp[family].send(data, flow.remote)

    def refusal(self, flow: Flow) -> str:
        """Say why the last connection of ours that way could not be made; "" when it could, or none was tried."""
        return self._connections.refusals.get(flow, "")

    def close_flow(self, flow: Flow) -> None:
        """Close a connection."""
        self._connections.close(flow)

    async def close(self) -> None:
        """Close everything."""
        if self._resolver is not None:
            await self._resolver.close()
        await self._connections.end()
        await asyncio.gather(*(udp.close() for udp in self._udp.values()))


def _listeners(listen: Address | Sequence[Listen]) -> Sequence[Listen]:
    host = listen[0]
    return [("UDP", host, cast("int", listen[1]))] if isinstance(host, str) else cast("Sequence[Listen]", listen)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
