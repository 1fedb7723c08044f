"""A frozen value for each header the stack reads (RFC 3261 §20)."""

import re
from dataclasses import dataclass, field, replace

from webpbx.sip.grammar import (
    SEQUENCE_LIMIT,
    ParseError,
    format_parameters,
    is_token,
    number,
    parse_parameters,
    quote,
    quoted_end,
    split_outside,
    unquote,
)
from webpbx.sip.uri import Uri, parse_host_port, parse_uri

MAGIC_COOKIE = "z9hG4bK"
_VIA = re.compile(r"([^\s/;]+)\s*/\s*([^\s/;]+)\s*/\s*([^\s/;]+)\s+([^\s;]+(?:\s*:\s*[0-9]+)?)\s*(?:;(.*))?", re.DOTALL)
_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\s]*")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """Hold an address with an optional display name and header parameters: From, To, Contact, Route … (§20.10)."""

    uri: Uri
    display: str = ""
    parameters: dict[str, str | None] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The dialog tag, "" when there is none."""
        return self.parameters.get("tag") or ""

    def with_tag(self, tag: str) -> "NameAddr":
        """Return the same address bearing this tag; "" takes the tag away."""
        rest = {name: value for name, value in self.parameters.items() if name != "tag"}
        return replace(self, parameters={**rest, "tag": tag} if tag else rest)

    def __str__(self) -> str:
        display = quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri}>{format_parameters(self.parameters)}"

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read a name-addr or an addr-spec; parameters after a bare URI belong to the header."""
        text = text.strip()
        display = ""
        if text[:1] == '"':
            end = quoted_end(text, 0)
            display, text = unquote(text[:end]), text[end:].lstrip()
            if not display.isprintable():
                display = "".join(filter(str.isprintable, display))
            if text[:1] != "<":
                raise ParseError("a display name stands without an address", value=text[:64])
        opening = text.find("<")
        if opening < 0:
            address, semicolon, rest = text.partition(";")
            if "?" in address or "," in address:
                raise ParseError("a URI with ? or , needs angle brackets", value=text[:64])
            return cls(parse_uri(address.strip()), "", parse_parameters(rest) if semicolon else {})
        if opening:
            display = text[:opening].strip()
            if _DISPLAY.fullmatch(display) is None and display.isascii():
                raise ParseError("a display name needs quotes", value=text[:64])
        closing = text.find(">", opening)
        if closing < 0:
            raise ParseError("an angle bracket never closes", value=text[:64])
        rest = text[closing + 1 :].strip()
        if rest and rest[0] != ";":
            raise ParseError("characters follow an address", value=rest[:64])
        uri = parse_uri(text[opening + 1 : closing])
        return cls(uri, display, parse_parameters(rest[1:]) if rest else {})


@dataclass(frozen=True, slots=True)
class Via:
    """Hold one hop of a request's way (§20.42)."""

    transport: str
    host: str
    port: int | None = None
    parameters: dict[str, str | None] = field(default_factory=dict)

    @property
    def branch(self) -> str:
        """The transaction's name, "" when there is none."""
        return self.parameters.get("branch") or ""

    @property
    def is_unique(self) -> bool:
        """Tell whether the branch names a transaction by itself (§8.1.1.7)."""
        branch = self.branch
        return branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE)

    @property
    def sent_by(self) -> tuple[str, int | None]:
        """The sender's own idea of its address."""
        return self.host.lower(), self.port

    def __str__(self) -> str:
        place = self.host if self.port is None else f"{self.host}:{self.port}"
        return f"SIP/2.0/{self.transport} {place}{format_parameters(self.parameters)}"

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one Via value; unknown transports are let be."""
        match = _VIA.fullmatch(text.strip())
        if match is None:
            raise ParseError("a Via is malformed", value=text[:64])
        protocol, version, transport, place, rest = match.groups()
        if protocol.upper() != "SIP" or not is_token(version) or not is_token(transport):
            raise ParseError("a Via names no SIP transport", value=text[:64])
        host, port = parse_host_port(place)
        return cls(transport.upper(), host, port, {} if rest is None else parse_parameters(rest))


@dataclass(frozen=True, slots=True)
class CSeq:
    """Hold a request's place in its dialog (§20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read `314159 INVITE`; the number stays below 2**32."""
        parts = text.split()
        if len(parts) != 2 or not is_token(parts[1]):  # noqa: PLR2004 - number and method
            raise ParseError("CSeq is malformed", value=text[:64])
        return cls(number(parts[0], what="CSeq", below=SEQUENCE_LIMIT), parts[1])


@dataclass(frozen=True, slots=True)
class AuthValue:
    """Hold a challenge or an answer to one: a scheme and its parameters, unquoted (§20.7, §20.44)."""

    scheme: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "AuthValue":
        """Read `Digest realm="a, b", nonce=…`; a doubled parameter is refused."""
        scheme, _, rest = text.strip().partition(" ")
        if not is_token(scheme):
            raise ParseError("an authentication scheme is malformed", value=text[:64])
        parameters: dict[str, str] = {}
        for part in split_outside(rest, ",") if rest.strip() else ():
            name, equals, value = part.partition("=")
            name = name.strip().lower()
            if not is_token(name) or not equals or name in parameters:
                raise ParseError("an authentication parameter is malformed", value=part[:32])
            parameters[name] = unquote(value.strip())
        return cls(scheme.lower(), parameters)


@dataclass(frozen=True, slots=True)
class Replaces:
    """Name the call that a new one takes the place of, by the tags as its addressee knows them (RFC 3891 §6.1)."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        tags = f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"
        return f"{tags};early-only" if self.early_only else tags

    @classmethod
    def parse(cls, text: str) -> "Replaces":
        """Read `call-id;to-tag=…;from-tag=…`."""
        call_id, _, rest = text.strip().partition(";")
        parameters = parse_parameters(rest) if rest else {}
        to_tag, from_tag = parameters.get("to-tag"), parameters.get("from-tag")
        if not call_id or not to_tag or not from_tag or "," in text:
            raise ParseError("Replaces is malformed", value=text[:64])
        return cls(call_id.strip(), to_tag, from_tag, "early-only" in parameters)


@dataclass(frozen=True, slots=True)
class Reason:
    """Hold why a call ended, as a Q.850 cause (RFC 3326)."""

    cause: int
    text: str = ""

    def __str__(self) -> str:
        return f"Q.850;cause={self.cause}" + (f";text={quote(self.text)}" if self.text else "")


def parse_q850(value: str) -> int | None:
    """Find the Q.850 cause in a Reason header; None when there is none or it cannot be read."""
    try:
        for part in split_outside(value, ","):
            protocol, _, rest = part.strip().partition(";")
            cause = parse_parameters(rest).get("cause") if protocol.strip().upper() == "Q.850" else None
            if cause is not None:
                return number(cause, what="cause", below=128)
    except ParseError:
        return None
    return None


def parse_delta(value: str) -> int | None:
    """Read seconds from Expires or Retry-After, ignoring comment and parameters; None when unreadable."""
    digits = re.match(r"\s*([0-9]{1,10})\b", value)
    return min(int(digits.group(1)), SEQUENCE_LIMIT - 1) if digits else None


def media_type(value: str) -> str:
    """Return a Content-Type without parameters, lowered; raise ParseError when it is none."""
    kind = value.partition(";")[0].strip().lower()
    main, slash, sub = kind.partition("/")
    if not slash or not is_token(main.strip()) or not is_token(sub.strip()):
        raise ParseError("Content-Type is malformed", value=value[:64])
    return f"{main.strip()}/{sub.strip()}"
