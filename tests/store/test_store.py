import asyncio
from pathlib import Path

import pytest

from webpbx.model.destination import ToEcho, ToExtension
from webpbx.model.dialplan import resolve
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.store.errors import NotFound, StoreUnusable
from webpbx.store.store import Store


def folder(path: Path) -> list[Path]:
    return list(path.iterdir())


async def test_a_snapshot_holds_all_a_companys_settings(store: Store) -> None:
    home = OutboundRoute("home", "acme", "Home", ("main",), countries=("DE",))
    await store.tenant("acme").outbound_routes.add(home)
    snapshot = await store.snapshot("acme")
    anna = snapshot.user_of("101")
    assert anna is not None
    assert anna.login == "anna"
    assert snapshot.user_of("102") is None
    assert resolve("101", plan=snapshot.plan) == ToExtension("101")
    assert snapshot.plan.dids["+493023125000"].destination == ToEcho()
    assert snapshot.trunks["main"].secret == "wonderland"
    assert snapshot.routes == (home,)
    assert (await store.snapshot("other")).users == {}
    with pytest.raises(NotFound):
        await store.snapshot("nobody")


async def test_a_snapshot_stays_as_it_was(store: Store) -> None:
    before = await store.snapshot("acme")
    await store.tenant("acme").users.remove("anna")
    assert before.user_of("101") is not None
    assert (await store.snapshot("acme")).user_of("101") is None
    with pytest.raises(TypeError):
        before.users["x"] = before.users["anna-id"]  # type: ignore[index]


async def test_settings_outlive_the_process(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "deep" / "data") as store:
        await store.tenants.add(Tenant("acme", "Acme"))
    async with await Store.open(tmp_path / "deep" / "data") as store:
        assert [tenant.id for tenant in await store.tenants.all()] == ["acme"]


async def test_many_writers_and_readers_at_once_lose_nothing(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        names = [f"t{number}" for number in range(30)]
        await asyncio.gather(*(store.tenants.add(Tenant(name, name)) for name in names))
        seen = await asyncio.gather(*(store.tenants.all() for _ in range(10)))
        assert all([tenant.id for tenant in rows] == sorted(names) for rows in seen)


async def test_a_wrong_key_file_closes_the_database_again(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(StoreUnusable):
        await Store.open(tmp_path)
    assert sorted(path.name for path in folder(tmp_path)) == ["secret.key", "webpbx.sqlite3"]
