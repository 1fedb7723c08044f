import random
from contextlib import suppress

import pytest

from tests.sip.test_rfc4475 import FOLDER
from tests.sip.wire import OFFER, invite
from webpbx.sip.grammar import ParseError, SipError
from webpbx.sip.message import Request, Response, response_to
from webpbx.sip.parser import parse_message


def with_header(*lines: str) -> bytes:
    return invite(extra="".join(f"{line}\r\n" for line in lines))


def read(*lines: str) -> Request:
    message = parse_message(with_header(*lines))
    assert isinstance(message, Request)
    return message


def test_folding_case_and_compact_forms_are_one_header() -> None:
    assert read("k: a,\r\n b", "SUPPORTED : c").elements("Supported") == ["a", "b", "c"]


def test_repeated_lines_are_one_comma_list() -> None:
    message = read("Route: <sip:a;lr>, <sip:b;lr>", "Route: <sip:c;lr>")
    assert message.elements("Route") == ["<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>"]


def test_header_lines_are_utf8_else_latin_1() -> None:
    data = with_header("Subject: Müller").replace("Müller".encode(), "Müller".encode("latin-1"))
    assert parse_message(data).get("Subject") == "Müller"
    assert read("Subject: Müller").get("Subject") == "Müller"


def test_a_bare_mueller_still_calls() -> None:
    for coding in ("utf-8", "latin-1"):
        data = invite().replace(b"From: <", "From: Müller <".encode(coding))
        assert parse_message(data).from_.display == "Müller"


def test_octets_beyond_content_length_are_ignored() -> None:
    assert parse_message(invite() + b"spare").body == OFFER


def test_too_few_octets_are_an_error() -> None:
    with pytest.raises(ParseError, match="shorter"):
        parse_message(invite()[:-1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CSeq: 1 INVITE", b"CSeq: 4294967296 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: -1 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: " + b"0" * 5000 + b"x INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        (b"Max-Forwards: 70", b"Max-Forwards: 300"),
        (b"Max-Forwards: 70", b"Max-Forwards 70"),
        (b"Max-Forwards: 70", b"Max-Forwards: 70\rX: y"),
        (b"Max-Forwards: 70", b"Max-Forwards: 70\nX: y"),
        (b"Max-Forwards: 70", b"Content-Length: 3"),
        (b"Call-ID: c1", b"Call-ID: c 1"),
        (b"Call-ID: c1", b"Call-ID: c\x001"),
        (b"Call-ID: c1\r\n", b""),
        (b"SIP/2.0\r\n", b"SIP/3.0\r\n"),
        (b"INVITE sip", b"INVITE  sip"),
        (b";tag=b1", b";tag="),
        (b";tag=b1", b";tag=b1;tag=b2"),
        (b"sip:bob@example.org", b"sip:bob@exam ple.org"),
        (b"sip:bob@example.org", b"sip:bo%zzb@example.org"),
        (b"<sip:bob@192.0.2.1:5060>", b"<sip:bob@192.0.2.1:506000>"),
        (b"<sip:bob@192.0.2.1:5060>", b"*, <sip:bob@192.0.2.1:5060>"),
        (b"branch=z9hG4bKabc", b"branch=z9hG4bKabc;"),
    ],
)
def test_a_malformed_request_is_refused(old: bytes, new: bytes) -> None:
    assert old in invite()
    with pytest.raises(ParseError):
        parse_message(invite().replace(old, new, 1))


def test_more_than_200_header_lines_are_refused() -> None:
    with pytest.raises(ParseError, match="too many"):
        read(*(f"X-{number}: y" for number in range(200)))


def test_more_than_64_kib_are_refused() -> None:
    with pytest.raises(ParseError, match="too long"):
        parse_message(invite() + bytes(1 << 16))


