"""A trunk whose settings change while it is at work; two real SIP stacks on loopback."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.endpoints.site import BERLIN, OUR_DID, SDP, Site, a_site, ended, event_of
from tests.endpoints.test_trunk import registrar
from webpbx.calls.facts import TrunkChanged
from webpbx.calls.leg import LegState
from webpbx.model.cause import Cause
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.message import Request
from webpbx.sip.parser import parse_message
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.session_events import Progress
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

LINE: dict[str, Any] = {"mode": "register", "addresses": (), "username": "line1", "secret": "right"}


async def change(site: Site, **changes: Any) -> None:
    """Change the trunk's settings, where a realm that was learnt is saved as the store does."""
    learnt = [fact.learnt_realm for fact in site.office.facts if isinstance(fact, TrunkChanged)]
    changes = {"realm": learnt[-1] or ""} | changes
    exchange = site.office.exchange
    main = replace(exchange.snapshot.trunks["main"], **changes)
    exchange.use(replace(exchange.snapshot, trunks={"main": main}))
    await site.trunks.use(exchange)


def registers(site: Site) -> list[Request]:
    """Note from now on the REGISTER requests that the provider hears."""
    heard: list[Request] = []

    def tap(_: Flow, data: bytes, sent: bool) -> None:
        message = parse_message(data)
        if not sent and isinstance(message, Request) and message.method == "REGISTER":
            heard.append(message)

    site.provider.network.core.tap = tap
    return heard


async def test_a_setting_of_calls_changes_in_place_while_a_call_is_up() -> None:
    async with a_site(registrar(), **LINE) as site:
        await site.is_up()
        heard, before = registers(site), site.line
        anna, session = await site.calls_out()
        await session.answer(SDP)
        await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
        await change(site, name="Renamed", max_calls=1, dtmf="info")
        assert site.line is before
        assert (before.trunk.name, before.trunk.max_calls, before.up) == ("Renamed", 1, True)
        second = await site.provider.call(OUR_DID, site.network)
        assert (await ended(second)).status == 486
        assert heard == []
        anna.hang_up()
        assert (await ended(session)).by == "remote"
        await site.office.quiet()


async def test_a_change_of_the_way_registers_anew_without_taking_the_binding_away() -> None:
    async with a_site(registrar(), **LINE) as site:
        await site.is_up()
        heard = registers(site)
        changing = asyncio.create_task(change(site, register_expires=600))
        while not changing.done():
            assert site.line.up
            await asyncio.sleep(0)
        await changing
        await site.office.until(lambda: len(heard) >= 2 and site.trunks.states()["acme/main"] == (True, "Registered."))
        assert {each.get("Expires") for each in heard} == {"600"}
        anna = site.office.phone("101")
        session = await site.provider.call(OUR_DID, site.network)
        await anna.rings()
        assert (await event_of(session, Progress)).status == 180
        anna.decline()
        assert (await ended(session)).status == 603
        await site.office.quiet()


async def test_another_account_takes_the_binding_of_the_former_away() -> None:
    async with a_site(registrar(), **LINE) as site:
        await site.is_up()
        heard = registers(site)
        await change(site, username="line2", auth_username="line1")
        assert [each.to.uri for each in heard if each.get("Expires") == "0"][:1] == [SipUri("127.0.0.1", user="line1")]
        assert site.office.exchange.lines["main"] is site.line


async def test_trunks_that_go_do_not_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    both = asyncio.Barrier(2)

    async def close(_: RegistrationHandle) -> None:
        await both.wait()

    async with a_site(registrar(), **LINE) as site:
        exchange = site.office.exchange
        main = exchange.snapshot.trunks["main"]
        exchange.use(replace(exchange.snapshot, trunks={"main": main, "other": replace(main, id="other")}))
        await site.trunks.use(exchange)
        await site.office.until(lambda: all(up for up, _ in site.trunks.states().values()))
        monkeypatch.setattr(RegistrationHandle, "close", close)
        exchange.use(replace(exchange.snapshot, trunks={}))
        async with asyncio.timeout(5):
            await site.trunks.use(exchange)
        assert (exchange.lines, site.trunks.states()) == ({}, {})


async def test_the_first_realm_that_challenges_a_call_is_kept_and_no_other_is_answered() -> None:
    house = registrar()
    async with a_site(house, username="line1", secret="right") as site:
        anna, _ = await site.calls_out()
        anna.hang_up()
        await site.office.quiet()
        facts = [fact for fact in site.office.facts if isinstance(fact, TrunkChanged)]
        assert facts[-1].learnt_realm == "provider.test"
        house.realm = "evil.test"
        site.provider.network.core.tap = lambda _flow, data, sent: asked.append(data) if not sent else None
        asked: list[bytes] = []
        bert = site.office.phone("102")
        bert.dial(BERLIN)
        assert await bert.ended() is Cause.TRUNK_REFUSED
        await site.office.quiet()
        assert b"Authorization" not in b"".join(asked)


async def test_a_realm_that_is_forgotten_is_learnt_anew() -> None:
    house = registrar()
    async with a_site(house, **LINE) as site:
        await site.is_up()
        heard = registers(site)
        house.realm = "new.test"
        house.lookup = lambda _user, algorithm: ha1(
            Credentials("line1", "right"), realm="new.test", algorithm=algorithm
        )
        await change(site, realm="")
        await site.office.until(lambda: len(heard) >= 2 and site.trunks.states()["acme/main"] == (True, "Registered."))
        facts = [fact for fact in site.office.facts if isinstance(fact, TrunkChanged)]
        assert facts[-1].learnt_realm == "new.test"
