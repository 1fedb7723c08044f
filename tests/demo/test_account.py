import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from webpbx.demo.account import AccountUnreadableError, own_account


def test_the_account_is_made_once_and_kept(tmp_path: Path) -> None:
    assert own_account(tmp_path) == own_account(tmp_path)


def test_each_installation_has_a_secret_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    secrets = {own_account(tmp_path / name).secret for name in "ab"}
    assert len(secrets) == 2
    assert all(len(secret) >= 32 for secret in secrets)


def test_the_secret_is_for_its_owner_only_and_never_printed(tmp_path: Path) -> None:
    account = own_account(tmp_path)
    assert stat.S_IMODE((tmp_path / "outside.json").stat().st_mode) == 0o600
    assert account.secret not in repr(account)


def test_many_that_ask_at_once_get_the_same_account_and_leave_no_drafts(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        accounts = set(pool.map(own_account, [tmp_path] * 40))
    assert len(accounts) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["outside.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"username": "x"})])
def test_a_damaged_account_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "outside.json").write_text(content)
    with pytest.raises(AccountUnreadableError, match="Remove the file"):
        own_account(tmp_path)
