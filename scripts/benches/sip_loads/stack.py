"""The process that `scripts/bench sip` measures: the stack, answering all; orders come as JSON lines."""

import asyncio
import json
import os
import socket
import sys
import time
from typing import Any

from webpbx.sip.auth import ha1
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Credentials, Ended, Peer, Registrar, Session, SipNetwork, SipSettings
from webpbx.sip.uri import SipUri

HERE = "127.0.0.1"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
SECRET = Credentials("phone", "geheim")


class Stack:
    """Answer every call, make calls when told."""

    network: SipNetwork

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen at a free port of loopback."""

        def lookup(username: str, algorithm: str) -> str | None:
            return ha1(SECRET, realm="bench", algorithm=algorithm) if username == SECRET.username else None

        self.network = await SipNetwork.open(
            listen=(HERE, 0),
            settings=SipSettings(challenge_algorithms=("MD5",)),  # sipp knows no other
            identify=lambda _flow, request: None if request.method == "REGISTER" else Peer("provider"),
            on_invite=self._take,
            registrar=Registrar(realm="bench", lookup=lookup),
            trusted=lambda _: True,
        )

    def _take(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, session: Session) -> None:
        await session.ring()
        await session.answer(SDP)
        while not isinstance(await session.next_event(), Ended):
            pass

    async def _call(self, port: int) -> bool:
        session = await self.network.invite(
            target=SipUri(HERE, "100", port),
            proxies=[(HERE, port)],
            from_=NameAddr(SipUri("example.com", "anna"), "Anna"),
            to=NameAddr(SipUri("example.com", "100")),
            sdp=SDP,
        )
        while not isinstance(event := await session.next_event(), Answered | Ended):
            pass
        await session.hang_up()
        return isinstance(event, Answered)

    async def call(self, port: int, count: int, rate: float) -> int:
        """Make calls at a rate; return how many failed."""
        async with asyncio.TaskGroup() as group:
            made = []
            for _ in range(count):
                made.append(group.create_task(self._call(port)))
                await asyncio.sleep(1 / rate)
        return sum(not each.result() for each in made)

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what a line asks for."""
        if order["do"] == "call":
            return {"failed": await self.call(order["port"], order["count"], order["rate"])}
        if order["do"] == "port":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind((HERE, 0))
                return {"port": free.getsockname()[1]}
        return {"ms": time.process_time() * 1000}


async def main() -> None:
    """Serve until the orders end."""
    stack = Stack()
    await stack.open()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), os.fdopen(0, "rb"))
    print(json.dumps({"port": stack.network.address[1]}), flush=True)
    while line := await orders.readline():
        print(json.dumps(await stack.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
