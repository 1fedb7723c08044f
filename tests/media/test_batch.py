import ipaddress
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media import batch
from webpbx.media.batch import BATCH, Inbox, address_of, key_of

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    ours, theirs = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    with ours, theirs:
        for each in (ours, theirs):
            each.bind((request.param, 0))
            each.setblocking(False)
        theirs.connect(ours.getsockname())
        yield ours, theirs


@pytest.fixture(params=["all at once", "singly"])
def inbox(pair: Pair, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    if request.param == "singly":
        monkeypatch.setattr(batch, "_call", lambda _: None)
    return Inbox(pair[0])


def taken(inbox: Inbox) -> list[tuple[bytes, batch.Key]]:
    return [(bytes(packet.view[:length]), source) for packet, length, source in inbox.take()]


def test_datagrams_come_in_their_order_with_their_source(pair: Pair, inbox: Inbox) -> None:
    ours, theirs = pair
    sent = [b"first", b"", b"x" * 1500]
    for data in sent:
        theirs.send(data)
    assert taken(inbox) == [(data, key_of(theirs.getsockname())) for data in sent]
    assert taken(inbox) == []
    assert ours.fileno() >= 0


def test_what_is_too_much_for_one_taking_comes_with_the_next(pair: Pair, inbox: Inbox) -> None:
    for number in range(BATCH + 2):
        pair[1].send(bytes([number]))
    assert [data[0] for data, _ in taken(inbox)] == list(range(BATCH))
    assert [data[0] for data, _ in taken(inbox)] == [BATCH, BATCH + 1]


def test_a_datagram_longer_than_the_buffer_is_seen_to_fill_it(pair: Pair, inbox: Inbox) -> None:
    pair[1].send(bytes(5000))
    assert [len(data) for data, _ in taken(inbox)] == [len(inbox.packets[0].view)]


@given(st.ip_addresses(), st.integers(0, 0xFFFF))
def test_a_key_holds_the_whole_address(host: object, port: int) -> None:
    back = address_of(key_of((str(host), port)))
    assert (ipaddress.ip_address(back[0]), back[1]) == (host, port)


def test_a_link_local_key_holds_its_interface() -> None:
    address = ("fe80::1", 5000, 0, 7)
    assert address_of(key_of(address)) == address
    assert key_of(address) != key_of(("fe80::1", 5000, 0, 8))
