import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

from webpbx.web.errors import OriginRefused


class Origins:
    """Tells our own page from other sites' pages by the Origin header; a missing one is refused too.

    Over HTTPS the page's origin is the address it was asked under: the certificate vouches for that name. Over plain
    HTTP a foreign name may be made to point at this machine, so only the loopback names count.
    """

    def __init__(self, *, tls: bool, listed: Collection[str] = ()) -> None:
        self._tls = tls
        self._listed = frozenset(listed)

    def check(self, request: web.Request) -> None:
        """Raise OriginRefused unless the request was made by our own page."""
        origins = request.headers.getall("Origin", [])
        if len(origins) != 1:
            raise OriginRefused("The request does not say which page made it. Use the page of this telephone system.")
        origin = origins[0]
        if origin in self._listed or self._is_own(origin, request):
            return
        raise OriginRefused(
            f"The page at {origin[:100]!r} may not use this telephone system. Open it at its own address.",
            origin=origin[:100],
        )

    def _is_own(self, origin: str, request: web.Request) -> bool:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or origin != f"{'https' if self._tls else 'http'}://{hosts[0]}":
            return False
        return self._tls or is_loopback_name(hosts[0])


def is_loopback_name(host: str) -> bool:
    """Tell whether `host` (with or without a port) can only mean the machine itself."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback_peer(request: web.Request) -> bool:
    """Tell whether a program on this machine asks, for itself and not on behalf of somebody behind a proxy."""
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def address_key(request: web.Request) -> str:
    """Give what counts as one address in rate limits: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
