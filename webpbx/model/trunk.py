import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from typing import Literal, get_args

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
TRANSPORTS = ("udp", "tcp", "tls")
CODECS = ("PCMA", "PCMU", "G722", "opus")
USUAL_CODECS = ("PCMA", "PCMU")
"""What every provider speaks."""
SRTP = ("none", "offer", "require")
DTMF = ("rfc4733", "info", "inband")
CallerIdWay = Literal["from", "pai", "rpid"]
CALLER_ID_WAYS: tuple[CallerIdWay, ...] = get_args(CallerIdWay)
NUMBER_FORMATS = ("e164", "international", "national")
_PEM_LIMIT = 32 * 1024  # characters
_WIDEST = {4: 16, 6: 32}  # the prefix length of the largest network that may be one provider's, by IP version
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Trunk:
    """A provider's line: we register there, or both know each other by address."""

    id: str
    tenant_id: str
    name: str
    mode: str = "register"
    proxies: tuple[str, ...] = ()
    """host or host:port in order of trial; an IPv6 address in brackets. Without a port, the transport's own."""
    transport: str = "udp"
    tls_name: str = ""
    """Whom the provider's certificate must name (RFC 5922). Empty: the domain, without one the proxy's host."""
    tls_authorities: str = ""
    """PEM of the authorities believed instead of the system's. Empty: the system's."""
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
    codecs: tuple[str, ...] = USUAL_CODECS
    srtp: str = "none"
    """Whether sound is encrypted, with keys in the signalling (RFC 4568): only over TLS."""
    dtmf: str = "rfc4733"
    number_format: str = "e164"
    country: str = "DE"
    """Where the provider's national numbers belong."""
    caller_id_default: str = ""
    """E.164; shown to the called party when the user has no number of their own."""
    caller_id_way: CallerIdWay = "from"
    """Which header says our number: From, P-Asserted-Identity or Remote-Party-ID beside it."""
    hide_caller_id: bool = False
    """Ask the provider to show nobody our number; emergency calls show it all the same."""
    trust_caller_id: bool = False
    """Believe what the provider asserts of a caller beyond From (RFC 3325): it must be one that checks."""
    max_calls: int = 30
    ring_limit: int = 180
    """Seconds that an outside number rings before we give up."""
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
        check_choice("transport", self.transport, TRANSPORTS)
        check_choice("encryption of sound", self.srtp, SRTP)
        check_choice("DTMF way", self.dtmf, DTMF)
        check_choice("way of the caller number", self.caller_id_way, CALLER_ID_WAYS)
        check_choice("number format", self.number_format, NUMBER_FORMATS)
        check_country("country", self.country)
        check_range("number of calls at once", self.max_calls, 1, 10_000)
        check_range("ring limit", self.ring_limit, 10, 180, unit="seconds")
        check_range("qualify interval", self.qualify_interval, 0, 3_600, unit="seconds")
        check_range("registration time", self.register_expires, 60, 86_400, unit="seconds")
        check_secret("secret", self.secret)
        for word in ("username", "auth_username", "domain", "realm"):
            check_text(word, getattr(self, word), longest=255, empty=True)
        if self.caller_id_default:
            check_e164("default caller number", self.caller_id_default)
        for word in ("domain", "tls_name"):
            name = getattr(self, word)
            if name and not _NAME.fullmatch(name):
                raise InvalidSetting(
                    f"The {word.replace('_', ' ')} {name!r} is no host name: write it like sip.example.com.",
                    field=word,
                    value=name,
                )
        self._check_tls()
        self._check_codecs()
        self._check_addresses()
        self._check_mode()

    def _check_tls(self) -> None:
        if self.transport != "tls":
            for word in ("tls_name", "tls_authorities"):
                if getattr(self, word):
                    raise InvalidSetting(
                        f"The setting {word} is for transport tls, and this trunk uses {self.transport}: "
                        "leave it empty, or choose tls.",
                        field=word,
                        value=getattr(self, word)[:40],
                    )
            if self.srtp != "none":
                raise InvalidSetting(
                    f"Sound can be encrypted only where signalling is, and this trunk uses {self.transport}: "
                    "choose transport tls, or srtp none.",
                    field="srtp",
                    value=self.srtp,
                )
        if self.tls_authorities and not _are_authorities(self.tls_authorities):
            raise InvalidSetting(
                "The authorities of the certificate cannot be read: paste them as PEM, "
                "from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
                field="tls_authorities",
                value=self.tls_authorities[:40],
            )

    def _check_codecs(self) -> None:
        for codec in self.codecs:
            check_choice("codec", codec, CODECS)
        if not self.codecs or len(set(self.codecs)) != len(self.codecs):
            raise InvalidSetting(
                f"The codecs {', '.join(self.codecs)!r} cannot be used: "
                f"name each once, at least one of {', '.join(CODECS)}.",
                field="codecs",
                value=self.codecs,
            )

    def _check_addresses(self) -> None:
        for proxy in self.proxies:
            split_address(proxy)
        for address in self.addresses:
            network = network_of(address)
            if network is not None and network.prefixlen < _WIDEST[network.version]:
                raise InvalidSetting(
                    f"The network {address!r} is too wide: whoever calls from there is taken for the provider. "
                    f"Give the provider's own addresses, /{_WIDEST[network.version]} at the widest.",
                    field="addresses",
                    value=address,
                )
            if network is None and not _is_name(address):
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
        """Give the proxies as (host, port), in order; port 0 is the transport's own."""
        return tuple(split_address(proxy) for proxy in self.proxies)


def split_address(text: str) -> tuple[str, int]:
    """Split host, host:port or [IPv6]:port; the port is 0 if none is given. Raise InvalidSetting else."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        readable = _is_ip(host) and (not rest or rest.startswith(":"))
    else:
        host, colon, port = text.partition(":")
        readable = _is_name(host) and bool(port or not colon)
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len("65535") else 0
    if not readable or (port and not 0 < number < 1 << 16):
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


def _are_authorities(text: str) -> bool:
    if len(text) > _PEM_LIMIT or not text.isascii():
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return True


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
