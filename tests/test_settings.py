import dataclasses
from pathlib import Path

import pytest

from webpbx.settings import BadSettingError, ServeSettings, host_and_port, own_addresses

README = Path(__file__).parent.parent / "README.md"


def shown(value: object) -> str:
    match value:
        case () | None:
            return "none"
        case (first, last):
            return f"`{first}-{last}`"
        case _:
            return f"`{value}`"


def test_the_readme_tells_each_option_with_its_default_and_meaning() -> None:
    rows = [
        f"| `{field.metadata.get('option', '--' + field.name.replace('_', '-'))}` | {shown(field.default)} "
        f"| {field.metadata['help']} |"
        for field in dataclasses.fields(ServeSettings)
    ]
    assert [line for line in README.read_text().splitlines() if line.startswith("| `--")] == rows


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:5060", ("::1", 5060)), ("pbx:0", ("pbx", 0))]
)
def test_an_address_is_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, option="--http") == expected


@pytest.mark.parametrize("text", ["", "8080", ":8080", "host:", "host:http", "host:70000", "host:-1", "host:٣"])
def test_what_is_no_address_is_refused_with_the_options_name(text: str) -> None:
    with pytest.raises(BadSettingError, match=r"--http .*is not HOST:PORT"):
        host_and_port(text, option="--http")


@pytest.mark.parametrize(
    "wrong",
    [
        {"http": "8080"},
        {"sip": "x"},
        {"tls_cert": Path("a.pem")},
        {"workers": 0},
        {"trunk_ports": (30000, 20000)},
        {"trunk_ports": (80, 90)},
        {"media_port": 65535},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadSettingError):
        ServeSettings(**wrong)  # type: ignore[arg-type] - wrong on purpose


def test_the_machines_own_addresses_end_with_loopback() -> None:
    assert own_addresses()[-1] == "127.0.0.1"
