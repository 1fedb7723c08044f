"""A dialog as a value that can be stored and taken up by another process (RFC 3261 §12)."""

import ipaddress
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar, cast

from webpbx.sip.grammar import ParseError
from webpbx.sip.headers import CSeq, NameAddr
from webpbx.sip.message import Header, Request, Response
from webpbx.sip.transport import DEFAULT_PORT, TLS_PORT, Address, Flow, contact_for, is_secure, via_for
from webpbx.sip.uri import SipUri, parse_uri

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, their tag: forks differ in the last, a call to oneself in both."""

_BYTES = ("local_sdp", "remote_sdp", "request", "response")
_LOCAL_SEQ_SKIP = 100
TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Requests that tell their sender's Contact (§12.2, RFC 6665 §8.1.1, RFC 3515 §2.2)."""


@dataclass(frozen=True, slots=True)
class DialogState:
    """Hold everything one end of a call must know (§12); `id` is the session's and stays for its whole life.

    `request` and `response` are the raw INVITE and the last response to it; they are kept until the ACK.
    """

    id: str
    role: str
    """`uac` or `uas`, as of the INVITE that made it."""
    call_id: str
    local_tag: str
    remote_tag: str
    """Empty while an INVITE of ours is unanswered."""
    local: str
    """Our From or To without its tag."""
    remote: str
    local_seq: int
    remote_seq: int | None
    invite_seq: int
    routes: tuple[str, ...]
    target: str
    """Where requests go: the peer's Contact."""
    flow: Flow
    confirmed: bool = False
    peer_id: str | None = None
    local_sdp: bytes | None = None
    remote_sdp: bytes | None = None
    request: bytes | None = None
    response: bytes | None = None
    session_interval: int = 0
    """Seconds within which the session must be refreshed (RFC 4028), 0 without end."""
    we_refresh: bool = False
    session_deadline: float | None = None
    """When it ends unless it is refreshed, in seconds of the time of day."""
    stays: bool = False
    """Requests go by the flow itself, whatever the peer's Contact says: it is a telephone of ours."""
    update_allowed: bool = False
    """Whether the far end takes UPDATE."""
    rseq_acknowledged: int = 0
    """The last reliable response to their INVITE that a PRACK acknowledged (RFC 3262)."""

    @property
    def key(self) -> DialogKey:
        """What in-dialog requests are matched by."""
        return self.call_id, self.local_tag, self.remote_tag

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; bytes are base64."""
        data = {name: value for name, value in asdict(self).items() if name not in {*_BYTES, "flow", "routes"}}
        for name in _BYTES:
            value = getattr(self, name)
            data[name] = None if value is None else b64encode(value).decode("ascii")
        return {**data, "flow": self.flow.to_json(), "routes": list(self.routes)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "DialogState":
        """Read what `to_json` wrote."""
        values = dict(data)
        for name in _BYTES:
            values[name] = None if values.get(name) is None else b64decode(values[name])
        values["flow"] = Flow.from_json(values["flow"])
        values["routes"] = tuple(values["routes"])
        return cls(**values)

    def adopted(self) -> "DialogState":
        """Return it with our CSeq skipped ahead of whatever the former process may have sent."""
        return replace(self, local_seq=self.local_seq + _LOCAL_SEQ_SKIP) if self.confirmed else self


@dataclass(frozen=True, slots=True)
class DialogGone:
    """Say that a dialog is over and needs no keeping."""

    id: str


Dialog = TypeVar("Dialog", bound=DialogState | None)


def _party(address: NameAddr) -> str:
    return str(NameAddr(address.uri, address.display))


def allows_update(message: Request | Response) -> bool:
    """Tell whether the sender takes UPDATE (RFC 3311 §4)."""
    return any("UPDATE" in value for value in message.values("Allow"))


def contact_uri(message: Request | Response) -> str | None:
    """Return the first Contact's URI as text."""
    contacts = message.contacts
    return str(contacts[0].uri) if contacts else None


