"""Trunks known by name: from where a provider's calls are its own; real sockets and a name server on loopback."""

from pathlib import Path

import pytest

from tests.endpoints.site import OUR_DID, a_site, ended
from tests.sip.name_server import name_server
from webpbx.calls.exchanges import Exchanges
from webpbx.endpoints import trunks
from webpbx.model.settings import ServeSettings
from webpbx.sip import resolver
from webpbx.sip_side import SipSide
from webpbx.store.store import Store

GATEWAY = "gw.provider.test 60 A 127.0.0.1"


async def test_whoever_waits_for_the_names_knows_the_provider_s_calls() -> None:
    async with (
        name_server(GATEWAY) as names,
        a_site(proxies=("gw.provider.test",), addresses=("gw.provider.test",), name_servers=names.servers()) as site,
    ):
        await site.trunks.found()
        assert site.trunks.trusted("127.0.0.1")
        anna = site.office.phone("101")
        session = await site.provider.call(OUR_DID, site.network)
        await anna.rings()
        anna.decline()
        assert (await ended(session)).status == 603
        await site.office.quiet()


async def test_one_silent_name_keeps_no_other_from_being_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunks, "FOUND_SECONDS", 0.3)
    monkeypatch.setattr(resolver, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(trunks, "UNKNOWN_SECONDS", 0.05)
    async with name_server() as names:
        names.silent = True
        servers = names.servers(lifetime=0.5)
        pinned = {"here.test": ["127.0.0.2"]}
        monkeypatch.setattr(servers, "pinned", lambda name: pinned.get(name, []))
        async with a_site(
            addresses=("gone.provider.test", "here.test"), proxies=("192.0.2.1",), name_servers=servers
        ) as site:
            await site.trunks.found()
            assert site.trunks.trusted("127.0.0.2")
            assert not site.trunks.trusted("127.0.0.1")
            names.zone.append("gone.provider.test 60 A 127.0.0.1")
            names.silent = False
            await site.office.until(lambda: site.trunks.trusted("127.0.0.1"))


async def test_the_network_is_read_once_the_providers_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    async with await Store.open(tmp_path) as store:
        side = SipSide(ServeSettings(data=tmp_path, sip="127.0.0.1:0"), store, Exchanges(), lambda _: None)
        await side.open(None)

        async def found() -> None:
            did.append("found")

        async def read() -> None:
            did.append("read")

        monkeypatch.setattr(side.trunks, "found", found)
        monkeypatch.setattr(side.network, "read", read)
        await side.read()
        await side.close()
    assert did == ["found", "read"]
