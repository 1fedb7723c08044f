"""Flows, framing, and where messages go (RFC 3261 §18, RFC 3581, RFC 5626 §4.4.1)."""

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

from webpbx.sip.grammar import LIMITS, Limits, ParseError, number
from webpbx.sip.headers import Via
from webpbx.sip.message import Request, Response, Status
from webpbx.sip.parser import parse_message

DEFAULT_PORT: Final = 5060
TLS_PORT: Final = 5061
DATAGRAM_LIMIT: Final = 1300
"""Bytes of a request beyond which a datagram may be cut on its way (§18.1.1)."""
PONG: Final = b"\r\n"
Address = tuple[str, int]
_END: Final = b"\r\n\r\n"
_BEFORE_A_MESSAGE: Final = frozenset({b"", b"\r", b"\r\n", b"\r\n\r"})
_FOLD = re.compile(rb"\r\n[ \t]+")
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r\n]*)", re.IGNORECASE)


class Flow(NamedTuple):
    """Name a way between us and a peer: transport, our address, its address. IPv6 hosts bear no brackets."""

    transport: str
    local: Address
    remote: Address
    identity: str = ""
    """What the far end of a TLS connection of ours must prove to be; see `Way.identity`."""

    @property
    def is_reliable(self) -> bool:
        """Tell whether the transport itself repeats what is lost."""
        return self.transport != "UDP"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        data = {"transport": self.transport, "local": list(self.local), "remote": list(self.remote)}
        return {**data, "identity": self.identity} if self.identity else data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Flow":
        """Read what `to_json` wrote."""
        local, remote = data["local"], data["remote"]
        here, there = (local[0], int(local[1])), (remote[0], int(remote[1]))
        return cls(data["transport"], here, there, data.get("identity", ""))


@dataclass(frozen=True, slots=True)
class Way:
    """Say how a peer is reached where a bare address, which means UDP, does not say enough."""

    host: str
    port: int = 0
    """0 lets NAPTR and SRV say where (RFC 3263); else, and of an address, it is the transport's own: 5060, TLS 5061."""
    transport: str = "UDP"
    name: str = ""
    """Whom the far end's certificate must name (RFC 5922), the host by default; compared letter by letter."""
    authorities: str = ""
    """PEM of the authorities that are believed instead of the system's."""
    tcp_if_large: bool = False
    """Requests over 1,300 bytes go by TCP, and by UDP only if that is refused (§18.1.1)."""

    @property
    def address(self) -> Address:
        """Host and port."""
        return self.host, self.port or (TLS_PORT if self.transport == "TLS" else DEFAULT_PORT)

    @property
    def identity(self) -> str:
        """Name and authorities in one word, so that connections are shared by those alone who ask for the same."""
        if self.transport != "TLS":
            return ""
        name = (self.name or self.host).lower()
        return f"{name}#{sha256(self.authorities.encode()).hexdigest()[:16]}" if self.authorities else name


