import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.store.errors import SecretUnreadable, StoreUnusable
from webpbx.store.secrets import FILE, SecretBox

BOX = SecretBox.in_memory()


@given(st.text(max_size=50))
def test_a_secret_comes_back(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert BOX.unlock(BOX.lock(text, place="trunk:a:b"), place="trunk:a:b") == text


def test_the_same_secret_never_looks_the_same() -> None:
    assert BOX.lock("wonderland", place="p") != BOX.lock("wonderland", place="p")


def test_a_secret_cannot_be_moved_changed_or_read_with_another_key() -> None:
    locked = BOX.lock("wonderland", place="trunk:acme:main")
    with pytest.raises(SecretUnreadable):
        BOX.unlock(locked, place="trunk:other:main")
    with pytest.raises(SecretUnreadable):
        SecretBox.in_memory().unlock(locked, place="trunk:acme:main")
    for broken in ("A" + locked[1:-4] + "AAA=", "nonsense!", "AAAA"):
        with pytest.raises(SecretUnreadable):
            BOX.unlock(broken, place="trunk:acme:main")


def test_the_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    locked = SecretBox.in_folder(tmp_path).lock("wonderland", place="p")
    assert SecretBox.in_folder(tmp_path).unlock(locked, place="p") == "wonderland"
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_key_file_of_the_wrong_length_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(StoreUnusable, match="5 bytes instead of 32"):
        SecretBox.in_folder(tmp_path)


def test_a_key_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreUnusable, match="cannot be read"):
        SecretBox.in_folder(tmp_path)
