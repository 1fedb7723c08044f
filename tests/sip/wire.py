"""Nodes on a wire with a clock of its own: what one core sends the others receive, and 32 s pass in no time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.gate import Identify
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Request, Response
from webpbx.sip.outputs import Event, Persist, Send
from webpbx.sip.parser import parse_message
from webpbx.sip.registrar import Registrar
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import Answered, Ended, Progress, SessionEvent
from webpbx.sip.session_order import InviteOrder
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.subscription import OnSubscribe
from webpbx.sip.transport import Address, Flow
from webpbx.sip.uri import parse_uri
from webpbx.sip.user_agent import UserAgent

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
ANSWER = OFFER.replace(b"4000", b"5000")
HOST = "192.0.2.9"


def trust_all(flow: Flow, request: Request) -> Peer | None:
    _ = (flow, request)
    return Peer("trunk")


@dataclass
class Node:
    """One core and what it told."""

    wire: "Wire"
    address: Address
    core: UserAgent
    events: list[SessionEvent] = field(default_factory=list)
    incoming: list[CalledUsage] = field(default_factory=list)
    written: list[DialogState | DialogGone] = field(default_factory=list)
    store_is_slow: bool = False
    waiting: list[InviteUsage] = field(default_factory=list)

    def flow(self, remote: Address) -> Flow:
        return Flow("UDP", self.address, remote)

    def call(self, *proxies: Address, **order: object) -> CallingUsage:
        values: dict[str, object] = {
            "target": "sip:100@example.com",
            "flows": tuple(self.flow(proxy) for proxy in proxies),
            "from_": NameAddr(parse_uri("sip:anna@example.com")),
            "to": NameAddr(parse_uri("sip:100@example.com")),
            "sdp": OFFER,
            **order,
        }
        usage = self.core.invite(InviteOrder(**values), self.wire.now)  # type: ignore[arg-type]  # values by name
        self.wire.settle()
        return usage

    def do(self, order: Callable[[float], object]) -> None:
        order(self.wire.now)
        self.wire.settle()

    def store_catches_up(self) -> None:
        waiting, self.waiting = self.waiting, []
        for usage in waiting:
            usage.persisted(self.wire.now)
        self.wire.settle()

    @property
    def told(self) -> list[str]:
        """The events in short, such as `180` or `ended remote 486`."""
        return [_short(event) for event in self.events]


def _short(event: SessionEvent) -> str:
    if isinstance(event, Progress):
        return str(event.status)
    if isinstance(event, Answered):
        return "answered"
    if isinstance(event, Ended):
        return f"ended {event.by}" + (f" {int(event.status)}" if event.status else "")
    return type(event).__name__.lower()


class Wire:
    """Carry datagrams between nodes and raw peers; `loses` decides which ones never arrive."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.nodes: dict[Address, Node] = {}
        self.raw: dict[Address, list[bytes]] = {}
        self.log: list[tuple[float, Address, Address, str]] = []
        self.loses: Callable[[str], bool] = lambda _: False

    def node(
        self,
        host: str = HOST,
        port: int = 5060,
        *,
        identify: Identify = trust_all,
        registrar: Registrar | None = None,
        persists: bool = True,
        settings: SipSettings | None = None,
        trusted: Callable[[str], bool] | None = lambda _: True,
        on_subscribe: OnSubscribe | None = None,
    ) -> Node:
        core = UserAgent(
            settings=settings or SipSettings(),
            identify=identify,
            registrar=registrar,
            trusted=trusted,
            on_subscribe=on_subscribe,
            persists=persists,
            random=random.Random(port),
            wall=lambda: self.now + 1e9,
        )
        node = self.nodes[host, port] = Node(self, (host, port), core)
        return node

    def peer(self, host: str = "192.0.2.1", port: int = 5060) -> list[bytes]:
        """Return the list in which a raw peer finds what it was sent."""
        return self.raw.setdefault((host, port), [])

    def send(self, data: bytes, node: Node, source: Address = ("192.0.2.1", 5060)) -> None:
        """Send raw bytes to a node."""
        node.core.receive(node.flow(source), data, self.now)
        self.settle()

    def settle(self) -> None:
        """Carry everything there is to carry at this moment."""
        busy = True
        while busy:
            busy = False
            for node in list(self.nodes.values()):
                for output in node.core.take():
                    busy = True
                    if isinstance(output, Send):
                        self._carry(output.flow.local, output.flow.remote, output.data)
                    elif isinstance(output, Event):
                        self._tell(node, output)
                    elif isinstance(output, Persist):
                        node.written.append(output.state)
                        node.waiting.append(output.usage)
                        if not node.store_is_slow:
                            node.waiting.pop().persisted(self.now)

    def _tell(self, node: Node, event: Event) -> None:
        if event.event is not None:
            node.events.append(event.event)
        elif isinstance(event.usage, CalledUsage):
            node.incoming.append(event.usage)

    def _carry(self, source: Address, target: Address, data: bytes) -> None:
        line = data.split(b"\r\n", 1)[0].decode()
        self.log.append((self.now, source, target, line))
        if self.loses(line):
            return
        if target in self.raw:
            self.raw[target].append(data)
        elif target in self.nodes:
            node = self.nodes[target]
            node.core.receive(node.flow(source), data, self.now)

    def sleep(self, seconds: float) -> None:
        """Let time pass, firing every timer at its moment."""
        end = self.now + seconds
        while True:
            due = [at for at in (node.core.timer() for node in self.nodes.values()) if at is not None and at <= end]
            if not due:
                break
            self.now = max(min(due), self.now)
            for node in list(self.nodes.values()):
                node.core.advance(self.now)
            self.settle()
        self.now = end

    def lines(self, start: str = "") -> list[str]:
        """Return the first lines of what was sent, those that begin so."""
        return [line for _, _, _, line in self.log if line.startswith(start)]

    def times(self, start: str) -> list[float]:
        """Return when lines that begin so were sent, counted from the first."""
        at = [moment for moment, _, _, line in self.log if line.startswith(start)]
        return [round(moment - at[0], 3) for moment in at]


