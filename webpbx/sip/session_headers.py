"""The headers a session's messages bear besides those of every message."""

from typing import Final

from webpbx.sip.headers import Reason, parse_q850
from webpbx.sip.message import Header, Request, Response

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
METHODS: Final = frozenset(ALLOW.split(", "))
SDP: Final[Header] = ("Content-Type", "application/sdp")


def reason_headers(q850: int | None) -> list[Header]:
    """Return the Reason header of a Q.850 cause."""
    return [] if q850 is None else [("Reason", str(Reason(q850)))]


def q850_of(message: Request | Response) -> int | None:
    """Return the Q.850 cause a message bears."""
    value = message.get("Reason")
    return None if value is None else parse_q850(value)
