import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.web.house import Client, House
from webpbx.endpoints.trunk_reason import refused, state_of
from webpbx.store.passwords import Passwords
from webpbx.web.api.settings import SettingsApi
from webpbx.web.origins import Origins
from webpbx.web.server import application

PASSWORD = "a horse of another colour"
TRUNK = {
    "id": "main",
    "name": "Provider",
    "proxies": ["sip.example.net"],
    "username": "4930555",
    "secret": "wonderland",
}


@dataclass
class Room:
    """The settings as one signed-in person reaches them."""

    house: House
    client: Client
    origin: str
    token: str
    changed: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        told = {"Authorization": f"Bearer {self.token}", "Origin": self.origin} | headers
        async with self.client.request(
            method, f"/api/v1/settings{path}", json=None if method == "GET" else body or {}, headers=told
        ) as answer:
            return answer.status, await answer.json()

    async def rows(self, noun: str) -> Any:
        return (await self.ask("GET", f"/{noun}"))[1]["rows"]

    async def row(self, noun: str, **wanted: Any) -> Any:
        return next(row for row in await self.rows(noun) if wanted.items() <= row.items())


@contextlib.asynccontextmanager
async def room_of(house: House, login: str, *, role: str) -> AsyncIterator[Room]:
    user = await house.store.users.by_login(login)
    assert user is not None
    users = house.store.tenant(user.tenant_id).users
    if user.role != role:
        await users.change(user, type(user)(**(vars(user) | {"role": role})))
    changed: list[str] = []
    passwords = Passwords(memory_kib=8, rounds=1, lanes=1)

    async def on_changed(tenant_id: str) -> None:
        changed.append(tenant_id)

    async def ask_trunk(tenant_id: str, trunk_id: str) -> list[tuple[str, int | None]]:
        return [(f"{tenant_id}/{trunk_id}", 200), ("192.0.2.1", None)]

    api = SettingsApi(
        house.store,
        passwords,
        on_changed=on_changed,
        live={"trunk": lambda _: {"main": state_of(False, refused("401: wrong secret"))}},
        ask_trunk=ask_trunk,
        sip_port=5060,
    )
    server = TestServer(
        application(
            assets=house.assets,
            sessions=house.sessions,
            origins=Origins(tls=False),
            phone=house.phone,
            routes=api.routes(),
            clock=house.clock,
        )
    )
    async with TestClient(server) as client:
        origin = str(server.make_url("/")).rstrip("/")
        yield Room(house, client, origin, await house.sessions.open_tab(user), changed)
    await passwords.close()


@pytest.fixture
async def room(house: House) -> AsyncIterator[Room]:
    """Give the settings as Anna reaches them, who runs acme."""
    async with room_of(house, "anna", role="admin") as room:
        yield room


async def test_a_plain_user_reaches_none_of_it(house: House) -> None:
    async with room_of(house, "bert", role="user") as room:
        for method, path in (
            ("GET", ""),
            ("GET", "/user"),
            ("POST", "/user"),
            ("PATCH", "/user/anna"),
            ("DELETE", "/user/anna"),
            ("POST", "/trunk/main/ask"),
        ):
            status, body = await room.ask(method, path)
            assert (status, body["error_id"]) == (403, "forbidden"), (method, path)
        room.token = "nobody"
        assert (await room.ask("GET", ""))[0] == 401
        assert room.changed == []


async def test_a_write_needs_the_pages_token_and_its_origin(room: Room) -> None:
    await room.house.log_in()
    user = {"login": "cora", "name": "Cora", "password": PASSWORD}
    cookie = room.house.client.session.cookie_jar.filter_cookies(room.house.server.make_url("/"))["sid"].value
    for headers, error in (
        ({"Authorization": "", "Cookie": f"sid={cookie}"}, "login_required"),
        ({"Origin": "https://evil.example"}, "origin_refused"),
    ):
        status, body = await room.ask("POST", "/user", user, **headers)
        assert (status in {401, 403}, body["error_id"]) == (True, error)
    async with room.client.post(
        "/api/v1/settings/user", json=user, headers={"Cookie": f"sid={cookie}", "Origin": room.origin}
    ) as answer:
        assert (answer.status, (await answer.json())["error_id"]) == (403, "csrf_refused")
    assert room.changed == []


