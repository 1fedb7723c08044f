from pathlib import Path

from webpbx.demo import directory
from webpbx.demo.account import own_account
from webpbx.demo.company import company, with_proxy
from webpbx.model.destination import ToEcho, ToExtension


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
    rows = [*demo.users, *demo.extensions, demo.trunk, *demo.dids, demo.route]
    assert {row.tenant_id for row in rows} == {demo.tenant.id}


def test_every_number_of_the_company_leads_to_someone_there(tmp_path: Path) -> None:
    demo = company(own_account(tmp_path), proxy="127.0.0.1:5070")
    extensions = {extension.number for extension in demo.extensions}
    assert {did.number for did in demo.dids} == set(directory.COMPANY)
    for did in demo.dids:
        assert isinstance(did.destination, ToEcho) or (
            isinstance(did.destination, ToExtension) and did.destination.number in extensions
        )


def test_a_moved_outside_world_changes_the_trunk_and_nothing_else_of_it(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    trunk = company(account, proxy="127.0.0.1:5070").trunk
    moved = with_proxy(trunk, account, proxy="127.0.0.1:6070")
    assert moved.proxies == ("127.0.0.1:6070",)
    assert with_proxy(moved, account, proxy="127.0.0.1:5070") == trunk
