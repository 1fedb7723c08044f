"""Flows, and where messages go (RFC 3261 §18, RFC 3581); TCP and TLS framing will live beside `read_datagram`."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from webpbx.sip.grammar import ParseError
from webpbx.sip.headers import Via
from webpbx.sip.message import Request, Response
from webpbx.sip.parser import parse_message

DEFAULT_PORT: Final = 5060
Address = tuple[str, int]


class Flow(NamedTuple):
    """Name a way between us and a peer: transport, our address, its address. IPv6 hosts bear no brackets."""

    transport: str
    local: Address
    remote: Address

    @property
    def is_reliable(self) -> bool:
        """Tell whether the transport itself repeats what is lost."""
        return self.transport != "UDP"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"transport": self.transport, "local": list(self.local), "remote": list(self.remote)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Flow":
        """Read what `to_json` wrote."""
        local, remote = data["local"], data["remote"]
        return cls(data["transport"], (local[0], int(local[1])), (remote[0], int(remote[1])))


def bracketed(host: str) -> str:
    """Write a host for a URI or a Via: IPv6 addresses get their brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_port(address: Address) -> str:
    """Write `host:port`."""
    return f"{bracketed(address[0])}:{address[1]}"


def via_for(flow: Flow, branch: str) -> str:
    """Write the Via of a request of ours; it asks for rport (RFC 3581 §3)."""
    return f"SIP/2.0/{flow.transport} {host_port(flow.local)};rport;branch={branch}"


def contact_for(flow: Flow, user: str = "") -> str:
    """Write our Contact on a flow; other transports than UDP are named."""
    parameter = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return f"<sip:{user}{'@' if user else ''}{host_port(flow.local)}{parameter}>"


def read_datagram(data: bytes, flow: Flow) -> Request | Response | None:
    """Read a UDP datagram; None is a keep-alive. A request's top Via gets received and rport (§18.2.1)."""
    if not data.strip(b"\r\n\0"):
        return None
    try:
        message = parse_message(data)
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
