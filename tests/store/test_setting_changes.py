from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.store.conftest import ANNA
from webpbx.model.destination import ToExtension
from webpbx.model.did import Did
from webpbx.store.errors import ChangedMeanwhile, InUse, NotFound
from webpbx.store.passwords import Passwords
from webpbx.store.settings import perform
from webpbx.store.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
async def change(store: Store) -> AsyncIterator[Any]:
    passwords = Passwords(memory_kib=8, rounds=1, lanes=1)

    async def change(noun: str, **fields: Any) -> Any:
        return (await perform(store, passwords, noun, "change", {"tenant": "acme"} | fields)).answer

    yield change
    await passwords.close()


async def test_what_is_not_told_stays(change: Any, store: Store) -> None:
    (before,) = await store.tenant("acme").trunks.all()
    answer = await change("trunk", id="main", max_calls=3)
    (after,) = await store.tenant("acme").trunks.all()
    assert (answer["max_calls"], after.max_calls) == (3, 3)
    assert {name for name, value in vars(after).items() if value != getattr(before, name)} == {"max_calls"}


async def test_numbers_follow_an_extension_that_changes(change: Any, store: Store) -> None:
    rows = store.tenant("acme")
    await rows.dids.add(Did("+493023125101", "acme", "main", ToExtension("101")))
    await change("user", login="anna", extension="111")
    assert [did.destination for did in await rows.dids.all() if did.number == "+493023125101"] == [ToExtension("111")]
    assert [one.number for one in await rows.extensions.all()] == ["111"]
    with pytest.raises(InUse):
        await change("user", login="anna", extension=None)


async def test_an_extension_can_be_given_and_taken(change: Any, store: Store) -> None:
    await change("user", login="anna", extension=None)
    assert await store.tenant("acme").extensions.all() == []
    await change("user", login="anna", extension="120")
    assert [one.number for one in await store.tenant("acme").extensions.all()] == ["120"]


async def test_a_new_password_ends_the_sessions_and_another_change_does_not(change: Any, store: Store) -> None:
    session = await store.sessions.create(ANNA.id)
    await change("user", login="anna", name="Anna Arendt")
    assert await store.sessions.get(session.token, kind="cookie") is not None
    await change("user", login="anna", password=PASSWORD)
    assert await store.sessions.get(session.token, kind="cookie") is None


async def test_a_trunk_led_to_another_provider_learns_its_realm_anew(change: Any, store: Store) -> None:
    trunks = store.tenant("acme").trunks
    await trunks.pin_realm("main", "old.example")
    await change("trunk", id="main", name="Renamed")
    assert [trunk.realm for trunk in await trunks.all()] == ["old.example"]
    await change("trunk", id="main", proxies=["192.0.2.9"])
    assert [trunk.realm for trunk in await trunks.all()] == [""]


async def test_a_realm_learnt_meanwhile_is_nobodys_change_and_stays(store: Store) -> None:
    trunks = store.tenant("acme").trunks
    (old,) = await trunks.all()
    await trunks.pin_realm("main", "sip.example")
    await trunks.change(old, type(old)(**(vars(old) | {"name": "Renamed"})))
    assert [(trunk.name, trunk.realm) for trunk in await trunks.all()] == [("Renamed", "sip.example")]


async def test_each_store_refuses_a_change_of_what_is_not_there_any_more(store: Store) -> None:
    acme = store.tenant("acme")
    (trunk,), (did,) = await acme.trunks.all(), await acme.dids.all()
    (user,), (extension,) = await acme.users.all(), await acme.extensions.all()
    await acme.dids.remove(did.number)
    await acme.trunks.remove(trunk.id)
    await acme.users.remove(user.login)
    gone: tuple[tuple[Any, Any], ...] = (
        (acme.trunks, trunk),
        (acme.dids, did),
        (acme.users, user),
        (acme.extensions, extension),
    )
    for rows, row in gone:
        with pytest.raises(ChangedMeanwhile):
            await rows.change(row, row)


@pytest.mark.parametrize(
    ("noun", "fields"),
    [
        ("user", {"login": "nobody"}),
        ("trunk", {"id": "nothing"}),
        ("number", {"number": "030 1234567"}),
        ("number", {"number": "+493023125000", "trunk": "nothing"}),
        ("number", {"number": "+493023125000", "destination": "extension:999"}),
        ("extension", {"number": "999"}),
        ("route", {"id": "nothing"}),
    ],
)
async def test_what_is_not_in_the_company_is_not_found(change: Any, noun: str, fields: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        await change(noun, **fields)


async def test_a_users_extension_is_changed_with_the_user(change: Any) -> None:
    with pytest.raises(InUse):
        await change("extension", number="101", destination="echo")
