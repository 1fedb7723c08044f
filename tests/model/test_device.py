from dataclasses import replace
from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.device import Device, DeviceBinding

DESK = Device("d1", "acme", "anna", "Desk", "k7f3-101", ha1_md5="m" * 32, ha1_sha256="s" * 64)


def test_what_stands_for_its_secret_is_not_shown() -> None:
    assert "mmm" not in repr(DESK)
    assert "sss" not in repr(DESK)


def test_each_algorithm_is_checked_with_its_own_hash() -> None:
    assert (DESK.ha1("MD5"), DESK.ha1("SHA-256")) == ("m" * 32, "s" * 64)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("username", "anna"),
        ("username", "k7f3-101;x"),
        ("codecs", ()),
        ("codecs", ("PCMA", "PCMA")),
        ("codecs", ("G729",)),
        ("srtp", "maybe"),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting):
        replace(DESK, **{field: value})


def test_where_it_is_registered_is_said_for_people() -> None:
    binding = DeviceBinding("k7f3-101", "sip:k7f3-101@[2001:db8::1]", "TCP", "2001:db8::1", 5061, 0, 1, "c", 1)
    assert binding.source == "[2001:db8::1]:5061 TCP"
