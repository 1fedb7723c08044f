from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.user import User

ANNA = {"id": "u1", "tenant_id": "acme", "login": "anna", "name": "Anna Adler"}


def test_a_users_password_hash_is_not_shown() -> None:
    assert "argon" not in repr(User(**ANNA, password_hash="$argon2id$"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "Anna"),
        ("login", ""),
        ("login", "a b"),
        ("name", ""),
        ("extension", "1"),
        ("extension", "12345"),
        ("extension", "10a"),
        ("extension", "\u0661\u0661\u0662"),
        ("language", "fr"),
        ("role", "root"),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as caught:
        User(**(ANNA | {field: value}))
    assert repr(value) in caught.value.text or "empty" in caught.value.text
