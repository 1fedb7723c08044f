"""What is fuzzed: each target takes bytes as a hostile peer would send them, and may raise nothing.

What a reader says of bad input (ParseError, MediaError) is an answer; any other exception is a fault.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from webpbx.media import browser_sdp, sdp, trunk_sdp
from webpbx.media.errors import MediaError
from webpbx.sip.auth import Authenticator, Credentials, answer, ha1
from webpbx.sip.grammar import ParseError, SipError
from webpbx.sip.headers import AuthValue, NameAddr, parse_delta, parse_q850
from webpbx.sip.message import Message, Request, Response
from webpbx.sip.parser import parse_message
from webpbx.sip.transport import Flow, Framer, read_message

CORPORA = Path(__file__).parent / "corpus"
RFC4475 = Path(__file__).parents[1] / "sip" / "rfc4475"
SECRET = Credentials("anna", "geheim")
FLOW = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
_LISTS = ("Contact", "Record-Route", "Route", "Refer-To", "Diversion", "P-Asserted-Identity", "Service-Route")


def message(data: bytes) -> None:
    """A datagram, and the same bytes in two pieces on a stream; what is read is written and read again."""
    framer = Framer()
    with contextlib.suppress(ParseError):
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            framer.feed(piece)
            while framer.take() is not None:
                pass
    try:
        read = read_message(data, FLOW)
    except ParseError:
        return
    if read is not None:
        look_at(read)
        try:
            written = bytes(read)
        except SipError:  # some headers may hold NUL when read, none when written
            return
        again = parse_message(written)
        assert again.start_line == read.start_line
        assert again.body == read.body


def look_at(read: Message) -> None:
    """Ask for everything that is parsed only when asked for."""
    if isinstance(read, Request):
        _ = read.uri
    _ = (read.from_.tag, read.to.tag, read.cseq, read.call_id, read.via, read.content_type, read.sdp)
    for name in _LISTS:
        with contextlib.suppress(ParseError):  # those that are not always read are read with care
            for element in read.elements(name):
                NameAddr.parse(element)
    for value in read.values("Reason"):
        parse_q850(value)
    parse_delta(read.get("Retry-After") or "")
    read.has_option("Supported", "100rel")


def session_description(data: bytes) -> None:
    """An offer or answer, of a trunk and of a browser."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(MediaError):
        for section in sdp.parse(text).sections:
            with contextlib.suppress(MediaError):
                sdp.format_lines(sdp.choose(sdp.formats(section), ("PCMA", "PCMU")))
    with contextlib.suppress(MediaError):
        trunk_sdp.read_remote(text, ("PCMA", "PCMU"))
    with contextlib.suppress(MediaError):
        browser_sdp.read_offer(text, ("opus", "PCMU"))


def digest(data: bytes) -> None:
    """A challenge that a provider sends, and an answer that a telephone sends."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.translate({0: None, 10: None, 13: None})  # no header value holds these
    with contextlib.suppress(ParseError):
        AuthValue.parse(text)
    asked = Request("REGISTER", "sip:example.com", [])
    answer(Response(401, "Unauthorized", [("WWW-Authenticate", text)]), asked, SECRET, cnonce="c")
    answer(Response(407, "Proxy", [("Proxy-Authenticate", text)]), asked, SECRET, cnonce="c")
    judge = Authenticator(key=b"k" * 32, token=lambda: "token")
    said = Request("REGISTER", "sip:example.com", [("Authorization", text)])
    judge.judge(said, "REGISTER", source="192.0.2.1", realm="example", lookup=_known, now=1000.0)


def _known(username: str, algorithm: str) -> str | None:
    return ha1(SECRET, realm="example", algorithm=algorithm) if username == SECRET.username else None


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": message,
    "sdp": session_description,
    "digest": digest,
}


def seeds(name: str) -> list[bytes]:
    """Return a target's corpus; that of messages begins with those of RFC 4475."""
    files = sorted((CORPORA / name).iterdir())
    if name == "message":
        files += sorted(RFC4475.glob("*.dat"))
    return [file.read_bytes() for file in files]
