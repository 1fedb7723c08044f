"""We register at a provider: refresh early, take what it grants, back off when it refuses (RFC 3261 §10.2)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from webpbx.sip.auth import Credentials, answer, why_unanswered
from webpbx.sip.grammar import ParseError, number
from webpbx.sip.headers import MAGIC_COOKIE, CSeq, NameAddr, parse_delta
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.timers import Timers
from webpbx.sip.transaction import ClientTransaction, ClientUser
from webpbx.sip.transactions import Transactions
from webpbx.sip.transport import Address, Flow, Way, contact_for, is_secure, via_for
from webpbx.sip.uri import SipUri

log = logging.getLogger(__name__)

SILENCE: Final = 3.4
"""Seconds without any answer after which the next proxy is tried: UDP's third packet is out, and 4 s are not over."""

UNREACHABLE_BACK_OFF: Final = (2.0, 4.0, 8.0, 12.0)
REFUSED_BACK_OFF: Final = (30.0, 60.0, 120.0, 300.0)
_AFTER_LOSS: Final = (0.2, 1.0)
_LONGEST: Final = 86_400


class RegistrationState(Enum):
    """Where a registration stands."""

    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Registration:
    """Say who registers where: `registrar` becomes the Request-URI, `proxies` are the ways, in order."""

    aor: SipUri
    registrar: SipUri
    proxies: tuple[Address | Way, ...]
    credentials: Credentials | None = None
    contact_user: str = ""
    expires: int = 300


class Core(Protocol):
    """What a registration needs from the user agent."""

    transactions: Transactions
    timers: Timers

    def token(self) -> str:
        """Return a random word."""

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""


