"""Whether a trunk's provider can be reached and knows us, asked again and again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials
from webpbx.sip.grammar import SipError
from webpbx.sip.network import Registration, RegistrationHandle, SipNetwork

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
        credentials: Credentials | None,
        on_change: Callable[[bool, str], None],
    ) -> None:
        self._trunk = trunk
        self._network = network
        self._credentials = credentials
        self._on_change = on_change
        self._alive = True  # until a question goes unanswered: a call that comes first finds out by itself
        self._registered = trunk.mode != "register"
        self._refusal = "We are registering."
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

    def doubt(self) -> None:
        """Ask the provider again now, since a call has just failed."""
        self._doubt.set()

    async def run(self) -> None:
        """Register and ask, until cancelled; then unregister."""
        handle: RegistrationHandle | None = None
        try:
            if self._trunk.mode == "register" and self._credentials is not None:
                handle = await self._network.register(self._registration(self._credentials))
                handle.on_change = self._on_registration
                self._on_registration(handle)
            await self._ask_on()
        except SipError as error:
            self._registered, self._refusal = False, f"The registration cannot be sent: {error}"
            self._tell()
        finally:
            if handle is not None:
                with contextlib.suppress(SipError):
                    await handle.close()

    async def _ask_on(self) -> None:
        while True:
            if self._trunk.qualify_interval or self._doubt.is_set():
                self._doubt.clear()
                self._alive = await self._ask()
                self._tell()
            pause = float(self._trunk.qualify_interval) if self.up else RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or None):
                    await self._doubt.wait()

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
        now = (self.up, self.reason)
        if now != self._told:
            self._told = now
            log = logger.info if self.up else logger.warning
            log("trunk %s/%s is %s: %s", self._trunk.tenant_id, self._trunk.id, "up" if self.up else "down", self.reason)
            self._on_change(*now)
