"""The stack over real TCP connections on loopback."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.sip.houses import HERE, SECRET, House, house, until
from tests.sip.wire import OFFER, other
from webpbx.sip.auth import ha1
from webpbx.sip.dialog import DialogState
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import (
    Ended,
    Registrar,
    Registration,
    RegistrationState,
    Session,
    SipError,
    Way,
)
from webpbx.sip.query import NO_WAY
from webpbx.sip.uri import SipUri


@pytest.fixture
async def us() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


@pytest.fixture
async def them() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


def transport_of(session: Session) -> str:
    assert session.request is not None
    return session.request.via.transport


async def test_a_call_by_tcp_is_answered_and_ended_by_either_side(us: House, them: House) -> None:
    for hanging_up in range(2):
        pair = await us.talk(them, them.way())
        assert transport_of(pair[1]) == "TCP"
        assert "transport=tcp" in pair[0].state.target
        await pair[hanging_up].hang_up(q850=16)
        assert await pair[1 - hanging_up].next_event() == Ended(None, "", "remote", 16)


async def test_a_closed_tcp_port_makes_way_for_the_next_proxy_at_once(us: House, them: House) -> None:
    async with house(("TCP",)) as gone:
        nobody = gone.way()
    ours = await us.call(nobody, them.way())
    await (await them.calls.get()).reject(486)
    ended = await ours.next_event()
    assert isinstance(ended, Ended)
    assert ended.status == 486
    assert await us.network.options(nobody) == NO_WAY


async def test_a_network_by_tcp_alone_needs_no_listener_to_call(them: House) -> None:
    async with house(("UDP",)) as us:
        ours, theirs = await us.talk(them, them.way())
        assert theirs.state.target == f"sip:{HERE};transport=tcp"
        await theirs.hang_up()
        assert isinstance(await ours.next_event(), Ended)


async def test_a_large_request_goes_by_tcp_where_it_may(us: House, them: House) -> None:
    port = them.network.addresses["TCP"][1]
    async with house(("UDP",)) as deaf:
        both = replace(deaf.way("UDP"), tcp_if_large=True)
        assert await us.network.flows([both])
        await us.call(both, sdp=OFFER + b"a=x\r\n" * 300)
        assert transport_of(await deaf.calls.get()) == "UDP"  # its TCP port refuses
    large = Way(HERE, port, tcp_if_large=True)
    await us.call(large, sdp=OFFER + b"a=x\r\n" * 300)
    assert transport_of(await them.calls.get()) == "TCP"


async def test_a_phone_is_called_over_the_connection_it_opened(us: House) -> None:
    def lookup(username: str, algorithm: str) -> str | None:
        return ha1(SECRET, realm="prov", algorithm=algorithm) if username == "trunk1" else None

    registrar = Registrar(realm="prov", lookup=lookup)
    async with house(("TCP",), registrar=registrar, known=False) as provider:
        order = Registration(SipUri("prov", "trunk1"), SipUri("prov"), (provider.way(),), SECRET, contact_user="trunk1")
        handle = await us.network.register(order)
        await until(lambda: handle.state is RegistrationState.REGISTERED)
        binding = registrar.bindings("trunk1", provider.network.now())[0]
        assert "transport=tcp" in binding.contact
        assert binding.flow.remote != us.network.addresses["TCP"]
        ringing = await provider.network.invite(
            target=SipUri(HERE, "trunk1"),
            proxies=[binding.flow],
            from_=NameAddr(SipUri("prov", "+4930")),
            to=NameAddr(SipUri("prov", "trunk1")),
            sdp=OFFER,
        )
        await (await us.calls.get()).hang_up()
        assert isinstance(await ringing.next_event(), Ended)
        await handle.close()


@pytest.mark.process
async def test_a_lost_connection_is_registered_anew(us: House) -> None:
    def lookup(_username: str, algorithm: str) -> str | None:
        return ha1(SECRET, realm="prov", algorithm=algorithm)

    registrar = Registrar(realm="prov", lookup=lookup)
    async with house(("TCP",), registrar=registrar, known=False) as provider:
        order = Registration(SipUri("prov", "trunk1"), SipUri("prov"), (provider.way(),), SECRET, contact_user="trunk1")
        handle = await us.network.register(order)
        await until(lambda: bool(registrar.bindings("trunk1", 0.0)))
        first = registrar.bindings("trunk1", 0.0)[0].flow
        provider.network._sockets.close_flow(first)
        await until(lambda: any(each.flow != first for each in registrar.bindings("trunk1", 0.0)))
        await handle.stop()


async def test_a_call_survives_its_connection(us: House, them: House) -> None:
    ours, theirs = await us.talk(them, them.way())
    await until(lambda: them.kept[theirs.id].response is None)
    them.network._sockets.close_flow(theirs.state.flow)
    await until(lambda: not len(us.network.core.streams))
    await theirs.hang_up()
    assert isinstance(await ours.next_event(), Ended)


async def test_a_call_by_tcp_is_adopted_by_another_network(us: House, them: House) -> None:
    ours, theirs = await us.talk(them, them.way())
    await until(lambda: them.kept[theirs.id].response is None)
    state = DialogState.from_json(them.kept[theirs.id].to_json())
    assert state.flow.transport == "TCP"
    await them.network.close()
    await until(lambda: not len(us.network.core.streams))
    await them.open()
    adopted = them.network.adopt(state)
    await adopted.hang_up()
    assert isinstance(await ours.next_event(), Ended)


async def test_raw_bytes_in_any_pieces_are_served_and_garbage_closes_the_connection(us: House) -> None:
    reader, writer = await asyncio.open_connection(*us.network.addresses["TCP"])
    options = other("OPTIONS").replace(b"/UDP", b"/TCP")
    for at in range(len(options)):
        writer.write(options[at : at + 1])
        await writer.drain()
    writer.write(b"\r\n\r\n" + options.replace(b"Content-Length: 0", b"Content-Length: x"))
    data = await reader.read()
    while not reader.at_eof():
        data += await reader.read()
    assert data.count(b"SIP/2.0 200") == 1
    assert b"\r\n\r\n\r\nSIP/2.0 400" in data
    writer.close()
    await writer.wait_closed()


async def test_an_eleventh_connection_of_an_address_is_closed() -> None:
    async with house(known=False) as us:
        writers = []
        for _ in range(10):
            _, writer = await asyncio.open_connection(*us.network.addresses["TCP"])
            writers.append(writer)
        await until(lambda: len(us.network.core.streams) == 10)
        reader, writer = await asyncio.open_connection(*us.network.addresses["TCP"])
        assert await reader.read() == b""
        for each in (*writers, writer):
            each.close()
            await each.wait_closed()


async def test_two_listeners_of_one_kind_are_refused_in_words() -> None:
    with pytest.raises(SipError, match="one TCP listener already"):
        await house(("TCP", "TCP")).__aenter__()
    with pytest.raises(SipError, match="TLS needs a certificate"):
        await house(("TLS",)).__aenter__()
    with pytest.raises(SipError, match="SCTP is no transport"):
        await house(("SCTP",)).__aenter__()
