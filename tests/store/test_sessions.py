from pathlib import Path

import pytest

from tests.store.clock import Clock
from webpbx.model.checks import InvalidSetting
from webpbx.model.tenant import Tenant
from webpbx.model.user import User
from webpbx.store.sessions import ABSOLUTE_MS, IDLE_MS
from webpbx.store.store import Store

HOUR = 3600 * 1000


def file_contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_a_session_is_found_by_its_token_alone(store: Store) -> None:
    session = await store.sessions.create("anna-id")
    assert await store.sessions.get(session.token) == session
    assert await store.sessions.get(session.token + "x") is None
    assert await store.sessions.get("") is None
    assert session.token not in repr(session)


async def test_tokens_are_long_and_differ(store: Store) -> None:
    sessions = [await store.sessions.create("anna-id") for _ in range(10)]
    assert len({text for session in sessions for text in (session.token, session.csrf)}) == 20
    assert all(len(session.token) >= 43 for session in sessions)


async def test_a_tabs_token_is_no_cookie(store: Store) -> None:
    session = await store.sessions.create("anna-id", kind="bearer")
    assert await store.sessions.get(session.token) is None
    assert await store.sessions.get(session.token, kind="bearer") == session
    with pytest.raises(InvalidSetting):
        await store.sessions.create("anna-id", kind="guess")


async def test_a_session_that_is_used_lasts_a_week_and_no_longer(store: Store, clock: Clock) -> None:
    session = await store.sessions.create("anna-id")
    for _ in range(ABSOLUTE_MS // (10 * HOUR)):
        clock.now += 10 * HOUR
        assert await store.sessions.get(session.token) is not None
    clock.now += 10 * HOUR
    assert await store.sessions.get(session.token) is None


async def test_a_session_that_is_not_used_ends(store: Store, clock: Clock) -> None:
    session = await store.sessions.create("anna-id")
    clock.now += IDLE_MS["user"] - 1
    assert await store.sessions.get(session.token) is not None
    clock.now += IDLE_MS["user"]
    assert await store.sessions.get(session.token) is None


async def test_an_administrators_session_ends_sooner(store: Store, clock: Clock) -> None:
    await store.tenant("acme").users.add(User("boss-id", "acme", "boss", "Boss", role="admin"))
    session = await store.sessions.create("boss-id")
    clock.now += IDLE_MS["admin"]
    assert await store.sessions.get(session.token) is None


async def test_signing_out_ends_one_session_or_all(store: Store) -> None:
    first, second, third = [await store.sessions.create("anna-id") for _ in range(3)]
    await store.sessions.remove(first.token)
    assert await store.sessions.get(first.token) is None
    assert await store.sessions.get(second.token) is not None
    await store.sessions.remove_all("anna-id")
    assert await store.sessions.get(second.token) is None
    assert await store.sessions.get(third.token) is None


async def test_a_sweep_takes_what_is_over_and_nothing_else(store: Store, clock: Clock) -> None:
    old = await store.sessions.create("anna-id")
    clock.now += IDLE_MS["user"]
    fresh = await store.sessions.create("anna-id")
    await store.sessions.sweep()
    clock.now -= IDLE_MS["user"]  # even with the clock set back, what was swept is gone
    assert await store.sessions.get(old.token) is None
    assert await store.sessions.get(fresh.token) is not None


async def test_who_reads_the_data_folder_finds_no_token(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenant("acme").users.add(User("anna-id", "acme", "anna", "Anna"))
        session = await store.sessions.create("anna-id")
        link = await store.links.create("anna-id")
        for raw in file_contents(tmp_path):
            assert session.token.encode() not in raw
            assert link.encode() not in raw
