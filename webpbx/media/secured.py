"""A leg's packets under SDES keys: both directions, and what a change of keys means for them."""

import random
from collections.abc import Sequence
from typing import Final

from webpbx.media.errors import IncompatibleError
from webpbx.media.packet import PacketBuffer
from webpbx.media.rtp import HEADER_SIZE, pack_header
from webpbx.media.sdes import SUITES, Crypto
from webpbx.media.srtp import SrtpContext
from webpbx.media.stream import InStream

OFFERED: Final = ("AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
MAX_SSRCS = 32  # libsrtp keeps state for each; a telephone needs one or two

MIN_RTCP = 8
LAST_SEQ = 0xFFFF
STRIDE = 0x6000  # libsrtp follows leaps of less than half the sequence numbers
MOST_ROLLOVERS = 200  # three days of 20 ms packets; the walk there takes 4 ms of the loop

Keys = tuple[Crypto, Crypto]  # ours, theirs


class Secured:
    """Protect and unprotect one leg's RTP and RTCP.

    When the far end changes its key, its packets under the old one still pass until the first under the new one. While
    a key stays, so do its rollover counter and what it knows of replays. Under a new key some begin to count rollovers
    from zero and some go on (RFC 3711 §3.3.1): both are understood.
    """

    def __init__(self, ours: Crypto, theirs: Crypto) -> None:
        self.ours = ours
        self.theirs = theirs
        self._outbound = SrtpContext(ours.profile, ours.master, outbound=True)
        self._inbound = _Inbound(theirs)
        self._old: _Inbound | None = None
        self._rolled: _Inbound | None = None  # the new key, its rollovers counted on from the old one's
        self._ssrcs: set[bytes] = set()
        self.protect = self._outbound.protect

    def rekey(self, ours: Crypto, theirs: Crypto, *, ssrc: int = 0, index: int = 0) -> bool:
        """Take keys as agreed anew; True = our own key is another one, and our packets need a new SSRC.

        `ssrc` and `index` are the stream being received and its last sequence number, rollovers included.
        """
        if not theirs.same_key(self.theirs):
            self._old = self._inbound
            self._rolled = _rolled(theirs, ssrc, index) if index > LAST_SEQ else None
            self._inbound = _Inbound(theirs)
            self._ssrcs.clear()
        renewed = not ours.same_key(self.ours)
        if renewed:
            self._outbound = SrtpContext(ours.profile, ours.master, outbound=True)
            self.protect = self._outbound.protect
        self.ours, self.theirs = ours, theirs
        return renewed

    def unprotect(self, packet: PacketBuffer, length: int) -> int:
        """Verify and decrypt the RTP or RTCP packet at the buffer's start; return its new end, or -1."""
        view = packet.view
        rtcp = 192 <= view[1] <= 223  # noqa: PLR2004 - RFC 5761 §4
        ssrc = bytes(view[4:8] if rtcp else view[8:12])
        known = ssrc in self._ssrcs
        if not known and len(self._ssrcs) >= MAX_SSRCS:
            return -1
        if self._old is not None:
            return self._unprotect_changing(packet, length, ssrc, rtcp=rtcp)
        end = self._inbound.unprotect(packet, length, rtcp=rtcp)
        if end >= 0 and not known:
            self._ssrcs.add(ssrc)
        return end

    def _unprotect_changing(self, packet: PacketBuffer, length: int, ssrc: bytes, *, rtcp: bool) -> int:
        """Try the new key and the old one; a report does not decide, for it knows nothing of rollovers."""
        view = packet.view
        before = bytes(view[:length])
        for context in (self._inbound, self._old, self._rolled):
            if context is None:
                continue
            view[:length] = before  # GCM decrypts before it knows whether it may
            end = context.unprotect(packet, length, rtcp=rtcp)
            if end >= 0:
                if context is not self._old and not rtcp:
                    self._inbound, self._old, self._rolled = context, None, None
                    self._ssrcs.add(ssrc)
                return end
        return -1

    def protect_rtcp(self, packet: PacketBuffer, end: int) -> int:
        """Protect the RTCP packet at the buffer's start; return its new end, or -1."""
        return self._outbound.protect_rtcp(packet, end)


class _Inbound:
    """One key of theirs."""

    def __init__(self, crypto: Crypto) -> None:
        self.context = SrtpContext(crypto.profile, crypto.master, outbound=False)
        self._profile = crypto.profile
        self._mki = crypto.mki

    def unprotect(self, packet: PacketBuffer, length: int, *, rtcp: bool) -> int:
        if self._mki:
            length = self._without_mki(packet.view, length, self._profile.rtcp_tag if rtcp else self._profile.tag)
            if length < 0:
                return -1
        return self.context.unprotect_rtcp(packet, length) if rtcp else self.context.unprotect(packet, length)

    def _without_mki(self, view: memoryview, length: int, tag: int) -> int:
        """Take the key's name out of the packet (RFC 3711 §3.1), which libsrtp is not told to expect."""
        at = length - tag - len(self._mki)
        if at < MIN_RTCP or bytes(view[at : length - tag]) != self._mki:
            return -1
        view[at : at + tag] = bytes(view[length - tag : length])
        return at + tag


def _rolled(crypto: Crypto, ssrc: int, index: int) -> _Inbound:
    """Make a context that takes the packets after `index`, by showing it some from there back to the beginning."""
    inbound = _Inbound(crypto)
    outbound = SrtpContext(crypto.profile, crypto.master, outbound=True)
    packet = PacketBuffer()
    index = min(index, MOST_ROLLOVERS << 16)
    for at in range(index % STRIDE, index + 1, STRIDE):
        pack_header(packet.view, 0, 0x80, 0, at & LAST_SEQ, 0, ssrc)
        inbound.context.unprotect(packet, outbound.protect(packet, 0, HEADER_SIZE))
    return inbound


class KeyAgreement:
    """Which keys a leg and its far end have told each other; ours stay the same from description to description."""

    def __init__(self, rng: random.Random) -> None:
        self.secured: Secured | None = None
        self._last: Secured | None = None
        self._rng = rng
        self._masters: dict[str, bytes] = {}

    def offer(self) -> tuple[Crypto, ...]:
        """Give a key for each suite we offer, the one in use first."""
        used = self.secured.ours.suite if self.secured is not None else OFFERED[0]
        suites = dict.fromkeys((used, *OFFERED))
        return tuple(self._ours(suite, tag) for tag, suite in enumerate(suites, 1))

    def answered(self, cryptos: Sequence[Crypto]) -> Keys | None:
        """Choose ours and theirs after an answer to our offer; raises IncompatibleError."""
        if not cryptos:
            return None
        theirs = cryptos[0]
        ours = next((each for each in self.offer() if each.suite == theirs.suite), None)
        if ours is None:
            raise IncompatibleError(f"The far end answered with {theirs.suite}, which was not offered.")
        return ours, theirs

    def answering(self, cryptos: Sequence[Crypto]) -> Keys | None:
        """Choose ours and theirs for an answer: the keys in use if they are offered still, else the first.

        To a new key of theirs we answer with a new one of ours, so that both begin with a rollover counter of zero.
        """
        if not cryptos:
            return None
        theirs = cryptos[0]
        if self._last is not None:
            used = self._last.theirs
            same = next((each for each in cryptos if each.same_key(used)), None)
            if same is None:
                self._masters.pop(theirs.suite, None)
            theirs = same or theirs
        return self._ours(theirs.suite, theirs.tag), theirs

    def settle(self, keys: Keys | None, incoming: InStream | None = None) -> bool:
        """Use what was agreed, None = no protection; True = our packets need a new SSRC."""
        if keys is None:
            self.secured = None
            return False
        if self._last is None:
            self.secured = self._last = Secured(*keys)
            return False
        self.secured = self._last  # after plain sound too: no key may protect two packets of one index
        ssrc, index = (incoming.ssrc, incoming.highest) if incoming is not None else (0, 0)
        return self.secured.rekey(*keys, ssrc=ssrc, index=index)

    def _ours(self, suite: str, tag: int) -> Crypto:
        if suite not in self._masters:
            profile = SUITES[suite]
            self._masters[suite] = self._rng.randbytes(profile.key + profile.salt)
        return Crypto(tag, suite, self._masters[suite])
