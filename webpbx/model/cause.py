from enum import Enum
from typing import Literal

Fault = Literal["nobody", "caller", "callee", "provider", "network", "us"]


class Cause(Enum):
    """Why a call or one of its legs ended: its stable name, Q.850 cause, SIP status and whose fault it is.

    The pairs follow RFC 3398 §7.2.4.1 and §8.2.6.1 where they know the case.
    """

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    UNKNOWN_NUMBER = "unknown_number"
    NOT_REGISTERED = "not_registered"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    NO_ROUTE = "no_route"
    TRUNK_DOWN = "trunk_down"
    TRUNK_REFUSED = "trunk_refused"
    TRUNK_BUSY = "trunk_busy"
    CALL_LIMIT = "call_limit"
    MEDIA_LOST = "media_lost"
    INCOMPATIBLE_MEDIA = "incompatible_media"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    SHUTTING_DOWN = "shutting_down"
    RESTARTED = "restarted"
    EMERGENCY_NO_TRUNK = "emergency_no_trunk"
    LOST_TAB = "lost_tab"
    TIMEOUT = "timeout"
    FAILED = "failed"

    @property
    def q850(self) -> int:
        """Give the Q.850 cause value."""
        return _FACTS[self][0]

    @property
    def sip(self) -> int:
        """Give the SIP status that refuses an INVITE for this cause."""
        return _FACTS[self][1]

    @property
    def fault(self) -> Fault:
        """Say whose fault it is."""
        return _FACTS[self][2]

    def __str__(self) -> str:
        return self.value

    @classmethod
    def from_sip(cls, status: int, *, q850: int | None = None) -> "Cause":
        """Name the cause of a far end's final status; its Reason header's Q.850 value decides where it says more."""
        told = _FROM_Q850.get(q850) if q850 is not None else None
        if told is not None and status in _VAGUE:
            return told
        if status in _FROM_SIP:
            return _FROM_SIP[status]
        if status in _ELSEWHERE:
            return cls.TRUNK_REFUSED
        return cls.NORMAL if 200 <= status < 300 else cls.FAILED  # noqa: PLR2004 - the class of success

    @classmethod
    def from_q850(cls, q850: int) -> "Cause":
        """Name the cause of a Q.850 value, as a BYE's or CANCEL's Reason header carries it (RFC 3326)."""
        return _FROM_Q850.get(q850, cls.FAILED)


# Cause: (Q.850, SIP status, fault)
_FACTS: dict[Cause, tuple[int, int, Fault]] = {
    Cause.NORMAL: (16, 200, "nobody"),
    Cause.BUSY: (17, 486, "callee"),
    Cause.NO_ANSWER: (19, 480, "callee"),
    Cause.DECLINED: (21, 603, "callee"),
    Cause.CANCELLED: (16, 487, "caller"),
    Cause.UNKNOWN_NUMBER: (1, 404, "caller"),
    Cause.NOT_REGISTERED: (20, 480, "callee"),
    Cause.UNREACHABLE: (18, 480, "callee"),
    Cause.FORBIDDEN: (57, 403, "caller"),
    Cause.NO_ROUTE: (3, 404, "us"),
    Cause.TRUNK_DOWN: (38, 503, "provider"),
    Cause.TRUNK_REFUSED: (41, 502, "provider"),
    Cause.TRUNK_BUSY: (34, 503, "provider"),
    Cause.CALL_LIMIT: (42, 503, "us"),
    Cause.MEDIA_LOST: (27, 500, "network"),
    Cause.INCOMPATIBLE_MEDIA: (88, 488, "nobody"),
    Cause.ANSWERED_ELSEWHERE: (26, 487, "nobody"),
    Cause.SHUTTING_DOWN: (41, 503, "us"),
    Cause.RESTARTED: (41, 503, "us"),
    Cause.EMERGENCY_NO_TRUNK: (38, 503, "us"),
    Cause.LOST_TAB: (27, 480, "network"),
    Cause.TIMEOUT: (102, 408, "network"),
    Cause.FAILED: (41, 500, "us"),
}
_FROM_SIP = {
    401: Cause.TRUNK_REFUSED,
    402: Cause.TRUNK_REFUSED,
    403: Cause.TRUNK_REFUSED,
    404: Cause.UNKNOWN_NUMBER,
    405: Cause.TRUNK_REFUSED,
    407: Cause.TRUNK_REFUSED,
    408: Cause.TIMEOUT,
    410: Cause.UNKNOWN_NUMBER,
    415: Cause.INCOMPATIBLE_MEDIA,
    433: Cause.DECLINED,
    480: Cause.UNREACHABLE,
    484: Cause.UNKNOWN_NUMBER,
    485: Cause.UNKNOWN_NUMBER,
    486: Cause.BUSY,
    487: Cause.CANCELLED,
    488: Cause.INCOMPATIBLE_MEDIA,
    503: Cause.TRUNK_DOWN,
    504: Cause.TIMEOUT,
    600: Cause.BUSY,
    603: Cause.DECLINED,
    604: Cause.UNKNOWN_NUMBER,
    606: Cause.INCOMPATIBLE_MEDIA,
    607: Cause.DECLINED,
    608: Cause.DECLINED,
}
_FROM_Q850 = {
    1: Cause.UNKNOWN_NUMBER,
    3: Cause.NO_ROUTE,
    16: Cause.NORMAL,
    17: Cause.BUSY,
    18: Cause.UNREACHABLE,
    19: Cause.NO_ANSWER,
    20: Cause.NOT_REGISTERED,
    21: Cause.DECLINED,
    22: Cause.UNKNOWN_NUMBER,
    26: Cause.ANSWERED_ELSEWHERE,
    27: Cause.UNREACHABLE,
    28: Cause.UNKNOWN_NUMBER,
    31: Cause.NORMAL,
    34: Cause.TRUNK_BUSY,
    38: Cause.TRUNK_DOWN,
    41: Cause.FAILED,
    42: Cause.TRUNK_BUSY,
    57: Cause.FORBIDDEN,
    88: Cause.INCOMPATIBLE_MEDIA,
    102: Cause.TIMEOUT,
}
_ELSEWHERE = range(300, 400)
"""Go and ask somewhere else: a provider that says so does not carry the call, and whom we call is our decision."""
_VAGUE = frozenset({400, 404, 480, 500, 502, 503})  # statuses that gateways use for many Q.850 causes
