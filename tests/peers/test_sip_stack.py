"""The stack alone against sipp on loopback: both roles, refusals, CANCEL, digest, REGISTER."""

import asyncio
from pathlib import Path

import pytest

from tests.peers.stack_house import HERE, SCENARIOS, free_port, house, sipp, wait_for_port
from webpbx.sip.dialog import DialogState
from webpbx.sip.network import (
    Answered,
    Credentials,
    Ended,
    Peer,
    Registration,
    RegistrationState,
    SipNetwork,
)
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer


@pytest.mark.parametrize(
    ("mode", "transport"), [("u1", "UDP"), ("t1", "TCP"), ("tn", "TCP")]
)  # tn: a connection each call
async def test_sipp_calls_us_and_hangs_up(tmp_path: Path, mode: str, transport: str) -> None:
    async with house() as us:
        place = f"{HERE}:{us.network.addresses[transport][1]}"
        async with sipp(
            tmp_path,
            "-t",
            mode,
            "-max_socket",
            "1000",
            "-sn",
            "uac",
            "-m",
            "50",
            "-r",
            "50",
            "-d",
            "50",
            "-s",
            "100",
            place,
        ):
            pass
        await asyncio.sleep(0.05)
        assert [ended.by for ended in us.ended] == ["remote"] * 50
        assert us.network.counters["now", "dialogs"] == 0


@pytest.mark.parametrize(("mode", "transport"), [("u1", "UDP"), ("t1", "TCP")])
async def test_sipp_acknowledges_our_early_media_and_refreshes(tmp_path: Path, mode: str, transport: str) -> None:
    async with house() as us:
        place = f"{HERE}:{us.network.addresses[transport][1]}"
        file = str(SCENARIOS / "uac_prack.xml")
        async with sipp(tmp_path, "-t", mode, "-sf", file, "-m", "20", "-r", "20", "-s", "media", place):
            pass
        assert [ended.by for ended in us.ended] == ["remote"] * 20


@pytest.mark.parametrize(
    ("scenario", "number", "status", "by"),
    [("uac_cancel", "rings", 487, "remote"), ("uac_refused", "busy", 486, "local")],
)
async def test_sipp_hears_a_refusal_or_cancels(
    tmp_path: Path, scenario: str, number: str, status: int, by: str
) -> None:
    async with house() as us:
        place = f"{HERE}:{us.network.address[1]}"
        file = str(SCENARIOS / f"{scenario}.xml")
        async with sipp(tmp_path, "-sf", file, "-m", "10", "-r", "20", "-s", number, place):
            pass
        assert [(ended.status, ended.by) for ended in us.ended] == [(status, by)] * 10


@pytest.mark.parametrize(("mode", "transport"), [("u1", "UDP"), ("t1", "TCP")])
async def test_we_call_sipp_and_hang_up(tmp_path: Path, mode: str, transport: str) -> None:
    port = free_port()
    async with house() as us, sipp(tmp_path, "-t", mode, "-sn", "uas", "-p", str(port), "-m", "20"):
        await wait_for_port(us, port)
        for _ in range(20):
            session = await us.call(port, transport=transport)
            while not isinstance(event := await session.next_event(), Answered):
                assert not isinstance(event, Ended)
            assert b"m=audio" in (event.sdp or b"")
            await session.hang_up(q850=16)
            await us.drain_events(session)
    assert [ended.by for ended in us.ended] == ["local"] * 20


@pytest.mark.parametrize(("mode", "transport"), [("u1", "UDP"), ("t1", "TCP")])
async def test_we_acknowledge_sipps_early_media(tmp_path: Path, mode: str, transport: str) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "uas_prack.xml")
    async with house() as us, sipp(tmp_path, "-t", mode, "-sf", scenario, "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        session = await us.call(port, transport=transport)
        told = [await session.next_event()]
        while not isinstance(told[-1], Answered | Ended):
            told.append(await session.next_event())
        assert [type(each).__name__ for each in told] == ["Progress", "Answered"]
        await session.hang_up()
        await us.drain_events(session)


async def test_a_busy_provider_is_busy(tmp_path: Path) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "uas_refuses.xml")
    async with house() as us, sipp(tmp_path, "-sf", scenario, "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        await us.drain_events(await us.call(port))
    assert us.ended == [Ended(486, "Busy Here", "remote", 17)]


async def test_we_cancel_a_call_that_rings(tmp_path: Path) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "uas_cancelled.xml")
    async with house() as us, sipp(tmp_path, "-sf", scenario, "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        session = await us.call(port)
        await session.next_event()
        await session.hang_up()
        await us.drain_events(session)
    assert [(ended.status, ended.by) for ended in us.ended] == [(487, "local")]


@pytest.mark.parametrize(("secret", "told"), [("geheim", (None, "local")), ("falsch", (403, "remote"))])
async def test_sipp_challenges_our_call(tmp_path: Path, secret: str, told: tuple[int | None, str]) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "uas_digest.xml")
    credentials = Credentials("trunk1", secret, realm="provider")
    async with house() as us, sipp(tmp_path, "-sf", scenario, "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        session = await us.call(port, credentials=credentials)
        while not isinstance(event := await session.next_event(), Answered | Ended):
            pass
        if isinstance(event, Answered):
            await session.hang_up()
            await us.drain_events(session)
        else:
            us.ended.append(event)
    assert [(ended.status, ended.by) for ended in us.ended] == [told]


async def test_we_register_at_sipp_and_refresh_as_early_as_it_wants(tmp_path: Path) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "registrar.xml")
    async with house() as us, sipp(tmp_path, "-sf", scenario, "-p", str(port), "-m", "1") as process:
        await wait_for_port(us, port)
        registration = Registration(
            SipUri("provider", "trunk1"),
            SipUri(HERE, None, port),
            ((HERE, port),),
            Credentials("trunk1", "geheim"),
            "trunk1",
        )
        handle = await us.network.register(registration)
        await process.wait()
        assert handle.state is RegistrationState.REGISTERED
        assert handle.realm == "provider"
        await handle.stop()


async def test_an_answered_call_outlives_its_network(tmp_path: Path) -> None:
    port = free_port()
    async with house() as us, sipp(tmp_path, "-sn", "uas", "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        session = await us.call(port)
        while not isinstance(await session.next_event(), Answered):
            pass
        state = DialogState.from_json(us.kept[session.id].to_json())
        first = us.network
        address = first.address
        await first.close()
        us.network = await SipNetwork.open(
            listen=address, identify=lambda _f, _r: Peer("provider"), on_invite=us.take, persist=us.persist
        )
        adopted = us.network.adopt(state)
        await adopted.hang_up()
        await us.drain_events(adopted)
        for _ in range(100):
            if not us.kept:
                break
            await asyncio.sleep(0.02)
