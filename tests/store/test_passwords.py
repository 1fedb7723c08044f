import asyncio
import os
import threading
from collections.abc import AsyncIterator

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.store.passwords import Passwords, check_password


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(memory_kib=256, rounds=1, lanes=1)
    yield passwords
    await passwords.close()


async def test_the_right_password_is_right_and_no_other(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse battery")
    assert await passwords.verify(hashed, "correct horse battery")
    assert not await passwords.verify(hashed, "correct horse batterx")
    assert not await passwords.verify(hashed, "")
    assert not await passwords.verify(hashed, "x" * 100_000)
    assert not await passwords.verify(hashed, "\udcff")
    assert not await passwords.verify("no hash", "correct horse battery")


async def test_passwords_are_kept_as_argon2id_at_full_cost() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery")
    await passwords.close()
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_for_a_user_who_does_not_exist_the_same_work_is_done(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[str] = []
    verify = passwords._hasher.verify

    def watch(_: object, hashed: str, password: str) -> bool:
        costs.append(hashed.split("$")[3])
        return verify(hashed, password)

    hashed = await passwords.hash("correct horse battery")
    monkeypatch.setattr(type(passwords._hasher), "verify", watch)
    assert not await passwords.verify(hashed, "wrong")
    assert not await passwords.verify(None, "wrong")
    assert costs == ["m=256,t=1,p=1"] * 2


async def test_checking_passwords_gives_way_to_everything_else(passwords: Passwords) -> None:
    await passwords.hash("a long enough one")
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    checking = [thread for thread in threading.enumerate() if thread.name.startswith("passwords")]
    assert checking
    assert all(os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) >= min(mine + 1, 19) for thread in checking)


async def test_hashing_leaves_the_event_loop_alone_and_takes_two_threads_at_most(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def watch(_: str, __: str) -> bool:
        threads.add(threading.get_ident())
        return False

    monkeypatch.setattr(passwords, "_verify", watch)
    await asyncio.gather(*(passwords.verify(None, "x") for _ in range(20)))
    assert threading.get_ident() not in threads
    assert 1 <= len(threads) <= 2


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short", "5 characters"),
        ("x" * 300, "at most 256"),
        ("aaaaaaaaaaaaaa", "tried first"),
        ("Password1234", "tried first"),
        ("QWERTZ123456", "tried first"),
        ("annabellannabell", "login"),
        ("twelve\tchars and more", "typed"),
    ],
)
def test_a_weak_password_is_refused_without_being_repeated(password: str, word: str) -> None:
    with pytest.raises(InvalidSetting, match=word) as caught:
        check_password(password, login="annabell")
    assert password not in caught.value.text
    assert password not in str(caught.value.details)


def test_a_good_password_is_taken() -> None:
    check_password("correct horse battery", login="anna")
