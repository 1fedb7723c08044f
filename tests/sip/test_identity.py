"""Who calls: asserted identities, privacy, diversions, hops."""

import pytest

from tests.sip.wire import ANSWER, Wire, answer_to, invite, request
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr
from webpbx.sip.identity import (
    ANONYMOUS,
    HOP_LIMIT,
    Diversion,
    HopsSpentError,
    Identity,
    Way,
    diversion_headers,
    diverted,
    forwards_left,
    identity_headers,
    read_identity,
)
from webpbx.sip.message import Request
from webpbx.sip.uri import SipUri, TelUri, parse_uri

ANNA = NameAddr(SipUri("example.com", "+4930111"), "Anna")


def asked(*lines: str, from_: str = "<sip:bob@example.org>;tag=b1") -> Request:
    data = invite(extra="".join(f"{line}\r\n" for line in lines))
    return request(data.replace(b"<sip:bob@example.org>;tag=b1", from_.encode()))


def test_from_is_who_calls_where_nothing_else_is_said() -> None:
    identity = read_identity(asked(from_='"Bob" <sip:+4930222@example.org>;tag=b1'), trusted=True)
    assert identity == Identity(SipUri("example.org", "+4930222"), "Bob")
    assert not identity.anonymous


@pytest.mark.parametrize("line", ["P-Asserted-Identity", "p-asserted-identity", "Remote-Party-ID", "REMOTE-PARTY-ID"])
def test_an_asserted_identity_is_believed_from_trusted_peers_alone(line: str) -> None:
    message = asked(f'{line}: "Carol" <sip:+4930333@example.net>')
    trusted, stranger = read_identity(message, trusted=True), read_identity(message)
    assert (str(trusted.number_uri), trusted.display, trusted.asserted) == ("sip:+4930333@example.net", "Carol", True)
    assert (str(stranger.number_uri), stranger.display, stranger.asserted) == ("sip:bob@example.org", "", False)


def test_of_a_sip_and_a_tel_identity_the_first_is_taken_with_the_name_of_either() -> None:
    line = 'P-Asserted-Identity: tel:+49-30-333, "Carol" <sip:+4930333@example.net>'
    identity = read_identity(asked(line), trusted=True)
    assert (identity.number_uri, identity.display) == (TelUri("+4930333"), "Carol")


def test_an_unscreened_remote_party_is_shown_but_nobody_vouches_for_it() -> None:
    line = 'Remote-Party-ID: "Carol" <sip:333@example.net>;party=calling;screen=no;privacy=name'
    identity = read_identity(asked(line), trusted=True)
    assert (str(identity.number_uri), identity.display, identity.asserted) == ("sip:333@example.net", "", False)
    called = 'Remote-Party-ID: "Dora" <sip:444@example.net>;party=called'
    assert str(read_identity(asked(called), trusted=True).number_uri) == "sip:bob@example.org"


