"""The asyncio face on real loopback sockets."""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.sip.test_parser import mutate
from tests.sip.wire import ANSWER, OFFER, invite
from webpbx.sip.auth import ha1
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import (
    Answered,
    Credentials,
    Ended,
    Peer,
    Progress,
    Registrar,
    Registration,
    RegistrationState,
    Reoffered,
    ReofferRefusedError,
    Session,
    SipError,
    SipNetwork,
)
from webpbx.sip.query import NO_WAY
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.uri import SipUri, parse_uri

HERE = "127.0.0.1"
SECRET = Credentials("trunk1", "geheim")


class House:
    """A network, the calls that came in, and the dialogs it keeps."""

    network: SipNetwork

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Session] = asyncio.Queue()
        self.kept: dict[str, DialogState] = {}
        self.store_fails = False

    async def persist(self, state: DialogState | DialogGone) -> None:
        await asyncio.sleep(0)
        if self.store_fails:
            raise OSError("the disk is full")
        if isinstance(state, DialogGone):
            self.kept.pop(state.id, None)
        else:
            self.kept[state.id] = state

    async def call(self, other: "House", *, sdp: bytes | None = OFFER) -> Session:
        return await self.network.invite(
            target=SipUri(HERE, "100"),
            proxies=[other.network.address],
            from_=NameAddr(SipUri("example.com", "anna")),
            to=NameAddr(SipUri("example.com", "100")),
            sdp=sdp,
            credentials=SECRET,
        )

    async def talk(self, other: "House") -> tuple[Session, Session]:
        ours = await self.call(other)
        theirs = await other.calls.get()
        await theirs.answer(ANSWER)
        assert await ours.next_event() == Answered(ANSWER)
        return ours, theirs


@asynccontextmanager
async def house(
    *,
    registrar: Registrar | None = None,
    on_invite: Callable[[Session], None] | None = None,
    known: bool = True,
) -> AsyncIterator[House]:
    us = House()
    us.network = await SipNetwork.open(
        listen=(HERE, 0),
        identify=lambda _flow, _request: Peer("peer") if known else None,
        on_invite=on_invite or us.calls.put_nowait,
        persist=us.persist,
        registrar=registrar,
        trusted=lambda _: known,
    )
    try:
        yield us
    finally:
        await us.network.close()


@pytest.fixture
async def us() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


@pytest.fixture
async def them() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


async def until(truth: Callable[[], bool]) -> None:
    """Wait for something that happens soon; the test's time limit ends a vain wait."""
    while not truth():  # noqa: ASYNC110 - polls a peer's state
        await asyncio.sleep(0.005)


