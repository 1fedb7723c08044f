from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, make_mocked_request

from tests.web.house import PASSWORD, Clock, House, ScriptedPhones, client_of, furnish, parts
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.assets import Assets


def _cookie(answer: Any) -> Any:
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.getall("Set-Cookie"):
        jar.load(line)
    (morsel,) = jar.values()
    return morsel


async def test_the_right_password_opens_a_session_and_tells_who_one_is(house: House) -> None:
    answer = await house.log_in()
    body = await answer.json()
    assert answer.status == 200
    assert body["user"] == {
        "id": "anna",
        "name": "Anna Adler",
        "extension": "101",
        "login": "anna",
        "role": "user",
        "language": "de",
    }
    asked = await house.client.get("/api/v1/session")
    assert await asked.json() == body


async def test_the_login_is_found_however_it_is_capitalised(house: House) -> None:
    assert (await house.log_in(" Anna ")).status == 200


@pytest.mark.parametrize(("login", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("anna", PASSWORD + "x")])
async def test_a_wrong_name_and_a_wrong_password_sound_alike(house: House, login: str, password: str) -> None:
    answer = await house.log_in(login, password)
    assert answer.status == 401
    assert await answer.json() == {
        "error_id": "wrong_login",
        "text": "The name or the password is wrong.",
        "details": {},
    }
    assert "Set-Cookie" not in answer.headers


async def test_a_password_is_checked_for_a_user_who_does_not_exist_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []

    async def verify(password_hash: str | None, _password: str) -> bool:
        checked.append(password_hash)
        return True

    monkeypatch.setattr(house.sessions._passwords, "verify", verify)
    assert (await house.log_in("nobody")).status == 401
    assert checked == [None]


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/calls"])
async def test_nobody_is_told_to_sign_in(house: House, path: str) -> None:
    answer = await house.client.get(path)
    assert (answer.status, (await answer.json())["error_id"]) == (401, "login_required")


async def test_the_cookie_on_loopback_is_out_of_reach_for_scripts_and_other_sites(house: House) -> None:
    morsel = _cookie(await house.log_in())
    assert morsel.key == "sid"
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "Strict", "/", "")
    assert not morsel["secure"]
    assert len(morsel.value) >= 43  # 256 bit


async def test_the_cookie_over_https_is_bound_to_the_host_and_secure(static: Path) -> None:
    clock = Clock()
    passwords = Passwords(memory_kib=8, rounds=1, lanes=1)
    async with await Store.open(None, clock=clock.milliseconds) as store:
        await furnish(store, passwords)
        phones = ScriptedPhones()
        _, _, app = parts(store, passwords, {}, Assets(static), clock, phones=phones, tls=True)
        server = TestServer(app)
        async with client_of(server) as client:
            origin = str(server.make_url("/")).rstrip("/").replace("http:", "https:")
            answer = await client.post(
                "/api/v1/session", json={"login": "anna", "password": PASSWORD}, headers={"Origin": origin}
            )
            morsel = _cookie(answer)
    await passwords.close()
    assert morsel.key == "__Host-sid"
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, True, "Strict", "/")
    assert not morsel["domain"]


async def test_signing_in_takes_a_new_session_id_and_ends_the_one_that_was_there(house: House) -> None:
    first = _cookie(await house.log_in()).value
    second = _cookie(await house.log_in("bert")).value
    assert second != first
    house.client.session.cookie_jar.clear()
    answer = await house.client.get("/api/v1/session", headers={"Cookie": f"sid={first}"})
    assert answer.status == 401


async def test_a_session_id_from_elsewhere_is_never_taken_over(house: House) -> None:
    planted = "A" * 43
    answer = await house.client.post(
        "/api/v1/session",
        json={"login": "anna", "password": PASSWORD},
        headers={"Origin": house.origin, "Cookie": f"sid={planted}"},
    )
    assert _cookie(answer).value != planted
    house.client.session.cookie_jar.clear()
    assert (await house.client.get("/api/v1/session", headers={"Cookie": f"sid={planted}"})).status == 401


async def test_the_database_never_holds_what_opens_a_session(house: House) -> None:
    token = _cookie(await house.log_in()).value
    rows = await house.store._database.read(lambda connection: connection.rows("SELECT * FROM sessions"))
    assert len(rows) == 1
    assert token not in str(rows)


async def test_signing_out_ends_the_session_for_good(house: House) -> None:
    answer = await house.log_in()
    token, csrf = _cookie(answer).value, (await answer.json())["csrf"]
    out = await house.client.delete("/api/v1/session", json={}, headers={"Origin": house.origin, "X-CSRF-Token": csrf})
    assert out.status == 200
    assert _cookie(out).value == ""
    house.client.session.cookie_jar.clear()
    assert (await house.client.get("/api/v1/session", headers={"Cookie": f"sid={token}"})).status == 401


