import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.web.house import House
from webpbx.model.destination import ToExtension
from webpbx.model.did import Did
from webpbx.model.trunk import Trunk
from webpbx.web.api.demo import DemoApi
from webpbx.web.origins import Origins
from webpbx.web.server import application


@contextlib.asynccontextmanager
async def _outside(path: Path, orders: list[Any], *, status: int = 202) -> AsyncIterator[None]:
    """Stand where the outside world's control socket is."""

    async def call(request: web.Request) -> web.Response:
        orders.append(await request.json())
        told = {"call": "leg1", "state": "ringing", "sip_status": 180, "error_id": "x", "text": "No line."}
        return web.json_response(told, status=status)

    app = web.Application()
    app.router.add_post("/call", call)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _ask(house: House, outside: Path, path: str, body: Any = None, *, colleague: str = "102") -> Any:
    """Send one write to the demo's routes, signed in as Anna."""
    token = await house.sessions.open_tab(_some(await house.store.users.by_login("anna")))
    routes = DemoApi(house.store, house.sessions, outside=outside, colleague=colleague).routes()
    server = TestServer(
        application(
            assets=house.assets,
            sessions=house.sessions,
            origins=Origins(tls=False),
            phone=house.phone,
            routes=routes,
            clock=house.clock,
        )
    )
    async with TestClient(server) as client:
        headers = {"Origin": str(server.make_url("/")).rstrip("/"), "Authorization": f"Bearer {token}"}
        answer = await client.post(path, json=body or {}, headers=headers)
        return answer.status, await answer.json()


def _some(value: Any) -> Any:
    assert value is not None
    return value


async def _give_number(house: House) -> None:
    acme = house.store.tenant("acme")
    await acme.trunks.add(
        Trunk("main", "acme", "Main", mode="address", proxies=("127.0.0.1:5070",), addresses=("127.0.0.1",))
    )
    await acme.dids.add(Did("+493023125101", "acme", "main", ToExtension("101")))


async def test_a_second_tab_gets_a_token_of_the_colleague(house: House, tmp_path: Path) -> None:
    status, body = await _ask(house, tmp_path / "none.sock", "/api/v1/demo/colleague")
    assert status == 200
    answer = await house.client.get("/api/v1/session", headers={"Authorization": f"Bearer {body['token']}"})
    assert (await answer.json())["user"]["login"] == "bert"


async def test_a_colleague_who_was_removed_is_missed_in_plain_words(house: House, tmp_path: Path) -> None:
    status, body = await _ask(house, tmp_path / "none.sock", "/api/v1/demo/colleague", colleague="999")
    assert (status, body["error_id"]) == (404, "not_found")
    assert "999" in body["text"]


async def test_somebody_outside_is_asked_to_call_the_user_s_own_number(house: House, tmp_path: Path) -> None:
    await _give_number(house)
    orders: list[Any] = []
    async with _outside(tmp_path / "outside.sock", orders):
        status, body = await _ask(house, tmp_path / "outside.sock", "/api/v1/demo/call_me")
        assert (status, body) == (200, {"state": "ringing", "sip_status": 180})
        wishes = {"from": "+441632960001", "name": "Mr X", "say": "hello"}
        await _ask(house, tmp_path / "outside.sock", "/api/v1/demo/call_me", wishes)
    assert orders == [{"to": "+493023125101"}, {"to": "+493023125101", **wishes}]


async def test_the_outside_world_is_reached_however_deep_the_data_folder_lies(house: House, tmp_path: Path) -> None:
    await _give_number(house)
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    orders: list[Any] = []
    async with _outside(tmp_path / "o.sock", orders):
        (deep / "outside.sock").symlink_to(tmp_path / "o.sock")
        status, _ = await _ask(house, deep / "outside.sock", "/api/v1/demo/call_me")
    assert (status, len(orders)) == (200, 1)


@pytest.mark.parametrize("body", [{"to": "+4930999"}, {"from": "0049"}, {"say": "../x"}, {"name": ""}])
async def test_a_wish_that_cannot_be_is_refused(house: House, tmp_path: Path, body: dict[str, str]) -> None:
    await _give_number(house)
    status, told = await _ask(house, tmp_path / "none.sock", "/api/v1/demo/call_me", body)
    assert (status, told["error_id"]) == (400, "bad_request")


async def test_a_user_without_an_outside_number_is_told_so(house: House, tmp_path: Path) -> None:
    status, body = await _ask(house, tmp_path / "none.sock", "/api/v1/demo/call_me")
    assert (status, body["error_id"]) == (404, "not_found")


async def test_an_outside_world_that_is_away_or_fails_is_told_so(house: House, tmp_path: Path) -> None:
    await _give_number(house)
    status, body = await _ask(house, tmp_path / "none.sock", "/api/v1/demo/call_me")
    assert (status, body["error_id"]) == (502, "outside_silent")
    async with _outside(tmp_path / "outside.sock", [], status=503):
        status, body = await _ask(house, tmp_path / "outside.sock", "/api/v1/demo/call_me")
    assert (status, body["error_id"], body["text"]) == (502, "outside_refused", "No line.")


async def test_without_the_demo_there_are_no_such_routes(house: House) -> None:
    await house.log_in()
    for path in ("/api/v1/demo/colleague", "/api/v1/demo/call_me"):
        assert (await house.post(path)).status == 404