async def test_what_comes_before_the_calls_are_taken_up_waits_and_is_served_after(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    state, address = theirs.state, them.network.address
    await them.network.close()
    next_life = House()
    next_life.network = await SipNetwork.open(
        listen=address,
        identify=lambda _flow, _request: Peer("peer"),
        on_invite=next_life.calls.put_nowait,
        persist=next_life.persist,
        reading=False,
    )
    await ours.hang_up()
    for _ in range(10):
        await asyncio.sleep(0)
    session = next_life.network.adopt(state)
    await next_life.network.read()
    assert await session.next_event() == Ended(None, "", "remote", None)
    await next_life.network.close()


async def test_a_socket_that_was_never_read_is_closed_too() -> None:
    network = await SipNetwork.open(
        listen=(HERE, 0), identify=lambda _flow, _request: None, on_invite=lambda _: None, reading=False
    )
    await network.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(network.address)


async def test_a_call_from_ring_to_bye(us: House, them: House) -> None:
    ours = await us.call(them)
    theirs = await them.calls.get()
    assert theirs.remote_sdp == OFFER
    assert theirs.peer == Peer("peer")
    await theirs.ring(sdp=ANSWER)
    assert await ours.next_event() == Progress(183, "Session Progress", ANSWER)
    await theirs.answer(ANSWER)
    assert await ours.next_event() == Answered(ANSWER)
    assert ours.remote_sdp == ANSWER
    for _ in range(2):
        await ours.hang_up(q850=16)
    assert await theirs.next_event() == Ended(None, "", "remote", 16)
    assert await ours.next_event() == Ended(None, "", "local", 16)
    with pytest.raises(SipError):
        await ours.next_event()
    await until(lambda: us.kept == them.kept == {})


async def test_orders_to_a_call_that_is_over_do_nothing(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    await ours.hang_up()
    await theirs.next_event()
    await theirs.answer(ANSWER)
    await theirs.ring()
    await theirs.reject(486)
    await theirs.accept_reoffer(ANSWER)
    await theirs.hang_up()
    with pytest.raises(ReofferRefusedError):
        await theirs.reinvite(OFFER)


async def test_a_reoffer_is_accepted_or_refused(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    reoffer = asyncio.create_task(ours.reinvite(OFFER))
    assert await theirs.next_event() == Reoffered(OFFER)
    await theirs.accept_reoffer(ANSWER)
    assert await reoffer == ANSWER
    reoffer = asyncio.create_task(theirs.reinvite(OFFER))
    await ours.next_event()
    await ours.refuse_reoffer()
    with pytest.raises(ReofferRefusedError) as refused:
        await reoffer
    assert refused.value.details == {"status": 488}


async def test_a_hang_up_ends_a_reoffer_that_is_under_way(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    reoffer = asyncio.create_task(ours.reinvite(OFFER))
    await theirs.next_event()
    await theirs.hang_up()
    with pytest.raises(ReofferRefusedError):
        await reoffer


async def test_a_store_that_fails_ends_the_call_in_words(
    us: House, them: House, caplog: pytest.LogCaptureFixture
) -> None:
    ours = await us.call(them)
    theirs = await them.calls.get()
    them.store_fails = True
    await theirs.answer(ANSWER)
    ended = await ours.next_event()
    assert isinstance(ended, Ended)
    assert ended.status == 500
    assert "could not be written" in caplog.text


async def test_a_closed_port_refuses_a_call_at_once(us: House, them: House) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind((HERE, 0))
        nobody = closed.getsockname()
    ours = await us.network.invite(
        target=SipUri(HERE, "100"),
        proxies=[nobody, them.network.address],
        from_=NameAddr(SipUri("example.com", "anna")),
        to=NameAddr(SipUri("example.com", "100")),
        sdp=OFFER,
        timeout_100=1000.0,
    )
    theirs = await them.calls.get()
    await theirs.reject(486)
    ended = await ours.next_event()
    assert isinstance(ended, Ended)
    assert ended.status == 486
    assert await us.network.options(nobody) == NO_WAY


async def test_a_call_to_a_name_nobody_knows_ends_with_503(us: House) -> None:
    ours = await us.network.invite(
        target=SipUri("no..where", "100"),
        proxies=[("no..where", 5060)],
        from_=NameAddr(SipUri("example.com", "anna")),
        to=NameAddr(SipUri("example.com", "100")),
        sdp=OFFER,
    )
    ended = await ours.next_event()
    assert isinstance(ended, Ended)
    assert (ended.status, ended.by) == (503, "error")


async def test_options_tell_whether_a_peer_is_there(us: House, them: House) -> None:
    assert await us.network.options(them.network.address) == 200
    await them.network.drain()
    assert await us.network.options(them.network.address) == 503
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HERE, 0))
        assert await us.network.options(silent.getsockname(), timeout=0.05) == 408


async def test_draining_refuses_new_calls_and_keeps_the_old(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    await them.network.drain()
    refused = await (await us.call(them)).next_event()
    assert isinstance(refused, Ended)
    assert refused.status == 503
    await ours.hang_up()
    assert isinstance(await theirs.next_event(), Ended)


async def test_registering_tells_its_state_and_leads_calls_back(us: House) -> None:
    def lookup(username: str, algorithm: str) -> str | None:
        return ha1(SECRET, realm="prov", algorithm=algorithm) if username == "trunk1" else None

    registrar = Registrar(realm="prov", lookup=lookup)
    async with house(registrar=registrar, known=False) as provider:
        order = Registration(
            SipUri("prov", "trunk1"), SipUri("prov"), (provider.network.address,), SECRET, contact_user="trunk1"
        )
        handle = await us.network.register(order)
        told: list[RegistrationState] = []
        handle.on_change = lambda: told.append(handle.state)
        await until(lambda: handle.state is RegistrationState.REGISTERED)
        binding = registrar.bindings("trunk1", provider.network.now())[0]
        ringing = await provider.network.invite(
            target=SipUri(HERE, "trunk1", us.network.address[1]),
            proxies=[binding.flow.remote],
            from_=NameAddr(SipUri("prov", "+4930")),
            to=NameAddr(parse_uri(binding.contact)),
            sdp=OFFER,
        )
        theirs = await us.calls.get()
        await theirs.hang_up()
        assert isinstance(await ringing.next_event(), Ended)
        call = await us.call(provider)
        assert (await provider.calls.get()).peer == Peer("trunk1", registered=True)
        await call.hang_up()
        await handle.close()
        assert registrar.bindings("trunk1", provider.network.now()) == []
        assert told[-1] is RegistrationState.CLOSED


async def test_an_address_in_use_is_a_plain_sentence(us: House) -> None:
    with pytest.raises(SipError, match=r"cannot listen for SIP on 127\.0\.0\.1"):
        await SipNetwork.open(listen=us.network.address, identify=lambda _f, _r: None, on_invite=us.calls.put_nowait)


async def test_an_application_that_raises_hurts_its_call_only(us: House, caplog: pytest.LogCaptureFixture) -> None:
    def fail(session: Session) -> None:
        raise RuntimeError(session.id)

    async with house(on_invite=fail) as broken:
        ended = await (await us.call(broken)).next_event()
        assert isinstance(ended, Ended)
        assert ended.status == 480
        assert await us.network.options(broken.network.address) == 200
    assert "could not be taken" in caplog.text


async def test_garbage_neither_raises_nor_logs_a_traceback(
    us: House, them: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ours, theirs = await us.talk(them)
    source = random.Random(99)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
        hostile.connect(them.network.address)
        for number in range(1_500):
            data = source.randbytes(source.randrange(200)) if number % 3 == 0 else mutate(invite(), source)
            hostile.send(data)
            if number % 50 == 0:
                await asyncio.sleep(0.002)
    await ours.hang_up()
    assert isinstance(await theirs.next_event(), Ended)
    assert them.network.counters["dropped", "malformed"] > 500
    assert caplog.records == []


async def test_closing_leaves_no_task_and_ends_every_waiting() -> None:
    before = asyncio.all_tasks()
    async with house() as us, house() as them:
        ours, theirs = await us.talk(them)
        waiting: asyncio.Task[SessionEvent] = asyncio.create_task(theirs.next_event())
        order = Registration(SipUri("prov", "t"), SipUri("prov"), (("no..where", 5060),), SECRET)
        await us.network.register(order)
        await asyncio.sleep(0)
    assert await waiting == Ended(None, "the SIP network was closed", "local")
    assert isinstance(await ours.next_event(), Ended)
    assert asyncio.all_tasks() == before
    assert us.kept
    assert them.kept


async def test_people_who_talk_go_on_talking_when_a_refreshed_call_cannot_be_written(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    us.store_fails = True
    answer = asyncio.create_task(theirs.reinvite(OFFER))
    assert await ours.next_event() == Reoffered(OFFER)
    await ours.accept_reoffer(ANSWER)
    assert await answer == ANSWER
    us.store_fails = False
    await theirs.hang_up()
    ended = await ours.next_event()
    assert isinstance(ended, Ended)
    assert ended.by == "remote"


async def test_a_lingering_close_waits_for_the_answer_to_a_bye(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    await ours.hang_up()
    assert us.network.core.transactions.is_parting
    await us.network.close(linger=30.0)
    assert not us.network.core.transactions.is_parting
    assert isinstance(await theirs.next_event(), Ended)


async def test_a_call_is_adopted_by_another_network(us: House, them: House) -> None:
    ours, theirs = await us.talk(them)
    await until(lambda: them.kept[theirs.id].response is None)
    state = DialogState.from_json(them.kept[theirs.id].to_json())
    address = them.network.address
    await them.network.close()
    them.network = await SipNetwork.open(
        listen=address,
        identify=lambda _f, _r: Peer("peer"),
        on_invite=them.calls.put_nowait,
        persist=them.persist,
        trusted=lambda _: True,
    )
    adopted = them.network.adopt(state)
    assert adopted.direction == "in"
    reoffer = asyncio.create_task(ours.reinvite(OFFER))
    assert await adopted.next_event() == Reoffered(OFFER)
    await adopted.accept_reoffer(ANSWER)
    assert await reoffer == ANSWER
    await adopted.hang_up()
    assert isinstance(await ours.next_event(), Ended)
    await until(lambda: them.kept == {})
