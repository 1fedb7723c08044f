"""SIP over TLS: the name, the authority and the version must be right before a byte is said."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from tests.sip.authority import Authority
from tests.sip.houses import House, house, until
from tests.sip.wire import OFFER
from webpbx.sip.dialog import DialogState
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Ended, SipError, Way
from webpbx.sip.query import NO_WAY
from webpbx.sip.tls import Authorities, Certificate, names, server_context
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

ALL = ("UDP", "TCP", "TLS")
NAME = "prov.example.com"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_call_by_tls_goes_both_ways_and_says_sip_not_sips(authority: Authority) -> None:
    async with house() as us, house(ALL, certificate=authority.certify(NAME)) as them:
        ours, theirs = await us.talk(them, them.way("TLS", name=NAME, authorities=authority.pem))
        assert theirs.request is not None
        assert theirs.request.via.transport == "TLS"
        assert theirs.request.contacts[0].uri == SipUri("127.0.0.1", parameters=(("transport", "tls"),))
        port = them.network.addresses["TLS"][1]
        assert ours.state.target == f"sip:127.0.0.1:{port};transport=tls"
        await theirs.hang_up()
        assert isinstance(await ours.next_event(), Ended)


async def test_sips_is_answered_by_sips(authority: Authority) -> None:
    async with house() as us, house(ALL, certificate=authority.certify(NAME)) as them:
        ours = await us.network.invite(
            target=SipUri(NAME, "100", scheme="sips"),
            proxies=[them.way("TLS", name=NAME, authorities=authority.pem)],
            from_=NameAddr(SipUri("example.com", "anna")),
            to=NameAddr(SipUri(NAME, "100")),
            sdp=OFFER,
        )
        theirs = await them.calls.get()
        assert theirs.state.target == "sips:127.0.0.1"
        await theirs.ring()
        await ours.next_event()
        await theirs.hang_up()
        assert isinstance(await ours.next_event(), Ended)


async def refused(us: House, way: Way) -> bool:
    return await us.network.options(way) == NO_WAY


async def test_another_name_another_authority_and_the_systems_are_refused(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    other = Authority(tmp_path, "Other CA")
    async with house() as us, house(ALL, certificate=authority.certify(NAME)) as them:
        assert await refused(us, them.way("TLS", name="prov.example.org", authorities=authority.pem))
        assert "its certificate names prov.example.com" in caplog.text
        assert await refused(us, them.way("TLS", name=NAME, authorities=other.pem))
        assert "its certificate is not believed" in caplog.text
        assert await refused(us, them.way("TLS", name=NAME))
        assert await refused(us, them.way("TLS", authorities=authority.pem))
        assert await refused(us, them.way("TLS", name=NAME, authorities="nonsense"))
        assert them.network.counters.get(("request_in", "OPTIONS"), 0) == 0
        good = them.way("TLS", name=NAME.upper(), authorities=authority.pem)
        assert await us.network.options(good) == 200


@pytest.mark.process
async def test_a_name_is_found_as_rfc_5922_says(authority: Authority) -> None:
    cases = [
        (("sip:prov.example.com", "www.example.com"), "", NAME, True),
        (("sip:other.example.com", NAME), "", NAME, False),
        (("sip:anna@prov.example.com", NAME), "", NAME, True),
        (("*.example.com",), "", NAME, False),
        (("*.example.com",), "", "*.example.com", True),
        ((), NAME, NAME, True),
        (("www.example.com",), NAME, NAME, False),
        (("127.0.0.1",), "", "127.0.0.1", True),
    ]
    async with house() as us:
        for alternatives, common, name, good in cases:
            certificate = authority.certify(*alternatives, common=common)
            async with house(("TLS",), certificate=certificate) as them:
                way = them.way("TLS", name=name, authorities=authority.pem)
                assert await us.network.options(way) == (200 if good else NO_WAY), alternatives


def test_a_certificate_of_nobody_names_nobody() -> None:
    assert names(None) == []
    assert names({"subjectAltName": (("URI", "http://a"), ("DNS", "A.example"))}) == ["a.example"]


def test_an_authority_nobody_told_of_is_not_replaced_by_the_systems() -> None:
    with pytest.raises(ssl.SSLError):
        Authorities().context("prov.example.com#0123456789abcdef")


async def test_tls_below_1_2_is_refused(authority: Authority) -> None:
    certificate = authority.certify(NAME)
    assert server_context(certificate).minimum_version is ssl.TLSVersion.TLSv1_2
    async with house(("TLS",), certificate=certificate) as them:
        old = ssl.create_default_context(cadata=authority.pem)
        with pytest.warns(DeprecationWarning, match="TLSVersion"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection(*them.network.addresses["TLS"], ssl=old, server_hostname=NAME)
        await until(lambda: not len(them.network.core.streams))


async def test_what_is_no_tls_is_closed_and_hurts_nobody(authority: Authority) -> None:
    async with house() as us, house(("TLS",), certificate=authority.certify(NAME)) as them:
        reader, writer = await asyncio.open_connection(*them.network.addresses["TLS"])
        writer.write(b"OPTIONS sip:100@127.0.0.1 SIP/2.0\r\n\r\n")
        await reader.read()
        writer.close()
        await until(lambda: not len(them.network.core.streams))
        assert await us.network.options(them.way("TLS", name=NAME, authorities=authority.pem)) == 200


async def test_a_half_open_handshake_counts_among_ten(authority: Authority) -> None:
    async with house(("TLS",), certificate=authority.certify(NAME), known=False) as them:
        pairs = [await asyncio.open_connection(*them.network.addresses["TLS"]) for _ in range(10)]
        await until(lambda: len(them.network.core.streams) == 10)
        reader, writer = await asyncio.open_connection(*them.network.addresses["TLS"])
        assert await reader.read() == b""
        for _, each in (*pairs, (reader, writer)):
            each.close()
            await each.wait_closed()


async def test_two_trunks_at_one_address_share_no_connection(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Other CA")
    async with house() as us, house(ALL, certificate=authority.certify(NAME)) as them:
        assert await us.network.options(them.way("TLS", name=NAME, authorities=authority.pem)) == 200
        assert await refused(us, them.way("TLS", name=NAME, authorities=other.pem))


async def test_a_dialog_remembers_whom_its_connection_must_prove_to_be(authority: Authority) -> None:
    way = Way("192.0.2.1", transport="TLS", name=NAME, authorities=authority.pem)
    flow = Flow("TLS", ("192.0.2.9", 5061), way.address, way.identity)
    assert Flow.from_json(flow.to_json()) == flow
    async with house() as us, house(ALL, certificate=authority.certify(NAME)) as them:
        ours, theirs = await us.talk(them, them.way("TLS", name=NAME, authorities=authority.pem))
        state = DialogState.from_json(us.kept[ours.id].to_json())
        us.network._sockets.close_flow(state.flow)
        await until(lambda: not len(them.network.core.streams))
        await ours.hang_up()
        assert isinstance(await theirs.next_event(), Ended)


async def test_files_that_are_no_certificate_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("nothing")
    with pytest.raises(SipError, match="cannot listen for SIP"):
        await House().open(("TLS",), certificate=Certificate(tmp_path / "bad", tmp_path / "bad"))
    with pytest.raises(SipError, match="No such file"):
        await House().open(("TLS",), certificate=Certificate(tmp_path / "none", tmp_path / "none"))
