"""Who wants to be told of waiting messages: SUBSCRIBE and NOTIFY (RFC 6665) of message-summary (RFC 3842).

    network = await SipNetwork.open(…, on_subscribe=present)      present(Subscriber) -> body, or the status refusing it
    network.notify(aor, message_summary(new=2, old=8))            to everyone subscribed to that mailbox
    await network.notify_unsolicited(contact, flow, aor, body)    to a telephone that never subscribed

`aor` is the user part that was subscribed to. Subscriptions live as long as the process: a telephone whose one is
unknown hears 481 and subscribes anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from webpbx.sip.dialog import DialogKey, DialogState, called_dialog, renewed
from webpbx.sip.grammar import ParseError
from webpbx.sip.headers import CSeq, NameAddr, parse_delta
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.session_aside import Within
from webpbx.sip.session_core import Core, branch
from webpbx.sip.session_dialog import DialogUsage
from webpbx.sip.session_refer import event_of
from webpbx.sip.settings import Peer
from webpbx.sip.transaction import ClientTransaction, ServerTransaction
from webpbx.sip.transport import Flow, contact_for, is_secure, via_for
from webpbx.sip.uri import SipUri

PACKAGE: Final = "message-summary"
SUMMARY: Final = "application/simple-message-summary"
_LEAST: Final = 60
_LONGEST: Final = 3600
_ACCEPTED: Final = frozenset({SUMMARY, "application/*", "*/*"})


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Say who wants to know of whose messages."""

    aor: str
    peer: Peer
    """The authenticated sender; whether it may know is the owner's to say."""


OnSubscribe = Callable[[Subscriber], bytes | int]
"""The present state of a mailbox, or the status that refuses it: 403, 404."""


def message_summary(*, new: int, old: int, account: str = "", urgent_new: int = 0, urgent_old: int = 0) -> bytes:
    """Write how many voice messages wait (RFC 3842 §5.2)."""
    lines = [f"Messages-Waiting: {'yes' if new else 'no'}"]
    if account:
        lines.append(f"Message-Account: {account}")
    lines.append(f"Voice-Message: {new}/{old} ({urgent_new}/{urgent_old})")
    return "".join(f"{line}\r\n" for line in lines).encode()


def unsolicited_notify(core: Core, target: SipUri, flow: Flow, aor: NameAddr, body: bytes) -> Request:
    """Write a NOTIFY outside any subscription, as telephones take it that are told to expect one."""
    headers: list[Header] = [
        ("Via", via_for(flow, branch(core))),
        ("Max-Forwards", "70"),
        ("From", str(aor.with_tag(core.token()))),
        ("To", str(NameAddr(aor.uri))),
        ("Call-ID", core.token()),
        ("CSeq", str(CSeq(1, "NOTIFY"))),
        ("Contact", contact_for(flow, secure=is_secure(str(target)))),
        ("Event", PACKAGE),
        ("Subscription-State", "terminated;reason=noresource"),
        ("Content-Type", SUMMARY),
        ("User-Agent", core.settings.user_agent),
    ]
    return Request("NOTIFY", str(target), headers, body)


class Watched(Protocol):
    """What a subscription needs from those who hold it."""

    core: Core

    def forget(self, subscription: "Subscription") -> None:
        """Let it go."""