@pytest.mark.parametrize(
    ("lines", "anonymous"),
    [
        (["Privacy: id"], True),
        (["Privacy: user;critical"], True),
        (["Privacy: header; session"], False),
        (["Privacy: none"], False),
        (["Privacy: id", "Privacy: none"], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_privacy_is_granted_to_everyone_who_asks(lines: list[str], *, anonymous: bool, trusted: bool) -> None:
    message = asked("P-Asserted-Identity: <sip:+4930333@example.net>", *lines)
    assert read_identity(message, trusted=trusted).anonymous is anonymous


def test_a_hidden_from_with_an_asserted_identity_is_a_caller_known_and_not_shown() -> None:
    message = asked("P-Asserted-Identity: <sip:+4930333@example.net>", from_="<sip:anonymous@anonymous.invalid>;tag=b1")
    identity = read_identity(message, trusted=True)
    assert identity.anonymous
    assert str(identity.number_uri) == "sip:+4930333@example.net"
    hidden = asked("Remote-Party-ID: <sip:+4930333@example.net>;privacy=full")
    assert read_identity(hidden, trusted=True).anonymous


def test_an_anonymous_from_alone_is_anonymous() -> None:
    assert read_identity(asked(from_="<sip:anonymous@anonymous.invalid>;tag=b1")).anonymous
    assert read_identity(asked(from_="<sip:Restricted@example.net>;tag=b1")).anonymous


@pytest.mark.parametrize(
    "line",
    [
        "P-Asserted-Identity: <sip:broken",
        "P-Asserted-Identity: ,",
        'Remote-Party-ID: "x',
        "Diversion: @@@",
        "History-Info: <sip:a@b>;index, >",
        "P-Asserted-Identity: <http://example.com>",
    ],
)
def test_a_malformed_identity_costs_no_call(line: str) -> None:
    assert str(read_identity(asked(line), trusted=True).number_uri) == "sip:bob@example.org"


def test_a_telephone_says_which_identity_it_prefers() -> None:
    identity = read_identity(asked('P-Preferred-Identity: "Shop" <sip:200@example.org>'))
    assert identity.preferred == NameAddr(SipUri("example.org", "200"), "Shop")


def test_diversions_are_read_latest_first_with_their_counters() -> None:
    line = "Diversion: <sip:2@h>;reason=user-busy;counter=2;privacy=full, <sip:1@h>;reason=unconditional"
    identity = read_identity(asked(line))
    assert identity.diversions == (
        Diversion(SipUri("h", "2"), "", "user-busy", 2, private=True),
        Diversion(SipUri("h", "1"), "", "unconditional"),
    )
    assert identity.hops == 3


def test_history_counts_what_was_mapped_to_another_target() -> None:
    line = "History-Info: <sip:1@h>;index=1, <sip:2@h;cause=302>;index=1.1;mp=1, <sip:2@192.0.2.5>;index=1.1.1;rc=1.1"
    identity = read_identity(asked(line))
    assert identity.diversions == (Diversion(SipUri("h", "1"), "", "unconditional"),)
    assert identity.hops == 1


def test_the_older_history_tells_the_reason_within_the_uri() -> None:
    """RFC 4244 §4.1"""
    line = "History-Info: <sip:1@h?Reason=SIP%3Bcause%3D486&Privacy=history>;index=1, <sip:2@h>;index=1.1"
    identity = read_identity(asked(line))
    assert identity.diversions == (Diversion(SipUri("h", "1"), private=True),)


def test_the_largest_of_all_counts_is_believed() -> None:
    assert read_identity(asked("X-Webpbx-Hops: 4", "Diversion: <sip:1@h>;counter=2")).hops == 4
    assert read_identity(asked("X-Webpbx-Hops: many", "Diversion: <sip:1@h>;counter=x")).hops == 1


def test_a_loop_ends_after_five_hops() -> None:
    message = asked()
    for _ in range(HOP_LIMIT):
        identity = diverted(read_identity(message), ANNA, reason="unconditional")
        message = asked(*(f"{name}: {value}" for name, value in diversion_headers(identity).items()))
    with pytest.raises(HopsSpentError) as refused:
        diverted(read_identity(message), ANNA)
    assert refused.value.status == 483
    assert isinstance(refused.value, SipError)


@pytest.mark.parametrize("ways", [("diversion",), ("history",), ("diversion", "history")])
def test_what_is_written_of_a_diversion_is_read_again(ways: tuple[str, ...]) -> None:
    once = diverted(read_identity(asked()), ANNA, reason="no-answer")
    twice = diverted(once, NameAddr(SipUri("h", "7")), reason="unconditional")
    headers = diversion_headers(twice, target=parse_uri("sip:8@h"), ways=ways)  # type: ignore[arg-type]  # by name
    again = read_identity(asked(*(f"{name}: {value}" for name, value in headers.items())))
    assert (again.diversions, again.hops) == (twice.diversions, 2)


def test_a_call_that_nobody_sent_on_says_nothing_of_it() -> None:
    assert diversion_headers(read_identity(asked())) == {}


@pytest.mark.parametrize(
    ("way", "anonymous", "from_", "headers"),
    [
        ("from", False, ANNA, {}),
        ("from", True, ANONYMOUS, {"Privacy": "id"}),
        ("pai", False, ANNA, {"P-Asserted-Identity": '"Anna" <sip:+4930111@example.com>'}),
        ("pai", True, ANONYMOUS, {"P-Asserted-Identity": '"Anna" <sip:+4930111@example.com>', "Privacy": "id"}),
        ("ppi", False, ANNA, {"P-Preferred-Identity": '"Anna" <sip:+4930111@example.com>'}),
        (
            *("rpid", False, ANNA),
            {"Remote-Party-ID": '"Anna" <sip:+4930111@example.com>;party=calling;screen=yes;privacy=off'},
        ),
        (
            *("rpid", True, ANONYMOUS),
            {
                "Remote-Party-ID": '"Anna" <sip:+4930111@example.com>;party=calling;screen=yes;privacy=full',
                "Privacy": "id",
            },
        ),
    ],
)
def test_a_provider_hears_the_caller_in_the_way_it_wants(
    way: Way, from_: NameAddr, headers: dict[str, str], *, anonymous: bool
) -> None:
    assert identity_headers(way, ANNA.with_tag("x"), anonymous=anonymous) == (from_, headers)


@pytest.mark.parametrize(("line", "left"), [("70", 69), ("1", 0), ("255", 69)])
def test_the_next_leg_has_one_hop_less(line: str, left: int) -> None:
    message = request(invite().replace(b"Max-Forwards: 70", f"Max-Forwards: {line}".encode()))
    assert forwards_left(message) == left


def test_a_call_without_a_hop_left_is_483_and_one_that_counts_none_begins_at_70() -> None:
    with pytest.raises(HopsSpentError) as refused:
        forwards_left(request(invite().replace(b"Max-Forwards: 70", b"Max-Forwards: 0")))
    assert refused.value.status == 483
    assert forwards_left(request(invite().replace(b"Max-Forwards: 70\r\n", b""))) == 69


def test_the_hops_left_stand_in_the_invite_and_not_in_its_ack() -> None:
    wire = Wire()
    us, peer = wire.node(), wire.peer()
    us.call(("192.0.2.1", 5060), max_forwards=11)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    assert [request(data).get("Max-Forwards") for data in peer] == ["11", "70"]
