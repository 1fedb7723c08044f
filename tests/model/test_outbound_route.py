from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.outbound_route import OutboundRoute

ROUTE: dict[str, Any] = {"id": "r1", "tenant_id": "acme", "name": "Home", "trunk_ids": ("main",), "countries": ("DE",)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trunk_ids", ()),
        ("countries", ()),
        ("countries", ("Germany",)),
        ("prefixes", ("0049",)),
        ("prefixes", ("+",)),
        ("special_types", ("dear",)),
        ("priority", 5000),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting):
        OutboundRoute(**(ROUTE | {field: value}))


@pytest.mark.parametrize("prefix", ["+1", "+4", "+44", "+7"])
def test_a_prefix_that_several_countries_share_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidSetting, match="several countries"):
        OutboundRoute(**(ROUTE | {"prefixes": (prefix,)}))


@pytest.mark.parametrize("prefix", ["+49", "+4930", "+1212", "+4420"])
def test_a_prefix_of_one_country_is_taken(prefix: str) -> None:
    assert OutboundRoute(**(ROUTE | {"prefixes": (prefix,)})).prefixes == (prefix,)