async def test_a_session_ends_when_it_was_idle_for_twelve_hours(house: House) -> None:
    await house.log_in()
    house.clock.now += 12 * 3600 - 1
    assert (await house.client.get("/api/v1/session")).status == 200
    house.clock.now += 12 * 3600
    assert (await house.client.get("/api/v1/session")).status == 401


async def test_a_session_in_daily_use_ends_after_seven_days(house: House) -> None:
    await house.log_in()
    for _ in range(15):
        house.clock.now += 11 * 3600
        assert (await house.client.get("/api/v1/session")).status == 200
    house.clock.now += 3 * 3600
    assert (await house.client.get("/api/v1/session")).status == 401


# --- writes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", "\u00e4\u00f6"])
async def test_a_write_without_the_page_s_token_is_refused(house: House, token: str | None) -> None:
    await house.log_in()
    headers = {"Origin": house.origin} | ({"X-CSRF-Token": token} if token is not None else {})
    answer = await house.client.delete("/api/v1/session", json={}, headers=headers)
    assert (answer.status, (await answer.json())["error_id"]) == (403, "csrf_refused")
    assert (await house.client.get("/api/v1/session")).status == 200


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1"])
@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/session/link"])
async def test_signing_in_from_another_site_or_from_nowhere_is_refused(
    house: House, path: str, origin: str | None
) -> None:
    answer = await house.post(path, {"login": "anna", "password": PASSWORD}, origin=origin)
    assert (answer.status, (await answer.json())["error_id"]) == (403, "origin_refused")
    assert "Set-Cookie" not in answer.headers


async def test_a_write_from_another_site_is_refused_even_with_the_token(house: House) -> None:
    csrf = (await (await house.log_in()).json())["csrf"]
    answer = await house.client.delete(
        "/api/v1/session", json={}, headers={"Origin": "https://evil.example", "X-CSRF-Token": csrf}
    )
    assert (answer.status, (await answer.json())["error_id"]) == (403, "origin_refused")


async def test_a_form_is_no_json(house: House) -> None:
    answer = await house.client.post(
        "/api/v1/session", data={"login": "anna", "password": PASSWORD}, headers={"Origin": house.origin}
    )
    assert (answer.status, (await answer.json())["error_id"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "anna"},
        {"login": "anna", "password": PASSWORD, "role": "admin"},
        {"login": ["anna"], "password": PASSWORD},
        {"login": "a" * 65, "password": PASSWORD},
        [],
        "anna",
    ],
)
async def test_a_body_of_another_shape_is_refused_and_never_repeated(house: House, body: Any) -> None:
    answer = await house.post("/api/v1/session", body)
    assert (answer.status, (await answer.json())["error_id"]) == (400, "bad_request")
    assert PASSWORD not in await answer.text()


async def test_a_body_that_is_no_json_or_too_large_is_refused(house: House) -> None:
    headers = {"Origin": house.origin, "Content-Type": "application/json"}
    for body, status in ((b"{", 400), (b"\xff\xfe", 400), (b"[" * 50_000, 400), (b" " * 70_000, 413)):
        answer = await house.client.post("/api/v1/session", data=body, headers=headers)
        assert answer.status == status


# --- bearer tokens -----------------------------------------------------------------------------------------------


async def test_a_bearer_token_signs_one_tab_in_beside_the_cookie(house: House) -> None:
    await house.log_in("anna")
    bert = await house.store.users.by_login("bert")
    assert bert is not None
    token = await house.sessions.open_tab(bert)
    answer = await house.client.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})
    assert (await answer.json())["user"]["login"] == "bert"
    assert (await (await house.client.get("/api/v1/session")).json())["user"]["login"] == "anna"


async def test_a_bearer_token_is_no_cookie_and_a_cookie_no_bearer_token(house: House) -> None:
    cookie = _cookie(await house.log_in()).value
    anna = await house.store.users.by_login("anna")
    assert anna is not None
    token = await house.sessions.open_tab(anna)
    house.client.session.cookie_jar.clear()
    for headers in ({"Cookie": f"sid={token}"}, {"Authorization": f"Bearer {cookie}"}, {"Authorization": token}):
        assert (await house.client.get("/api/v1/session", headers=headers)).status == 401


async def test_a_wrong_bearer_token_does_not_fall_back_to_the_cookie(house: House) -> None:
    await house.log_in()
    answer = await house.client.get("/api/v1/session", headers={"Authorization": "Bearer nonsense"})
    assert answer.status == 401


