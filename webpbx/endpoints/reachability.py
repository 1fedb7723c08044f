"""Whether a trunk's provider can be reached and knows us, asked again and again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials
from webpbx.sip.grammar import SipError
from webpbx.sip.network import SipNetwork
from webpbx.sip.registration import Registration, RegistrationState
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.uri import SipUri

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""A provider that is down is asked this often, so that its return is noticed soon."""
_SILENT = frozenset({408, 503})
"""Any other answer to OPTIONS is a sign of life."""


class Reachability:
    """One trunk's state, with the reason in a plain sentence; `run` keeps it true."""

    def __init__(
        self,
        trunk: Trunk,
        network: SipNetwork,
        *,
        on_change: Callable[[bool, str], None],
    ) -> None:
        self._trunk = trunk
        self._network = network
        self._on_change = on_change
        self._alive = True  # until a question goes unanswered: a call that comes first finds out by itself
        self._registered = trunk.mode != "register"
        self._refusal = "We are registering."
        self._handle: RegistrationHandle | None = None
        self._doubt = asyncio.Event()
        self._told: tuple[bool, str] | None = None

    @property
    def up(self) -> bool:
        """Tell whether calls can go out."""
        return self._alive and self._registered

    @property
    def reason(self) -> str:
        """Say why it is up or down."""
        if not self._registered:
            return self._refusal
        if not self._alive:
            return f"The provider at {self._trunk.proxies[0]} does not answer."
        return "Registered." if self._trunk.mode == "register" else "The provider answers."

    @property
    def routes(self) -> tuple[str, ...]:
        """Give the way that the provider wants calls to take (RFC 3608)."""
        return self._handle.service_route if self._handle is not None else ()

    @property
    def credentials(self) -> Credentials | None:
        """Give what the provider's challenges are answered with; its realm is pinned once it is known."""
        trunk = self._trunk
        if not trunk.username:
            return None
        return Credentials(trunk.auth_username or trunk.username, trunk.secret, trunk.realm or self.learnt_realm)

    @property
    def learnt_realm(self) -> str | None:
        """Give the realm that the provider's first challenge was for, once there was one."""
        return self._handle.realm if self._handle is not None else None

    def doubt(self) -> None:
        """Ask the provider again now, since a call has just failed."""
        self._doubt.set()

    async def run(self) -> None:
        """Register and ask, until cancelled; then unregister."""
        try:
            if self._trunk.mode == "register":
                self._handle = await self._network.register(self._registration())
                self._handle.on_change = self._on_registration
                self._on_registration()
            await self._ask_on()
        except SipError as error:
            self._registered, self._refusal = False, f"The registration cannot be sent: {error}"
            self._tell()
        finally:
            if self._handle is not None:
                self._handle.on_change = None
                with contextlib.suppress(SipError):
                    await self._handle.close()

    def _registration(self) -> Registration:
        trunk = self._trunk
        return Registration(
            aor=SipUri(trunk.host, user=trunk.username),
            registrar=SipUri(trunk.host),
            proxies=trunk.proxy_addresses,
            credentials=self.credentials,
            contact_user=trunk.username,
            expires=trunk.register_expires,
        )

    def _on_registration(self) -> None:
        handle = self._handle
        if handle is None:
            return
        self._registered = handle.state is RegistrationState.REGISTERED
        if handle.state is RegistrationState.FAILED:
            self._refusal = f"The provider refuses our registration: {handle.reason or 'no reason given'}."
        self._tell()

    async def _ask_on(self) -> None:
        while True:
            if self._trunk.qualify_interval or self._doubt.is_set() or not self._alive:
                self._doubt.clear()
                self._alive = await self._ask()
                self._tell()
            pause = float(self._trunk.qualify_interval) if self.up else RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or None):
                    await self._doubt.wait()

    async def answers(self) -> list[tuple[str, int | None]]:
        """Ask each proxy now and give the status it answered; None: silence, or no way there."""
        found: list[tuple[str, int | None]] = []
        for proxy, address in zip(self._trunk.proxies, self._trunk.proxy_addresses, strict=True):
            status: int | None = None
            with contextlib.suppress(SipError):
                status = await self._network.options(address)
            found.append((proxy, None if status in _SILENT else status))
        return found

    async def _ask(self) -> bool:
        """Tell whether any proxy answers."""
        for address in self._trunk.proxy_addresses:
            try:
                status = await self._network.options(address)
            except SipError:
                continue
            if status not in _SILENT:
                return True
        return False

    def _tell(self) -> None:
        if self._handle is not None and self._handle.state is RegistrationState.TRYING:
            return  # the provider's first answer will be told
        now = (self.up, self.reason)
        if now != self._told:
            self._told = now
            log = logger.info if self.up else logger.warning
            log(
                "trunk %s/%s is %s: %s", self._trunk.tenant_id, self._trunk.id, "up" if self.up else "down", self.reason
            )
            self._on_change(*now)
