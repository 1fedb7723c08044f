import pytest

from webpbx.model.destination import ToExtension
from webpbx.model.dialplan import NumberClash
from webpbx.model.did import Did
from webpbx.model.user import User
from webpbx.store.errors import AlreadyThere, InUse, NotFound
from webpbx.store.store import Store

BERT = User("bert-id", "other", "bert", "Bert Berger", "101", "hash", language="en", role="admin")


async def test_a_user_comes_back_with_the_extension(store: Store) -> None:
    await store.tenant("other").users.add(BERT)
    assert await store.users.by_login("bert") == BERT
    assert await store.users.get("bert-id") == BERT
    assert await store.users.by_login("nobody") is None
    assert [user.login for user in await store.users.all()] == ["anna", "bert"]


async def test_a_company_sees_its_own_users_only(store: Store) -> None:
    await store.tenant("other").users.add(BERT)
    assert [user.login for user in await store.tenant("other").users.all()] == ["bert"]
    assert await store.tenant("acme").users.get("bert-id") is None
    with pytest.raises(NotFound):
        await store.tenant("acme").users.remove("bert")
    with pytest.raises(NotFound):
        await store.tenant("acme").users.set_password("bert-id", "stolen")


async def test_a_login_is_taken_once_over_all_companies(store: Store) -> None:
    with pytest.raises(AlreadyThere, match="login 'anna' is taken"):
        await store.tenant("other").users.add(User("x", "other", "anna", "Anna Other"))


@pytest.mark.parametrize("extension", ["101", "112", "110"])
async def test_an_extension_that_means_something_else_keeps_the_whole_user_out(store: Store, extension: str) -> None:
    with pytest.raises(NumberClash):
        await store.tenant("acme").users.add(User("carl-id", "acme", "carl", "Carl", extension))
    assert await store.users.by_login("carl") is None


async def test_a_user_of_an_unknown_company_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="no company"):
        await store.tenant("nobody").users.add(User("x", "nobody", "xaver", "Xaver"))


async def test_with_a_user_go_extension_and_sessions(store: Store) -> None:
    session = await store.sessions.create("anna-id")
    await store.tenant("acme").users.remove("anna")
    assert await store.users.by_login("anna") is None
    assert await store.tenant("acme").extensions.all() == []
    assert await store.sessions.get(session.token) is None


async def test_a_user_whom_a_number_leads_to_stays(store: Store) -> None:
    await store.tenant("acme").dids.add(Did("+493023125001", "acme", "main", ToExtension("101")))
    with pytest.raises(InUse, match=r"\+493023125001"):
        await store.tenant("acme").users.remove("anna")
    assert await store.users.by_login("anna") is not None


async def test_a_new_password_ends_all_sessions(store: Store) -> None:
    session = await store.sessions.create("anna-id")
    await store.tenant("acme").users.set_password("anna-id", "new-hash")
    user = await store.users.by_login("anna")
    assert user is not None
    assert user.password_hash == "new-hash"
    assert await store.sessions.get(session.token) is None


async def test_a_hostile_login_is_only_a_text(store: Store) -> None:
    assert await store.users.by_login("' OR 1=1 --") is None
    assert await store.users.by_login("anna' --") is None
