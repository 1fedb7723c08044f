"""The headers a session's messages bear besides those of every message."""

from typing import Final

from webpbx.sip.auth import Credentials, answer
from webpbx.sip.headers import Reason, parse_q850
from webpbx.sip.message import Header, Request, Response, Status

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
"""What is served in any case."""
_REPEATED: Final = frozenset(
    {"Reason", "Allow", "Content-Type", "Supported", "Session-Expires", "Min-SE", "RAck", "Require"}
    | {"Refer-To", "Referred-By", "Event", "Subscription-State"}
)
_ELSEWHERE: Final = 26
"""Non-selected user clearing (Q.850): another telephone took the call."""
SDP: Final[Header] = ("Content-Type", "application/sdp")


def reason_headers(q850: int | None) -> list[Header]:
    """Return the Reason header of a Q.850 cause; telephones know a call answered elsewhere by its status (RFC 3326)."""
    if q850 is None:
        return []
    if q850 == _ELSEWHERE:
        return [("Reason", 'SIP;cause=200;text="Call completed elsewhere"'), ("Reason", str(Reason(q850)))]
    return [("Reason", str(Reason(q850)))]


def q850_of(message: Request | Response) -> int | None:
    """Return the Q.850 cause a message bears."""
    return parse_q850(", ".join(message.values("Reason")))


def challenge_headers(
    response: Response, request: Request, credentials: Credentials, *, cnonce: str
) -> list[Header] | None:
    """Return what a challenged request within a dialog bears the second time; None when it is not to be repeated."""
    if response.status not in {Status.UNAUTHORIZED, Status.PROXY_AUTHENTICATION_REQUIRED}:
        return None
    said = answer(response, request, credentials, cnonce=cnonce)
    if said is None:
        return None
    return [*(header for header in request.headers if header[0] in _REPEATED), said.header]