def response(data: bytes) -> Response:
    message = parse_message(data)
    assert isinstance(message, Response)
    return message


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def invite(
    *,
    branch: str = "z9hG4bKabc",
    call_id: str = "c1",
    cseq: int = 1,
    extra: str = "",
    body: bytes = OFFER,
    to_tag: str = "",
) -> bytes:
    """Write an INVITE of the raw peer 192.0.2.1."""
    tag = f";tag={to_tag}" if to_tag else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"INVITE sip:100@{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n"
        f"From: <sip:bob@example.org>;tag=b1\r\nTo: <sip:100@{HOST}>{tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq} INVITE\r\nContact: <sip:bob@192.0.2.1:5060>\r\nMax-Forwards: 70\r\n{extra}{kind}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def other(
    method: str,
    *,
    branch: str = "z9hG4bKdef",
    call_id: str = "c1",
    cseq: int = 2,
    to_tag: str = "",
    from_tag: str = "b1",
    extra: str = "",
    body: bytes = b"",
    uri: str = f"sip:100@{HOST}",
) -> bytes:
    """Write another request of the raw peer 192.0.2.1."""
    tag = f";tag={to_tag}" if to_tag else ""
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n"
        f"From: <sip:bob@example.org>;tag={from_tag}\r\nTo: <sip:100@{HOST}>{tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer_to(data: bytes, status: int, *, tag: str = "t1", extra: str = "", body: bytes = b"") -> bytes:
    """Write the raw peer's response to a request it received."""
    asked = request(data)
    lines = [f"SIP/2.0 {status} Whatever"]
    lines += [f"Via: {asked.get('Via')}", f"From: {asked.get('From')}"]
    to = asked.get("To") or ""
    lines.append(f"To: {to}" + (f";tag={tag}" if tag and ";tag=" not in to else ""))
    lines += [f"Call-ID: {asked.call_id}", f"CSeq: {asked.get('CSeq')}"]
    if status < 300 and "Contact:" not in extra:
        lines.append("Contact: <sip:100@192.0.2.1:5060>")
    if body:
        lines.append("Content-Type: application/sdp")
    head = "\r\n".join(lines) + "\r\n" + extra + f"Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
