"""The settings of `webpbx serve`, declared once: the command's options and the README's table come from here."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from webpbx.model.checks import InvalidSetting, check_range

_FIRST_PORT = 1024  # those below need rights that this program should not have


@dataclass(frozen=True)
class Setting:
    """How one field of ServeSettings is asked for and explained."""

    name: str
    option: str
    default: Any
    shown: str
    unit: str
    help: str
    many: bool
    demo_only: bool


def _told(
    option: str, *, shown: str, unit: str, text: str, many: bool = False, demo_only: bool = False
) -> dict[str, Any]:
    return {"option": option, "shown": shown, "unit": unit, "help": text, "many": many, "demo_only": demo_only}


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """What one installation is started with."""

    data: Path = field(
        default=Path(".data"),
        metadata=_told(
            "--data",
            shown="./.data",
            unit="folder",
            text="Where everything is kept; the variable WEBPBX_DATA changes the default.",
        ),
    )
    http: str = field(
        default="127.0.0.1:8080",
        metadata=_told("--http", shown="127.0.0.1:8080", unit="HOST:PORT", text="Where the web page is served."),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=_told(
            "--tls-cert", shown="", unit="file", text="Certificate chain (PEM); the page is then served over HTTPS."
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=_told("--tls-key", shown="", unit="file", text="The certificate's private key (PEM)."),
    )
    sip: str = field(
        default="127.0.0.1:5060",
        metadata=_told(
            "--sip", shown="127.0.0.1:5060", unit="HOST:PORT", text="Where SIP is spoken, over UDP and TCP."
        ),
    )
    sip_tls: str = field(
        default="",
        metadata=_told(
            "--sip-tls", shown="", unit="HOST:PORT", text="Where SIP is spoken over TLS; without it nowhere."
        ),
    )
    sip_cert: Path | None = field(
        default=None,
        metadata=_told("--sip-cert", shown="", unit="file", text="Certificate chain (PEM) of SIP over TLS."),
    )
    sip_key: Path | None = field(
        default=None, metadata=_told("--sip-key", shown="", unit="file", text="The certificate's private key (PEM).")
    )
    media_addresses: tuple[str, ...] = field(
        default=(),
        metadata=_told(
            "--media-address",
            shown="",
            unit="IP address",
            text="Where browsers and trunks send sound; repeatable. Without it: this machine's own and loopback.",
            many=True,
        ),
    )
    media_port: int = field(
        default=40000,
        metadata=_told(
            "--media-port", shown="40000", unit="UDP port", text="The first media worker's port; each worker takes two."
        ),
    )
    trunk_ports: tuple[int, int] = field(
        default=(20000, 29999),
        metadata=_told(
            "--trunk-ports",
            shown="20000-29999",
            unit="UDP ports A-B",
            text="Ports for the sound of trunk calls, two a call.",
        ),
    )
    workers: int = field(
        default=1,
        metadata=_told(
            "--workers", shown="1", unit="processes", text="Media workers; one per processor core is right."
        ),
    )
    outside_sip: str = field(
        default="127.0.0.1:5070",
        metadata=_told(
            "--outside-sip",
            shown="127.0.0.1:5070",
            unit="HOST:PORT",
            text="Where the demo's outside world speaks SIP (`demo` only).",
            demo_only=True,
        ),
    )
    drain_seconds: int = field(
        default=300,
        metadata=_told(
            "--drain-seconds", shown="300", unit="s", text="How long calls may go on after the order to stop."
        ),
    )
    sip_limits: tuple[str, ...] = field(
        default=(),
        metadata=_told(
            "--sip-limit",
            shown="",
            unit="NAME=NUMBER",
            text="A limit of the SIP stack, such as unknown_rate=50; repeatable. A wrong name tells all names.",
            many=True,
        ),
    )
    sip_trace_days: int = field(
        default=7,
        metadata=_told(
            "--sip-trace-days",
            shown="7",
            unit="days",
            text="How long the SIP messages of each call are kept, without secrets; 0 keeps none.",
        ),
    )
    sip_trace_messages: int = field(
        default=200,
        metadata=_told(
            "--sip-trace-messages",
            shown="200",
            unit="messages",
            text="How many SIP messages are kept of one call: its beginning and its latest.",
        ),
    )
    sip_trace_memory: int = field(
        default=64,
        metadata=_told(
            "--sip-trace-memory",
            shown="64",
            unit="MiB",
            text="How much the SIP messages of calls that are up may take; what is over is counted only.",
        ),
    )
    demo: bool = False
    """Bring the demo company and its outside world along; said by the command's name, not by an option."""

    def __post_init__(self) -> None:
        check_range("media port", self.media_port, _FIRST_PORT, 65_000)
        check_range("number of workers", self.workers, 1, 64)
        check_range("drain time", self.drain_seconds, 0, 86_400, unit="seconds")
        check_range("number of days SIP messages are kept", self.sip_trace_days, 0, 366)
        check_range("number of SIP messages kept of a call", self.sip_trace_messages, 8, 10_000)
        check_range("memory for SIP messages", self.sip_trace_memory, 1, 4_096, unit="MiB")
        host_and_port(self.http, option="--http")
        host_and_port(self.sip, option="--sip")
        host_and_port(self.outside_sip, option="--outside-sip")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidSetting(
                "A certificate and its key belong together: give both --tls-cert and --tls-key.",
                field="tls_key",
                value=str(self.tls_key),
            )
        self._check_sip_tls()
        self._check_ports()

    def _check_sip_tls(self) -> None:
        if self.sip_tls:
            host_and_port(self.sip_tls, option="--sip-tls")
        given = [bool(self.sip_tls), self.sip_cert is not None, self.sip_key is not None]
        if any(given) and not all(given):
            raise InvalidSetting(
                "SIP over TLS needs an address, a certificate and its key: give --sip-tls, --sip-cert and --sip-key.",
                field="sip_tls",
                value=self.sip_tls,
            )

    def arguments(self) -> list[str]:
        """Give the command-line options that say the same, for a child process."""
        words: list[str] = []
        for row in settings():
            value = getattr(self, row.name)
            if value in (None, "") or (row.demo_only and not self.demo):
                continue
            if row.name == "trunk_ports":
                value = f"{value[0]}-{value[1]}"
            for one in value if row.many else (value,):
                words += [row.option, str(one)]
        return words

    def _check_ports(self) -> None:
        low, high = self.trunk_ports
        first, last = self.media_port, self.media_port + 2 * self.workers - 1
        if not _FIRST_PORT <= low < high < 1 << 16:
            raise InvalidSetting(
                f"The trunk ports {low}-{high} cannot be used: write a range such as 20000-29999.",
                field="trunk_ports",
                value=f"{low}-{high}",
            )
        if low <= last and first <= high:
            raise InvalidSetting(
                f"The trunk ports {low}-{high} overlap the workers' ports {first}-{last}: move one of them.",
                field="trunk_ports",
                value=f"{low}-{high}",
            )


