"""Trunks over TCP and TLS, to providers with certificates of their own; real sockets on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.certificate import make_certificate
from tests.endpoints.site import BERLIN, OUR_DID, SDP, Site, a_site, ended, event_of
from webpbx.calls.facts import TrunkChanged
from webpbx.calls.leg import LegState
from webpbx.endpoints.trunk_reason import state_of
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.network import Certificate, SipNetwork, Way
from webpbx.sip.registrar import Registrar
from webpbx.sip.session_events import Progress
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.sockets import Proxy
from webpbx.sip.transport import Flow

NAME = "sip.provider.test"
LINE: dict[str, Any] = {"mode": "register", "addresses": (), "username": "line1", "secret": "right"}


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    make_certificate(tmp_path / "chain.pem", tmp_path / "key.pem", NAME)
    return Certificate(tmp_path / "chain.pem", tmp_path / "key.pem")


@pytest.fixture(params=["tcp", "tls"])
async def site(request: pytest.FixtureRequest, certificate: Certificate) -> AsyncIterator[Site]:
    changes = {"transport": "tcp"} if request.param == "tcp" else over_tls(certificate)
    async with a_site(registrar(), certificate=certificate, **LINE, **changes) as site:
        await site.is_up()
        yield site


def over_tls(certificate: Certificate, **changes: Any) -> dict[str, Any]:
    return {"transport": "tls", "tls_name": NAME, "tls_authorities": certificate.chain.read_text(), **changes}


def registrar() -> Registrar:
    credentials = Credentials("line1", "right")
    return Registrar(
        realm="provider.test",
        lookup=lambda user, algorithm: (
            ha1(credentials, realm="provider.test", algorithm=algorithm) if user == "line1" else None
        ),
    )


def our_flow(site: Site) -> Flow:
    """Give the connection over which we are registered, as the provider sees it."""
    assert site.provider.network.core.registrar is not None
    (binding,) = site.provider.network.core.registrar.bindings("line1", site.provider.network.now())
    return binding.flow


async def test_a_trunk_registers_and_calls_out_over_its_transport(site: Site) -> None:
    anna, session = await site.calls_out()
    assert session.request is not None
    transport = site.line.trunk.transport
    assert session.request.via.transport == transport.upper()
    assert session.state.flow == our_flow(site)
    assert f"transport={transport}" in (session.request.get("Contact") or "")
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    await session.hang_up()
    await anna.ended()
    await site.office.quiet()


async def test_a_call_comes_in_over_the_connection_that_we_registered_on(site: Site) -> None:
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network, way=our_flow(site))
    await anna.rings()
    assert (await event_of(session, Progress)).status == 180
    anna.answer()
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    anna.hang_up()
    assert (await ended(session)).by == "remote"
    await site.office.quiet()


async def test_a_provider_known_by_address_calls_in_over_a_connection_of_its_own() -> None:
    async with a_site(transport="tcp") as site:
        anna = site.office.phone("101")
        host, port = site.network.addresses["TCP"]
        session = await site.provider.call(OUR_DID, site.network, way=Way(host, port, "TCP"))
        await anna.rings()
        anna.decline()
        assert (await ended(session)).status == 603
        await site.office.quiet()


async def test_a_trunk_over_tls_takes_no_datagrams_from_its_provider_s_address(certificate: Certificate) -> None:
    async with a_site(certificate=certificate, **over_tls(certificate)) as site:
        (request,) = [session.request for _, session in [await site.calls_out()]]
        assert request is not None
        near = Flow("TLS", ("127.0.0.1", 5061), ("127.0.0.1", 5061))
        assert site.trunks.identify(near, request) is not None
        assert site.trunks.identify(near._replace(transport="UDP"), request) is None
        assert site.trunks.identify(near._replace(transport="TCP"), request) is None


async def told(site: Site) -> str:
    """Wait until the trunk is known to be down and give the reason."""
    await site.office.until(lambda: any(isinstance(fact, TrunkChanged) for fact in site.office.facts))
    up, reason = site.trunks.states()["acme/main"]
    assert not up
    return reason


@pytest.mark.parametrize("mode", [{}, LINE], ids=["by address", "registering"])
async def test_a_certificate_of_an_authority_that_is_not_believed_is_refused_in_words(
    certificate: Certificate, mode: dict[str, Any], tmp_path: Path
) -> None:
    make_certificate(tmp_path / "other.pem", tmp_path / "other.key", NAME)
    other = Certificate(tmp_path / "other.pem", tmp_path / "other.key")
    async with a_site(registrar(), certificate=certificate, **over_tls(other), **mode) as site:
        reason = await told(site)
        assert reason.startswith("No TLS connection to 127.0.0.1:")
        assert "its certificate is not believed" in reason
        assert reason.endswith(".")


async def test_a_certificate_that_names_another_is_refused_in_words(certificate: Certificate) -> None:
    async with a_site(certificate=certificate, **over_tls(certificate, tls_name="sip.other.test")) as site:
        assert f"its certificate names {NAME}." in await told(site)


async def test_a_provider_whose_port_is_closed_is_told() -> None:
    async with a_site(transport="tcp", proxies=("127.0.0.1:9",)) as site:
        assert await told(site) == "No TCP connection to 127.0.0.1:9: nothing listens there."


async def test_a_name_that_is_not_found_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(_: object) -> list[Flow]:
        return []

    async with a_site(proxies=("sip.nowhere.test",), enabled=False) as site:
        monkeypatch.setattr(site.network, "flows", nobody)
        await change(site, enabled=True)
        assert await told(site) == "The name sip.nowhere.test is not found."


async def test_a_provider_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{silent.getsockname()[1]}"
        async with a_site(proxies=(proxy,), enabled=False) as site:
            options = site.network.options

            async def hastily(way: Proxy) -> int:
                return await options(way, timeout=0.05)

            monkeypatch.setattr(site.network, "options", hastily)
            await change(site, enabled=True)
            assert await told(site) == f"No answer from {proxy}."


async def change(site: Site, **changes: Any) -> None:
    """Change the trunk's settings while it is in use."""
    exchange = site.office.exchange
    main = replace(exchange.snapshot.trunks["main"], **changes)
    exchange.use(replace(exchange.snapshot, trunks={"main": main}))
    await site.trunks.use(exchange)


