"""TLS for SIP: at least 1.2, and a certificate that names whom we mean (RFC 3261 §26.3.1, RFC 5922)."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webpbx.sip.grammar import ParseError
from webpbx.sip.transport import Way
from webpbx.sip.uri import SipUri, parse_uri


@dataclass(frozen=True, slots=True)
class Certificate:
    """Name our certificate chain and its key, both PEM files; what the server side of TLS shows."""

    chain: Path
    key: Path


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Make the context of connections that come in; raise OSError or ssl.SSLError when the files are not good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


def client_context(authorities: str) -> ssl.SSLContext:
    """Make the context of connections of ours; "" trusts the system's authorities. `names` judges the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # RFC 5922 §7.2 compares otherwise: URIs come first, wildcards match nothing
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities:
        context.load_verify_locations(cadata=authorities)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def names(certificate: dict[str, Any] | None) -> list[str]:
    """Return whom a certificate names, lowered: its SIP URIs, else its DNS names and addresses (RFC 5922 §7.1)."""
    alternatives = (certificate or {}).get("subjectAltName", ())
    domains = [_domain(value) for kind, value in alternatives if kind == "URI"]
    if not any(domains):
        domains = [value.lower() for kind, value in alternatives if kind in {"DNS", "IP Address"}]
    if not alternatives:
        subject = (certificate or {}).get("subject", ())
        domains = [value.lower() for part in subject for kind, value in part if kind == "commonName"]
    return [domain for domain in domains if domain]


def _domain(text: str) -> str:
    """Return the host of a SIP URI that names a domain; one with a user names a person."""
    try:
        uri = parse_uri(text)
    except ParseError:
        return ""
    return uri.host.lower() if isinstance(uri, SipUri) and not uri.user else ""


class Authorities:
    """Remember what each identity asks for: the name, and whose word is taken for it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    def remember(self, way: Way) -> None:
        """Take a way's authorities; identities without any of their own trust the system's."""
        if way.authorities:
            self._known[way.identity] = way.authorities

    def context(self, identity: str) -> ssl.SSLContext:
        """Return the context for an identity; raise ssl.SSLError when its authorities are no PEM or not known."""
        if identity not in self._contexts:
            if "#" in identity and identity not in self._known:
                raise ssl.SSLError("the authorities of this name are not known")
            self._contexts[identity] = client_context(self._known.get(identity, ""))
        return self._contexts[identity]


def name_of(identity: str) -> str:
    """Return the name an identity must prove."""
    return identity.partition("#")[0]
