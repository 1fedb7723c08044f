"""Look before the leap: what would keep a process from starting is said as a plain sentence."""

import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from webpbx.errors import WebpbxError


class PortUnavailableError(WebpbxError):
    """A port cannot be listened on."""

    error_id = "port_unavailable"


class BadTlsFileError(WebpbxError):
    """The certificate or key cannot be used."""

    error_id = "bad_tls_file"


@dataclass(frozen=True)
class Port:
    """A port a process is going to listen on."""

    kind: socket.SocketKind
    host: str
    number: int
    option: str

    def check(self) -> None:
        """Raise PortUnavailableError when it cannot be had."""
        what = "TCP" if self.kind is socket.SOCK_STREAM else "UDP"
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.number, type=self.kind, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            reason, advice = {
                errno.EADDRINUSE: ("is in use by another program", "End that program, or choose another port"),
                errno.EACCES: ("is reserved for the system's administrator", "Choose a port above 1023"),
                errno.EADDRNOTAVAIL: ("is not at an address of this machine", "Give one of its own addresses"),
            }.get(error.errno or 0, (f"cannot be used: {error.strerror}", "Choose another"))
            raise PortUnavailableError(
                f"{what} port {self.number} at {self.host} {reason}. {advice} with {self.option}.",
                host=self.host,
                port=self.number,
                option=self.option,
            ) from error


def check_ports(ports: Iterable[Port]) -> None:
    """Raise PortUnavailableError for the first that cannot be had."""
    for port in ports:
        port.check()


def check_tls(certificate: Path | None, key: Path | None, *, options: str = "--tls", use: str = "HTTPS") -> None:
    """Raise BadTlsFileError unless both files are readable PEM and belong together."""
    if certificate is None or key is None:
        return
    for path, option in ((certificate, f"{options}-cert"), (key, f"{options}-key")):
        try:
            path.read_bytes()
        except OSError as error:
            raise BadTlsFileError(
                f"The file {path} cannot be read: {error.strerror}. Give a PEM file with {option}.", path=str(path)
            ) from error
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        why = (
            "the key does not belong to the certificate"
            if error.reason == "KEY_VALUES_MISMATCH"
            else "one of them is not an unencrypted PEM file"
        )
        raise BadTlsFileError(
            f"{use} cannot use {certificate} and {key}: {why}. "
            f"Give a matching pair with {options}-cert and {options}-key.",
            certificate=str(certificate),
            key=str(key),
        ) from error


def own_addresses() -> tuple[str, ...]:
    """Return the address this machine uses towards others, if it has one, and loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737): nothing is sent
        except OSError:
            return ("127.0.0.1",)
        outward = str(probe.getsockname()[0])
    return tuple(dict.fromkeys((outward, "127.0.0.1")))