async def test_everything_of_the_company_is_listed_and_nothing_of_another(room: Room) -> None:
    status, body = await room.ask("GET", "")
    assert status == 200
    assert (body["company"]["name"], body["shortest_password"]) == ("Acme", 12)
    assert {"user", "extension", "trunk", "number", "route"} <= set(body["nouns"])
    assert [row["login"] for row in body["nouns"]["user"]["rows"]] == ["anna", "bert"]
    assert body["nouns"]["trunk"]["fields"]["max_calls"] == 30
    assert "zoe" not in str(body)


async def test_a_row_is_added_changed_and_removed_and_each_is_told_to_the_switch(room: Room) -> None:
    status, trunk = await room.ask("POST", "/trunk", TRUNK)
    assert (status, trunk["id"]) == (201, "main")
    steps: tuple[tuple[str, str, Any], ...] = (
        ("POST", "/number", {"number": "030 555 101", "trunk": "main", "destination": "extension:101"}),
        ("POST", "/route", {"id": "home", "trunks": ["main"], "countries": ["DE"]}),
        ("POST", "/extension", {"number": "143", "destination": "echo"}),
        ("PATCH", "/number/+4930555101", {"destination": "extension:102"}),
        ("PATCH", "/route/home", {"countries": ["DE", "AT"]}),
        ("PATCH", "/trunk/main", {"max_calls": 5}),
        ("PATCH", "/user/bert", {"name": "Bert Braun"}),
        ("DELETE", "/extension/143", {}),
        ("DELETE", "/number/+4930555101", {}),
        ("DELETE", "/route/home", {}),
        ("DELETE", "/trunk/main", {}),
        ("DELETE", "/user/bert", {}),
    )
    for method, path, body in steps:
        status, answer = await room.ask(method, path, body)
        assert status in {200, 201}, answer
        if method == "PATCH":
            assert any(value in answer.values() for value in ("extension:102", ["DE", "AT"], 5, "Bert Braun"))
    assert room.changed == ["acme"] * (1 + len(steps))
    assert [len(await room.rows(noun)) for noun in ("user", "extension", "trunk", "number", "route")] == [1, 1, 0, 0, 0]


async def test_the_company_is_that_of_the_session_and_ids_of_another_do_not_exist(house: House, room: Room) -> None:
    await house.store.tenant("beta").extensions.all()
    for method, path, body in (
        ("PATCH", "/user/zoe", {"name": "Mine"}),
        ("DELETE", "/user/zoe", {}),
        ("DELETE", "/trunk/theirs", {}),
        ("PATCH", "/route/theirs", {}),
        ("POST", "/trunk/theirs/ask", {}),
        ("GET", "/tenant", {}),
        ("POST", "/moon", {}),
    ):
        status, answer = await room.ask(method, path, body)
        assert (status, answer["error_id"]) == (404, "not_found"), (method, path)
    status, answer = await room.ask("POST", "/user", {"tenant": "beta", "login": "x", "name": "X"})
    assert (status, answer["details"]["fields"]) == (400, ["tenant"])
    assert room.changed == []


CORA = {"login": "cora", "name": "Cora", "password": PASSWORD}
NUMBER = {"number": "030 5551000", "trunk": "main", "destination": "echo"}


