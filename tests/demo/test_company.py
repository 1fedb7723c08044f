from pathlib import Path

from webpbx.demo import directory
from webpbx.demo.account import own_account
from webpbx.demo.company import company, settle
from webpbx.model.destination import ToEcho, ToExtension
from webpbx.model.outbound_route import OutboundRoute
from webpbx.store.store import Store


def test_the_demo_company_is_whole(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    demo = company(account, proxy="127.0.0.1:5070")
    extensions = {extension.number: extension for extension in demo.extensions}
    assert {user.extension: user.name for user in demo.users}["101"] == "Anna Adler"
    assert {user.extension: user.name for user in demo.users}["102"] == "Ben Berger"
    for user in demo.users:
        assert user.extension is not None
        assert extensions[user.extension].user_id == user.id
    assert (demo.trunk.username, demo.trunk.secret) == (account.username, account.secret)
    assert demo.route.trunk_ids == (demo.trunk.id,)
    assert {user.tenant_id for user in demo.users} == {demo.tenant.id}
    assert {did.trunk_id for did in demo.dids} == {demo.trunk.id}


def test_every_number_of_the_company_leads_to_someone_there(tmp_path: Path) -> None:
    demo = company(own_account(tmp_path), proxy="127.0.0.1:5070")
    extensions = {extension.number for extension in demo.extensions}
    assert {did.number for did in demo.dids} == set(directory.COMPANY)
    for did in demo.dids:
        assert isinstance(did.destination, ToEcho) or (
            isinstance(did.destination, ToExtension) and did.destination.number in extensions
        )


async def test_the_company_is_saved_once_and_found_as_it_was(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    demo = company(account, proxy="127.0.0.1:5070")
    async with await Store.open(None) as store:
        for _ in range(2):
            await settle(store, account, proxy="127.0.0.1:5070")
        saved = await store.snapshot(demo.tenant.id)
    assert saved.tenant == demo.tenant
    assert set(saved.users.values()) == set(demo.users)
    assert saved.trunks == {demo.trunk.id: demo.trunk}
    assert saved.routes == (demo.route,)
    assert set(saved.plan.dids.values()) == set(demo.dids)
    assert set(saved.plan.extensions.values()) == set(demo.extensions)


async def test_an_outside_world_that_moved_is_followed_and_the_companys_own_changes_are_kept(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    async with await Store.open(None) as store:
        await settle(store, account, proxy="127.0.0.1:5070")
        rows = store.tenant("demo")
        await rows.dids.remove(directory.COMPANY_ECHO)
        own = OutboundRoute(id="own", tenant_id="demo", name="Own", trunk_ids=("outside",), countries=("FR",))
        await rows.outbound_routes.add(own)
        await settle(store, account, proxy="127.0.0.1:6070")
        saved = await store.snapshot("demo")
    assert saved.trunks["outside"].proxies == ("127.0.0.1:6070",)
    assert directory.COMPANY_ECHO not in saved.plan.dids
    assert {route.id for route in saved.routes} == {"germany", "own"}


async def test_a_start_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    demo = company(account, proxy="127.0.0.1:5070")
    async with await Store.open(None) as store:
        await store.tenants.add(demo.tenant)
        await store.tenant("demo").users.add(demo.users[0])
        await settle(store, account, proxy="127.0.0.1:5070")
        saved = await store.snapshot("demo")
    assert set(saved.users.values()) == set(demo.users)
    assert saved.routes == (demo.route,)
