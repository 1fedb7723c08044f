"""What an INVITE of ours says, and the ways it may go (RFC 3261 §13.2.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogState
from webpbx.sip.grammar import number
from webpbx.sip.headers import CSeq, NameAddr
from webpbx.sip.message import Header, Request
from webpbx.sip.registration import SILENCE
from webpbx.sip.session_headers import SDP
from webpbx.sip.transport import Flow, contact_for, is_secure, via_for
from webpbx.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class InviteOrder:
    """Hold what an INVITE of ours says and which ways it may go, in order."""

    target: str
    flows: tuple[Flow, ...]
    from_: NameAddr
    to: NameAddr
    sdp: bytes | None = None
    credentials: Credentials | None = None
    headers: tuple[Header, ...] = ()
    routes: tuple[str, ...] = ()
    contact_user: str = ""
    timeout_100: float = SILENCE
    """Seconds of silence after which the next way is tried."""
    give_up: float | None = None
    """Seconds of silence after which the last way is given up; Timer B by default."""
    peer_id: str | None = None
    max_forwards: int = 70
    stays: bool = False
    """Requests within the call go the way of the INVITE."""
    large: Mapping[Flow, Flow] = field(default_factory=dict)
    """UDP flow → the TCP flow that a request too large for a datagram takes instead, if it can."""


_OURS = frozenset(
    {
        *("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Allow", "Supported"),
        *("Session-Expires", "Min-SE", "User-Agent", "Content-Type", "Content-Length"),
        *("Authorization", "Proxy-Authorization"),
    }
)
"""What `invite_request` writes by itself."""


def order_of(request: Request, flow: Flow) -> InviteOrder:
    """Return what a former process wanted with an INVITE, so that it can be said again."""
    contact = next((each.uri for each in request.contacts), None)
    return InviteOrder(
        target=request.uri_text,
        flows=(flow,),
        from_=request.from_,
        to=request.to,
        sdp=request.sdp,
        headers=tuple(header for header in request.headers if header[0] not in _OURS),
        routes=tuple(request.values("Route")),
        contact_user=(contact.user or "") if isinstance(contact, SipUri) else "",
        max_forwards=number(request.get("Max-Forwards") or "70", what="Max-Forwards", below=256),
    )


def invite_request(
    order: InviteOrder,
    dialog: DialogState | None,
    flow: Flow,
    *,
    branch: str,
    seq: int,
    announced: Sequence[Header],
    extra: Sequence[Header],
) -> Request:
    """Write the INVITE for one of its ways."""
    headers: list[Header] = [
        ("Via", via_for(flow, branch)),
        ("Max-Forwards", str(order.max_forwards)),
        ("From", str(order.from_.with_tag(dialog.local_tag if dialog else ""))),
        ("To", str(order.to.with_tag(""))),
        ("Call-ID", dialog.call_id if dialog else ""),
        ("CSeq", str(CSeq(seq, "INVITE"))),
        ("Contact", contact_for(flow, order.contact_user, secure=is_secure(order.target))),
        *(("Route", route) for route in order.routes),
        *announced,
        *order.headers,
        *extra,
    ]
    if order.sdp is not None:
        headers += [("Supported", "100rel"), SDP]  # without an offer the answer would have to go in PRACK
    return Request("INVITE", order.target, headers, order.sdp or b"")
