"""The switch's SIP side: one network over which providers and telephones are spoken to."""

import random
from collections.abc import Callable
from typing import Final

from webpbx.calls.exchange import Exchange
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.facts import Emit
from webpbx.endpoints.phones import Phones
from webpbx.endpoints.sip_callers import SipCallers
from webpbx.endpoints.trunks import Trunks
from webpbx.model.settings import ServeSettings, host_and_port
from webpbx.sip.network import Certificate, Listen, SipNetwork
from webpbx.sip.settings import SipSettings
from webpbx.sip.transport import Flow
from webpbx.store.store import Store, wall_clock_ms

BYE_SECONDS: Final = 2.0
"""How long the end waits for answers to the last BYEs, which may have to be repeated or signed."""
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})


Tap = Callable[[Flow, bytes, bool], None]
"""Hears a flow, the bytes, and whether we sent them."""


class SipSide:
    """Trunks, telephones and the network of both; from `open` to `close`, heard from `read` on."""

    network: SipNetwork

    def __init__(self, settings: ServeSettings, store: Store, exchanges: Exchanges, emit: Emit) -> None:
        self._settings = settings
        self._exchanges = exchanges
        self._host, self._port = host_and_port(settings.sip, option="--sip")
        self._local, self._advertised = self._media_address()
        self.trunks = Trunks(exchanges, emit, media_address=self._local, advertised=self._advertised)
        self.phones = Phones(
            store.bindings,
            clock=wall_clock_ms,
            media_address=self._local,
            advertised=self._advertised,
            disguise=store.derived_key("names of telephones"),
        )

    async def open(self, tap: Tap | None) -> None:
        """Bind the sockets and begin to reach out; `tap` hears every message. Raise SipError when a port is taken."""
        callers = SipCallers(self.phones, self.trunks)
        told = self._advertised or (self._local if self._host in _WILDCARDS else None)
        self.network = await SipNetwork.open(
            listen=self._listeners(),
            certificate=self._certificate(),
            settings=SipSettings(advertised=told).limited(self._settings.sip_limits),
            identify=callers.identify,
            on_invite=callers.on_invite,
            persist=callers.persist,
            registrar=self.phones.registrar,
            trusted=self.trunks.trusted,
            random=random.SystemRandom(),
            reading=False,
        )
        self.network.core.tap = tap
        self.trunks.start(self.network)
        for exchange in self._exchanges.values():
            await self.use(exchange)
        await self.phones.start(self.network)

    async def read(self) -> None:
        """Hear what comes, once it is known by which addresses the providers' calls are theirs."""
        await self.trunks.found()
        await self.network.read()

    async def use(self, exchange: Exchange) -> None:
        """Have exactly the trunks and telephones of a company's present settings at work."""
        await self.trunks.use(exchange)
        self.phones.use(exchange)

    async def leave(self, exchange: Exchange) -> None:
        """Let those of a company go that is no more."""
        await self.trunks.leave(exchange)
        self.phones.leave(exchange)

    async def close(self) -> None:
        """Unregister, and close the network once the far ends have heard of the last calls' end."""
        await self.phones.close()
        await self.trunks.close()
        await self.network.close(linger=BYE_SECONDS)

    def _listeners(self) -> list[Listen]:
        listen: list[Listen] = [("UDP", self._host, self._port), ("TCP", self._host, self._port)]
        if self._settings.sip_tls:
            listen.append(("TLS", *host_and_port(self._settings.sip_tls, option="--sip-tls")))
        return listen

    def _certificate(self) -> Certificate | None:
        chain, key = self._settings.sip_cert, self._settings.sip_key
        return Certificate(chain, key) if chain is not None and key is not None else None

    def _media_address(self) -> tuple[str, str | None]:
        """Give the address where trunks' sound is taken, and the one told to them if that is another (NAT)."""
        given = [text.partition("=") for text in self._settings.media_addresses]
        pairs = [(local, advertised or None) for local, _, advertised in given]
        if self._host not in _WILDCARDS:
            return next((pair for pair in pairs if pair[0] == self._host), (self._host, None))
        family = [pair for pair in pairs if (":" in pair[0]) == (":" in self._host)]
        outward = [pair for pair in family if not pair[0].startswith("127.") and pair[0] != "::1"]
        return (outward or family or [("127.0.0.1", None)])[0]
