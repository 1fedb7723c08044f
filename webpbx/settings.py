"""What `webpbx serve` and `webpbx demo` can be told, declared once: name, default, help."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from webpbx.errors import WebpbxError

UNPRIVILEGED_PORTS = range(1024, 65536)


class BadSettingError(WebpbxError):
    """A setting has a value that cannot work."""

    error_id = "bad_setting"


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """The options of `serve` and `demo`; the help of each stands in the README table and in `--help`."""

    data: Path = field(default=Path(".data"), metadata={"help": "Folder for the database, keys, sounds and sockets."})
    http: str = field(default="127.0.0.1:8080", metadata={"help": "HOST:PORT of the pages; loopback needs no TLS."})
    tls_cert: Path | None = field(default=None, metadata={"help": "PEM file with the certificate chain for HTTPS."})
    tls_key: Path | None = field(default=None, metadata={"help": "PEM file with the private key for HTTPS."})
    sip: str = field(default="127.0.0.1:5060", metadata={"help": "HOST:PORT for SIP trunks (UDP)."})
    media_addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Address browsers send sound to, repeatable; the machine's own and loopback when not given.",
            "option": "--media-address",
        },
    )
    media_port: int = field(
        default=40000, metadata={"help": "First UDP port for browsers' sound; each worker takes two, one in use."}
    )
    trunk_ports: tuple[int, int] = field(
        default=(20000, 29999), metadata={"help": "FIRST-LAST: UDP ports for the trunks' sound."}
    )
    workers: int = field(default=1, metadata={"help": "Media workers; one per processor core is right."})
    outside_sip: str = field(
        default="127.0.0.1:5070", metadata={"help": "HOST:PORT of the demo's telephone company (`demo` only)."}
    )
    drain_seconds: int = field(
        default=300, metadata={"help": "How long running calls may go on when the program is told to stop."}
    )

    def __post_init__(self) -> None:
        host_and_port(self.http, option="--http")
        host_and_port(self.sip, option="--sip")
        host_and_port(self.outside_sip, option="--outside-sip")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadSettingError("--tls-cert and --tls-key belong together: give both or neither.")
        if self.workers < 1:
            raise BadSettingError(f"--workers {self.workers} is too few: at least one is needed.", workers=self.workers)
        first, last = self.trunk_ports
        if first not in UNPRIVILEGED_PORTS or last not in UNPRIVILEGED_PORTS or first >= last:
            raise BadSettingError(
                f"--trunk-ports {first}-{last} is no range: give FIRST-LAST within 1024-65535.",
                trunk_ports=(first, last),
            )
        if any(port not in UNPRIVILEGED_PORTS for port in (self.media_port, self.media_port + 2 * self.workers - 1)):
            raise BadSettingError(
                f"--media-port {self.media_port} leaves no room for {self.workers} workers below 65536."
            )


def host_and_port(text: str, *, option: str) -> tuple[str, int]:
    """Split `HOST:PORT`, `[v6]:PORT`; raise BadSettingError naming the option."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise BadSettingError(f"{option} {text} is not HOST:PORT, as in 127.0.0.1:8080.", option=option, value=text)
    return host, int(port)


def own_addresses() -> tuple[str, ...]:
    """Return the address this machine uses towards others, if it has one, and loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737): nothing is sent
        except OSError:
            return ("127.0.0.1",)
        outward = str(probe.getsockname()[0])
    return tuple(dict.fromkeys((outward, "127.0.0.1")))
