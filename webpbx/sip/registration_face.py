"""What an endpoint holds of a registration: its state, and the verb to end it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from webpbx.sip.registration import Registration, RegistrationClient, RegistrationState
from webpbx.sip.resolver import KEEP_SECONDS
from webpbx.sip.transport import Address, Flow, Way
from webpbx.sip.user_agent import UserAgent

log = logging.getLogger(__name__)

_UNKNOWN_SECONDS: Final = 2.0
_FAREWELL_SECONDS: Final = 2.0


class Driver(Protocol):
    """What a registration needs from the network."""

    core: UserAgent

    def now(self) -> float:
        """Return the time."""

    def flush(self) -> None:
        """Do what the core ordered."""

    async def flows(self, proxies: Sequence[Address | Way]) -> list[Flow]:
        """Resolve addresses and name the ways to them."""

    def forget_registration(self, handle: "RegistrationHandle") -> None:
        """Let go of a closed registration."""


class RegistrationHandle:
    """Show how a registration fares; `on_change` may be set to a function that is called after each change."""

    def __init__(self, driver: Driver, registration: Registration) -> None:
        self._driver = driver
        self.registration = registration
        self.on_change: Callable[[], None] | None = None
        self._gone = asyncio.Event()
        self._resolving: asyncio.Task[None] | None = None
        self._client = RegistrationClient(
            driver.core, registration, user_agent=driver.core.settings.user_agent, on_change=self._changed
        )

    @property
    def state(self) -> RegistrationState:
        """Where it stands."""
        return self._client.state

    @property
    def reason(self) -> str:
        """Why it failed, such as "401: wrong secret"; "" when it did not."""
        return self._client.reason

    @property
    def realm(self) -> str | None:
        """The realm that asked for our secret, to be pinned."""
        return self._client.realm

    @property
    def address(self) -> Address | None:
        """The proxy that holds our binding."""
        return self._client.address

    @property
    def flow(self) -> Flow | None:
        """The way to that proxy, over whose connection calls for us may come."""
        return self._client.flow

    @property
    def service_route(self) -> tuple[str, ...]:
        """The `routes` for calls through this registration (RFC 3608)."""
        return self._client.service_route

    def _changed(self) -> None:
        if self._client.is_gone:
            self._gone.set()
        if self.on_change is not None:
            try:
                self.on_change()
            except Exception:
                log.exception("a registration's change could not be told")

    async def start(self) -> None:
        """Begin, and ask for the proxies' addresses again from time to time."""
        await self._resolve()
        self._client.start(self._driver.now())
        self._driver.flush()
        self._resolving = asyncio.get_running_loop().create_task(self._keep_resolving())

    async def _resolve(self) -> None:
        flows = await self._driver.flows(self.registration.proxies)
        now = self._driver.now()
        self._driver.core.know_sources(flows, now)
        self._client.set_flows(tuple(flows), now)
        self._driver.flush()

    async def _keep_resolving(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS if self._client.has_flows else _UNKNOWN_SECONDS)
            await self._resolve()

    def lost(self, flow: Flow) -> None:
        """Hear that a connection is gone."""
        self._client.lost(flow, self._driver.now())

    async def stop(self) -> None:
        """Stop refreshing and leave the binding as it is, for the next process."""
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.gather(self._resolving, return_exceptions=True)
            self._resolving = None
        self._client.stop()
        self._driver.forget_registration(self)

    async def close(self) -> None:
        """Take the binding away; a provider that does not answer is not waited for long."""
        self._client.close(self._driver.now())
        self._driver.flush()
        try:
            await asyncio.wait_for(self._gone.wait(), _FAREWELL_SECONDS)
        except TimeoutError:
            log.info("the provider did not confirm the end of the registration")
        await self.stop()
