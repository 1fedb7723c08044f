"""The torture messages of RFC 4475: what the parser makes of each, and what a live user agent answers."""

from pathlib import Path

import pytest

from tests.sip.wire import Wire
from webpbx.sip.grammar import ParseError
from webpbx.sip.message import Request
from webpbx.sip.parser import parse_message
from webpbx.sip.registrar import Registrar
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

FOLDER = Path(__file__).parent / "rfc4475"
REFUSED_BY_THE_PARSER = {
    *("badinv01", "clerr", "ncl", "scalar02", "scalarlg", "quotbal", "ltgtruri", "lwsruri", "lwsstart", "trws"),
    *("escruri", "regbadct", "badaspec", "baddn", "badvers", "mismatch01", "mismatch02", "bigcode", "insuf"),
    *("multi01", "mcl01"),
}
ANSWERS = {
    "wsinv": 481,
    "intmeth": 501,
    "esc01": 100,
    "escnull": 200,
    "esc02": 501,
    "lwsdisp": 200,
    "longreq": 100,
    "dblreq": 200,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "unreason": None,
    "noreason": None,
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": None,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "baddate": 100,
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 400,
    "bigcode": None,
    "badbranch": 200,
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 400,
    "bext01": 420,
    "invut": 415,
    "regaut01": 401,
    "multi01": 400,
    "mcl01": 400,
    "bcast": None,
    "zeromf": 200,
    "cparam01": 200,
    "cparam02": 200,
    "regescrt": 200,
    "sdp01": 406,
    "inv2543": 100,
}


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def test_every_message_of_the_archive_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_parser_takes_what_is_valid_and_refuses_the_rest(name: str) -> None:
    try:
        parse_message(read(name))
    except ParseError:
        assert name in REFUSED_BY_THE_PARSER
    else:
        assert name not in REFUSED_BY_THE_PARSER


def registers_as_itself(flow: Flow, request: Request) -> Peer | None:
    """Take every sender for the user its To names, so that the registrar itself is what is tested."""
    _ = flow
    if request.get("Authorization") is not None:
        return None
    uri = request.to.uri
    return Peer((uri.user if isinstance(uri, SipUri) else None) or "nobody")


def live(name: str) -> tuple[Wire, Registrar, list[int]]:
    wire = Wire()
    registrar = Registrar(realm="pbx", lookup=lambda _user, _algorithm: None)
    node = wire.node(identify=registers_as_itself, registrar=registrar)
    source = ("192.0.2.77", 5060)
    wire.send(read(name), node, source)
    wire.sleep(0.2)
    statuses = [int(line.split()[1]) for line in wire.lines("SIP/2.0")]
    assert not node.core.counters["dropped", "error"]
    return wire, registrar, statuses


@pytest.mark.parametrize(("name", "status"), ANSWERS.items())
def test_a_live_user_agent_answers_as_the_text_says(name: str, status: int | None) -> None:
    _, _, statuses = live(name)
    assert statuses == ([] if status is None else [status])


def test_a_parameter_after_a_bare_contact_is_the_headers() -> None:
    _, registrar, _ = live("cparam01")
    assert [each.contact for each in registrar.bindings("watson", 1000.0)] == ["sip:+19725552222@gw1.example.net"]


def test_a_parameter_within_brackets_stays_with_the_binding() -> None:
    _, registrar, _ = live("cparam02")
    contact = "sip:+19725552222@gw1.example.net;unknownparam"
    assert [each.contact for each in registrar.bindings("watson", 1000.0)] == [contact]


def test_a_binding_keeps_an_escaped_route_header() -> None:
    _, registrar, _ = live("regescrt")
    contact = "sip:user@example.com?Route=%3Csip%3Asip.example.com%3E"
    assert [each.contact for each in registrar.bindings("user", 1000.0)] == [contact]


def test_a_null_in_a_user_part_does_not_shorten_it() -> None:
    _, registrar, _ = live("escnull")
    contacts = [each.contact for each in registrar.bindings("null-\0-null", 1000.0)]
    assert contacts == ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]


def test_escapes_are_undone_once_and_in_uris_only() -> None:
    message = parse_message(read("esc01"))
    assert isinstance(message, Request)
    assert isinstance(message.uri, SipUri)
    assert message.uri.user == "sips:user@example.com"
    contact = message.contacts[0].uri
    assert isinstance(contact, SipUri)
    assert contact.user == "caller"
    assert contact.parameters == (("lr", None), ("name", "value%41"))
    assert parse_message(read("esc02")).to.display == "%Z%45"


def test_a_user_part_may_hold_semicolons_and_escaped_at() -> None:
    message = parse_message(read("semiuri"))
    assert isinstance(message, Request)
    assert isinstance(message.uri, SipUri)
    assert (message.uri.user, message.uri.host) == ("user;par=u@example.net", "example.com")