@pytest.mark.parametrize(
    ("order", "body", "status", "field"),
    [
        ("POST /user", CORA | {"password": "short"}, 400, "password"),
        ("POST /user", CORA | {"login": "Cora!"}, 400, "login"),
        ("POST /user", CORA | {"login": "bert"}, 409, "login"),
        ("POST /user", CORA | {"extension": "102"}, 409, "extension"),
        ("POST /user", CORA | {"extension": "1"}, 400, "extension"),
        ("POST /user", {"login": "cora", "name": "Cora"}, 400, "password"),
        ("POST /trunk", TRUNK | {"name": "a\tb"}, 400, "name"),
        ("POST /trunk", TRUNK | {"max_calls": 0}, 400, "max_calls"),
        ("POST /trunk", TRUNK | {"max_calls": "many"}, 400, "max_calls"),
        ("POST /trunk", TRUNK | {"dtmf": "smoke"}, 400, "dtmf"),
        ("POST /trunk", TRUNK | {"caller_id_default": "nobody"}, 400, "caller_id_default"),
        ("POST /trunk", TRUNK | {"proxies": ["sip example"]}, 400, "proxies"),
        ("POST /number", NUMBER | {"number": "hello"}, 400, "number"),
        ("POST /number", NUMBER | {"destination": "moon"}, 400, "destination"),
        ("POST /route", {"id": "r", "trunks": ["main"], "prefixes": ["0049"]}, 400, "prefixes"),
        ("PATCH /user/bert", {"language": "fr"}, 400, "language"),
    ],
)
async def test_what_cannot_be_used_names_its_field(
    room: Room, order: str, body: dict[str, Any], status: int, field: str
) -> None:
    method, path = order.split()
    answered, answer = await room.ask(method, path, body)
    assert (answered, answer["details"]["field"]) == (status, field)
    assert answer["text"].endswith(".")
    assert "wonderland" not in str(answer)
    assert room.changed == []


async def test_a_change_of_what_somebody_else_has_changed_meanwhile_is_refused(room: Room) -> None:
    seen = await room.row("user", login="bert")
    assert (await room.ask("PATCH", "/user/bert", {"name": "Bert Braun", "version": seen["version"]}))[0] == 200
    status, answer = await room.ask("PATCH", "/user/bert", {"name": "Berta", "version": seen["version"]})
    assert (status, answer["error_id"]) == (409, "changed_meanwhile")
    now = await room.row("user", login="bert")
    assert now["name"] == "Bert Braun"
    assert (await room.ask("PATCH", "/user/bert", {"name": "Berta", "version": now["version"]}))[0] == 200


async def test_secrets_go_in_and_never_come_out_and_stay_when_they_are_not_told(room: Room) -> None:
    added = await room.ask("POST", "/trunk", TRUNK)
    changed = await room.ask("PATCH", "/trunk/main", {"name": "Renamed"})
    listed = await room.ask("GET", "")
    for said in (added, changed, listed):
        assert "wonderland" not in str(said)
        assert "argon2" not in str(said)
    (trunk,) = await room.house.store.tenant("acme").trunks.all()
    assert (trunk.secret, trunk.name) == ("wonderland", "Renamed")
    await room.ask("PATCH", "/trunk/main", {"secret": "looking-glass"})
    (trunk,) = await room.house.store.tenant("acme").trunks.all()
    assert trunk.secret == "looking-glass"


async def test_nobody_removes_or_demotes_themself(room: Room) -> None:
    for method, body in (("DELETE", {}), ("PATCH", {"role": "user"})):
        status, answer = await room.ask(method, "/user/anna", body)
        assert (status, answer["error_id"]) == (409, "own_account")
    assert (await room.ask("PATCH", "/user/anna", {"name": "Anna Arendt"}))[0] == 200


async def test_what_others_need_is_kept(room: Room) -> None:
    await room.ask("POST", "/trunk", TRUNK)
    await room.ask("POST", "/number", {"number": "030 555 102", "trunk": "main", "destination": "extension:102"})
    for method, path, body in (
        ("DELETE", "/trunk/main", {}),
        ("DELETE", "/user/bert", {}),
        ("DELETE", "/extension/102", {}),
        ("PATCH", "/user/bert", {"extension": None}),
    ):
        status, answer = await room.ask(method, path, body)
        assert (status, answer["error_id"]) == (409, "in_use"), path


async def test_trunks_tell_how_they_stand_and_can_be_asked(room: Room) -> None:
    await room.ask("POST", "/trunk", TRUNK)
    state = {
        "up": False,
        "reason": "The provider refuses our registration: 401: wrong secret.",
        "reasons": [{"code": "secret", "values": {"status": "401"}}],
    }
    assert (await room.row("trunk", id="main"))["state"] == state
    status, answer = await room.ask("POST", "/trunk/main/ask")
    assert status == 200
    assert answer == {
        "answers": [{"address": "acme/main", "status": 200}, {"address": "192.0.2.1", "status": None}],
        "state": state,
    }
