"""What can be set about the stack, each with its default."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from webpbx.sip.auth import ALGORITHMS
from webpbx.sip.grammar import LIMITS, Limits, SipError
from webpbx.sip.timers import TimerValues

_TOO_MUCH = 1e9


@dataclass(frozen=True, slots=True)
class Peer:
    """Name a party whose requests are served beyond OPTIONS, known by its address or by its secret."""

    id: str
    refusal: int | None = None
    """The status that this INVITE is refused with, at once and keeping no state: it leads nowhere."""
    registered: bool = False
    """A telephone of ours, known by its secret: it is spoken to the way it came, and may call for help to the last."""


@dataclass(frozen=True, slots=True)
class SipSettings:
    """Hold limits and timers; seconds and counts."""

    user_agent: str = "webpbx"
    """Told to peers; it bears no version."""
    realm: str = "webpbx"
    """What unknown sources are challenged for, unless a registrar has its own."""
    challenge_algorithms: tuple[str, ...] = ALGORITHMS
    """What our challenges offer, in order; some telephones give up at the sight of SHA-256 and need MD5 alone."""
    advertised: str | None = None
    """Our address in Via and Contact where it differs from the socket's."""
    limits: Limits = LIMITS
    """How long messages, their headers and their session descriptions may be."""
    timers: TimerValues = field(default_factory=TimerValues)
    transfers: bool = False
    """The owners of sessions serve `Referred` and `Session.replaces`; else REFER and Replaces are unknown to us."""
    session_interval: int = 1800
    """How long a call goes on without a refresh, where the far end knows session timers (RFC 4028); 0 asks for none."""
    ring_limit: float = 180.0
    """How long a peer may ring before we cancel (Timer C)."""
    drain_retry_after: int = 10
    blocked_after_503: float = 30.0
    """How long a proxy that refused is tried last, unless its Retry-After says otherwise."""
    blocked_after_silence: float = 15.0
    """How long a proxy that was silent is tried last where there is another."""
    unknown_rate: float = 20.0
    unknown_silence: float = 300.0
    """Datagrams a second from an unknown source; beyond that it is not heard for so long."""
    known_rate: float = 2000.0
    """Datagrams a second from a peer that has proved itself; more are dropped, without silence after."""
    stream_idle: float = 30.0
    """How long a connection may be silent that neither a registration nor a call needs."""
    stream_message: float = 10.0
    """How long a message may take to arrive."""
    streams_per_address: int = 10
    """Connections an address may have open; registered ones do not count."""
    max_streams: int = 10_000
    max_transactions: int = 20_000
    max_dialogs: int = 5_000
    max_sources: int = 20_000
    max_watchers: int = 50
    """How many may subscribe to one mailbox."""
    hop_limit: int = 5
    """How often a call may be sent on; see `identity.diverted`."""
    nonce_seconds: int = 60
    """How long our challenges can be answered."""

    def limited(self, given: Iterable[str]) -> "SipSettings":
        """Give the same with other limits, each written name=number; raise SipError, which names them all."""
        numbers = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        known = {name: kind for name, kind in numbers.items() if kind in (int, float)}
        chosen: dict[str, float] = {}
        for text in given:
            name, _, number = text.partition("=")
            try:
                chosen[name] = known[name](number)
            except (KeyError, ValueError):
                raise SipError(
                    f"The SIP limit {text!r} cannot be used: write name=number, where the name is one of "
                    f"{', '.join(sorted(known))}."
                ) from None
            if not 0 <= chosen[name] < _TOO_MUCH:
                raise SipError(f"The SIP limit {text!r} cannot be used: the number must be 0 or more.")
        return replace(self, **chosen)  # type: ignore[arg-type] # each has the type of its field
