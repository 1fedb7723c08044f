"""DTLS-SRTP for one call (RFC 5764) on pyOpenSSL, and its two SRTP sessions."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from aiortc.rtcdtlstransport import RTCCertificate, certificate_digest
from OpenSSL import SSL
from pylibsrtp import Policy, Session

LONGEST_DATAGRAM = 1200
RECORD_HEADER = 13


@dataclass(frozen=True)
class Profile:
    """An SRTP protection profile: names and key lengths in bytes."""

    openssl: bytes
    libsrtp: int
    key: int
    salt: int


PROFILES = (
    Profile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
)


class DtlsError(Exception):
    """The handshake failed, or the peer is not whom its SDP names."""


class Dtls:
    """One end of a handshake; datagrams in by `receive`, out by `outgoing`, keys by `srtp` once done."""

    def __init__(self, certificate: RTCCertificate, *, active: bool, fingerprint: str) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate._cert)
        context.use_privatekey(certificate._key)
        context.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
        context.set_tlsext_use_srtp(b":".join(profile.openssl for profile in PROFILES))
        self._connection = SSL.Connection(context)
        self._connection.set_ciphertext_mtu(LONGEST_DATAGRAM)
        self._active = active
        self._fingerprint = fingerprint
        self.done = False
        if active:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    def receive(self, datagram: bytes) -> None:
        """Take a datagram of the peer; raise DtlsError when there is no going on."""
        self._connection.bio_write(datagram)
        if self.done:
            try:
                self._connection.recv(1)
            except (SSL.WantReadError, SSL.ZeroReturnError, SSL.Error):
                return
        else:
            self.go_on()

    def go_on(self) -> None:
        """Begin or continue the handshake, and repeat what may be lost."""
        try:
            self._connection.DTLSv1_handle_timeout()
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise DtlsError(f"DTLS handshake failed: {error}") from error
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or not hmac.compare_digest(
            certificate_digest(certificate, "sha-256").upper(), self._fingerprint.upper()
        ):
            raise DtlsError("the certificate does not match a=fingerprint")
        self.done = True

    def outgoing(self) -> Iterator[bytes]:
        """Yield datagrams to send, each of whole records."""
        try:
            data = self._connection.bio_read(65536)
        except SSL.WantReadError:
            return
        start = end = 0
        while end < len(data):
            length = RECORD_HEADER + int.from_bytes(data[end + 11 : end + 13], "big")
            if end > start and end + length - start > LONGEST_DATAGRAM:
                yield data[start:end]
                start = end
            end += length
        yield data[start:end]

    def srtp(self) -> tuple[Session, Session]:
        """Return the sessions that protect our packets and unprotect theirs."""
        selected = self._connection.get_selected_srtp_profile()
        profile = next((profile for profile in PROFILES if profile.openssl == selected), None)
        if profile is None:
            raise DtlsError("no SRTP profile was agreed")
        size = 2 * (profile.key + profile.salt)
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        keys = [
            material[i * profile.key : (i + 1) * profile.key]
            + material[2 * profile.key + i * profile.salt : 2 * profile.key + (i + 1) * profile.salt]
            for i in (0, 1)
        ]
        ours, theirs = (keys[0], keys[1]) if self._active else (keys[1], keys[0])
        sending = Policy(key=ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.libsrtp)
        receiving = Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile.libsrtp)
        receiving.window_size = 1024
        return Session(policy=sending), Session(policy=receiving)

    def close(self) -> None:
        """Queue a close_notify, to be sent by `outgoing`."""
        if self.done:
            self._connection.shutdown()
