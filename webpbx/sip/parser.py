"""The reader of messages: nothing but ParseError leaves it (RFC 3261 §7, §25; RFC 4475)."""

import re
from collections.abc import Sequence

from webpbx.sip.grammar import LIMITS, Limits, ParseError, is_token, number
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import CANONICAL, Header, Message, Request, Response, Status, canonical
from webpbx.sip.uri import SipUri

_FOLD = re.compile(rb"\r\n[ \t]+")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)
_ONCE = frozenset({"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"})
_SPACES = 2
_MAY_HOLD_NUL = frozenset({"From", "To"})  # within a quoted display name (RFC 4475 §3.1.1.2), which is never passed on
_CHECKED_LISTS = frozenset({"Route", "Record-Route"})


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _split_head(head: bytes, header_lines: int) -> list[str]:
    if b"\r\n " in head or b"\r\n\t" in head:
        head = _FOLD.sub(b" ", head)
    raw = head.split(b"\r\n", header_lines + 1)
    if len(raw) > header_lines + 1:
        raise ParseError("the message has too many header lines")
    if head.count(b"\n") != len(raw) - 1 or head.count(b"\r") != len(raw) - 1:
        raise ParseError("a bare CR or LF stands in a header")
    try:
        return head.decode().split("\r\n")
    except UnicodeDecodeError:
        return [_decode(line) for line in raw]


def _parse_headers(lines: Sequence[str]) -> list[Header]:
    headers: list[Header] = []
    for line in lines:
        name, colon, value = line.partition(":")
        key = CANONICAL.get(name)
        if key is None or not colon:
            name = name.rstrip(" \t")
            if not colon or not is_token(name):
                raise ParseError("a header line is malformed", value=line[:64])
            key = canonical(name)
        if "\0" in value and key not in _MAY_HOLD_NUL:
            raise ParseError(f"{key} holds NUL")
        headers.append((key, value.strip(" \t")))
    return headers


def _parse_start(line: str) -> Request | Response:
    if line[:8].upper() == "SIP/2.0 ":
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise ParseError("the status line is malformed", value=line[:64])
        return Response(int(match.group(1)), (match.group(2) or "").strip(), ())
    method, _, rest = line.partition(" ")
    uri, space, _ = rest.rpartition(" ")
    if not space or not is_token(method) or not line.rstrip()[-7:-3].upper() == "SIP/":
        raise ParseError("the request line is malformed", value=line[:64])
    return Request(method, uri, ())


def check(message: Message) -> None:
    """Raise ParseError unless every header the stack relies upon is there, once, and well formed (§8.1.1)."""
    names = _names(message)
    for address in (message.from_, message.to):
        if address.parameters.get("tag", "-") in {None, ""}:
            raise ParseError("a tag is empty")
    _ = (message.via, message.call_id, message.cseq)
    if "Contact" in names:
        _ = message.contacts
    if "Content-Type" in names:
        _ = message.content_type
    for name in _CHECKED_LISTS & names:
        for element in message.elements(name):
            NameAddr.parse(element)
    forwards = message.get("Max-Forwards")
    if forwards is not None:
        number(forwards, what="Max-Forwards", below=256)
    if isinstance(message, Request):
        _check_request_line(message)


def _names(message: Message) -> set[str]:
    names: set[str] = set()
    for name, _ in message.headers:
        if name in names and name in _ONCE:
            raise ParseError(f"the message has two {name} headers")
        names.add(name)
    return names


def _check_request_line(request: Request) -> None:
    if isinstance(request.uri, SipUri) and request.uri.headers:
        raise ParseError("a Request-URI holds headers")
    if request.cseq.method != request.method:
        raise ParseError("CSeq names another method than the request line")


def _take_body(message: Message, rest: bytes, longest: int) -> bytes:
    lengths = message.values("Content-Length")
    if not lengths:
        return rest
    if len(lengths) > 1:
        raise ParseError("the message has two Content-Length headers")
    length = number(lengths[0], what="Content-Length", below=longest + 1)
    if length > len(rest):
        raise ParseError("the body is shorter than Content-Length says")
    return rest[:length]


def _read_request_line(line: str) -> None:
    """Raise ParseError unless the line names SIP/2.0 and holds no spare white space."""
    if line.rstrip()[-7:].upper() != "SIP/2.0":
        raise ParseError("the SIP version is not 2.0", status=Status.VERSION_NOT_SUPPORTED)
    if line.count(" ") != _SPACES:
        raise ParseError("the request line has white space too much", value=line[:64])


def parse_message(data: bytes, limits: Limits = LIMITS) -> Request | Response:
    """Read one message from a datagram (§18.3): octets beyond Content-Length are ignored, too few are an error.

    A ParseError of an intelligible request carries it as `details["request"]`, so that it can be answered.
    """
    if len(data) > limits.message:
        raise ParseError("the message is too long", status=Status.TOO_LARGE)
    head, blank, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank:
        raise ParseError("the message has no end of headers")
    lines = _split_head(head, limits.header_lines)
    message = _parse_start(lines[0])
    try:
        message.headers = _parse_headers(lines[1:])
        if isinstance(message, Request):
            _read_request_line(lines[0])
        message.body = _take_body(message, rest, limits.message)
        check(message)
    except ParseError as error:
        error.details["request"] = message if isinstance(message, Request) else None
        raise
    return message
