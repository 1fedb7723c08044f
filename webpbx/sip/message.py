"""Requests and responses, and the one serialiser (RFC 3261 §7)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, Final, TypeVar, cast

from webpbx.sip.grammar import (
    ParseError,
    SipError,
    split_list,
)
from webpbx.sip.headers import CSeq, NameAddr, Via, media_type
from webpbx.sip.uri import Uri, parse_uri

T = TypeVar("T")


class Status(IntEnum):
    """Name the status codes the stack itself compares or sends (§21)."""

    TRYING = 100
    RINGING = 180
    SESSION_PROGRESS = 183
    OK = 200
    ACCEPTED = 202
    MULTIPLE_CHOICES = 300
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    PROXY_AUTHENTICATION_REQUIRED = 407
    REQUEST_TIMEOUT = 408
    TOO_LARGE = 413
    UNSUPPORTED_MEDIA_TYPE = 415
    UNSUPPORTED_URI_SCHEME = 416
    BAD_EXTENSION = 420
    INTERVAL_TOO_SMALL = 422
    INTERVAL_TOO_BRIEF = 423
    TEMPORARILY_UNAVAILABLE = 480
    NO_SUCH_CALL = 481
    LOOP_DETECTED = 482
    TOO_MANY_HOPS = 483
    BUSY_HERE = 486
    REQUEST_TERMINATED = 487
    NOT_ACCEPTABLE_HERE = 488
    BAD_EVENT = 489
    REQUEST_PENDING = 491
    SERVER_ERROR = 500
    NOT_IMPLEMENTED = 501
    SERVICE_UNAVAILABLE = 503
    SERVER_TIMEOUT = 504
    VERSION_NOT_SUPPORTED = 505
    DECLINE = 603
    LAST = 699


REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
_NAMES = (
    *("Call-ID", "CSeq", "WWW-Authenticate", "RAck", "RSeq", "Min-SE"),
    *("Via", "From", "To", "Contact", "Max-Forwards", "Content-Length", "Content-Type", "Allow", "Accept"),
    *("Supported", "Require", "Proxy-Require", "Route", "Record-Route", "Authorization", "Proxy-Authorization"),
    *("Proxy-Authenticate", "Expires", "Min-Expires", "Retry-After", "Reason", "User-Agent", "Server", "Warning"),
    *("Subject", "Date", "Timestamp", "Unsupported", "P-Asserted-Identity", "Session-Expires", "Event"),
    *("Remote-Party-ID", "P-Preferred-Identity", "Privacy", "Diversion", "History-Info", "Refer-To", "Referred-By"),
    *("Replaces", "Subscription-State", "Allow-Events"),
)
CANONICAL = _COMPACT | {name.lower(): name for name in _NAMES} | {name: name for name in _NAMES}
_CALL_ID = re.compile(r"[^\s\x00-\x20\x7f]+")
Header = tuple[str, str]


def canonical(name: str) -> str:
    """Return the one spelling of a header name this stack keeps."""
    lowered = name.lower()
    return CANONICAL.get(lowered) or lowered.title()


class Message(ABC):
    """Hold what requests and responses share; header values are parsed when first asked for and then kept."""

    __slots__ = ("_parsed", "body", "headers")

    def __init__(self, headers: Iterable[Header], body: bytes = b"") -> None:
        self.headers: list[Header] = list(headers)
        self.body = body
        self._parsed: dict[str, Any] = {}

    @property
    @abstractmethod
    def start_line(self) -> str:
        """The first line without its line end."""

    def get(self, name: str) -> str | None:
        """Return the first value of a header (canonical spelling), None when absent."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def values(self, name: str) -> list[str]:
        """Return every line's value of a header in order."""
        return [value for key, value in self.headers if key == name]

    def elements(self, name: str) -> list[str]:
        """Return the elements of a comma list over all its lines (§7.3.1)."""
        return [element for value in self.values(name) for element in split_list(value)]

    def has_option(self, name: str, option: str) -> bool:
        """Tell whether Supported or Require holds an option tag; Supported may be empty (§20.37)."""
        return any(each.strip().lower() == option for value in self.values(name) for each in value.split(","))

    def _once(self, name: str, parse: Callable[[str], T]) -> T:
        try:
            return cast("T", self._parsed[name])
        except KeyError:
            value = self.get(name)
        if value is None:
            raise ParseError(f"the message has no {name}")
        parsed = self._parsed[name] = parse(value)
        return parsed

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        return self._once("From", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        """The To header."""
        return self._once("To", NameAddr.parse)

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        return self._once("CSeq", CSeq.parse)

    @property
    def call_id(self) -> str:
        """The Call-ID header."""
        return self._once("Call-ID", _parse_call_id)

    @property
    def vias(self) -> list[Via]:
        """Every hop, the topmost first."""
        if "Via" not in self._parsed:
            self._parsed["Via"] = [Via.parse(element) for element in self.elements("Via")]
        return cast("list[Via]", self._parsed["Via"])

    @property
    def via(self) -> Via:
        """The topmost hop."""
        vias = self.vias
        if not vias:
            raise ParseError("the message has no Via")
        return vias[0]

    @property
    def contacts(self) -> list[NameAddr]:
        """Every contact; `*` alone is no address and yields an empty list."""
        if "Contact" not in self._parsed:
            elements = self.elements("Contact")
            if "*" in elements and len(elements) > 1:
                raise ParseError("Contact * stands beside others")
            self._parsed["Contact"] = [] if elements == ["*"] else [NameAddr.parse(element) for element in elements]
        return cast("list[NameAddr]", self._parsed["Contact"])

    @property
    def content_type(self) -> str:
        """The body's media type without parameters, "" when not told."""
        return self._once("Content-Type", media_type) if self.get("Content-Type") is not None else ""

    @property
    def sdp(self) -> bytes | None:
        """The body if it is a session description."""
        return self.body if self.body and self.content_type == "application/sdp" else None

    def set_top_via(self, via: Via) -> None:
        """Replace the topmost hop."""
        rest = self.vias[1:]
        at = next(i for i, (key, _) in enumerate(self.headers) if key == "Via")
        others = [header for header in self.headers if header[0] != "Via"]
        self.headers = [*others[:at], *(("Via", str(hop)) for hop in (via, *rest)), *others[at:]]
        self._parsed["Via"] = [via, *rest]

    def __bytes__(self) -> bytes:
        """Serialise; refuse CR, LF and NUL in any value, so that no value can smuggle a header."""
        lines = [self.start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        head = "\r\n".join(lines)
        ends = len(lines) + 1
        if head.count("\n") != ends or head.count("\r") != ends or "\0" in head:
            raise SipError("a header value holds CR, LF or NUL", start_line=self.start_line[:64])
        return head.encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """Hold a request; `uri_text` is the Request-URI as it stands on the line."""

    __slots__ = ("method", "uri_text")

    def __init__(self, method: str, uri: str, headers: Iterable[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri_text = uri

    @property
    def start_line(self) -> str:
        """The request line."""
        return f"{self.method} {self.uri_text} SIP/2.0"

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        if "uri" not in self._parsed:
            self._parsed["uri"] = parse_uri(self.uri_text)
        return cast("Uri", self._parsed["uri"])


class Response(Message):
    """Hold a response."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str | None, headers: Iterable[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = int(status)
        self.reason = REASONS.get(self.status, "Unknown") if reason is None else reason

    @property
    def start_line(self) -> str:
        """The status line."""
        return f"SIP/2.0 {self.status} {self.reason}"

    @property
    def is_provisional(self) -> bool:
        """Tell a 1xx."""
        return self.status < Status.OK

    @property
    def is_success(self) -> bool:
        """Tell a 2xx."""
        return Status.OK <= self.status < Status.MULTIPLE_CHOICES


def _parse_call_id(text: str) -> str:
    text = text.strip()
    if _CALL_ID.fullmatch(text) is None:
        raise ParseError("Call-ID is malformed", value=text[:64])
    return text


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    tag: str = "",
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> Response:
    """Make the response to a request (§8.2.6.2); `tag` is added to To unless that has one."""
    copied: list[Header] = []
    for name, value in request.headers:
        if name in {"Via", "From", "Call-ID", "CSeq"}:
            copied.append((name, value))
        elif name == "To":
            copied.append((name, f"{value};tag={tag}" if tag and not request.to.tag else value))
    if any("\0" in value for _, value in copied):  # a display name may hold NUL, and no value of ours does
        copied = [(name, _without_nul(name, value)) for name, value in copied]
    copied += headers
    return Response(status, reason, copied, body)


def _without_nul(name: str, value: str) -> str:
    if name in {"From", "To"}:
        address = NameAddr.parse(value)
        value = str(NameAddr(address.uri, "", address.parameters))
    return value.replace("\0", "")
