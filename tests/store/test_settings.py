from collections.abc import AsyncIterator
from typing import Any

import pytest

from webpbx.errors import WebpbxError
from webpbx.store.passwords import Passwords
from webpbx.store.settings import OPERATIONS, perform
from webpbx.store.store import Store

PASSWORD = "correct horse battery"
USER = {"tenant": "acme", "login": "bert", "name": "Bert", "extension": "102", "password": PASSWORD}
TRUNK = {"tenant": "acme", "id": "t2", "proxies": ["192.0.2.1"], "username": "u", "secret": "wonderland"}


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(memory_kib=256, rounds=1, lanes=1)
    yield passwords
    await passwords.close()


@pytest.fixture
def do(store: Store, passwords: Passwords) -> Any:
    async def do(noun: str, verb: str, **fields: Any) -> Any:
        return await perform(store, passwords, noun, verb, fields)

    return do


async def test_each_change_names_the_company_it_touched(do: Any) -> None:
    changes = [
        await do("tenant", "add", id="new", name="New"),
        await do("user", "add", **USER),
        await do("trunk", "add", **TRUNK),
        await do("number", "add", tenant="acme", number="030 23125 999", trunk="t2", destination="extension:102"),
        await do("route", "add", tenant="acme", id="home", trunks=["t2"], countries=["DE"]),
        await do("route", "remove", tenant="acme", id="home"),
        await do("number", "remove", tenant="acme", number="+49 30 23125 999"),
        await do("trunk", "remove", tenant="acme", id="t2"),
        await do("user", "remove", login="bert"),
        await do("tenant", "remove", id="new"),
    ]
    assert [done.changed for done in changes] == ["new", *["acme"] * 8, "new"]


async def test_every_noun_can_be_listed_for_all_companies_and_for_one(do: Any) -> None:
    for noun, count in (("tenant", 2), ("user", 1), ("trunk", 1), ("number", 1), ("route", 0)):
        done = await do(noun, "list")
        assert (len(done.answer["rows"]), done.changed) == (count, None)
        if noun != "tenant":
            assert (await do(noun, "list", tenant="other")).answer == {"rows": []}


async def test_passwords_hashes_and_secrets_never_come_out(do: Any) -> None:
    said = [await do("user", "add", **USER), await do("trunk", "add", **TRUNK)]
    said += [await do("user", "list"), await do("trunk", "list")]
    for done in said:
        for secret in (PASSWORD, "argon2", "wonderland", "password_hash"):
            assert secret not in str(done.answer)


async def test_a_new_user_can_sign_in_with_the_password(do: Any, store: Store, passwords: Passwords) -> None:
    await do("user", "add", **USER)
    user = await store.users.by_login("bert")
    assert user is not None
    assert await passwords.verify(user.password_hash, PASSWORD)


async def test_a_prefix_without_a_told_use_gets_the_safe_one(do: Any) -> None:
    uses = [
        (await do("tenant", "add", id=f"t{prefix}", name="T", outside_prefix=prefix)).answer["outside_prefix_use"]
        for prefix in ("", "0", "9")
    ]
    assert uses == ["none", "required", "optional"]


async def test_a_trunk_takes_its_country_from_the_company(do: Any) -> None:
    await do("tenant", "add", id="uk", name="UK", country="GB")
    trunk = (await do("trunk", "add", **(TRUNK | {"tenant": "uk"}), caller_id_default="020 7946 0958")).answer
    assert (trunk["country"], trunk["name"], trunk["caller_id_default"]) == ("GB", "t2", "+442079460958")


@pytest.mark.parametrize(
    ("noun", "verb", "fields", "word"),
    [
        ("tenant", "add", {"id": "x"}, "'name' is missing"),
        ("tenant", "add", {"id": "x", "name": "X", "colour": "red"}, "'colour' is not known"),
        ("tenant", "add", {"id": "x", "name": "X", "ring_time": "long"}, "'ring_time' cannot be read"),
        ("tenant", "add", {"id": "x", "name": "X", "country": "Germany"}, "'Germany' is not known"),
        ("tenant", "add", {"id": "acme", "name": "X"}, "'acme' is there already"),
        ("user", "add", USER | {"password": "short"}, "5 characters"),
        ("user", "add", USER | {"extension": "112"}, "emergency number 112"),
        ("user", "add", USER | {"tenant": "nobody"}, "no company 'nobody'"),
        ("user", "add", USER | {"tenant": None}, "'tenant' cannot be read"),
        ("user", "remove", {"login": "nobody"}, "no user 'nobody'"),
        ("trunk", "add", TRUNK | {"secret": ""}, "needs a user name and a secret"),
        ("trunk", "add", TRUNK | {"secret": 5}, "'secret' cannot be read"),
        ("number", "add", {"tenant": "acme", "number": "hello", "trunk": "main", "destination": "echo"}, "'hello'"),
        (
            "number",
            "add",
            {"tenant": "acme", "number": "030 1234567", "trunk": "main", "destination": "moon"},
            "'moon'",
        ),
        ("route", "add", {"tenant": "acme", "id": "r", "trunks": []}, "no trunk"),
        ("route", "list", {"tenant": "nobody"}, "no company 'nobody'"),
        ("moon", "land", {}, "no operation moon land"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(
    do: Any, noun: str, verb: str, fields: dict[str, Any], word: str
) -> None:
    with pytest.raises(WebpbxError, match=word) as caught:
        await do(noun, verb, **fields)
    assert caught.value.text.endswith(".")
    assert "wonderland" not in caught.value.text


def test_every_noun_has_every_verb() -> None:
    nouns = {"user", "extension", "device", "trunk", "number", "route"}
    whole = {(noun, verb) for noun in nouns for verb in ("add", "list", "change", "remove")}
    assert whole | {("tenant", verb) for verb in ("add", "list", "remove")} == set(OPERATIONS)