@pytest.mark.parametrize("status", [b"99", b"700", b"0200", b"2000", b"20x"])
def test_a_status_outside_100_to_699_is_refused(status: bytes) -> None:
    request = parse_message(invite())
    assert isinstance(request, Request)
    data = bytes(response_to(request, 200))
    assert isinstance(parse_message(data), Response)
    with pytest.raises(ParseError):
        parse_message(data.replace(b" 200 ", b" " + status + b" "))


@pytest.mark.parametrize("evil", ["a\r\nX: y", "a\rb", "a\nb", "a\0b"])
def test_the_serialiser_refuses_line_ends_and_nul(evil: str) -> None:
    request = parse_message(invite())
    assert isinstance(request, Request)
    with pytest.raises(SipError):
        bytes(response_to(request, 200, headers=[("Subject", evil)]))
    with pytest.raises(SipError):
        bytes(response_to(request, 200, evil))
    with pytest.raises(SipError):
        bytes(Request("INVITE", f"sip:{evil}@example.com", request.headers))


def test_what_is_serialised_is_read_as_the_same() -> None:
    message = read("Subject: one", "X-Other: two")
    again = parse_message(bytes(message))
    assert again.body == message.body
    assert [header for header in again.headers if header[0] != "Content-Length"] == [
        header for header in message.headers if header[0] != "Content-Length"
    ]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [
        "Contact: " + '"' * 30_000,
        "Contact: " + '\\"' * 30_000,
        "Contact: " + "<" * 60_000,
        "Route: " + ";" * 60_000,
        "Route: " + "<sip:a>," * 7_000,
        "Via: SIP/2.0/UDP a" + ":1" * 29_000,
        "Via: SIP/2.0/UDP " + " " * 60_000 + "(",
        "Subject: " + " \t" * 30_000 + "x",
        "Contact: sip:" + "%41" * 20_000 + "@a",
        "Contact: " + "a" * 60_000,
    ],
)
def test_hostile_lines_cost_linear_time(line: str) -> None:
    """Quadratic work on so many characters would run into the time limit."""
    with suppress(ParseError):
        assert read(line).method == "INVITE"


MARKS = [b'"', b"<", b">", b";", b",", b"\r\n", b"%", b"\0", b":", b"=", b"\\", b"@"]


def mutate(data: bytes, random_source: random.Random) -> bytes:
    mutated = bytearray(data)
    for _ in range(random_source.randint(1, 6)):
        at = random_source.randrange(len(mutated) + 1)
        kind = random_source.randrange(6)
        if kind == 0:
            mutated[at : at + 1] = bytes([random_source.randrange(256)])
        elif kind == 1:
            del mutated[at : at + random_source.randint(1, 12)]
        elif kind == 2:
            mutated[at:at] = random_source.choice(
                [b'"', b"<", b">", b";", b",", b"\r\n", b"%", b"\0", b":", b"=", b"\\", b"@"]
            )
        elif kind == 3:
            mutated[at:at] = mutated[at : at + random_source.randint(1, 40)]
        elif kind == 4:
            mutated[at:at] = str(random_source.choice([0, -1, 2**31, 2**32, 2**64, 10**30])).encode()
        else:
            other = random_source.randrange(len(mutated) + 1)
            mutated[at : at + 8], mutated[other : other + 8] = mutated[other : other + 8], mutated[at : at + 8]
        if not mutated:
            mutated = bytearray(b"\r\n")
    return bytes(mutated)


@pytest.mark.process
def test_only_parse_errors_leave_the_parser() -> None:
    random_source = random.Random(4475)
    corpus = [path.read_bytes() for path in sorted(FOLDER.glob("*.dat"))] + [invite()]
    read_well = 0
    for number in range(8_000):
        data = mutate(corpus[number % len(corpus)], random_source)
        try:
            message = parse_message(data)
        except ParseError:
            continue
        read_well += 1
        if isinstance(message, Request):
            bytes(response_to(message, 200, tag="x"))
    assert read_well > 500
