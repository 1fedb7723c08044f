import logging
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from webpbx.errors import WebpbxError
from webpbx.store.errors import StoreUnusable
from webpbx.web import errors
from webpbx.web.errors import Busy, NotFound, TooManyAttempts, ack_of, errors_as_json, status_of


async def _ask(error: Exception, *, method: str = "GET") -> tuple[Any, dict[str, Any]]:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise error

    app = web.Application(middlewares=[errors_as_json])
    app.router.add_get("/api/v1/thing", handler)
    async with TestClient(TestServer(app)) as client:
        answer = await client.request(method, "/api/v1/thing")
        return answer, await answer.json()


async def test_an_error_of_ours_is_told_by_id_sentence_and_details() -> None:
    answer, body = await _ask(NotFound("There is no queue 'x'.", queue="x"))
    assert answer.status == 404
    assert body == {"error_id": "not_found", "text": "There is no queue 'x'.", "details": {"queue": "x"}}


async def test_too_many_attempts_say_when_to_come_back() -> None:
    answer, _ = await _ask(TooManyAttempts("Too many.", retry_after=17))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "17")


async def test_a_fault_of_ours_is_a_sentence_with_an_id_that_the_log_has_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="webpbx.web.errors"):
        answer, body = await _ask(ZeroDivisionError("secret inside"))
    assert answer.status == 500
    assert body["error_id"] == "internal"
    assert body["details"]["log_id"] in body["text"]
    assert "secret inside" not in str(body)
    assert "Traceback" not in str(body)
    assert body["details"]["log_id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_what_ails_the_database_is_for_the_log_and_not_for_strangers(caplog: pytest.LogCaptureFixture) -> None:
    error = StoreUnusable("The database /srv/pbx/webpbx.sqlite3 has no room left on its disk.", path="/srv/pbx")
    answer, body = await _ask(error)
    assert (answer.status, body["error_id"]) == (500, "internal")
    assert "/srv" not in str(body)
    assert "/srv/pbx/webpbx.sqlite3 has no room left" in caplog.text
    assert ack_of(error)["error_id"] == "internal"


async def test_unknown_address_and_wrong_method_are_told_as_json() -> None:
    answer, body = await _ask(web.HTTPNotFound())
    assert (answer.status, body["error_id"]) == (404, "not_found")
    answer, body = await _ask(Busy(""), method="PATCH")
    assert (answer.status, body["error_id"], answer.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")


async def test_a_time_that_ran_out_inside_is_a_fault_of_ours() -> None:
    answer, body = await _ask(TimeoutError())
    assert (answer.status, body["error_id"]) == (500, "internal")


def test_an_error_that_is_not_listed_is_the_client_s_to_correct() -> None:
    class StrangeError(WebpbxError):
        error_id = "strange"

    assert status_of(StrangeError("Odd.")) == 400


def test_every_error_of_the_edge_has_a_status_chosen_for_it() -> None:
    ours = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, WebpbxError) and one.__module__ == errors.__name__
    ]
    unlisted = {one.error_id for one in ours} - set(errors.STATUSES)
    assert unlisted == {"bad_request", "listen_failed"}
