"""Where phones and other PBXs register: bindings, each with the flow it came by (RFC 3261 §10.3)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webpbx.sip.attempts import FailedAttempts
from webpbx.sip.auth import Lookup
from webpbx.sip.grammar import ParseError, number
from webpbx.sip.headers import NameAddr, parse_delta
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

_CONTACT_LIMIT = 10
"""Contacts that one request may bind and that a user may have; of more the oldest go."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Hold where a registered user can be called; `expires_at` is in the clock handed in."""

    contact: str
    flow: Flow
    expires_at: float
    call_id: str
    cseq: int
    instance: str | None = None


class Registrar:
    """Keep the bindings of authenticated users; a user's address of record is its name."""

    def __init__(
        self,
        *,
        realm: str,
        lookup: Lookup,
        min_expires: int = 30,
        max_expires: int = 3600,
        default_expires: int = 300,
        on_change: Callable[[str], None] | None = None,
        algorithms: Callable[[str], Sequence[str] | None] = lambda _user: None,
    ) -> None:
        """Tell `on_change` of each user whose bindings are new; `algorithms` names those a user is asked for, in order.

        None asks for those of the settings.
        """
        self.realm = realm
        self.lookup = lookup
        self.algorithms = algorithms
        self.attempts = FailedAttempts()
        self._range = min_expires, max_expires
        self._default = default_expires
        self._on_change = on_change
        self._bindings: dict[str, dict[str, Binding]] = {}

    def bindings(self, user: str, now: float) -> list[Binding]:
        """Return a user's live bindings, the newest last."""
        return [binding for binding in self._bindings.get(user, {}).values() if binding.expires_at > now]

    def take_up(self, user: str, binding: Binding) -> None:
        """Hold a binding that a former process held."""
        self._bindings.setdefault(user, {})[self._key(binding.contact, binding.instance)] = binding

    def forget(self, user: str) -> None:
        """Let go of all bindings of a user who may not register any more."""
        if self._bindings.pop(user, None) and self._on_change is not None:
            self._on_change(user)

    def expire(self, now: float) -> float | None:
        """Let go of what has expired; return when the next binding will."""
        for user, held in list(self._bindings.items()):
            lost = [key for key, binding in held.items() if binding.expires_at <= now]
            for key in lost:
                del held[key]
            if not held:
                del self._bindings[user]
            if lost and self._on_change is not None:
                self._on_change(user)
        return min((each.expires_at for held in self._bindings.values() for each in held.values()), default=None)

    def unbind(self, flow: Flow) -> None:
        """Take away the bindings that a lost connection held (RFC 5626 §4.2)."""
        for user, held in list(self._bindings.items()):
            lost = [key for key, binding in held.items() if binding.flow == flow]
            for key in lost:
                del held[key]
            if lost and self._on_change is not None:
                self._on_change(user)

    def register(self, request: Request, flow: Flow, user: str, now: float) -> Response:
        """Serve a REGISTER of an authenticated user: all of it or nothing."""
        try:
            refusal = self._update(request, flow, user, now)
        except ParseError as error:
            return response_to(request, Status.BAD_REQUEST, error.text.capitalize(), tag=request.via.branch[-16:])
        if refusal is not None:
            return response_to(request, refusal[0], tag=request.via.branch[-16:], headers=refusal[1])
        headers: list[Header] = [
            ("Contact", f"<{binding.contact}>;expires={max(int(binding.expires_at - now), 0)}")
            for binding in self.bindings(user, now)
        ]
        return response_to(request, Status.OK, tag=request.via.branch[-16:], headers=headers)

    def _update(self, request: Request, flow: Flow, user: str, now: float) -> tuple[int, list[Header]] | None:
        to = request.to.uri
        if not isinstance(to, SipUri):
            raise ParseError("the address of record is no SIP URI")
        if to.user != user:
            return Status.FORBIDDEN, []
        held = {self._key(each.contact, each.instance): each for each in self.bindings(user, now)}
        before = dict(held)
        wanted = parse_delta(request.get("Expires") or "")
        if "*" in request.elements("Contact"):
            if wanted != 0:
                raise ParseError("Contact * needs Expires 0")
            held.clear()
        if len(request.contacts) > _CONTACT_LIMIT:
            return Status.FORBIDDEN, []
        for contact in request.contacts:
            seconds = self._seconds(contact, wanted)
            low, high = self._range
            if 0 < seconds < min(low, high):
                return Status.INTERVAL_TOO_BRIEF, [("Min-Expires", str(low))]
            binding = self._binding(contact, request, flow, now + min(seconds, high))
            key = self._key(binding.contact, binding.instance)
            old = held.get(key)
            if old is not None and old.call_id == binding.call_id and old.cseq >= binding.cseq:
                return Status.SERVER_ERROR, []
            held.pop(key, None)
            if seconds:
                held[key] = binding
        for oldest in list(held)[:-_CONTACT_LIMIT]:
            del held[oldest]
        self._bindings[user] = held
        if self._on_change is not None and held != before:
            self._on_change(user)
        return None

    def _seconds(self, contact: NameAddr, wanted: int | None) -> int:
        own = contact.parameters.get("expires")
        if own is not None:
            return number(own, what="expires")
        return self._default if wanted is None else wanted

    @staticmethod
    def _binding(contact: NameAddr, request: Request, flow: Flow, expires_at: float) -> Binding:
        if not isinstance(contact.uri, SipUri):
            raise ParseError("a contact is no SIP URI")
        instance = contact.parameters.get("+sip.instance")
        return Binding(str(contact.uri), flow, expires_at, request.call_id, request.cseq.number, instance)

    @staticmethod
    def _key(contact: str, instance: str | None) -> str:
        return instance or contact
