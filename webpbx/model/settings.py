"""The settings of `webpbx serve`, declared once: the command's options and the README's table come from here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from webpbx.model.checks import InvalidSetting, check_range


@dataclass(frozen=True)
class Setting:
    """How one field of ServeSettings is asked for and explained."""

    name: str
    option: str
    default: str
    unit: str
    help: str
    many: bool
    kind: type


def _setting(default: Any, *, option: str, unit: str, text: str, shown: str | None = None) -> Any:
    many = isinstance(default, tuple)
    told = str(default if default is not None else "") if shown is None else shown
    meta = {"option": option, "unit": unit, "help": text, "shown": told, "many": many}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class ServeSettings:
    """What one installation is started with."""

    data: Path = _setting(
        Path(".data"),
        option="--data",
        unit="folder",
        text="Where everything is kept; WEBPBX_DATA changes the default.",
        shown="./.data",
    )
    http: str = _setting("127.0.0.1:8080", option="--http", unit="HOST:PORT", text="Where the web page is served.")
    tls_cert: Path | None = _setting(
        None, option="--tls-cert", unit="file", text="Certificate chain (PEM); the page is then served over HTTPS."
    )
    tls_key: Path | None = _setting(None, option="--tls-key", unit="file", text="The certificate's private key (PEM).")
    sip: str = _setting("0.0.0.0:5060", option="--sip", unit="HOST:PORT", text="Where SIP is spoken, over UDP.")
    media_address: tuple[str, ...] = _setting(
        (),
        option="--media-address",
        unit="IP address",
        text="Where browsers and trunks send sound; repeatable. Not given: this machine's addresses.",
        shown="this machine's",
    )
    media_port: int = _setting(
        20000, option="--media-port", unit="UDP port", text="The first media worker's port; each worker takes two."
    )
    trunk_ports: tuple[int, int] = field(
        default=(20100, 20999),
        metadata={
            "option": "--trunk-ports",
            "unit": "UDP ports A-B",
            "help": "Ports for the sound of trunk calls, two a call.",
            "shown": "20100-20999",
            "many": False,
        },
    )
    workers: int = _setting(
        0, option="--workers", unit="processes", text="Media workers; 0: one for each core.", shown="0"
    )
    drain_seconds: int = _setting(
        300, option="--drain-seconds", unit="s", text="How long calls may go on after the order to stop."
    )

    def __post_init__(self) -> None:
        check_range("media port", self.media_port, 1024, 65_000)
        check_range("number of workers", self.workers, 0, 64)
        check_range("drain time", self.drain_seconds, 0, 86_400, unit="seconds")
        for text in (self.http, self.sip):
            split_host_port(text)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidSetting(
                "A certificate and its key belong together: give both --tls-cert and --tls-key.",
                field="tls_key",
                value=str(self.tls_key),
            )
        self._check_ports()

    def _check_ports(self) -> None:
        low, high = self.trunk_ports
        first, last = self.media_port, self.media_port + 2 * self.worker_count - 1
        if not 1024 <= low < high < 1 << 16:
            raise InvalidSetting(
                f"The trunk ports {low}-{high} cannot be used: write a range such as 20100-20999.",
                field="trunk_ports",
                value=f"{low}-{high}",
            )
        if low <= last and first <= high:
            raise InvalidSetting(
                f"The trunk ports {low}-{high} overlap the workers' ports {first}-{last}: move one of them.",
                field="trunk_ports",
                value=f"{low}-{high}",
            )

    @property
    def worker_count(self) -> int:
        """Give the number of media workers: as set, or one for each core."""
        return self.workers or min(os.cpu_count() or 1, 64)


def settings() -> Iterator[Setting]:
    """Describe every setting, in the order of declaration."""
    for row in fields(ServeSettings):
        meta = row.metadata
        kind = row.type if isinstance(row.type, type) else str
        yield Setting(row.name, meta["option"], meta["shown"], meta["unit"], meta["help"], meta["many"], kind)


def markdown_table() -> str:
    """Give the README's table of settings."""
    lines = ["|option|default|unit|what|", "|---|---|---|---|"]
    for row in settings():
        lines.append(f"|`{row.option}`|{f'`{row.default}`' if row.default else '–'}|{row.unit}|{row.help}|")
    return "\n".join(lines) + "\n"


def split_host_port(text: str) -> tuple[str, int]:
    """Split HOST:PORT or [IPv6]:PORT; port 0 lets the system choose. Raise InvalidSetting else."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) >= 1 << 16:
        raise InvalidSetting(
            f"The address {text!r} cannot be read: write HOST:PORT, such as 127.0.0.1:8080.",
            field="address",
            value=text,
        )
    return host, int(port)


def read_port_range(text: str) -> tuple[int, int]:
    """Read A-B as two ports; raise InvalidSetting else."""
    low, _, high = text.partition("-")
    if not (low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
        raise InvalidSetting(
            f"The ports {text!r} cannot be read: write a range such as 20100-20999.", field="trunk_ports", value=text
        )
    return int(low), int(high)
