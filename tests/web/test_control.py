from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from webpbx.endpoints.trunk_reason import Reason, state_of
from webpbx.model.tenant import Tenant
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.control import control_app, may_control

NO_ANSWER = Reason.of("silent", "No answer from {address}.", address="192.0.2.1")


class Switch:
    """A switch's control socket with what it was told."""

    def __init__(self, store: Store, socket: Path) -> None:
        self.store = store
        self.socket = socket
        self.changed: list[tuple[str, list[str]]] = []
        self.app = control_app(
            store,
            Passwords(memory_kib=256, rounds=1, lanes=1),
            on_changed=self.on_changed,
            status=lambda: {"calls": 3},
            live={"trunk": lambda _: {"main": state_of(False, NO_ANSWER)}},
        )

    async def on_changed(self, tenant_id: str) -> None:
        self.changed.append((tenant_id, [tenant.id for tenant in await self.store.tenants.all()]))

    async def ask(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        connector = aiohttp.UnixConnector(str(self.socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://switch{path}", **request) as response,
        ):
            return response.status, await response.json()


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[Switch]:
    async with await Store.open(None) as store:
        switch = Switch(store, tmp_path / "switch.sock")
        runner = web.AppRunner(switch.app)
        await runner.setup()
        await web.UnixSite(runner, str(switch.socket)).start()
        yield switch
        await runner.cleanup()


async def test_the_status_is_told(switch: Switch) -> None:
    assert await switch.ask("GET", "/status") == (200, {"calls": 3})


async def test_a_change_is_known_to_the_switch_before_it_is_answered(switch: Switch) -> None:
    status, answer = await switch.ask("POST", "/settings/tenant/add", json={"id": "acme", "name": "Acme"})
    assert (status, answer["name"]) == (200, "Acme")
    assert switch.changed == [("acme", ["acme"])]


async def test_looking_changes_nothing(switch: Switch) -> None:
    assert await switch.ask("POST", "/settings/tenant/list", json={}) == (200, {"rows": []})
    assert switch.changed == []


async def test_a_list_tells_how_the_rows_are_at_this_moment(switch: Switch) -> None:
    await switch.store.tenants.add(Tenant("acme", "Acme"))
    for name in ("main", "off"):
        trunk = {"tenant": "acme", "id": name, "proxies": ["192.0.2.1"], "username": "u", "secret": "wonderland"}
        assert (await switch.ask("POST", "/settings/trunk/add", json=trunk))[0] == 200
    _, answer = await switch.ask("POST", "/settings/trunk/list", json={})
    states = [(row["id"], row["up"], row["reason"]) for row in answer["rows"]]
    assert states == [("main", False, "No answer from 192.0.2.1."), ("off", False, "It is switched off.")]
    assert "reasons" not in answer["rows"][0]
    assert "wonderland" not in str(answer)


async def test_a_refusal_comes_with_id_text_and_details(switch: Switch) -> None:
    await switch.store.tenants.add(Tenant("acme", "Acme"))
    status, answer = await switch.ask("POST", "/settings/tenant/add", json={"id": "acme", "name": "Acme"})
    assert (status, answer["error_id"]) == (400, "already_there")
    assert answer["text"].startswith("The company 'acme'")
    assert switch.changed == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null"])
async def test_what_is_no_json_object_is_refused(switch: Switch, body: bytes) -> None:
    status, answer = await switch.ask("POST", "/settings/tenant/add", data=body)
    assert (status, answer["error_id"]) == (400, "bad_request")


async def test_an_unknown_operation_is_refused(switch: Switch) -> None:
    status, answer = await switch.ask("POST", "/settings/tenant/burn", json={})
    assert (status, answer["error_id"]) == (400, "unknown_operation")


async def test_control_over_the_network_is_refused(switch: Switch) -> None:
    app = control_app(switch.store, Passwords(), on_changed=switch.on_changed, status=dict)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{host}:{port}/settings/tenant/add", json={"id": "evil", "name": "Evil"}) as response,
    ):
        assert response.status == 403
    await runner.cleanup()
    assert await switch.store.tenants.all() == []


def test_only_the_switchs_own_user_and_root_may_control_it() -> None:
    assert may_control(1000, own=1000)
    assert may_control(0, own=1000)
    assert not may_control(1001, own=1000)
    assert not may_control(1000, own=0)
