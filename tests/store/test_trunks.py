import dataclasses
from pathlib import Path

import pytest

from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.store.errors import AlreadyThere, InUse, NotFound, SecretUnreadable
from webpbx.store.secrets import SecretBox
from webpbx.store.store import Store

MAIN = Trunk("main", "acme", "Main", proxies=("192.0.2.1",), username="u", secret="wonderland")


def file_contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_a_trunk_comes_back_with_its_secret(store: Store) -> None:
    full = Trunk(
        "backup", "acme", "Backup", mode="address", proxies=("sip.example.com:5070", "192.0.2.9"),
        addresses=("192.0.2.0/28", "sip.example.com"), username="u", auth_username="a", secret="wönderland",
        domain="example.com", realm="voip", codecs=("PCMU",), dtmf="info", number_format="national", country="GB",
        caller_id_default="+442079460958", max_calls=4, qualify_interval=0, register_expires=120, enabled=False,
        transport="tls", tls_name="sip.example.com", srtp="offer", caller_id_way="pai", hide_caller_id=True,
        trust_caller_id=True, ring_limit=60,
    )  # fmt: skip
    await store.tenant("acme").trunks.add(full)
    assert await store.tenant("acme").trunks.all() == [full, MAIN]


async def test_a_trunk_changes_and_keeps_its_secret_encrypted(store: Store) -> None:
    trunks = store.tenant("acme").trunks
    changed = dataclasses.replace(MAIN, transport="tls", secret="looking glass", trust_caller_id=True)
    await trunks.change(MAIN, changed)
    assert await trunks.all() == [changed]


async def test_companies_may_use_the_same_trunk_id(store: Store) -> None:
    await store.tenant("other").trunks.add(dataclasses.replace(MAIN, tenant_id="other", secret="another"))
    assert [trunk.secret for trunk in await store.tenant("other").trunks.all()] == ["another"]
    assert [trunk.secret for trunk in await store.tenant("acme").trunks.all()] == ["wonderland"]
    with pytest.raises(AlreadyThere):
        await store.tenant("acme").trunks.add(MAIN)


async def test_the_secret_is_nowhere_in_the_data_folder(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenant("acme").trunks.add(MAIN)
        for raw in file_contents(tmp_path):
            assert b"wonderland" not in raw
    async with await Store.open(tmp_path) as store:
        assert (await store.tenant("acme").trunks.all())[0].secret == "wonderland"


async def test_with_another_key_file_the_secret_is_told_to_be_unreadable_and_the_trunk_can_go(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenant("acme").trunks.add(MAIN)
    (tmp_path / "secret.key").unlink()
    SecretBox.in_folder(tmp_path)
    async with await Store.open(tmp_path) as store:
        with pytest.raises(SecretUnreadable, match=r"trunk:acme:main .*key file"):
            await store.snapshot("acme")
        await store.tenant("acme").trunks.remove("main")
        assert (await store.snapshot("acme")).trunks == {}


async def test_a_realm_is_pinned_once(store: Store) -> None:
    trunks = store.tenant("acme").trunks
    await trunks.pin_realm("main", "voip.example.com")
    await trunks.pin_realm("main", "evil.example.com")
    assert [trunk.realm for trunk in await trunks.all()] == ["voip.example.com"]


async def test_a_trunk_that_a_number_or_a_route_needs_stays(store: Store) -> None:
    acme = store.tenant("acme")
    with pytest.raises(InUse, match=r"\+493023125000"):
        await acme.trunks.remove("main")
    await acme.dids.remove("+493023125000")
    await acme.outbound_routes.add(OutboundRoute("home", "acme", "Home", ("main",), countries=("DE",)))
    with pytest.raises(InUse, match="route 'home'"):
        await acme.trunks.remove("main")
    await acme.outbound_routes.remove("home")
    await acme.trunks.remove("main")
    with pytest.raises(NotFound):
        await acme.trunks.remove("main")