def settings() -> Iterator[Setting]:
    """Describe every setting that has an option, in the order of declaration."""
    for row in fields(ServeSettings):
        meta = row.metadata
        if meta:
            yield Setting(name=row.name, default=row.default, **meta)


def markdown_table() -> str:
    """Give the README's table of settings."""
    rows = [f"|`{row.option}`|{f'`{row.shown}`' if row.shown else ''}|{row.unit}|{row.help}|" for row in settings()]
    return "\n".join(["|option|default|unit|what|", "|---|---|---|---|", *rows]) + "\n"


def host_and_port(text: str, *, option: str) -> tuple[str, int]:
    """Split HOST:PORT or [IPv6]:PORT; port 0 lets the system choose. Raise InvalidSetting naming the option else."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) >= 1 << 16:
        raise InvalidSetting(
            f"{option} {text!r} cannot be read: write HOST:PORT, such as 127.0.0.1:8080.",
            field=option,
            value=text,
        )
    return host, int(port)


def read_port_range(text: str) -> tuple[int, int]:
    """Read A-B as two ports; raise InvalidSetting else."""
    low, _, high = text.partition("-")
    if not (low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
        raise InvalidSetting(
            f"The ports {text!r} cannot be read: write a range such as 20000-29999.", field="trunk_ports", value=text
        )
    return int(low), int(high)
