from pathlib import Path
from typing import Any

import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.settings import ServeSettings, host_and_port, markdown_table, read_port_range, settings


def test_every_setting_has_an_option_a_unit_and_a_help_and_stands_in_the_table() -> None:
    table = markdown_table()
    rows = list(settings())
    assert {row.name for row in rows} == set(ServeSettings.__dataclass_fields__) - {"demo"}
    for row in rows:
        assert row.help.endswith(".")
        assert row.unit
        assert f"`{row.option}`" in table


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("http", "8080"),
        ("http", "host:port"),
        ("sip", ":5060"),
        ("sip", "0.0.0.0:70000"),
        ("media_port", 80),
        ("trunk_ports", (30000, 20000)),
        ("trunk_ports", (39000, 41000)),
        ("workers", 0),
        ("drain_seconds", -1),
        ("tls_cert", Path("cert.pem")),
        ("sip_tls", "0.0.0.0:5061"),
        ("sip_key", Path("key.pem")),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as caught:
        ServeSettings(**{field: value})
    assert caught.value.text.endswith(".")


def test_settings_can_be_said_again_on_a_command_line() -> None:
    words = ServeSettings(media_addresses=("192.0.2.1", "::1"), workers=3).arguments()
    assert words.count("--media-address") == 2
    assert words[words.index("--workers") + 1] == "3"
    assert "--tls-cert" not in words
    assert "--sip-tls" not in words


def test_sip_over_tls_takes_an_address_a_certificate_and_its_key() -> None:
    told: dict[str, Any] = {"sip_cert": Path("chain.pem"), "sip_key": Path("key.pem")}
    words = ServeSettings(sip_tls="192.0.2.1:5061", **told).arguments()
    assert words[words.index("--sip-tls") : words.index("--sip-tls") + 2] == ["--sip-tls", "192.0.2.1:5061"]
    with pytest.raises(InvalidSetting, match="--sip-tls"):
        ServeSettings(sip_tls="5061", **told)


def test_addresses_and_ranges_are_read() -> None:
    assert host_and_port("[::1]:80", option="--http") == ("::1", 80)
    assert read_port_range("20000-29999") == (20000, 29999)
    for text in ("", "5", "a-b", "1-", "-"):
        with pytest.raises(InvalidSetting):
            read_port_range(text)
