from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.trunk import Trunk, network_of, split_address

REGISTER: dict[str, Any] = {
    "id": "main",
    "tenant_id": "acme",
    "name": "Provider",
    "proxies": ("sip.example.com", "192.0.2.7:5070", "[2001:db8::1]:5062"),
    "username": "u100",
    "secret": "wonderland",
}


def test_a_trunk_gives_its_proxies_with_ports_in_order() -> None:
    trunk = Trunk(**REGISTER)
    assert trunk.proxy_addresses == (("sip.example.com", 5060), ("192.0.2.7", 5070), ("2001:db8::1", 5062))
    assert trunk.host == "sip.example.com"
    assert Trunk(**REGISTER, domain="voip.example.net").host == "voip.example.net"


def test_a_trunks_secret_is_not_shown() -> None:
    assert "wonderland" not in repr(Trunk(**REGISTER))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "magic"),
        ("proxies", ()),
        ("proxies", ("",)),
        ("proxies", ("host:",)),
        ("proxies", ("host:0",)),
        ("proxies", ("host:99999",)),
        ("proxies", ("300.1.1.1",)),
        ("proxies", ("[nonsense]:5060",)),
        ("proxies", ("a b",)),
        ("addresses", ("192.0.2.0/40",)),
        ("username", ""),
        ("secret", ""),
        ("secret", "a\r\nb"),
        ("domain", "a/b"),
        ("codecs", ()),
        ("codecs", ("G729",)),
        ("codecs", ("PCMA", "PCMA")),
        ("dtmf", "shout"),
        ("number_format", "roman"),
        ("country", "de"),
        ("caller_id_default", "030"),
        ("max_calls", 0),
        ("qualify_interval", -1),
        ("register_expires", 5),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Trunk(**(REGISTER | {field: value}))
    assert caught.value.text.endswith(".")


def test_a_secret_never_stands_in_a_message() -> None:
    for secret in ("\nwonderland", "wonderland" * 40):
        with pytest.raises(InvalidSetting) as caught:
            Trunk(**(REGISTER | {"secret": secret}))
        assert "wonderland" not in caught.value.text
        assert "wonderland" not in str(caught.value.details)


def test_a_trunk_known_by_address_needs_one() -> None:
    with pytest.raises(InvalidSetting, match="IP address"):
        Trunk("main", "acme", "Provider", mode="address", proxies=("192.0.2.1",))


def test_addresses_may_be_networks_and_names() -> None:
    assert str(network_of("192.0.2.1/28")) == "192.0.2.0/28"
    assert str(network_of("192.0.2.1")) == "192.0.2.1/32"
    assert network_of("sip.example.com") is None


def test_an_address_without_port_means_5060() -> None:
    assert split_address("[::1]") == ("::1", 5060)
