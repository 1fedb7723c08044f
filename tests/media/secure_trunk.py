"""A provider whose sound is SRTP with keys in the SDP, by pylibsrtp's public methods."""

import base64
import os
import re

from pylibsrtp import Error, Policy, Session

from tests.media.peers import Trunk

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
}


class SecureTrunk(Trunk):
    """A Trunk that encrypts; `refused` counts what it could not decrypt."""

    def __init__(self, codec: str, hertz: float, *, suite: str = "AES_CM_128_HMAC_SHA1_80") -> None:
        super().__init__(codec, hertz)
        self.suite = suite
        self.refused = 0
        self.sent: list[bytes] = []
        self._inbound: Session | None = None
        self.renew()

    def renew(self) -> None:
        """Take another key for what is sent."""
        profile, size = SUITES[self.suite]
        self.key = os.urandom(size)
        policy = Policy(key=self.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        self._outbound = Session(policy)

    def crypto(self, tag: int = 1) -> str:
        """Write the a=crypto line."""
        return f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key).decode()}|2^31\r\n"

    def sdp(
        self, *, direction: str = "sendrecv", version: int = 1, port: int | None = None, protocol: str = "RTP/SAVP"
    ) -> str:
        """Write the description with the key."""
        plain = super().sdp(direction=direction, version=version, port=port)
        return plain.replace("RTP/AVP", protocol) + self.crypto()

    def trust(self, sdp: str) -> None:
        """Take the far end's key."""
        match = re.search(rf"a=crypto:\d+ {self.suite} inline:(\S+)", sdp)
        assert match is not None
        profile, _ = SUITES[self.suite]
        key = base64.b64decode(match[1])
        self._inbound = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._inbound is None:
            return
        try:
            super().datagram_received(self._inbound.unprotect(data), addr)
        except Error:
            self.refused += 1

    def transmit(self, packet: bytes) -> None:
        """Encrypt and send."""
        protected = self._outbound.protect(packet)
        self.sent.append(protected)
        super().transmit(protected)

    def replay(self, packet: bytes) -> None:
        """Send bytes as they are."""
        super().transmit(packet)

    def opens_report(self, data: bytes) -> bool:
        """Tell whether RTCP from the far end is under its key."""
        assert self._inbound is not None
        try:
            return self._inbound.unprotect_rtcp(data) != data
        except Error:
            return False
