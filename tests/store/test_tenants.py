import pytest

from webpbx.model.tenant import Tenant
from webpbx.store.errors import AlreadyThere, InUse, NotFound
from webpbx.store.store import Store


async def test_a_company_comes_back_as_it_was_kept(store: Store) -> None:
    tenant = Tenant(
        "uk", "Ünïted", country="GB", language="en", timezone="Europe/London", outside_prefix="9",
        outside_prefix_use="optional", max_outside_calls=3, max_outside_calls_per_user=1, ring_time=15,
        emergency_numbers=("777", "778"),
    )  # fmt: skip
    await store.tenants.add(tenant)
    assert await store.tenants.get("uk") == tenant
    assert [row.id for row in await store.tenants.all()] == ["acme", "other", "uk"]


async def test_a_companys_id_is_taken_once(store: Store) -> None:
    with pytest.raises(AlreadyThere, match="'acme' is there already"):
        await store.tenants.add(Tenant("acme", "Another"))
    assert (await store.tenants.get("acme")).name == "Acme"


async def test_an_empty_company_can_go_and_one_with_users_cannot(store: Store) -> None:
    await store.tenants.remove("other")
    with pytest.raises(InUse, match="still has users"):
        await store.tenants.remove("acme")
    assert [row.id for row in await store.tenants.all()] == ["acme"]


async def test_an_unknown_company_is_told(store: Store) -> None:
    with pytest.raises(NotFound, match="no company 'nobody'"):
        await store.tenants.get("nobody")
    with pytest.raises(NotFound, match="no company 'nobody'"):
        await store.tenants.remove("nobody")
