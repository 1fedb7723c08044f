"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); any other scheme stays opaque."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote as percent_encode
from urllib.parse import unquote_to_bytes

from webpbx.sip.grammar import ParseError

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[^\s<>\"@\x00-\x20\x7f]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORTS = 1 << 16
_SHORT = 128
_PART = re.compile(r"[^\s<>\"@;?\x00-\x20\x7f]+")
_OPAQUE = re.compile(r"[^\s<>\"\x00-\x20\x7f]+")
_TEL = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+")
_USER_SAFE = "-_.!~*'()&=+$,;?/"
_PARAMETER_SAFE = "-_.!~*'()[]/:&+$"

_PLAIN = re.compile(r"[A-Za-z0-9\-_.!~*+]*")
"""What needs no escape in users and parameters; almost all of them are so, and escaping is slow."""

Pairs = tuple[tuple[str, str | None], ...]


def _escaped(text: str, safe: str) -> str:
    return text if _PLAIN.fullmatch(text) else percent_encode(text, safe=safe)


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise ParseError("a URI has a broken percent escape", value=text[:64])
    data = unquote_to_bytes(text)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port` or `[v6]:port`; the host keeps its brackets and case."""
    at = text.rfind(":")
    host, port = (text, None) if at < 0 or text.endswith("]") else (text[:at].rstrip(), text[at + 1 :].lstrip())
    if _HOST.fullmatch(host) is None:
        raise ParseError("a host name is malformed", value=text[:64])
    if port is None:
        return host, None
    if not (port.isascii() and port.isdigit()) or len(port) > len(str(_PORTS)) or not 0 < int(port) < _PORTS:
        raise ParseError("a port is no number in 1 to 65535", value=text[:64])
    return host, int(port)


@dataclass(frozen=True, slots=True)
class SipUri:
    """Hold a `sip:` or `sips:` URI with its escapes undone once (§19.1.1)."""

    host: str
    user: str | None = None
    port: int | None = None
    scheme: str = "sip"
    password: str | None = None
    parameters: Pairs = ()
    headers: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        """Return a parameter's value, "" for one without value, None when absent."""
        for key, value in self.parameters:
            if key == name:
                return value or ""
        return None

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(_escaped(self.user, _USER_SAFE))
            if self.password is not None:
                parts += [":", percent_encode(self.password, safe="-_.!~*'()&=+$,")]
            parts.append("@")
        parts.append(self.host)
        if self.port is not None:
            parts.append(f":{self.port}")
        for name, value in self.parameters:
            parts.append(";" + _escaped(name, _PARAMETER_SAFE))
            if value is not None:
                parts.append("=" + _escaped(value, _PARAMETER_SAFE))
        mark = "?"
        for name, value in self.headers:
            parts.append(f"{mark}{percent_encode(name, safe='-_.!~*')}={percent_encode(value, safe='-_.!~*')}")
            mark = "&"
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class TelUri:
    """Hold a `tel:` URI (RFC 3966); visual separators are dropped from the number."""

    number: str
    parameters: Pairs = ()
    scheme: str = "tel"

    def __str__(self) -> str:
        return f"tel:{self.number}" + "".join(f";{k}" if v is None else f";{k}={v}" for k, v in self.parameters)


@dataclass(frozen=True, slots=True)
class OpaqueUri:
    """Hold a URI of a scheme this stack does not serve, unread."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | TelUri | OpaqueUri


def _parse_pairs(text: str) -> Pairs:
    pairs: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        if _PART.fullmatch(part) is None:
            raise ParseError("a URI parameter is malformed", value=text[:64])
        name, equals, value = part.partition("=")
        pairs.append((_unescape(name).lower(), _unescape(value) if equals else None))
    return tuple(pairs)


def _parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals or _OPAQUE.fullmatch(part) is None:
            raise ParseError("a header within a URI is malformed", value=text[:64])
        pairs.append((_unescape(name), _unescape(value)))
    return tuple(pairs)


def _parse_sip(scheme: str, rest: str) -> SipUri:
    userinfo, at, tail = rest.partition("@")
    user = password = None
    if at:
        if _USER.fullmatch(userinfo) is None or "@" in tail:
            raise ParseError("a user part is malformed", value=rest[:64])
        name, colon, secret = userinfo.partition(":")
        user, password = _unescape(name), _unescape(secret) if colon else None
    else:
        tail = rest
    tail, _, headers = tail.partition("?")
    place, semicolon, parameters = tail.partition(";")
    host, port = parse_host_port(place)
    return SipUri(
        host,
        user,
        port,
        scheme,
        password,
        _parse_pairs(parameters) if semicolon else (),
        _parse_headers(headers) if headers else (),
    )


def parse_uri(text: str) -> Uri:
    """Read a URI that fills the whole text; raise ParseError when it is none.

    Peers repeat theirs in every message, so short ones are remembered; the values are frozen.
    """
    return _remembered(text) if len(text) <= _SHORT else _read(text)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> Uri:
    return _read(text)


def _read(text: str) -> Uri:
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in {"sip", "sips"}:
        return _parse_sip(scheme, rest)
    if not colon or _SCHEME.fullmatch(scheme) is None or _OPAQUE.fullmatch(rest) is None:
        raise ParseError("this is no URI", value=text[:64])
    if scheme != "tel":
        return OpaqueUri(scheme, rest)
    number, semicolon, parameters = rest.partition(";")
    if _TEL.fullmatch(number) is None:
        raise ParseError("a tel URI has no number", value=text[:64])
    digits = number.translate(str.maketrans("", "", "-.()"))
    return TelUri(digits, _parse_pairs(parameters) if semicolon else ())