async def test_a_wrong_secret_is_named_with_the_provider_s_status() -> None:
    async with a_site(registrar(), **(LINE | {"secret": "wrong"})) as site:
        reason = await told(site)
        assert reason == "The provider refuses our registration: 401: wrong secret."
        assert state_of(False, reason)["reasons"] == [{"code": "secret", "values": {"status": "401"}}]


async def test_a_challenge_for_another_realm_is_not_taken_for_a_wrong_secret() -> None:
    async with a_site(registrar(), **(LINE | {"realm": "elsewhere.test"})) as site:
        reason = await told(site)
        assert state_of(False, reason)["reasons"] == [
            {"code": "realm", "values": {"status": "401", "realm": "provider.test", "ours": "elsewhere.test"}}
        ]


async def test_each_address_that_takes_no_call_is_named_with_its_code() -> None:
    async with a_site(proxies=("127.0.0.1:9", "127.0.0.2:9")) as site:
        assert state_of(False, await told(site))["reasons"] == [
            {"code": "closed", "values": {"address": "127.0.0.1:9"}},
            {"code": "closed", "values": {"address": "127.0.0.2:9"}},
        ]


async def test_a_trunk_s_calls_are_counted_over_a_change_of_its_settings() -> None:
    async with a_site(max_calls=1) as site:
        anna, session = await site.calls_out()
        await session.answer(SDP)
        await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
        before = site.line
        await change(site, name="Renamed")
        assert site.line is before
        assert site.office.exchange.outside_use(None).trunk_calls_up == {"main": 1}
        second = await site.provider.call(OUR_DID, site.network)
        assert (await ended(second)).status == 486
        assert anna.line.state is LegState.ANSWERED
        anna.hang_up()
        await site.office.quiet()


async def test_calls_outside_fail_once_every_routed_trunk_is_known_to_be_down() -> None:
    async with a_site(proxies=("127.0.0.1:9",)) as site:
        exchange = site.office.exchange
        assert not site.trunks.all_are_down(exchange)
        await told(site)
        assert site.trunks.all_are_down(exchange)
        exchange.use(replace(exchange.snapshot, routes=()))
        assert not site.trunks.all_are_down(exchange)
    async with a_site() as site:
        await site.office.until(lambda: any(isinstance(fact, TrunkChanged) for fact in site.office.facts))
        assert not site.trunks.all_are_down(site.office.exchange)


async def test_a_large_call_goes_by_tcp_where_the_provider_takes_it_and_else_by_udp() -> None:
    async with a_site() as site:
        await site.is_up()
        invite = site.network.invite

        async def large(**told: Any) -> Session:
            return await invite(**{**told, "sdp": told["sdp"] + b"a=x\r\n" * 300})

        site.network.invite = large  # type: ignore[method-assign]
        anna, session = await site.calls_out()  # the provider's TCP port refuses
        assert session.state.flow.transport == "UDP"
        await session.reject(486)
        await anna.ended()
        by_tcp: asyncio.Queue[Session] = asyncio.Queue()
        network = await SipNetwork.open(
            listen=[("TCP", *site.provider.network.address)],
            identify=lambda _flow, _request: Peer("webpbx"),
            on_invite=by_tcp.put_nowait,
        )
        try:
            anna = site.office.phone("101")
            anna.dial(BERLIN)
            session = await asyncio.wait_for(by_tcp.get(), 5)
            assert session.state.flow.transport == "TCP"
            await session.reject(486)
            await anna.ended()
        finally:
            await network.close()
        await site.office.quiet()