async def test_a_tab_with_a_bearer_token_signs_out_without_another_token(house: House) -> None:
    bert = await house.store.users.by_login("bert")
    assert bert is not None
    headers = {"Authorization": f"Bearer {await house.sessions.open_tab(bert)}", "Origin": house.origin}
    assert (await house.client.delete("/api/v1/session", json={}, headers=headers)).status == 200
    assert (await house.client.get("/api/v1/session", headers=headers)).status == 401


# --- one-time links ----------------------------------------------------------------------------------------------


async def test_a_link_signs_in_once(house: House) -> None:
    token = await house.store.links.create("anna")
    first = await house.post("/api/v1/session/link", {"token": token})
    assert (first.status, (await first.json())["user"]["login"]) == (200, "anna")
    assert (await house.client.get("/api/v1/session")).status == 200
    again = await house.post("/api/v1/session/link", {"token": token})
    assert (again.status, (await again.json())["error_id"]) == (410, "link_invalid")


async def test_a_link_is_over_after_an_hour(house: House) -> None:
    token = await house.store.links.create("anna")
    house.clock.now += 3601
    assert (await house.post("/api/v1/session/link", {"token": token})).status == 410


# --- limits ------------------------------------------------------------------------------------------------------


async def test_five_failed_attempts_close_an_account_and_the_right_password_too_until_time_has_passed(
    house: House,
) -> None:
    for _ in range(5):
        assert (await house.log_in("anna", "wrong")).status == 401
    refused = await house.log_in("anna")
    assert (refused.status, (await refused.json())["error_id"]) == (429, "too_many_attempts")
    assert refused.headers["Retry-After"] == "900"
    assert (await house.log_in("bert")).status == 200
    house.clock.now += 901
    assert (await house.log_in("anna")).status == 200


async def failed_at_one_address(house: House, attempts: int) -> None:
    """Guess at accounts that nobody has, slowly."""
    for number in range(attempts):
        house.clock.now += 1
        assert (await house.log_in(f"guess{number}", "wrong")).status == 401


async def test_whoever_has_not_failed_signs_in_from_an_address_that_failed_too_often(house: House) -> None:
    await failed_at_one_address(house, 30)
    assert (await house.log_in("anna")).status == 200
    token = await house.store.links.create("anna")
    assert (await house.post("/api/v1/session/link", {"token": token})).status == 200


async def test_an_address_that_failed_too_often_has_two_guesses_at_an_account(house: House) -> None:
    await failed_at_one_address(house, 20)
    for _ in range(2):
        assert (await house.log_in("anna", "wrong")).status == 401
    refused = await house.log_in("anna")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "900")
    house.clock.now += 901
    assert (await house.log_in("anna")).status == 200


async def test_an_address_that_failed_too_often_has_one_guess_a_second_in_all(house: House) -> None:
    await failed_at_one_address(house, 20)
    statuses = [(await house.log_in(f"other{number}", "wrong")).status for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert (await house.log_in("anna")).headers["Retry-After"] == "1"
    house.clock.now += 1
    assert (await house.log_in("anna")).status == 200


async def test_guessed_links_count_as_failed_attempts(house: House) -> None:
    for _ in range(20 + 5):
        assert (await house.post("/api/v1/session/link", {"token": "guess"})).status == 410
    assert (await house.post("/api/v1/session/link", {"token": "guess"})).status == 429


async def test_an_office_that_signs_in_from_one_address_is_not_locked_out(house: House) -> None:
    for _ in range(40):
        house.clock.now += 1
        assert (await house.log_in("anna")).status == 200


async def test_requests_beyond_the_rate_are_refused_until_a_second_has_passed(house: House) -> None:
    await house.log_in()
    statuses = [(await house.client.get("/api/v1/session")).status for _ in range(52)]
    assert statuses.count(200) == 50
    assert statuses[-1] == 429
    house.clock.now += 1
    assert (await house.client.get("/api/v1/session")).status == 200


async def test_a_session_of_a_user_who_is_gone_is_nobody_s(house: House) -> None:
    await house.log_in()
    await house.store.tenant("acme").users.remove("anna")
    assert (await house.client.get("/api/v1/session")).status == 401


async def test_the_token_never_shows_in_what_may_be_logged(house: House) -> None:
    token = _cookie(await house.log_in()).value
    signed = await house.sessions.of_request(make_mocked_request("GET", "/", headers={"Cookie": f"sid={token}"}))
    assert token not in repr(signed)
    assert signed.csrf not in repr(signed)
    assert "argon2" not in repr(signed)
