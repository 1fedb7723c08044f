"""The torture messages of RFC 4475 sent to a live server over UDP from a trusted source: rfc4475, end to end.

Each is answered as the text asks; the server lives, and serves a good call from the same source afterwards.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.sip.houses import HERE
from tests.sip.test_rfc4475 import ANSWERS, read, registers_as_itself
from tests.sip.wire import ANSWER, invite, other, response
from webpbx.sip.network import Ended, Registrar, Session, SipNetwork
from webpbx.sip.session_events import OwnerEvent

SOURCE = f"127.75.{os.getpid() >> 8 & 0xFF}.{(os.getpid() & 0xFF) or 1}"
PORTS = (5060, 5050, 5070)
"""The ports that the messages' Vias name or leave to the default; answers go there (§18.2.2)."""
TRYING, RINGING = 100, 180


class Peer(asyncio.DatagramProtocol):
    """One port of the trusted source; what it gets goes to all its ports' queue."""

    def __init__(self, got: "asyncio.Queue[bytes]") -> None:
        self.got = got

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        _ = addr
        self.got.put_nowait(data)


class Server:
    """A live server: it lets every call ring, and answers the good one."""

    network: SipNetwork

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()
        self.calls: list[Session] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._peers: list[asyncio.DatagramTransport] = []

    def take(self, session: Session) -> None:
        self.calls.append(session)
        task = asyncio.get_running_loop().create_task(session.ring())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open(self) -> None:
        self.network = await SipNetwork.open(
            listen=(HERE, 0),
            identify=registers_as_itself,
            on_invite=self.take,
            registrar=Registrar(realm="pbx", lookup=lambda _user, _algorithm: None),
            trusted=lambda host: host == SOURCE,
        )
        loop = asyncio.get_running_loop()
        for port in PORTS:
            transport, _ = await loop.create_datagram_endpoint(lambda: Peer(self.got), local_addr=(SOURCE, port))
            self._peers.append(transport)

    async def close(self) -> None:
        for each in self._peers:
            each.close()
        await self.network.close()

    def send(self, data: bytes) -> None:
        self._peers[0].sendto(data, self.network.address)

    async def answers(self) -> list[int]:
        """Return the statuses that came before the answers to two questions asked after.

        An answer repeats what it was asked, garbage included, so that it is looked at without the parser.
        """
        heard: list[int] = []
        for question in (b"first-question", b"second-question"):
            self.send(other("OPTIONS", call_id=question.decode(), branch=f"z9hG4bK{question.decode()}"))
            while question not in (answer := await self.got.get()):
                heard.append(int(answer.split(maxsplit=2)[1]))
            await asyncio.gather(*self._tasks)
        return heard

    async def serves_a_good_call(self) -> None:
        good = invite(call_id="good", branch="z9hG4bKgood").replace(b"192.0.2.1", SOURCE.encode())
        before = len(self.calls)
        self.send(good)
        assert response(await self.got.get()).status == RINGING
        session = self.calls[before]
        await session.answer(ANSWER)
        answered = response(await self.got.get())
        assert (answered.status, answered.sdp) == (200, ANSWER)
        self.send(other("ACK", call_id="good", cseq=1, branch="z9hG4bKgoodack", to_tag=answered.to.tag))
        self.send(other("BYE", call_id="good", cseq=2, branch="z9hG4bKgoodbye", to_tag=answered.to.tag))
        assert response(await self.got.get()).status == 200
        event: OwnerEvent = await session.next_event()
        assert event == Ended(None, "", "remote", None)


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    opened = Server()
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize(("name", "status"), ANSWERS.items())
async def test_rfc4475_message_is_answered_by_a_live_server_that_serves_a_good_call_after(
    name: str, status: int | None
) -> None:
    async with server() as live:
        live.send(read(name))
        expected = [] if status is None else [RINGING if status == TRYING else status]
        assert await live.answers() == expected
        assert live.network.counters.get(("dropped", "error"), 0) == 0
        await live.serves_a_good_call()


async def test_rfc4475_messages_all_in_one_server_leave_it_sound() -> None:
    async with server() as live:
        for _ in range(2):
            for name in sorted(ANSWERS):
                live.send(read(name))
                await live.answers()
        assert live.network.counters.get(("dropped", "error"), 0) == 0
        await live.serves_a_good_call()


def test_rfc4475_messages_are_forty_nine() -> None:
    assert len(ANSWERS) == 49
