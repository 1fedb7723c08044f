"""Whether a trunk's provider can be reached and knows us, asked again and again."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable

from webpbx.endpoints.trunk_reason import Reason, failed, refused
from webpbx.endpoints.trunk_ways import ways
from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials, RealmPin
from webpbx.sip.grammar import SipError
from webpbx.sip.network import SipNetwork
from webpbx.sip.query import NO_WAY
from webpbx.sip.registration import Registration, RegistrationState
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.transport import Flow, Way
from webpbx.sip.uri import SipUri

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""A provider that is down is asked this often, so that its return is noticed soon."""
_SILENCE = 408
_SILENT = frozenset({_SILENCE, NO_WAY, 503})
"""Any other answer to OPTIONS is a sign of life."""
_ANSWER = re.compile(r"[1-6][0-9]{2}\b")


class Reachability:
    """One trunk's state, with the reason in a plain sentence; `run` keeps it true."""

    def __init__(
        self,
        trunk: Trunk,
        network: SipNetwork,
        *,
        on_change: Callable[[bool, str], None],
        former: "Reachability | None" = None,
        learnt_realm: str | None = None,
    ) -> None:
        """Take over from `former`, whose settings were others, what still holds; `learnt_realm` stays pinned."""
        self._trunk = trunk
        self._network = network
        self._on_change = on_change
        self._ways = ways(trunk)
        self._pin = RealmPin(self._tell, learnt_realm)
        name = trunk.auth_username or trunk.username
        self._credentials = Credentials(name, trunk.secret, trunk.realm or None, self._pin) if trunk.username else None
        self._alive = True  # until a question goes unanswered: a call that comes first finds out by itself
        self._trouble = ""
        follows = former is not None and former.binding == self.binding
        self._registered = trunk.mode != "register" or (former is not None and follows and former.registered)
        self._held_flow = former.flow if former is not None and follows else None
        self._held_routes = former.routes if former is not None and follows else ()
        self._is_followed = False
        if former is not None and follows:
            former.be_followed()
        self._refused = False
        self._refusal = Reason.of("trying", "We are registering.")
        self._handle: RegistrationHandle | None = None
        self._doubt = asyncio.Event()
        self._told: tuple[bool, str, str | None] | None = None

    @property
    def up(self) -> bool:
        """Tell whether calls can go out."""
        return self._alive and self._registered

    @property
    def registered(self) -> bool:
        """Tell whether the provider knows where we are, or needs no telling."""
        return self._registered

    @property
    def binding(self) -> tuple[str, ...] | None:
        """Give what makes our binding at the provider: registering anew with the same replaces it."""
        trunk = self._trunk
        return (trunk.host, trunk.username, trunk.transport) if trunk.mode == "register" else None

    def be_followed(self) -> None:
        """Leave the binding as it is in the end, since somebody else keeps it now."""
        self._is_followed = True

    @property
    def is_known(self) -> bool:
        """Tell whether the provider has been tried to the end."""
        return self._told is not None

    @property
    def reason(self) -> str:
        """Say why it is up or down."""
        if not self._alive and not self._refused:
            return self._trouble
        if not self._registered:
            return self._refusal
        return "Registered." if self._trunk.mode == "register" else "The provider answers."

    @property
    def routes(self) -> tuple[str, ...]:
        """Give the way that the provider wants calls to take (RFC 3608)."""
        return self._held_routes if self._handle is None or self._is_trying else self._handle.service_route

    @property
    def flow(self) -> Flow | None:
        """Give the way over which we are registered, and calls may come."""
        return self._held_flow if self._handle is None or self._is_trying else self._handle.flow

    @property
    def _is_trying(self) -> bool:
        return self._handle is not None and self._handle.state is RegistrationState.TRYING

    @property
    def credentials(self) -> Credentials | None:
        """Give what the provider's challenges are answered with; its realm is pinned once it is known."""
        return self._credentials

    @property
    def learnt_realm(self) -> str | None:
        """Give the realm that the provider's first challenge was for, once there was one."""
        return self._pin.realm

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
            self._registered, self._refusal = (
                False,
                Reason.of("unsent", "The registration cannot be sent: {words}", words=error),
            )
            self._tell()
        finally:
            if self._handle is not None:
                self._handle.on_change = None
                with contextlib.suppress(SipError):
                    await (self._handle.stop() if self._is_followed else self._handle.close())

    def _registration(self) -> Registration:
        trunk = self._trunk
        return Registration(
            aor=SipUri(trunk.host, user=trunk.username),
            registrar=SipUri(trunk.host),
            proxies=self._ways,
            credentials=self.credentials,
            contact_user=trunk.username,
            expires=trunk.register_expires,
        )

    def _on_registration(self) -> None:
        handle = self._handle
        if handle is None:
            return
        failed = handle.state is RegistrationState.FAILED
        if not self._is_trying:  # until the first answer, what was holds
            self._registered = handle.state is RegistrationState.REGISTERED
        self._refused = failed and _ANSWER.match(handle.reason) is not None
        if failed and not self._refused:
            self.doubt()  # nobody answered: who asks again learns more, and tells
            return
        self._alive = self._alive or self._registered
        if self._refused:
            self._refusal = refused(handle.reason)
        self._tell()

    async def _ask_on(self) -> None:
        while True:
            if self._trunk.qualify_interval or self._doubt.is_set() or not self._alive:
                self._doubt.clear()
                self._trouble = await self._ask()
                self._alive = not self._trouble
                if self._handle is not None and self._handle.state is RegistrationState.FAILED and not self._refused:
                    self._refusal = failed(self._handle.reason)
                self._tell()
            pause = float(self._trunk.qualify_interval) if self.up else RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or None):
                    await self._doubt.wait()

    async def answers(self) -> list[tuple[str, int | None]]:
        """Ask each proxy now and give the status it answered; None: silence, or no way there."""
        found: list[tuple[str, int | None]] = []
        for proxy, way in zip(self._trunk.proxies, self._ways, strict=True):
            status: int | None = None
            with contextlib.suppress(SipError):
                status = await self._network.options(way)
            found.append((proxy, None if status in _SILENT else status))
        return found

    async def _ask(self) -> Reason:
        """Say why no proxy answers; "" when one does."""
        troubles = []
        for proxy, way in zip(self._trunk.proxies, self._ways, strict=True):
            trouble = await self._ask_one(proxy, way)
            if not trouble:
                return trouble
            troubles.append(trouble)
        return Reason.joined(troubles)

    async def _ask_one(self, proxy: str, way: Way) -> Reason:
        try:
            flows = await self._network.flows([way])
            status = await self._network.options(way) if flows else 0
        except SipError as error:
            return Reason.of("unaskable", "{address} cannot be asked: {words}.", address=proxy, words=error)
        if not flows:
            return Reason.of("name", "The name {name} is not found.", name=way.host)
        if status not in _SILENT:
            return Reason.joined(())
        return self._silence(proxy, way, status, self._network.refusal(flows[0]))

    @staticmethod
    def _silence(proxy: str, way: Way, status: int, refusal: str | None) -> Reason:
        """Say what an address that takes no call has answered, if anything."""
        if refusal:
            return Reason.of(
                "connection",
                "No {transport} connection to {address}: {words}.",
                transport=way.transport,
                address=proxy,
                words=refusal,
            )
        if status == _SILENCE:
            return Reason.of("silent", "No answer from {address}.", address=proxy)
        if status == NO_WAY:
            return Reason.of("closed", "Nothing listens at {address}, or no way leads there.", address=proxy)
        return Reason.of("refuses_sip", "{address} refuses SIP ({status}).", address=proxy, status=status)

    def _tell(self) -> None:
        if self._alive and self._is_trying:
            return  # the provider's first answer will be told
        now = (self.up, self.reason, self.learnt_realm)
        if now != self._told:
            self._told = now
            log = logger.info if self.up else logger.warning
            log(
                "trunk %s/%s is %s: %s", self._trunk.tenant_id, self._trunk.id, "up" if self.up else "down", self.reason
            )
            self._on_change(self.up, self.reason)
