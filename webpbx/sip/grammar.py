"""Tokens, quoted strings, lists and limits (RFC 3261 §25); everything here is linear in its input."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

MESSAGE_LIMIT: Final = 64 * 1024
"""No datagram is longer."""
SEQUENCE_LIMIT: Final = 2**32
"""CSeq numbers stay below this (our ceiling is wider than §8.1.1.5's 2**31, since peers start anywhere)."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_PARAMETER_VALUE = re.compile(r"[^\s;,<>\"\\\x00-\x20\x7f]+")
_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STOPS = {",": re.compile(r'[",<]'), ";": re.compile(r'[";<]')}


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold how much of a message is read, in bytes and lines."""

    message: int = MESSAGE_LIMIT
    header_lines: int = 200
    sdp: int = 16 * 1024


LIMITS: Final = Limits()


class SipError(Exception):
    """Say in a plain sentence what went wrong; the root of all errors of the SIP stack."""

    error_id: ClassVar[str] = "sip_error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


class ParseError(SipError, ValueError):
    """Refuse malformed input; the only exception that leaves the parser. `status` is what a request is answered."""

    error_id = "sip_parse_error"

    def __init__(self, text: str, *, status: int = 400, **details: Any) -> None:
        super().__init__(text, **details)
        self.status = status


def is_token(text: str) -> bool:
    """Tell whether the whole text is one token (§25.1)."""
    return _TOKEN.fullmatch(text) is not None


def number(text: str, *, what: str, below: int = SEQUENCE_LIMIT) -> int:
    """Read ASCII digits as a number smaller than `below`; raise ParseError otherwise."""
    text = text.strip()
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit()) or len(digits) > len(str(below)) or int(digits) >= below:
        raise ParseError(f"{what} is no number in range", value=text[:64])
    return int(digits)


def quoted_end(text: str, start: int) -> int:
    """Return the index just past the quoted string that opens at `start`; raise ParseError when it never closes."""
    found = _QUOTED.match(text, start)
    if found is None:
        raise ParseError("a quoted string never closes")
    return found.end()


def split_outside(text: str, separator: str) -> list[str]:
    """Split at separators that stand neither in quotes nor in angle brackets (§7.3.1)."""
    if '"' not in text and "<" not in text:
        return text.split(separator)
    parts: list[str] = []
    start = at = 0
    search = _STOPS[separator].search
    while (stop := search(text, at)) is not None:
        at = stop.start()
        if text[at] == '"':
            at = quoted_end(text, at)
        elif text[at] == "<":
            at = text.find(">", at) + 1
            if at == 0:
                raise ParseError("an angle bracket never closes")
        else:
            parts.append(text[start:at])
            at += 1
            start = at
    parts.append(text[start:])
    return parts


def split_list(text: str) -> list[str]:
    """Split a comma list into its stripped elements; raise ParseError on an empty element."""
    parts = [part.strip() for part in split_outside(text, ",")]
    if not all(parts):
        raise ParseError("a comma list has an empty element", value=text[:64])
    return parts


def quote(text: str) -> str:
    """Write a quoted string (§25.1)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """Read a quoted string, or return a bare value as it is."""
    if not text.startswith('"'):
        return text
    if quoted_end(text, 0) != len(text):
        raise ParseError("characters follow a quoted string", value=text[:64])
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if "\\" in text else text[1:-1]


def parse_parameters(text: str) -> dict[str, str | None]:
    """Read `a=b;c;d="e"` (what follows the first semicolon); names are lowered, values keep their quotes."""
    parameters: dict[str, str | None] = {}
    for part in split_outside(text, ";"):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if _TOKEN.fullmatch(name) is None or name in parameters:
            raise ParseError("a parameter is malformed or doubled", value=part[:64])
        if not equals:
            parameters[name] = None
            continue
        value = value.strip()
        if value[:1] == '"':
            if quoted_end(value, 0) != len(value):
                raise ParseError("characters follow a quoted value", value=part[:64])
        elif _PARAMETER_VALUE.fullmatch(value) is None:
            raise ParseError("a parameter has no proper value", value=part[:64])
        parameters[name] = value
    return parameters


def format_parameters(parameters: dict[str, str | None]) -> str:
    """Write `;a=b;c`, or nothing."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items())
