import asyncio
import socket
import threading

import pytest

from webpbx.sip.resolver import KEEP_SECONDS, Resolver
from webpbx.sip.transport import Address


class Names:
    """Name servers that can be away, slow, and count how often they are asked."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {"sip.example.com": ["192.0.2.1", "192.0.2.2"]}
        self.asked = 0
        self.away = False
        self.gate = threading.Event()
        self.gate.set()
        self.now = 0.0

    def look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[Address]:
        _ = family
        self.asked += 1
        self.gate.wait(10)
        if self.away or host not in self.known:
            raise OSError
        return [(address, port) for address in self.known[host]]

    def resolver(self) -> Resolver:
        return Resolver(socket.AF_INET, lookup=self.look_up, clock=lambda: self.now)


async def settle(names: Names, resolver: Resolver, asked: int) -> None:
    for _ in range(1000):
        if names.asked >= asked and not resolver._asking:
            return
        await asyncio.sleep(0.002)
    raise AssertionError("the name was not asked again")


async def test_an_address_needs_no_name_server() -> None:
    names = Names()
    resolver = names.resolver()
    assert await resolver.addresses("192.0.2.7", 5060) == [("192.0.2.7", 5060)]
    assert await resolver.addresses("[2001:db8::1]", 5060) == [("2001:db8::1", 5060)]
    assert names.asked == 0
    await resolver.close()


async def test_a_name_is_asked_once_while_its_answer_is_fresh() -> None:
    names = Names()
    resolver = names.resolver()
    for _ in range(3):
        found = await resolver.addresses("sip.example.com", 5070)
        assert found == [("192.0.2.1", 5070), ("192.0.2.2", 5070)]
    assert names.asked == 1
    await resolver.close()


async def test_a_stale_answer_is_used_at_once_and_renewed_behind() -> None:
    names = Names()
    resolver = names.resolver()
    await resolver.addresses("sip.example.com", 5060)
    names.known["sip.example.com"] = ["192.0.2.3"]
    names.now = KEEP_SECONDS + 1
    names.gate.clear()
    assert await resolver.addresses("sip.example.com", 5060) == [("192.0.2.1", 5060), ("192.0.2.2", 5060)]
    names.gate.set()
    await settle(names, resolver, 2)
    assert await resolver.addresses("sip.example.com", 5060) == [("192.0.2.3", 5060)]
    await resolver.close()


async def test_answers_are_kept_while_the_name_servers_are_gone() -> None:
    names = Names()
    resolver = names.resolver()
    await resolver.addresses("sip.example.com", 5060)
    names.away = True
    names.now = 10 * KEEP_SECONDS
    for asked in (2, 3):
        assert len(await resolver.addresses("sip.example.com", 5060)) == 2
        await settle(names, resolver, asked)
    await resolver.close()


@pytest.mark.parametrize("host", ["nowhere.example.com", "x" * 300])
async def test_an_unknown_name_has_no_address(host: str) -> None:
    resolver = Resolver(socket.AF_INET, lookup=Names().look_up)
    assert await resolver.addresses(host, 5060) == []
    await resolver.close()


async def test_closing_waits_for_no_name_server() -> None:
    names = Names()
    names.gate.clear()
    resolver = names.resolver()
    asking = asyncio.ensure_future(resolver.addresses("sip.example.com", 5060))
    await asyncio.sleep(0.01)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    names.gate.set()
