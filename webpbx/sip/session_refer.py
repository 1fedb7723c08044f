"""Transfers as the protocol has them: REFER, and NOTIFY of what became of it (RFC 3515), in either role.

Whoever is asked to refer accepts (202), calls the target, and tells how that goes: by NOTIFY at the start and at the
end, each with the status line of the call it makes (message/sipfrag, RFC 3420). The subscription that a REFER begins
lives in the call's dialog and outlives its BYE: a telephone that sends one away hangs up at once and still wants to
know (RFC 5057 §3).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from webpbx.sip.dialog import renewed
from webpbx.sip.grammar import ParseError, parse_parameters
from webpbx.sip.headers import NameAddr, Replaces, parse_delta
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.session_aside import Usage as AsideUsage
from webpbx.sip.session_aside import Within
from webpbx.sip.session_events import ReferProgress, Referred, SessionEvent, UsageState
from webpbx.sip.transaction import ServerTransaction
from webpbx.sip.uri import SipUri, TelUri, Uri

SUBSCRIBED: Final = 300
"""Seconds after which whoever referred hears no more; longer than a telephone may ring."""
_FRAGMENT: Final = "message/sipfrag;version=2.0"
_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]*))?(?:\r?\n|$)", re.IGNORECASE)
_AT_ONCE: Final = 4


class Usage(AsideUsage, Protocol):
    """What transfers need from their call."""

    state: UsageState

    def tell(self, event: SessionEvent) -> None:
        """Tell the session's owner."""

    def respond(
        self, transaction: ServerTransaction, status: int, now: float, *, headers: list[Header] | None = None
    ) -> None:
        """Answer a request within the dialog."""


@dataclass(slots=True)
class _Watcher:
    """Hold one REFER of theirs whose outcome we tell; NOTIFYs go one after the other, the latest word last."""

    event: str
    until: float
    fragment: bytes = b""
    final: bool = False
    busy: bool = False
    waiting: list[str] = field(default_factory=list)


def event_of(request: Request) -> tuple[str, str | None]:
    """Return the event package a request names and its `id`; raise ParseError when it names none."""
    package, _, rest = (request.get("Event") or "").partition(";")
    if not package.strip():
        raise ParseError("the request has no Event")
    return package.strip().lower(), parse_parameters(rest).get("id") if rest else None


def read_refer_to(request: Request) -> tuple[NameAddr, Replaces | None]:
    """Return whom a REFER means, and the call to be replaced there; raise ParseError, whose status refuses it."""
    values = request.elements("Refer-To")
    if len(values) != 1:
        raise ParseError("a REFER needs one Refer-To")
    address = NameAddr.parse(values[0])
    uri = address.uri
    if isinstance(uri, TelUri):
        return NameAddr(uri, address.display), None
    if not isinstance(uri, SipUri):
        raise ParseError("this scheme cannot be called", status=Status.UNSUPPORTED_URI_SCHEME)
    if (uri.parameter("method") or "INVITE").upper() != "INVITE":
        raise ParseError("only calls can be referred", status=Status.FORBIDDEN)
    told = [value for name, value in uri.headers if name.lower() == "replaces"]
    if len(told) > 1:
        raise ParseError("a Refer-To replaces two calls")
    kept = tuple(pair for pair in uri.parameters if pair[0] != "method")
    bare = replace(uri, headers=(), parameters=kept)
    return NameAddr(bare, address.display), Replaces.parse(told[0]) if told else None


