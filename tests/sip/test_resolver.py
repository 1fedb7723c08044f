"""The resolver against a real name server on loopback."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.sip.name_server import NameServer, name_server
from webpbx.sip import resolver as resolver_module
from webpbx.sip.resolver import IN_USE_SECONDS, LEAST_SECONDS, MOST_SECONDS, Resolver
from webpbx.sip.transport import Way

ZONE = (
    'prov.example 300 NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.far.example.',
    'prov.example 300 NAPTR 10 20 "S" "sip+d2u" "" _sip._udp.near.example.',
    'prov.example 300 NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.near.example.',
    "_sip._udp.near.example 120 SRV 20 0 5070 b.near.example.",
    "_sip._udp.near.example 120 SRV 10 0 5062 a.near.example.",
    "_sips._tcp.near.example 120 SRV 0 0 5081 a.near.example.",
    "_sip._tcp.prov.example 120 SRV 0 0 5090 b.near.example.",
    "_sip._udp.far.example 120 SRV 0 0 5060 far.example.",
    "a.near.example 60 A 192.0.2.1",
    "a.near.example 60 AAAA 2001:db8::1",
    "b.near.example 90 A 192.0.2.2",
    "plain.example 100 A 192.0.2.9",
    "_sip._udp.closed.example 100 SRV 0 0 0 .",
    "closed.example 100 A 192.0.2.66",
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    server: NameServer, *, family: socket.AddressFamily = socket.AF_INET, hosts: Path = Path("/dev/null")
) -> AsyncIterator[tuple[Resolver, Clock]]:
    clock = Clock()
    resolver = Resolver(family, servers=server.servers(hosts=hosts), clock=clock, random=random.Random(7))
    try:
        yield resolver, clock
    finally:
        await resolver.close()


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with name_server(*ZONE) as server:
        yield server


@pytest.fixture
async def names(server: NameServer) -> AsyncIterator[Resolver]:
    async with opened(server) as (resolver, _):
        yield resolver


def give_up_soon(resolver: Resolver) -> None:
    """Let questions that nobody will answer end at once."""
    resolver._servers._lifetime = 0.1


async def settled(resolver: Resolver) -> None:
    """Wait until nothing is being asked."""
    while resolver._asking:
        await asyncio.wait(list(resolver._asking.values()))


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::1]", "2001:db8::1"])
async def test_an_address_needs_no_name_server(server: NameServer, names: Resolver, host: str) -> None:
    assert await names.places(Way(host)) == [(host.strip("[]"), 5060)]
    assert await names.places(Way(host, transport="TLS")) == [(host.strip("[]"), 5061)]
    assert await names.places(Way(host, 5070)) == [(host.strip("[]"), 5070)]
    assert not server.asked


async def test_a_name_with_a_port_is_asked_for_its_addresses_alone(server: NameServer, names: Resolver) -> None:
    assert await names.places(Way("plain.example", 5099)) == [("192.0.2.9", 5099)]
    assert set(server.asked) == {"plain.example A"}


async def test_naptr_leads_to_the_srv_of_the_transport_by_order_and_preference(names: Resolver) -> None:
    assert await names.places(Way("prov.example")) == [("192.0.2.1", 5062), ("192.0.2.2", 5070)]
    assert await names.places(Way("prov.example", transport="TLS")) == [("192.0.2.1", 5081)]


async def test_without_a_naptr_of_the_transport_its_own_srv_is_taken(names: Resolver) -> None:
    assert await names.places(Way("prov.example", transport="TCP")) == [("192.0.2.2", 5090)]


async def test_without_srv_the_address_and_the_transports_port_are_taken(names: Resolver) -> None:
    assert await names.places(Way("plain.example")) == [("192.0.2.9", 5060)]
    assert await names.places(Way("plain.example", transport="TLS")) == [("192.0.2.9", 5061)]


async def test_a_service_that_is_not_to_be_had_has_no_place(names: Resolver) -> None:
    assert await names.places(Way("closed.example")) == []


async def test_both_families_are_asked_for_where_both_are_spoken(server: NameServer) -> None:
    async with opened(server, family=socket.AF_UNSPEC) as (names, _):
        assert await names.addresses("a.near.example", 0) == [("192.0.2.1", 0), ("2001:db8::1", 0)]
    async with opened(server, family=socket.AF_INET6) as (names, _):
        assert await names.addresses("a.near.example", 0) == [("2001:db8::1", 0)]


async def test_weights_are_drawn_within_a_priority_each_time(server: NameServer) -> None:
    server.zone = [
        "_sip._udp.many.example 60 SRV 1 1 5060 light.example.",
        "_sip._udp.many.example 60 SRV 1 3 5060 heavy.example.",
        "_sip._udp.many.example 60 SRV 1 0 5060 last.example.",
        "_sip._udp.many.example 60 SRV 2 9 5060 spare.example.",
        *(f"{name}.example 60 A 192.0.2.{at}" for at, name in enumerate(("light", "heavy", "last", "spare"))),
    ]
    async with opened(server) as (names, _):
        firsts: Counter[str] = Counter()
        for _ in range(1000):
            order = [host for host, _ in await names.places(Way("many.example"))]
            assert len(order) == 4
            assert order[3] == "192.0.2.3"
            firsts[order[0]] += 1
    assert server.asked["_sip._udp.many.example SRV"] == 1
    # by RFC 2782 a number of 0..4 is drawn; weight 0 comes first for 0 alone
    assert 120 < firsts["192.0.2.2"] < 280
    assert 120 < firsts["192.0.2.0"] < 280
    assert 520 < firsts["192.0.2.1"] < 680


async def test_an_answer_is_fresh_for_its_shortest_ttl(server: NameServer) -> None:
    async with opened(server) as (names, clock):
        way = Way("prov.example")
        before = await names.places(way)
        clock.now += 59
        await names.places(way)
        await settled(names)
        assert server.asked["prov.example NAPTR"] == 1
        clock.now += 2
        server.zone.append("b.near.example 60 A 192.0.2.3")
        assert await names.places(way) == before  # at once, and asked behind
        await settled(names)
        assert server.asked["prov.example NAPTR"] == 2
        assert sorted(await names.places(way)) == [*before, ("192.0.2.3", 5070)]


@pytest.mark.process
@pytest.mark.parametrize("how", ["killed", "silent", "failing"])
async def test_known_names_go_on_while_the_name_servers_are_gone(server: NameServer, how: str) -> None:
    async with opened(server) as (names, clock):
        ways = [Way("prov.example"), Way("plain.example", 5060)]
        before = [await names.places(way) for way in ways]
        give_up_soon(names)
        if how == "killed":
            server.kill()
        server.silent = how == "silent"
        server.broken = {"NAPTR", "SRV", "A"} if how == "failing" else set()
        for _ in range(2):
            clock.now += MOST_SECONDS
            assert [await names.places(way) for way in ways] == before
            await settled(names)
        assert [await names.places(way) for way in ways] == before


async def test_an_unknown_name_blocks_nobody_for_long_while_the_name_servers_are_gone(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver_module, "FIRST_SECONDS", 0.02)
    server.silent = True
    async with opened(server) as (names, clock):
        give_up_soon(names)
        assert await names.places(Way("plain.example")) == []
        server.silent = False
        await settled(names)
        names._servers._lifetime = 5.0
        clock.now += LEAST_SECONDS
        await names.places(Way("plain.example"))
        await settled(names)
        assert await names.places(Way("plain.example")) == [("192.0.2.9", 5060)]


async def test_a_server_silent_on_naptr_and_srv_hides_no_address(server: NameServer) -> None:
    server.broken = {"NAPTR", "SRV"}
    async with opened(server) as (names, clock):
        assert await names.places(Way("plain.example")) == [("192.0.2.9", 5060)]
        server.zone = ["plain.example 60 A 192.0.2.10"]
        clock.now += LEAST_SECONDS
        await names.places(Way("plain.example"))
        await settled(names)
        assert await names.places(Way("plain.example")) == [("192.0.2.10", 5060)]


async def test_a_name_that_exists_no_longer_is_believed(server: NameServer) -> None:
    async with opened(server) as (names, clock):
        assert await names.places(Way("plain.example"))
        server.zone.clear()
        clock.now += MOST_SECONDS
        await names.places(Way("plain.example"))
        await settled(names)
        assert await names.places(Way("plain.example")) == []


async def test_an_answer_in_use_is_renewed_before_anybody_asks(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver_module, "LEAST_SECONDS", 0.01)
    server.zone = ["plain.example 0 A 192.0.2.9"]
    async with opened(server) as (names, clock):
        await names.addresses("plain.example", 5060)
        while server.asked["plain.example A"] < 3:  # noqa: ASYNC110 - looks into the other side
            await asyncio.sleep(0.005)
        clock.now += IN_USE_SECONDS
        await settled(names)
        while names._renewals:  # noqa: ASYNC110 - sees timers run out
            await asyncio.sleep(0.005)
        await settled(names)
        assert not names._renewals


async def test_the_hosts_file_comes_first(server: NameServer, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.50 other PROV.example # ours\n2001:db8::50 prov.example\nnonsense prov.example\n\n")
    async with opened(server, hosts=hosts) as (names, _):
        assert await names.places(Way("prov.example")) == [("192.0.2.50", 5060)]
        assert not server.asked


@pytest.mark.parametrize("host", ["nowhere.example", "x" * 300, "no..where", "a b", "\ud800"])
async def test_an_unknown_or_impossible_name_has_no_address(names: Resolver, host: str) -> None:
    assert await names.places(Way(host)) == []


async def test_questions_for_the_same_name_are_asked_once(server: NameServer, names: Resolver) -> None:
    found = await asyncio.gather(*(names.places(Way("plain.example", 5060)) for _ in range(5)))
    assert found == [[("192.0.2.9", 5060)]] * 5
    assert server.asked["plain.example A"] == 1


async def test_closing_waits_for_no_name_server(server: NameServer) -> None:
    server.silent = True
    async with opened(server) as (names, _):
        waiting = asyncio.ensure_future(names.places(Way("plain.example")))
        await asyncio.sleep(0.01)
        await names.close()
        assert await waiting == []
