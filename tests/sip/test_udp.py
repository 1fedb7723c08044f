"""The UDP socket under more than can be served: real datagrams on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from webpbx.sip.transport import Address
from webpbx.sip.udp import WAITING_BYTES, WAITING_LIMIT, UdpSocket


class Ears:
    """What a socket told, in order."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.shed = 0
        self.closed: list[Address] = []
        self.udp = UdpSocket(
            lambda data, _: self.heard.append(data),
            self.closed.append,
            expected=lambda data: data.startswith(b"ours"),
            on_shed=self.count,
        )

    def count(self) -> None:
        self.shed += 1

    async def until(self, number: int) -> None:
        while len(self.heard) + self.shed < number:  # noqa: ASYNC110 - the socket tells nobody
            await asyncio.sleep(0.005)


@pytest.fixture
async def ears() -> AsyncIterator[Ears]:
    ears = Ears()
    await ears.udp.open(("127.0.0.1", 0))
    ears.udp.read()
    yield ears
    await ears.udp.close()


@pytest.fixture
def peer(ears: Ears) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(ears.udp.local)
        yield peer


async def test_everything_is_heard_in_order_while_it_is_not_too_much(ears: Ears, peer: socket.socket) -> None:
    sent = [b"%d" % number for number in range(300)]
    for data in sent:
        peer.send(data)
    await ears.until(300)
    assert (ears.heard, ears.shed) == (sent, 0)


async def test_what_is_expected_overtakes_what_waits(ears: Ears, peer: socket.socket) -> None:
    for data in (b"1", b"2", b"ours"):
        peer.send(data)
    await ears.until(3)
    assert ears.heard == [b"ours", b"1", b"2"]


@pytest.mark.parametrize("size", [10, 60_000])
async def test_more_than_can_wait_is_dropped_unread_but_not_what_is_expected(
    ears: Ears, peer: socket.socket, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("webpbx.sip.udp._SLICE_S", -1.0)  # one a turn: it falls behind
    fits = min(WAITING_LIMIT, WAITING_BYTES // size + 1)
    rounds = 12 if size == 10 else 2
    for number in range(rounds * 60):
        peer.send(bytes(size))
        if number % 60 == 59:
            peer.send(b"ours")
    await ears.until(rounds * 61)
    assert ears.heard.count(b"ours") == rounds
    assert ears.shed > 0
    assert len(ears.heard) - rounds >= fits


async def test_a_closed_port_is_told_and_the_next_datagram_still_goes_out(ears: Ears, peer: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nobody: Address = gone.getsockname()
    ears.udp.send(b"to nobody", nobody)
    ears.udp.send(b"to somebody", peer.getsockname())
    peer.settimeout(5)
    assert await asyncio.to_thread(peer.recv, 100) == b"to somebody"
    assert ears.closed == [nobody]


async def test_a_closed_socket_neither_sends_nor_hears(ears: Ears, peer: socket.socket) -> None:
    peer.send(b"too late")
    await ears.udp.close()
    ears.udp.send(b"nothing", peer.getsockname())
    await asyncio.sleep(0)
    assert ears.heard == []