def bracketed(host: str) -> str:
    """Write a host for a URI or a Via: IPv6 addresses get their brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_port(address: Address) -> str:
    """Write `host:port`, or the host alone where no port of ours listens."""
    host, port = address
    return f"{bracketed(host)}:{port}" if port else bracketed(host)


def via_for(flow: Flow, branch: str) -> str:
    """Write the Via of a request of ours; it asks for rport (RFC 3581 §3)."""
    return f"SIP/2.0/{flow.transport} {host_port(flow.local)};rport;branch={branch}"


def is_secure(uri: str) -> bool:
    """Tell a sips URI."""
    return uri[:5].lower() == "sips:"


def contact_for(flow: Flow, user: str = "", *, secure: bool = False) -> str:
    """Write our Contact on a flow; other transports than UDP are named. `secure` asks for sips (§8.1.1.8)."""
    place = f"{user}{'@' if user else ''}{host_port(flow.local)}"
    if secure:
        return f"<sips:{place}>"
    parameter = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return f"<sip:{place}{parameter}>"


class Framer:
    """Cut the bytes of a stream into messages by Content-Length (§18.3), however they are split."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._total: int | None = None

    @property
    def is_between(self) -> bool:
        """Tell whether no message is under way."""
        return self._total is None and not self._searched and bytes(self._buffer[:4]) in _BEFORE_A_MESSAGE

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer += data

    def take(self) -> bytes | None:
        """Return the next message, b"" for a ping, None while more is to come.

        Raise ParseError when there is no telling where the next one begins; `details["head"]` is what was read of it.
        """
        buffer = self._buffer
        if self._total is None:
            if not self._searched:
                while len(buffer) > len(PONG) and buffer[:2] == PONG and buffer[2] != PONG[0]:
                    del buffer[:2]
                if buffer[:4] == _END:
                    del buffer[:4]
                    return b""
                if bytes(buffer[:4]) in _BEFORE_A_MESSAGE:
                    return None
            self._total = self._measure()
            if self._total is None:
                return None
        if len(buffer) < self._total:
            return None
        message = bytes(buffer[: self._total])
        del buffer[: self._total]
        self._total, self._searched = None, 0
        return message

    def _measure(self) -> int | None:
        """Return the length of the message that has begun, None while its headers are not all there."""
        buffer = self._buffer
        end = buffer.find(_END, max(self._searched - 3, 0))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > self._limits.message:
                raise ParseError("the headers never end")
            return None
        head = bytes(buffer[: end + len(_END)])
        lengths = _LENGTH.findall(_FOLD.sub(b" ", head))
        if len(lengths) != 1:
            raise ParseError("a message on a stream needs one Content-Length", head=head)
        try:
            total = len(head) + number(lengths[0].decode("latin-1"), what="Content-Length")
        except ParseError as error:
            error.details["head"] = head
            raise
        if total > self._limits.message:
            raise ParseError("the message is too long", status=Status.TOO_LARGE, head=head)
        return total


def request_of(head: bytes) -> Request | None:
    """Return the request whose headers these are, so that it can be answered; None when it cannot."""
    try:
        message: Request | Response | None = parse_message(head)
    except ParseError as error:
        message = error.details.get("request")
    return message if isinstance(message, Request) and message.method != "ACK" and message.get("Via") else None


def read_message(data: bytes, flow: Flow, limits: Limits = LIMITS) -> Request | Response | None:
    """Read one message; None is a keep-alive. A request's top Via gets received and rport (§18.2.1)."""
    if not data.strip(b"\r\n\0"):
        return None
    try:
        message = parse_message(data, limits)
    except ParseError as error:
        request = error.details.get("request")
        if request is not None and (request.method == "ACK" or request.get("Via") is None):
            error.details["request"] = None
        raise
    if isinstance(message, Request):
        stamp_via(message, flow)
    return message


def stamp_via(request: Request, flow: Flow) -> None:
    """Note in the top Via where the request really came from (§18.2.1, RFC 3581 §4)."""
    via = request.via
    host, port = flow.remote
    parameters = via.parameters
    if via.host.strip("[]") != host or "rport" in parameters:
        parameters = {**parameters, "received": host}
        if "rport" in parameters:
            parameters["rport"] = str(port)
        request.set_top_via(replace(via, parameters=parameters))


def response_flow(via: Via, flow: Flow) -> Flow:
    """Return where the response to a request goes (§18.2.2): its source address, the port from rport else sent-by."""
    if flow.is_reliable or "rport" in via.parameters:
        return flow
    port = via.port or DEFAULT_PORT
    return flow if port == flow.remote[1] else flow._replace(remote=(flow.remote[0], port))


def fallback_flow(via: Via, flow: Flow) -> Flow:
    """Return where a response goes whose connection is lost: to the port of sent-by, at the same address (§18.2.2)."""
    return flow._replace(remote=(flow.remote[0], via.port or (TLS_PORT if flow.transport == "TLS" else DEFAULT_PORT)))
