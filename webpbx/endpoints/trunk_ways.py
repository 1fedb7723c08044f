"""How a trunk's settings become ways of the SIP stack."""

from webpbx.model.trunk import Trunk, split_address
from webpbx.sip.transport import Way


def ways(trunk: Trunk) -> tuple[Way, ...]:
    """Give the ways to the provider's proxies, in order of trial."""
    return tuple(_way(trunk, proxy) for proxy in trunk.proxies)


def _way(trunk: Trunk, proxy: str) -> Way:
    host, port = split_address(proxy)
    if trunk.transport != "tls":
        return Way(host, port, trunk.transport.upper(), tcp_if_large=trunk.transport == "udp")
    return Way(host, port, "TLS", name=trunk.tls_name or trunk.domain, authorities=trunk.tls_authorities)