def renewed(state: Dialog, message: Request | Response) -> Dialog:
    """Take the peer's new Contact as remote target (§12.2.2)."""
    target = contact_uri(message)
    return state if target is None or state is None else cast("Dialog", replace(state, target=target))


def called_dialog(
    request: Request, flow: Flow, *, session_id: str, tag: str, peer_id: str | None, stays: bool = False
) -> DialogState:
    """Make our end of a dialog from an INVITE that came in (§12.1.1); the route set keeps its order."""
    return DialogState(
        id=session_id,
        role="uas",
        call_id=request.call_id,
        local_tag=tag,
        remote_tag=request.from_.tag,
        local=_party(request.to),
        remote=_party(request.from_),
        local_seq=0,
        remote_seq=request.cseq.number,
        invite_seq=request.cseq.number,
        routes=tuple(request.elements("Record-Route")),
        target=contact_uri(request) or str(request.from_.uri),  # RFC 2543 knew INVITEs without Contact
        flow=flow,
        peer_id=peer_id,
        remote_sdp=request.sdp,
        stays=stays,
        update_allowed=allows_update(request),
    )


def calling_dialog(state: DialogState, response: Response) -> DialogState:
    """Make our end of a dialog from a tagged response to our INVITE (§12.1.2); the route set is reversed."""
    return replace(
        state,
        remote_tag=response.to.tag,
        remote=_party(response.to),
        routes=tuple(reversed(response.elements("Record-Route"))),
        target=contact_uri(response) or state.target,
        update_allowed=allows_update(response),
    )


def _host_of(text: str) -> SipUri | None:
    try:
        uri = parse_uri(text)
    except ParseError:
        return None
    return uri if isinstance(uri, SipUri) else None


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def next_hop(state: DialogState) -> Address:
    """Return where requests go: the first route or the target, if that is an address we can reach; else the flow.

    Names are never looked up in the packet path, and a private address told by a public peer is one behind its NAT.

    A provider may name any public address: where its border controllers hand calls on, the dialog lives elsewhere than
    its proxy (§12.2.1.1), and a peer that is known could have us called by other means. What goes there is one request
    at a time within a call that it made or took, and no credentials: these stay with the addresses the call began with.
    """
    first = str(NameAddr.parse(state.routes[0]).uri) if state.routes else state.target
    uri = _host_of(first)
    address = _literal(uri.host) if uri else None
    source = _literal(state.flow.remote[0])
    if uri is None or address is None or source is None:
        return state.flow.remote
    unreachable = address.is_unspecified or address.is_multicast or (address.is_private and not source.is_private)
    if unreachable or address.version != source.version:
        return state.flow.remote
    return str(address), uri.port or (TLS_PORT if state.flow.transport == "TLS" else DEFAULT_PORT)


def flow_of(state: DialogState) -> Flow:
    """Return the flow the dialog's next request takes by its routes and its target; open connections come first."""
    if state.stays:
        return state.flow
    return state.flow._replace(remote=next_hop(state))


def dialog_request(
    state: DialogState,
    method: str,
    *,
    branch: str,
    seq: int,
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> Request:
    """Make a request within a dialog (§12.2.1.1), by loose routing, or strict where the first route lacks `lr`."""
    target, routes = state.target, list(state.routes)
    if routes:
        first = NameAddr.parse(routes[0]).uri
        if isinstance(first, SipUri) and first.parameter("lr") is None:
            target, routes = str(first), [*routes[1:], f"<{state.target}>"]
    tag = f";tag={state.remote_tag}" if state.remote_tag else ""
    lines: list[Header] = [
        ("Via", via_for(state.flow, branch)),
        ("Max-Forwards", "70"),
        ("From", f"{state.local};tag={state.local_tag}"),
        ("To", f"{state.remote}{tag}"),
        ("Call-ID", state.call_id),
        ("CSeq", str(CSeq(seq, method))),
        *(("Route", route) for route in routes),
    ]
    if method in TARGET_REFRESH:
        lines.append(("Contact", contact_for(state.flow, secure=is_secure(state.target))))
    return Request(method, target, [*lines, *headers], body)
