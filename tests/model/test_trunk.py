from pathlib import Path
from typing import Any

import pytest

from tests.certificate import make_certificate
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
    assert trunk.proxy_addresses == (("sip.example.com", 0), ("192.0.2.7", 5070), ("2001:db8::1", 5062))
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
        ("addresses", ("0.0.0.0/0",)),
        ("addresses", ("10.0.0.0/8",)),
        ("addresses", ("::/0",)),
        ("username", ""),
        ("secret", ""),
        ("secret", "a\r\nb"),
        ("domain", "a/b"),
        ("codecs", ()),
        ("codecs", ("G729",)),
        ("codecs", ("PCMA", "PCMA")),
        ("dtmf", "shout"),
        ("transport", "sctp"),
        ("tls_name", "sip.example.com"),
        ("tls_authorities", "-----BEGIN CERTIFICATE-----"),
        ("srtp", "offer"),
        ("srtp", "perhaps"),
        ("caller_id_way", "shout"),
        ("ring_limit", 181),
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


def test_an_address_without_port_leaves_it_to_the_transport() -> None:
    assert split_address("[::1]") == ("::1", 0)


def test_a_trunk_over_tls_may_have_authorities_of_its_own_and_encrypted_sound(tmp_path: Path) -> None:
    make_certificate(tmp_path / "ca.pem", tmp_path / "key.pem", "sip.example.com")
    authorities = (tmp_path / "ca.pem").read_text()
    told: dict[str, Any] = {
        "transport": "tls",
        "tls_name": "sip.example.com",
        "tls_authorities": authorities,
        "srtp": "require",
    }
    assert Trunk(**REGISTER, **told).tls_authorities == authorities


@pytest.mark.parametrize(
    "text", ["certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ü", "x" * 40_000]
)
def test_authorities_that_are_no_certificates_are_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="PEM"):
        Trunk(**REGISTER, transport="tls", tls_authorities=text)
