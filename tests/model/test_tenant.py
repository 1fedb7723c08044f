from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.tenant import Tenant


def test_a_company_needs_only_an_id_and_a_name() -> None:
    tenant = Tenant("acme", "Acme")
    assert (tenant.country, tenant.max_outside_calls, tenant.max_outside_calls_per_user) == ("DE", 10, 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Acme Inc"),
        ("id", ""),
        ("name", "  "),
        ("name", "a\nb"),
        ("name", "x" * 101),
        ("country", "Germany"),
        ("country", "XX"),
        ("language", "fr"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("timezone", ""),
        ("outside_prefix", "8"),
        ("outside_prefix_use", "sometimes"),
        ("max_outside_calls", -1),
        ("max_outside_calls", True),
        ("ring_time", 1),
        ("emergency_numbers", ("1",)),
        ("emergency_numbers", ("11a",)),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_that_names_it(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Tenant(**({"id": "acme", "name": "Acme"} | {field: value}))
    assert caught.value.text.endswith(".")
    assert "field" in caught.value.details


def test_a_prefix_zero_cannot_be_optional() -> None:
    with pytest.raises(InvalidSetting, match="Greece"):
        Tenant("acme", "Acme", outside_prefix="0", outside_prefix_use="optional")


@pytest.mark.parametrize(("prefix", "use"), [("0", "none"), ("", "required")])
def test_a_prefix_and_its_use_belong_together(prefix: str, use: str) -> None:
    with pytest.raises(InvalidSetting, match="both"):
        Tenant("acme", "Acme", outside_prefix=prefix, outside_prefix_use=use)
