"""SRTP in place, by the binding below pylibsrtp's public methods: half their cost (they copy each packet twice).

This file is the whole seam to libsrtp.
"""

from dataclasses import dataclass
from typing import Any

from pylibsrtp import Policy
from pylibsrtp._binding import ffi, lib

from webpbx.media.packet import PacketBuffer

WINDOW = 1024  # packets a late one may be behind
OK = lib.srtp_err_status_ok
srtp_protect, srtp_unprotect = lib.srtp_protect, lib.srtp_unprotect


@dataclass(frozen=True, slots=True)
class Profile:
    """A DTLS-SRTP protection profile (RFC 5764, RFC 7714): OpenSSL's name, libsrtp's number, sizes in bytes.

    `tag` and `rtcp_tag` are what follows an MKI in a packet.
    """

    name: bytes
    number: int
    key: int
    salt: int
    tag: int = 0
    rtcp_tag: int = 0

    def master(self, material: bytes, *, server: bool) -> bytes:
        """Cut one side's master key and salt out of the exported keying material (RFC 5764 §4.2)."""
        index = int(server)
        salts = 2 * self.key
        return (
            material[index * self.key : (index + 1) * self.key]
            + material[salts + index * self.salt : salts + (index + 1) * self.salt]
        )

    @property
    def material(self) -> int:
        """Tell how many bytes of keying material to export."""
        return 2 * (self.key + self.salt)


AES_256_GCM = Profile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12)
AES_128_GCM = Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12)
AES_CM_80 = Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14, 10, 10)
AES_CM_32 = Profile(b"SRTP_AES128_CM_SHA1_32", Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 16, 14, 4, 10)
PROFILES = (AES_256_GCM, AES_128_GCM, AES_CM_80)  # for DTLS


class SrtpContext:
    """Protects or unprotects one direction's packets within their buffer."""

    __slots__ = ("_context", "_handle", "_length")

    def __init__(self, profile: Profile, master: bytes, *, outbound: bool) -> None:
        ssrc_type = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
        policy = Policy(key=master, ssrc_type=ssrc_type, srtp_profile=profile.number)
        policy.window_size = WINDOW
        policy.allow_repeat_tx = False  # one sequence number, one nonce
        handle = ffi.new("srtp_t *")
        if lib.srtp_create(handle, policy._policy) != OK:  # noqa: SLF001 - the seam
            raise RuntimeError("libsrtp refused the negotiated keys.")
        self._handle = ffi.gc(handle, _deallocate)
        self._context = handle[0]
        self._length = ffi.new("int *")

    def protect(self, packet: PacketBuffer, start: int, end: int) -> int:
        """Protect the RTP packet in place; return its new end, or -1 when its sequence number may not be sent."""
        length = self._length
        length[0] = end - start
        if srtp_protect(self._context, packet.data + start, length) != OK:
            return -1
        return start + int(length[0])

    def unprotect(self, packet: PacketBuffer, end: int) -> int:
        """Verify and decrypt the RTP packet at the buffer's start; return its new end, or -1 (forged or replayed)."""
        length = self._length
        length[0] = end
        if srtp_unprotect(self._context, packet.data, length) != OK:
            return -1
        return int(length[0])

    def protect_rtcp(self, packet: PacketBuffer, end: int) -> int:
        """Protect the RTCP packet at the buffer's start; return its new end, or -1."""
        length = self._length
        length[0] = end
        if lib.srtp_protect_rtcp(self._context, packet.data, length) != OK:
            return -1
        return int(length[0])

    def unprotect_rtcp(self, packet: PacketBuffer, end: int) -> int:
        """Verify and decrypt the RTCP packet at the buffer's start; return its new end, or -1."""
        length = self._length
        length[0] = end
        if lib.srtp_unprotect_rtcp(self._context, packet.data, length) != OK:
            return -1
        return int(length[0])


def _deallocate(handle: Any) -> None:
    lib.srtp_dealloc(handle[0])
