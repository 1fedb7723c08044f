"""A UDP proxy that loses datagrams in both directions, by a seeded dice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HERE = "127.0.0.1"
Address = tuple[str, int]


class _Side(asyncio.DatagramProtocol):
    """One of its two sockets; what comes in here goes out at the other, if it is lucky."""

    def __init__(self, proxy: "LossyProxy", towards: Address | None) -> None:
        self.towards = towards
        self.other: _Side | None = None
        self.transport: asyncio.DatagramTransport | None = None
        self._proxy = proxy
        self._learns = towards is None

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._learns:
            self.towards = addr
        other = self.other
        if other is None or other.transport is None or other.towards is None:
            return
        if self._proxy.dice.random() < self._proxy.loss:
            self._proxy.lost += 1
        else:
            self._proxy.passed += 1
            other.transport.sendto(data, other.towards)


class LossyProxy:
    """Stands at `port` for a server; its client is whoever sent to it last."""

    def __init__(self, loss: float, seed: int) -> None:
        self.loss = loss
        self.dice = random.Random(seed)
        self.lost = self.passed = 0
        self.port = 0


@asynccontextmanager
async def lossy_proxy(server: Address, *, loss: float, seed: int) -> AsyncIterator[LossyProxy]:
    proxy = LossyProxy(loss, seed)
    loop = asyncio.get_running_loop()
    front, back = _Side(proxy, None), _Side(proxy, server)
    front.other, back.other = back, front
    here, _ = await loop.create_datagram_endpoint(lambda: front, local_addr=(HERE, 0))
    there, _ = await loop.create_datagram_endpoint(lambda: back, local_addr=(HERE, 0))
    front.transport, back.transport = here, there
    proxy.port = here.get_extra_info("sockname")[1]
    try:
        yield proxy
    finally:
        here.close()
        there.close()
        await asyncio.sleep(0)