class RegistrationClient(ClientUser):
    """Keep one binding alive; `on_change` is called after each change of `state` or `reason`."""

    def __init__(
        self,
        core: Core,
        registration: Registration,
        *,
        user_agent: str,
        on_change: Callable[[], None],
    ) -> None:
        self.core = core
        self.registration = registration
        self.state = RegistrationState.TRYING
        self.reason = ""
        self.realm: str | None = None
        """The realm that asked for our secret, for pinning."""
        self.service_route: tuple[str, ...] = ()
        """What requests of ours through this registration take as routes (RFC 3608)."""
        self.address: Address | None = None
        """The proxy that holds our binding."""
        self.flow: Flow | None = None
        """The way to it: calls for us come back along it."""
        self.deadlines: dict[str, float] = {}
        self._flows: tuple[Flow, ...] = ()
        self._at = 0
        self._tried = 0
        self._failures = 0
        self._seq = 0
        self._call_id = core.token()
        self._tag = core.token()
        self._wanted = registration.expires
        self._challenged = 0
        self._user_agent = user_agent
        self._on_change = on_change
        self._current: ClientTransaction | None = None
        self._closing = False

    def set_flows(self, flows: tuple[Flow, ...], now: float) -> None:
        """Take fresh addresses of the proxies; without any, registering fails until some are known."""
        if flows and flows != self._flows:
            here = self._flows[self._at] if self._flows else None
            self._flows = flows
            self._at = flows.index(here) if here in flows else 0
            if self.state is RegistrationState.FAILED and self._current is None:
                self.start(now)

    @property
    def has_flows(self) -> bool:
        """Tell whether any address of the provider is known."""
        return bool(self._flows)

    @property
    def is_gone(self) -> bool:
        """Tell whether the end of the registration is through."""
        return self._closing and self._current is None

    def stop(self) -> None:
        """Stop refreshing."""
        self._closing = True
        self._leave()
        self.deadlines.clear()

    def _leave(self) -> None:
        if self._current is not None:
            self._current.abandon()
            self._current = None

    def start(self, now: float) -> None:
        """Register, or refresh, at the proxy that worked last."""
        self._tried = 0
        if not self._flows:
            self._fail("no address of the provider is known", UNREACHABLE_BACK_OFF, now)
            return
        self._register(now)

    def close(self, now: float) -> None:
        """Take our binding away (§10.2.2)."""
        self._closing = True
        self.deadlines.clear()
        self._leave()
        if self.state is RegistrationState.REGISTERED:
            self._register(now)
        self._change(RegistrationState.CLOSED, "")

    def lost(self, flow: Flow, now: float) -> None:
        """Register anew soon, since calls for us came over a connection that is gone."""
        bound = self.state is RegistrationState.REGISTERED and self._current is None
        if bound and not self._closing and flow == self._flows[self._at]:
            self.core.timers.set(self, "refresh", now + self.core.uniform(*_AFTER_LOSS))

    # -- sending -------------------------------------------------------------------------------------------------

    def _register(self, now: float, extra: tuple[Header, ...] = ()) -> None:
        if not extra:
            self._challenged = 0
        flow = self._flows[self._at]
        self._seq += 1
        order = self.registration
        expires = 0 if self._closing else self._wanted
        contact = contact_for(flow, order.contact_user, secure=is_secure(str(order.registrar)))
        headers: list[Header] = [
            ("Via", via_for(flow, MAGIC_COOKIE + self.core.token())),
            ("Max-Forwards", "70"),
            ("From", f"<{order.aor}>;tag={self._tag}"),
            ("To", f"<{order.aor}>"),
            ("Call-ID", self._call_id),
            ("CSeq", str(CSeq(self._seq, "REGISTER"))),
            ("Contact", f"{contact};expires={expires}"),
            ("Expires", str(expires)),
            ("User-Agent", self._user_agent),
            *extra,
        ]
        request = Request("REGISTER", str(order.registrar), headers)
        transaction = self._current = self.core.transactions.client(request, flow, self)
        self.deadlines.clear()
        if not self._closing:
            self.core.timers.set(self, "silence", now + SILENCE)
        transaction.start(now)

    # -- hearing -------------------------------------------------------------------------------------------------

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear what the registrar says."""
        if transaction is not self._current or response.is_provisional:
            return
        self._current = None
        self.deadlines.pop("silence", None)
        status = response.status
        if status in {Status.UNAUTHORIZED, Status.PROXY_AUTHENTICATION_REQUIRED}:
            self._on_challenge(transaction, response, now)
        elif self._closing:
            self._on_change()
        elif response.is_success:
            self._on_granted(transaction.flow, response, now)
        elif status == Status.INTERVAL_TOO_BRIEF:
            self._on_too_brief(response, now)
        elif status in {Status.SERVICE_UNAVAILABLE, Status.REQUEST_TIMEOUT, Status.SERVER_TIMEOUT}:
            self._next(f"{status}: {response.reason}", now, parse_delta(response.get("Retry-After") or ""))
        else:
            self._fail(f"{status}: {response.reason}", REFUSED_BACK_OFF, now)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear that no answer will come."""
        if transaction is not self._current:
            return
        self._current = None
        if self._closing:
            self._on_change()
        else:
            silent = status == Status.REQUEST_TIMEOUT
            self._next("the provider does not answer" if silent else "nothing listens at the provider's port", now)

    def _on_challenge(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        credentials = self.registration.credentials
        status = int(response.status)
        cnonce = self.core.token()
        said = None if credentials is None else answer(response, transaction.request, credentials, cnonce=cnonce)
        if said is None and not self._closing:  # closing, it ends in the last branch
            self._fail(f"{status}: {why_unanswered(response, credentials)}", REFUSED_BACK_OFF, now)
        elif said is not None and (not self._challenged or (said.stale and self._challenged == 1)):
            self.realm = said.realm
            self._challenged += 1
            self._register(now, (said.header,))
        elif self._closing:
            self._on_change()
        else:
            self._fail(f"{status}: wrong secret", REFUSED_BACK_OFF, now)

    def _on_granted(self, flow: Flow, response: Response, now: float) -> None:
        granted = self._granted(flow, response)
        if granted <= 0:
            self._fail("the registrar took the binding away", REFUSED_BACK_OFF, now)
            return
        self._failures = 0
        self.address, self.flow = flow.remote, flow
        self.service_route = tuple(response.elements("Service-Route"))
        early = min(granted * 0.5, 30.0) if granted * 0.2 < SILENCE else max(granted * 0.2, SILENCE)
        self.core.timers.set(self, "refresh", now + max(granted - early, 0.5))
        self._change(RegistrationState.REGISTERED, "")

    def _granted(self, flow: Flow, response: Response) -> int:
        """Return the seconds granted to our own contact."""
        host, port = flow.local
        for contact in response.contacts:
            uri = contact.uri
            ours = isinstance(uri, SipUri) and uri.host.strip("[]") == host and (uri.port or port) == port
            if ours and (getattr(uri, "user", None) or "") == self.registration.contact_user:
                return self._seconds(contact, response)
        return self._seconds(response.contacts[0], response) if len(response.contacts) == 1 else self._wanted

    def _seconds(self, contact: NameAddr, response: Response) -> int:
        try:
            return min(number(contact.parameters.get("expires") or "", what="expires"), _LONGEST)
        except ParseError:
            told = parse_delta(response.get("Expires") or "")
            return self._wanted if told is None else min(told, _LONGEST)

    def _on_too_brief(self, response: Response, now: float) -> None:
        least = parse_delta(response.get("Min-Expires") or "")
        if least is None or not self._wanted < least <= _LONGEST:
            self._fail("423: the registrar wants another interval and does not say which", REFUSED_BACK_OFF, now)
            return
        self._wanted = least
        self._register(now)

    # -- failing -------------------------------------------------------------------------------------------------

    def _next(self, reason: str, now: float, retry_after: int | None = None) -> None:
        """Try the next proxy; after the last one, wait."""
        self._tried += 1
        self._at = (self._at + 1) % len(self._flows)
        if self._tried < len(self._flows):
            self._register(now)
        else:
            self._fail(reason, UNREACHABLE_BACK_OFF, now, retry_after)

    def _fail(self, reason: str, back_off: tuple[float, ...], now: float, retry_after: int | None = None) -> None:
        wait = back_off[min(self._failures, len(back_off) - 1)] * self.core.uniform(0.75, 1.0)
        self._failures += 1
        self.deadlines.clear()
        self.core.timers.set(self, "refresh", now + max(wait, float(min(retry_after or 0, _LONGEST))))
        self.address = self.flow = None
        self._change(RegistrationState.FAILED, reason)

    def _change(self, state: RegistrationState, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            log.info("registration of %s: %s %s", self.registration.aor, state.value, reason)
            self.state, self.reason = state, reason
            self._on_change()

    def fire(self, letter: str, now: float) -> None:
        """Refresh, or leave a silent proxy."""
        if letter == "refresh":
            self.start(now)
            return
        self._leave()
        self._next("the provider does not answer", now)