class Subscription(DialogUsage):
    """Tell one subscriber, one NOTIFY after the other."""

    def __init__(self, held: Watched, aor: str, event: str, dialog: DialogState) -> None:
        super().__init__(held.core)
        self.dialog: DialogState = dialog
        self.aor = aor
        self.deadlines: dict[str, float] = {}
        self._held = held
        self._event = event
        self._until = 0.0
        self._body = b""
        self._busy = False
        self._waiting = False

    def write(self) -> None:
        """Keep nothing: the subscriber comes again."""

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        """Serve a SUBSCRIBE that prolongs or ends it."""
        request = transaction.request
        if self.dialog.remote_seq is not None and request.cseq.number <= self.dialog.remote_seq:
            transaction.respond(response_to(request, Status.SERVER_ERROR), now)
            return
        self.dialog = renewed(replace(self.dialog, remote_seq=request.cseq.number), request)
        seconds = wanted_seconds(request)
        if request.method != "SUBSCRIBE":
            transaction.respond(response_to(request, Status.NO_SUCH_CALL), now)
        elif 0 < seconds < _LEAST:
            transaction.respond(response_to(request, Status.INTERVAL_TOO_BRIEF, headers=[min_expires()]), now)
        else:
            self.grant(transaction, seconds, now)
            self.notify(self._body, now)

    def grant(self, transaction: ServerTransaction, seconds: int, now: float) -> None:
        """Agree to so many seconds; 0 ends it once its subscriber has been told a last time."""
        self._until = now + seconds
        self.respond(transaction, Status.OK, now, headers=[("Expires", str(seconds))])
        self.core.timers.set(self, "expires", self._until)

    def notify(self, body: bytes, now: float) -> None:
        """Tell the present state; while a NOTIFY is unanswered the next one waits, and the latest state goes."""
        self._body = body
        if self._busy:
            self._waiting = True
            return
        self._busy = True
        left = int(self._until - now)
        if left <= 0:
            self._end()
        state = f"active;expires={left}" if left > 0 else "terminated;reason=timeout"
        headers: list[Header] = [
            ("Event", self._event),
            ("Subscription-State", state),
            ("Content-Type", SUMMARY),
        ]
        request = self.within("NOTIFY", headers=headers, body=body)
        self.launch(request, Within(self, self._heard, ends_dialog=False), now)

    def _heard(self, status: int, response: Response | None, now: float) -> None:
        """Go on, or let a subscriber go who does not want to hear (RFC 6665 §4.2.2)."""
        _ = response
        self._busy = False
        if status >= Status.MULTIPLE_CHOICES:
            self._end()
        elif self._waiting and not self.ended:
            self._waiting = False
            self.notify(self._body, now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear nothing: each NOTIFY has its own listener."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear nothing: each NOTIFY has its own listener."""

    def expired(self, status: int, reason: str, now: float) -> None:
        """Let the subscriber go."""
        _ = (status, reason, now)
        self._end()

    def _end(self) -> None:
        self.ended = True
        self.deadlines.clear()
        self._held.forget(self)

    def fire(self, letter: str, now: float) -> None:
        """Tell that the time is over."""
        _ = letter
        self.notify(self._body, now)


def wanted_seconds(request: Request) -> int:
    """Return how long a SUBSCRIBE is to hold."""
    said = parse_delta(request.get("Expires") or "")
    return min(_LONGEST if said is None else said, _LONGEST)


def min_expires() -> Header:
    """Say how short is too short."""
    return ("Min-Expires", str(_LEAST))


class Subscriptions:
    """Hold all subscriptions to mailboxes."""

    def __init__(self, core: Core, on_subscribe: OnSubscribe | None) -> None:
        self.core = core
        self._on_subscribe = on_subscribe
        self._by_key: dict[DialogKey, Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def of_request(self, request: Request) -> Subscription | None:
        """Find the subscription a request belongs to."""
        if not self._by_key or not request.to.tag:
            return None
        return self._by_key.get((request.call_id, request.to.tag, request.from_.tag))

    def on_subscribe(self, request: Request, flow: Flow, peer: Peer | None, now: float) -> None:
        """Serve a first SUBSCRIBE of an authenticated peer (RFC 6665 §4.2.1)."""
        tag = self.core.token()
        try:
            package, _ = event_of(request)
        except ParseError:
            package = ""
        aor = request.uri.user if isinstance(request.uri, SipUri) else None
        seconds = wanted_seconds(request)
        present = self._present(request, package, Subscriber(aor or "", peer) if peer else None, seconds)
        transaction = self.core.transactions.server(request, flow)
        if not isinstance(present, bytes):
            transaction.respond(response_to(request, present[0], tag=tag, headers=present[1]), now)
            return
        dialog = called_dialog(request, flow, session_id=tag, tag=tag, peer_id=peer.id if peer else None)
        subscription = Subscription(self, aor or "", (request.get("Event") or "").strip(), dialog)
        self._by_key[dialog.key] = subscription
        subscription.grant(transaction, seconds, now)
        subscription.notify(present, now)

    def _present(
        self, request: Request, package: str, subscriber: Subscriber | None, seconds: int
    ) -> bytes | tuple[int, list[Header]]:
        """Return the mailbox's state, or the refusal."""
        if self._on_subscribe is None or package != PACKAGE:
            return Status.BAD_EVENT, [("Allow-Events", PACKAGE if self._on_subscribe is not None else "refer")]
        kinds = {element.partition(";")[0].strip().lower() for element in request.elements("Accept")}
        if kinds and not kinds & _ACCEPTED:
            return Status.NOT_ACCEPTABLE, [("Accept", SUMMARY)]
        if 0 < seconds < _LEAST:
            return Status.INTERVAL_TOO_BRIEF, [min_expires()]
        if subscriber is None:
            return Status.FORBIDDEN, []
        if sum(each.aor == subscriber.aor for each in self._by_key.values()) >= self.core.settings.max_watchers:
            return Status.SERVICE_UNAVAILABLE, [("Retry-After", str(_LEAST))]
        present = self._on_subscribe(subscriber)
        return present if isinstance(present, bytes) else (present, [])

    def notify(self, aor: str, body: bytes, now: float) -> None:
        """Tell everyone who subscribed to a mailbox."""
        for subscription in [each for each in self._by_key.values() if each.aor == aor]:
            subscription.notify(body, now)

    def forget(self, subscription: Subscription) -> None:
        """Let a subscription go that is over."""
        self._by_key.pop(subscription.dialog.key, None)
