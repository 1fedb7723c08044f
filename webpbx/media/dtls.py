"""DTLS-SRTP, passive side (RFC 5764), over datagrams handed in and out."""

import datetime as dt
import hmac
from collections.abc import Callable, Sequence
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from webpbx.media.srtp import PROFILES, SrtpContext

CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
DIGESTS: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
MTU = 1200
RECORD_HEADER = 13
LIFETIME_DAYS = 365


class DtlsIdentity:
    """The worker's certificate, made at its start and never stored, and the context every handshake uses."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webpbx")])
        now = dt.datetime.now(tz=dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=LIFETIME_DAYS))
            .sign(key, hashes.SHA256())
        )
        context = SSL.Context(SSL.DTLS_SERVER_METHOD)
        context.set_options(SSL.OP_NO_TICKET)
        # The chain means nothing here: the certificate is held against the offer's fingerprint instead.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(CIPHERS)
        context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))
        self.context = context
        self.fingerprint = f"sha-256 {_digest(certificate, 'sha-256')}"


class DtlsState(Enum):
    """Where a handshake stands."""

    HANDSHAKE = "handshake"
    ESTABLISHED = "established"
    REFUSED = "refused"
    CLOSED = "closed"


class DtlsServer:
    """One handshake: `receive` takes datagrams, `send` gives them; SRTP contexts exist once it is established."""

    def __init__(
        self, identity: DtlsIdentity, *, fingerprints: Sequence[tuple[str, str]], send: Callable[[bytes], None]
    ) -> None:
        self.state = DtlsState.HANDSHAKE
        self.refusal = ""
        self.inbound: SrtpContext | None = None
        self.outbound: SrtpContext | None = None
        self._identity = identity
        self._fingerprints = fingerprints
        self._send = send
        self._connection = self._fresh()

    def receive(self, datagram: bytes) -> None:
        """Take a datagram from a validated source; garbage changes nothing."""
        if self.state in (DtlsState.REFUSED, DtlsState.CLOSED):
            return
        connection = self._connection
        try:
            connection.bio_write(datagram)
            if self.state is DtlsState.HANDSHAKE:
                self._handshake()
            else:
                self._read()
        except SSL.Error:
            if self.state is DtlsState.HANDSHAKE:
                # A forged or broken message must not spoil the leg: wait for the next ClientHello instead.
                self._flush()
                self._connection = self._fresh()
                return
        self._flush()

    def timeout(self) -> float | None:
        """Return the seconds until a flight is due again, None when none is on its way."""
        if self.state is not DtlsState.HANDSHAKE:
            return None
        return self._connection.DTLSv1_get_timeout()

    def retransmit(self) -> None:
        """Send the last flight again if its time has come."""
        if self.state is not DtlsState.HANDSHAKE:
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._connection = self._fresh()
        self._flush()

    def close(self) -> None:
        """Say close_notify, if there is anyone to hear it."""
        if self.state is DtlsState.ESTABLISHED:
            try:
                self._connection.shutdown()
            except SSL.Error:
                pass
            else:
                self._flush()
        self.state = DtlsState.CLOSED

    def _fresh(self) -> SSL.Connection:
        connection = SSL.Connection(self._identity.context)
        connection.set_ciphertext_mtu(MTU)
        connection.set_accept_state()
        return connection

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        if not self._peer_is_right():
            self._refuse("fingerprint_mismatch")
            return
        chosen = self._connection.get_selected_srtp_profile()
        profile = next((profile for profile in PROFILES if profile.name == chosen), None)
        if profile is None:
            self._refuse("no_srtp_profile")
            return
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", profile.material)
        self.inbound = SrtpContext(profile, profile.master(material, server=False), outbound=False)
        self.outbound = SrtpContext(profile, profile.master(material, server=True), outbound=True)
        self.state = DtlsState.ESTABLISHED

    def _read(self) -> None:
        try:
            self._connection.recv(MTU)
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
        except SSL.WantReadError:
            pass

    def _refuse(self, reason: str) -> None:
        self.state = DtlsState.REFUSED
        self.refusal = reason

    def _peer_is_right(self) -> bool:
        """Hold the peer's certificate against every fingerprint of the offer whose digest is known (RFC 8122 §5)."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return False
        known = [(name, value) for name, value in self._fingerprints if name in DIGESTS]
        return bool(known) and all(
            hmac.compare_digest(_digest(certificate, name).encode(), value.encode()) for name, value in known
        )

    def _flush(self) -> None:
        try:
            data = self._connection.bio_read(65536)
        except SSL.Error:
            return
        for datagram in split_records(data):
            self._send(datagram)


def split_records(data: bytes) -> list[bytes]:
    """Cut what OpenSSL wrote into datagrams of whole records, each at most the MTU where the records allow it."""
    datagrams: list[bytes] = []
    start = at = 0
    while at + RECORD_HEADER <= len(data):
        end = at + RECORD_HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
        if end - start > MTU and at > start:
            datagrams.append(data[start:at])
            start = at
        at = end
    datagrams.append(data[start:])
    return [datagram for datagram in datagrams if datagram]


def _digest(certificate: x509.Certificate, name: str) -> str:
    return certificate.fingerprint(DIGESTS[name]()).hex(":").upper()
