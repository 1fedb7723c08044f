import re

import pytest

from tests.store.clock import Clock
from webpbx.model.checks import InvalidSetting
from webpbx.model.device import REALM, DeviceBinding
from webpbx.sip.auth import Credentials, ha1
from webpbx.store.errors import NotFound
from webpbx.store.passwords import Passwords
from webpbx.store.settings import perform
from webpbx.store.store import Store


async def add(store: Store, **fields: object) -> dict[str, object]:
    given = {"user": "anna", "name": "Desk", **fields}
    return (await perform(store, Passwords(), "device", "add", given)).answer


async def test_a_new_telephone_gets_a_user_name_and_a_secret_that_is_told_once(store: Store) -> None:
    told = await add(store)
    assert re.fullmatch(r"[a-z0-9]{4}-101", str(told["username"]))
    assert re.fullmatch(r"[A-Za-z0-9]{24}", str(told["secret"]))
    (device,) = await store.tenant("acme").devices.all()
    for algorithm in ("MD5", "SHA-256"):
        credentials = Credentials(device.username, str(told["secret"]))
        assert device.ha1(algorithm) == ha1(credentials, realm=REALM, algorithm=algorithm)
    listed = (await perform(store, Passwords(), "device", "list", {})).answer["rows"]
    assert str(told["secret"]) not in str(listed)
    assert not {"ha1_md5", "ha1_sha256", "secret"} & listed[0].keys()
    assert (listed[0]["user"], listed[0]["registered"], listed[0]["since"]) == ("anna", False, None)


async def test_two_telephones_have_different_names_and_secrets(store: Store) -> None:
    one, other = await add(store), await add(store, name="Kitchen", older=True, codecs=["PCMA"], srtp="none")
    assert one["username"] != other["username"]
    assert one["secret"] != other["secret"]
    assert (other["older"], other["codecs"], other["srtp"]) == (True, ("PCMA",), "none")


async def test_the_list_says_where_a_telephone_is_registered_and_since_when(store: Store, clock: Clock) -> None:
    username = str((await add(store))["username"])
    now = clock()
    binding = DeviceBinding(username, "sip:x@192.0.2.7", "UDP", "192.0.2.7", 5062, 0, now + 60_000, "c", 1)
    await store.bindings.put(username, [binding])
    (row,) = (await perform(store, Passwords(), "device", "list", {"tenant": "acme"})).answer["rows"]
    assert (row["registered"], row["from"], row["since"]) == (True, ["192.0.2.7:5062 UDP"], "1970-01-01T00:00:00Z")


async def test_a_change_names_the_company_whose_settings_it_changed(store: Store) -> None:
    done = await perform(store, Passwords(), "device", "add", {"user": "anna", "name": "Desk"})
    assert done.changed == "acme"
    done = await perform(store, Passwords(), "device", "remove", {"username": done.answer["username"]})
    assert (done.changed, await store.tenant("acme").devices.all()) == ("acme", [])


@pytest.mark.process
@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("add", {"user": "nobody", "name": "Desk"}),
        ("add", {"user": "anna", "name": "Desk", "tenant": "other"}),
        ("remove", {"username": "k7f3-999"}),
    ],
)
async def test_a_user_or_telephone_that_is_not_there_is_said_to_be_missing(
    store: Store, verb: str, given: dict[str, str]
) -> None:
    with pytest.raises(NotFound):
        await perform(store, Passwords(), "device", verb, given)


async def test_a_name_that_cannot_be_shown_is_refused(store: Store) -> None:
    with pytest.raises(InvalidSetting):
        await add(store, name="\n")


async def test_a_telephone_s_settings_change_and_its_secret_stays(store: Store) -> None:
    told = await add(store)
    (before,) = await store.tenant("acme").devices.all()
    given = {"tenant": "acme", "username": told["username"], "name": "Kitchen", "older": True, "enabled": False}
    answer = (await perform(store, Passwords(), "device", "change", given)).answer
    assert (answer["name"], answer["older"], answer["enabled"]) == ("Kitchen", True, False)
    (after,) = await store.tenant("acme").devices.all()
    assert (after.ha1_md5, after.ha1_sha256, after.codecs) == (before.ha1_md5, before.ha1_sha256, before.codecs)


async def test_a_change_of_what_is_gone_or_belongs_to_another_company_is_refused(store: Store) -> None:
    username = (await add(store))["username"]
    for given in (
        {"tenant": "acme", "username": "k7f3-999", "name": "X"},
        {"tenant": "other", "username": username, "name": "X"},
        {"tenant": "acme", "username": username, "user": "nobody"},
    ):
        with pytest.raises(NotFound):
            await perform(store, Passwords(), "device", "change", given)