class Transfers:
    """Take REFERs and tell their outcome; send REFERs and hear theirs."""

    def __init__(self, usage: Usage) -> None:
        self.deadlines: dict[str, float] = {}
        self._usage = usage
        self._asked: ServerTransaction | None = None
        self._watchers: list[_Watcher] = []
        self._referred = 0
        self._sent: dict[str, None] = {}
        """The CSeq numbers of REFERs of ours whose end is not told yet."""

    # -- theirs --------------------------------------------------------------------------------------------------

    def on_refer(self, transaction: ServerTransaction, now: float) -> None:
        """Take a REFER of a peer that is authenticated."""
        usage, request = self._usage, transaction.request
        if usage.ended or usage.state is UsageState.LEAVING:
            usage.respond(transaction, Status.NO_SUCH_CALL, now)
            return
        if usage.state is not UsageState.CONFIRMED or self._asked is not None or len(self._watchers) >= _AT_ONCE:
            usage.respond(transaction, Status.SERVER_ERROR, now, headers=[("Retry-After", "2")])
            return
        try:
            refer_to, replaces = read_refer_to(request)
            by = request.get("Referred-By")
            referred_by = None if by is None else NameAddr.parse(by)
        except ParseError as error:
            usage.respond(transaction, error.status, now)
            return
        self._asked = transaction
        usage.tell(Referred(refer_to, replaces, referred_by))

    def accept(self, now: float) -> None:
        """Take the REFER that `Referred` told: 202, and a first NOTIFY at once."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        usage = self._usage
        usage.dialog = renewed(usage.dialog, asked.request)
        self._referred += 1
        event = "refer" if self._referred == 1 else f"refer;id={asked.request.cseq.number}"
        usage.respond(asked, Status.ACCEPTED, now)
        watcher = _Watcher(event, now + SUBSCRIBED)
        self._watchers.append(watcher)
        usage.core.timers.set(self, f"watched {event}", watcher.until)
        self._tell(watcher, Status.TRYING, "Trying", final=False, now=now)

    def refuse(self, status: int, now: float) -> None:
        """Refuse it."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self._usage.respond(asked, status, now)

    def notify(self, status: int, reason: str, *, final: bool, now: float) -> None:
        """Tell how the latest accepted REFER goes; after the final word there is none."""
        if self._watchers and not self._watchers[-1].final:
            self._tell(self._watchers[-1], status, reason, final=final, now=now)

    def _tell(self, watcher: _Watcher, status: int, reason: str, *, final: bool, now: float) -> None:
        watcher.fragment = f"SIP/2.0 {int(status)} {reason}\r\n".encode()
        self._notify(watcher, "noresource" if final else "", now)

    def _notify(self, watcher: _Watcher, ended: str, now: float) -> None:
        """Send the present state; `ended` is why it is the last."""
        watcher.final = watcher.final or bool(ended)
        if watcher.busy:
            watcher.waiting[:] = [ended]
            return
        left = max(int(watcher.until - now), 0)
        state = f"terminated;reason={ended}" if ended else f"active;expires={left}"
        headers = [("Event", watcher.event), ("Subscription-State", state), ("Content-Type", _FRAGMENT)]
        watcher.busy = True
        done = self._heard(watcher)
        request = self._usage.within("NOTIFY", headers=headers, body=watcher.fragment)
        self._usage.launch(request, Within(self._usage, done, ends_dialog=False), now)

    def _heard(self, watcher: _Watcher) -> Callable[[int, Response | None, float], None]:
        def done(status: int, response: Response | None, now: float) -> None:
            _ = response
            watcher.busy = False
            if status >= Status.MULTIPLE_CHOICES or (watcher.final and not watcher.waiting):
                self._forget(watcher)
            elif watcher.waiting:
                self._notify(watcher, watcher.waiting.pop(), now)

        return done

    def _forget(self, watcher: _Watcher) -> None:
        self.deadlines.pop(f"watched {watcher.event}", None)
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def on_subscribe(self, transaction: ServerTransaction, now: float) -> None:
        """Serve a SUBSCRIBE that prolongs or ends what a REFER began (RFC 3515 §2.4.4)."""
        usage = self._usage
        try:
            package, which = event_of(transaction.request)
        except ParseError:
            usage.respond(transaction, Status.BAD_REQUEST, now)
            return
        if package != "refer":
            usage.respond(transaction, Status.BAD_EVENT, now, headers=[("Allow-Events", "refer")])
            return
        wanted = "refer" if which is None else f"refer;id={which}"
        watcher = next((each for each in self._watchers if each.event == wanted and not each.final), None)
        if watcher is None:
            usage.respond(transaction, Status.NO_SUCH_CALL, now)
            return
        said = parse_delta(transaction.request.get("Expires") or "")
        seconds = min(SUBSCRIBED if said is None else said, SUBSCRIBED)
        watcher.until = now + seconds
        usage.respond(transaction, Status.OK, now, headers=[("Expires", str(seconds))])
        if seconds:
            usage.core.timers.set(self, f"watched {watcher.event}", watcher.until)
        self._notify(watcher, "" if seconds else "timeout", now)

    def fire(self, letter: str, now: float) -> None:
        """End what was watched for long enough."""
        for watcher in self._watchers:
            if letter == f"watched {watcher.event}" and not watcher.final:
                self._notify(watcher, "timeout", now)

    # -- ours ----------------------------------------------------------------------------------------------------

    def refer(
        self,
        target: Uri,
        now: float,
        *,
        done: Callable[[int], None],
        replaces: Replaces | None = None,
        referred_by: NameAddr | None = None,
    ) -> None:
        """Ask the far end to call someone; `done` hears the answer, ReferProgress what becomes of it."""
        usage = self._usage
        if usage.ended or usage.state is not UsageState.CONFIRMED:
            done(Status.NO_SUCH_CALL)
            return
        if replaces is not None and isinstance(target, SipUri):
            target = replace(target, headers=(*target.headers, ("Replaces", str(replaces))))
        headers = [("Refer-To", str(NameAddr(target)))]
        if referred_by is not None:
            headers.append(("Referred-By", str(referred_by)))
        request = usage.within("REFER", headers=headers)
        if request is not None:
            self._sent[str(request.cseq.number)] = None
            usage.launch(request, Within(usage, self._answered(str(request.cseq.number), done)), now)

    def _answered(self, sent: str, done: Callable[[int], None]) -> Callable[[int, Response | None, float], None]:
        def heard(status: int, response: Response | None, now: float) -> None:
            _ = now
            is_open = sent in self._sent
            self._sent.pop(sent, None)
            if is_open and response is not None and response.is_success:
                self._sent[str(response.cseq.number)] = None  # another number where it was challenged
            done(status)

        return heard

    def on_notify(self, transaction: ServerTransaction, now: float) -> None:
        """Take what the far end tells of a REFER of ours."""
        usage, request = self._usage, transaction.request
        try:
            package, which = event_of(request)
        except ParseError:
            usage.respond(transaction, Status.BAD_REQUEST, now)
            return
        state = (request.get("Subscription-State") or "").partition(";")[0].strip().lower()
        found = _STATUS_LINE.match(request.body)
        if package != "refer":
            usage.respond(transaction, Status.BAD_EVENT, now, headers=[("Allow-Events", "refer")])
        elif not self._sent or (which is not None and which not in self._sent and len(self._sent) > 1):
            usage.respond(transaction, Status.NO_SUCH_CALL, now)
        elif not state or request.content_type != "message/sipfrag" or found is None:
            usage.respond(transaction, Status.BAD_REQUEST, now)
        else:
            usage.dialog = renewed(usage.dialog, request)
            usage.respond(transaction, Status.OK, now)
            final = state == "terminated"
            if final:
                self._sent.pop(which or next(iter(self._sent)), None)
            reason = (found[2] or b"").decode("utf-8", "replace").strip()
            usage.tell(ReferProgress(int(found[1]), reason, final))
