import ipaddress
import re
from dataclasses import dataclass, field

from webpbx.model.checks import (
    InvalidSetting,
    check_choice,
    check_country,
    check_e164,
    check_id,
    check_range,
    check_secret,
    check_text,
)

MODES = ("register", "address")
CODECS = ("PCMA", "PCMU")
DTMF = ("rfc4733", "info", "inband")
NUMBER_FORMATS = ("e164", "international", "national")
SIP_PORT = 5060
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Trunk:
    """A provider's line: we register there, or both know each other by address."""

    id: str
    tenant_id: str
    name: str
    mode: str = "register"
    proxies: tuple[str, ...] = ()
    """host or host:port in order of trial; an IPv6 address in brackets."""
    addresses: tuple[str, ...] = ()
    """IP addresses, networks (CIDR) or host names whose calls are the provider's."""
    username: str = ""
    auth_username: str = ""
    """Empty: the same as username."""
    secret: str = field(default="", repr=False)
    domain: str = ""
    """Empty: the first proxy's host."""
    realm: str = ""
    """Empty: learnt from the provider's first challenge, then kept."""
    codecs: tuple[str, ...] = CODECS
    dtmf: str = "rfc4733"
    number_format: str = "e164"
    country: str = "DE"
    """Where the provider's national numbers belong."""
    caller_id_default: str = ""
    """E.164; shown to the called party when the user has no number of their own."""
    max_calls: int = 30
    qualify_interval: int = 30
    """Seconds between OPTIONS; 0: never ask."""
    register_expires: int = 300
    """Seconds."""
    enabled: bool = True

    def __post_init__(self) -> None:
        check_id("trunk id", self.id)
        check_id("company id", self.tenant_id)
        check_text("trunk name", self.name)
        check_choice("trunk mode", self.mode, MODES)
        check_choice("DTMF way", self.dtmf, DTMF)
        check_choice("number format", self.number_format, NUMBER_FORMATS)
        check_country("country", self.country)
        check_range("number of calls at once", self.max_calls, 1, 10_000)
        check_range("qualify interval", self.qualify_interval, 0, 3_600, unit="seconds")
        check_range("registration time", self.register_expires, 60, 86_400, unit="seconds")
        check_secret("secret", self.secret)
        for word in ("username", "auth_username", "domain", "realm"):
            check_text(word, getattr(self, word), longest=255, empty=True)
        if self.caller_id_default:
            check_e164("default caller number", self.caller_id_default)
        if self.domain and not _NAME.fullmatch(self.domain):
            raise InvalidSetting(
                f"The domain {self.domain!r} is no host name: write it like sip.example.com.",
                field="domain",
                value=self.domain,
            )
        self._check_codecs()
        self._check_addresses()
        self._check_mode()

    def _check_codecs(self) -> None:
        for codec in self.codecs:
            check_choice("codec", codec, CODECS)
        if not self.codecs or len(set(self.codecs)) != len(self.codecs):
            raise InvalidSetting(
                f"The codecs {', '.join(self.codecs)!r} cannot be used: name each once, at least one of PCMA, PCMU.",
                field="codecs",
                value=self.codecs,
            )

    def _check_addresses(self) -> None:
        for proxy in self.proxies:
            split_address(proxy)
        for address in self.addresses:
            if network_of(address) is None and not _is_name(address):
                raise InvalidSetting(
                    f"The address {address!r} cannot be read: write an IP address, a network such as 203.0.113.0/28, "
                    "or a host name.",
                    field="addresses",
                    value=address,
                )

    def _check_mode(self) -> None:
        if not self.proxies:
            raise InvalidSetting(
                f"The trunk {self.id!r} has no proxy: name the provider's host, such as sip.example.com:5060.",
                field="proxies",
                value=self.proxies,
            )
        if self.mode == "register" and not (self.username and self.secret):
            raise InvalidSetting(
                f"The trunk {self.id!r} registers, so it needs a user name and a secret: give both.",
                field="username",
                value=self.username,
            )
        if self.mode == "address" and not self.addresses:
            raise InvalidSetting(
                f"The trunk {self.id!r} is known by address, so it needs one: give the provider's IP address.",
                field="addresses",
                value=self.addresses,
            )

    @property
    def host(self) -> str:
        """Give the host part of the trunk's own SIP addresses."""
        return self.domain or split_address(self.proxies[0])[0]

    @property
    def proxy_addresses(self) -> tuple[tuple[str, int], ...]:
        """Give the proxies as (host, port), in order."""
        return tuple(split_address(proxy) for proxy in self.proxies)


def split_address(text: str) -> tuple[str, int]:
    """Split host, host:port or [IPv6]:port; the port is 5060 if none is given. Raise InvalidSetting else."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        readable = _is_ip(host) and (not rest or rest.startswith(":"))
    else:
        host, colon, port = text.partition(":")
        readable = _is_name(host) and bool(port or not colon)
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len("65535") else 0
    if not port:
        number = SIP_PORT
    if not readable or not 0 < number < 1 << 16:
        raise InvalidSetting(
            f"The address {text!r} cannot be read: write host or host:port, such as sip.example.com:5060.",
            field="proxies",
            value=text,
        )
    return host, number


def network_of(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Read an IP address or CIDR as a network; None if it is a name."""
    try:
        return ipaddress.ip_network(address, strict=False)
    except ValueError:
        return None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """Tell whether `text` is a host name or IPv4 address; 300.1.1.1 is neither."""
    if re.fullmatch(r"[0-9.]+", text):
        return _is_ip(text)
    return _NAME.fullmatch(text) is not None and ".." not in text
