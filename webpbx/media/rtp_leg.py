import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from webpbx.media import sdp, trunk_sdp
from webpbx.media.context import Context
from webpbx.media.errors import BadRequestError
from webpbx.media.latch import Address, Latch
from webpbx.media.leg import Leg
from webpbx.media.packet import MAX_DATAGRAM, PacketBuffer
from webpbx.media.player import PRESS_MS
from webpbx.media.rtp import EVENT, HEADER, HEADER_SIZE, Format, payload_bounds
from webpbx.media.rtp_socket import connect_only, open_pair
from webpbx.media.sdes import Crypto
from webpbx.media.secured import KeyAgreement, Keys, Secured
from webpbx.media.tone_digits import ToneListener

BATCH = 64
MIN_RTCP = 8
DIGITS = ("rfc4733", "inband", "none")


class RtpLeg(Leg):
    """A trunk's or SIP phone's audio, as plain RTP or SRTP, on a socket of its own.

    `srtp`: "none"; "offer" = protected where the far end can, else plain; "require". `digits`: how they go and come,
    "rfc4733", "inband" as tones, or "none" in the audio at all (the switch has another way).
    """

    kind = "rtp"
    likely_codec = "PCMA"

    def __init__(
        self,
        leg_id: str,
        context: Context,
        *,
        address: str,
        ports: tuple[int, int],
        codecs: Sequence[str],
        advertised: str | None = None,
        srtp: str = "none",
        digits: str = "rfc4733",
    ) -> None:
        super().__init__(leg_id, context)
        if srtp not in trunk_sdp.SRTP or digits not in DIGITS:
            raise BadRequestError(f"srtp is {', '.join(trunk_sdp.SRTP)}; digits is {', '.join(DIGITS)}.")
        self._srtp = srtp
        self._digit_way = digits
        self._listener = ToneListener() if digits == "inband" else None
        self._take = self.receive if self._listener is None else self._take_and_listen
        self._ours: tuple[Format, ...] = trunk_sdp.our_formats(codecs, events=digits == "rfc4733")
        self._codecs = tuple(codecs)
        self._advertised = str(ipaddress.ip_address(advertised or address))
        self._rtp, self._rtcp = open_pair(address, ports, context.rng)
        self.port: int = self._rtp.getsockname()[1]
        self._session = context.rng.getrandbits(31)
        self._version = 0
        self._written = ""
        self._remote: trunk_sdp.RemoteAudio | None = None
        self._keys = KeyAgreement(context.rng)
        self._secured: Secured | None = None
        self._protocol = "RTP/SAVP" if srtp == "require" else "RTP/AVP"
        self._source: Address = ()
        self._connected: Address | None = None  # the one source the kernel lets through
        self._latch: Latch | None = None
        self._rtcp_remote: Address | None = None
        context.loop.add_reader(self._rtp.fileno(), self._read, media=True)
        context.loop.add_reader(self._rtcp.fileno(), self._read_rtcp, media=True)

    # Signalling

    def offer(self) -> str:
        """Write our offer: all our codecs, and keys unless there is to be no SRTP.

        Without need for SRTP the keys stand in an RTP/AVP section, where a far end that knows none passes them over.
        """
        cryptos = self._keys.offer() if self._srtp != "none" else ()
        return self._write(self._ours, "sendrecv", cryptos)

    def take_answer(self, text: str, *, symmetric: bool) -> None:
        """Take the far end's answer to our offer; raises as `trunk_sdp.read_remote` does."""
        remote, _, section = self._read_remote(text)
        keys = self._keys.answered(remote.cryptos)
        self._secure(keys, section.protocol)
        self._set_remote(remote, (*self._ours, *remote.formats), symmetric=symmetric)

    def take_offer(self, text: str, *, symmetric: bool) -> str:
        """Take the far end's offer and write our answer, in the leg's order of codecs; raises as `take_answer`."""
        remote, description, section = self._read_remote(text, ours_first=True)
        keys = self._keys.answering(remote.cryptos)
        self._secure(keys, section.protocol)
        self._set_remote(remote, remote.formats, symmetric=symmetric)
        if remote.sends:
            direction = "sendrecv" if remote.listens else "recvonly"
        else:
            direction = "sendonly" if remote.listens else "inactive"
        return self._write(
            remote.formats, direction, keys[:1] if keys is not None else (), offered=description, accepted=section
        )

    def _read_remote(
        self, text: str, *, ours_first: bool = False
    ) -> tuple[trunk_sdp.RemoteAudio, sdp.Description, sdp.Section]:
        events = self._digit_way == "rfc4733"
        return trunk_sdp.read_remote(text, self._codecs, srtp=self._srtp, events=events, ours_first=ours_first)

    def _secure(self, keys: Keys | None, protocol: str) -> None:
        self._protocol = protocol
        if self._keys.settle(keys, self.figures.incoming):
            self.out.renew(self.context.rng)
        self._secured = self._keys.secured

    def _set_remote(self, remote: trunk_sdp.RemoteAudio, received: Sequence[Format], *, symmetric: bool) -> None:
        before = self._remote
        announced = (remote.address, remote.port)
        moved = before is None or (before.address, before.port) != announced
        resumed = before is not None and remote.sends and not before.sends
        self._remote = remote
        self.expects_media = remote.sends and remote.listens  # who holds the call may well be silent
        if resumed and self.heard_at is not None:
            self.heard_at = self.context.loop.clock()
        self.set_formats(received, remote.formats)
        if not symmetric:
            self._latch = None
            self._source = announced
            self._connect(announced)
        elif moved or resumed or self._latch is None:  # while it was held, a NAT may have given it another port
            self._latch = Latch(announced, window=self.context.timing.latch)
            self._source = ()
            self._connect(None)
        self._rtcp_remote = remote.rtcp
        self._settle()
        if remote.listens:
            self.out.interrupt()

    def _connect(self, address: Address | None) -> None:
        """Let the kernel take from and send to this one address, with a tenth less work; None ends that."""
        if address == self._connected:
            return
        try:
            self._connected = connect_only(self._rtp, address)
        except OSError:
            self._connected = connect_only(self._rtp, None)

    def _write(
        self,
        formats: Sequence[Format],
        direction: str,
        cryptos: Sequence[Crypto],
        offered: sdp.Description | None = None,
        accepted: sdp.Section | None = None,
    ) -> str:
        """Write our side; the version in o= goes up by one whenever anything else changed (RFC 3264 §8)."""

        def text(version: int) -> str:
            return trunk_sdp.write(
                formats,
                address=self._advertised,
                port=self.port,
                session=self._session,
                version=version,
                direction=direction,
                protocol=self._protocol,
                cryptos=cryptos,
                offered=offered,
                accepted=accepted,
            )

        if not self._written or text(self._version) != self._written:
            self._version += 1
            self._written = text(self._version)
        return self._written

    # What comes in

    def _read(self) -> None:
        """Take one packet: a trunk's socket seldom has two, and asking for more costs as much as a packet."""
        context = self.context
        packet, dropped = context.receiving, context.dropped
        view = packet.view
        try:
            if self._connected is None:
                length, address = self._rtp.recvfrom_into(view)
            else:
                length, address = self._rtp.recv_into(view), self._source
        except BlockingIOError:
            return
        except OSError:
            dropped["receive_failed"] += 1
            return
        context.packets_in += 1
        now = context.loop.now
        if length < HEADER_SIZE or length > MAX_DATAGRAM:
            dropped["odd_size"] += 1
        elif view[0] & 0xC0 != 0x80:  # noqa: PLR2004 - RTP's version
            dropped["odd_first_byte"] += 1
        elif self._secured is not None:
            self._receive_secured(self._secured, length, address, now)
        elif address != self._source and not self._admits(view, address, now):
            dropped["foreign_source"] += 1
        elif 192 <= view[1] <= 223:  # noqa: PLR2004 - RFC 5761 §4
            self.receive_rtcp(bytes(view[:length]), now)
        else:
            self._take(packet, length, now)

    def _admits(self, view: memoryview, address: Address, now: float) -> bool:
        if address[:2] == self._source[:2]:
            return True
        latch = self._latch
        if latch is None:
            return False
        _, second, seq, _, ssrc = HEADER.unpack_from(view)
        if second & 0x7F not in self.formats or not latch.admits(address, ssrc, seq, now):
            return False
        relearned = bool(self._source)
        self._source = address
        self._settle()
        if relearned:
            self.context.emit(self.id, "relearned", {})
        return True

    def _receive_secured(self, secured: Secured, length: int, address: Address, now: float) -> None:
        """Take what proves itself; nothing else can make the leg learn a source."""
        packet, dropped = self.context.receiving, self.context.dropped
        known = address[:2] == self._source[:2]
        if not known and self._latch is None:
            dropped["foreign_source"] += 1
            return
        rtcp = 192 <= packet.view[1] <= 223  # noqa: PLR2004 - RFC 5761 §4
        length = secured.unprotect(packet, length)
        if length < 0:
            dropped["srtp"] += 1
        elif not known and (rtcp or not self._admits(packet.view, address, now)):
            dropped["foreign_source"] += 1
        elif rtcp:
            self.receive_rtcp(bytes(packet.view[:length]), now)
        else:
            self._take(packet, length, now)

    def _read_rtcp(self) -> None:
        now = self.context.loop.now
        for _ in range(BATCH):
            try:
                data, address = self._rtcp.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue
            if len(data) < MIN_RTCP:
                self.context.dropped["odd_size"] += 1
            elif (plain := self._unprotected_rtcp(data)) is None:
                self.context.dropped["srtp"] += 1
            elif self._expects_rtcp(address):
                self.receive_rtcp(plain, now)
            else:
                self.context.dropped["foreign_source"] += 1

    def _unprotected_rtcp(self, data: bytes) -> bytes | None:
        if self._secured is None:
            return data
        packet = self.context.receiving
        packet.view[: len(data)] = data
        end = self._secured.unprotect(packet, len(data))
        return bytes(packet.view[:end]) if end >= 0 else None

    def _expects_rtcp(self, address: Address) -> bool:
        """Tell whether reports may come from there; behind a NAT, remember where they came from."""
        expected = self._rtcp_remote
        if self._latch is None:
            return expected is not None and address[:2] == expected[:2]
        if not self._source or address[0] != self._source[0]:
            return False
        self._rtcp_remote = address
        return True

    def first_heard(self, now: float) -> None:
        """Tell that sound comes."""
        del now
        self.context.emit(self.id, "connected", {})

    # Digits

    @property
    def wants_keys(self) -> bool:
        """Tell whether a key that was heard as tones has to be said to the far end in its own way too."""
        return self.event is not None or self._digit_way == "none"

    def press(self, digits: str) -> None:
        """Send digits in the audio, or tell the switch that it has to."""
        if self._digit_way != "none":
            super().press(digits)
        else:
            for digit in digits:
                self.context.emit(self.id, "digit_out", {"digit": digit, "duration_ms": PRESS_MS})

    def _take_and_listen(self, packet: PacketBuffer, length: int, now: float) -> None:
        """Take a packet as any other, and listen for keys in what it says."""
        view, listener = packet.view, self._listener
        form = self.formats.get(view[1] & 0x7F)
        bounds = payload_bounds(view, length)
        payload = bytes(view[bounds[0] : bounds[1]]) if bounds is not None else b""
        seq = (view[2] << 8) | view[3]
        self.receive(packet, length, now)
        if listener is None or form is None or form.codec == EVENT:
            return
        for digit in listener.take(payload, form.codec, seq, now):
            self._pressed(digit, heard=True)
        if listener.pressed:
            self.context.ticking[self] = None

    def tick(self, steps: int, now: float) -> bool:
        """Send what is due, and end a key whose tones stopped with the packets."""
        more = super().tick(steps, now)
        listener = self._listener
        if listener is None or not listener.pressed:
            return more
        if (digit := listener.expire(now)) is not None:
            self._pressed(digit, heard=True)
        return more or listener.pressed

    # What goes out

    def _settle(self) -> None:
        """Send from now on if the far end listens and it is known where."""
        listens = self._remote is not None and self._remote.listens
        send = self._send_rtp if self._secured is None else self._send_secured
        self.outlet = send if listens and self._source else None

    def _send_secured(self, packet: PacketBuffer, start: int, end: int) -> None:
        secured = self._secured
        end = secured.protect(packet, start, end) if secured is not None else -1
        if end < 0:
            self.context.dropped["srtp_out"] += 1
        else:
            self._send_rtp(packet, start, end)

    def _send_rtp(self, packet: PacketBuffer, start: int, end: int) -> None:
        data = packet.view[start:end]
        try:
            if self._connected is None:
                self._rtp.sendto(data, self._source)
            else:
                self._send_connected(data)
            self.context.packets_out += 1
        except OSError:
            self.context.dropped["send_failed"] += 1

    def _send_connected(self, data: memoryview) -> None:
        try:
            self._rtp.send(data)
        except ConnectionRefusedError:  # of an earlier packet; this one was not sent yet
            self._rtp.send(data)

    def transmit_rtcp(self, data: bytes) -> None:
        """Send RTCP to its own port, or beside RTP where multiplexed; behind NAT only where some came from."""
        remote = self._rtcp_remote
        if self._latch is not None and remote is not None and remote[0] != self._source[0]:
            return
        if self._secured is not None:
            packet = self.context.sending
            packet.view[: len(data)] = data
            end = self._secured.protect_rtcp(packet, len(data))
            if end < 0:
                return
            data = bytes(packet.view[:end])
        via: socket.socket = self._rtp if remote is None else self._rtcp
        try:
            via.sendto(data, self._source if remote is None else remote)
        except OSError:
            self.context.dropped["send_failed"] += 1

    def stats(self) -> dict[str, Any]:
        """Return the leg's figures, its port and the SRTP suite in use."""
        return {**super().stats(), "port": self.port, "srtp": self._secured.ours.suite if self._secured else None}

    def close(self) -> None:
        """Say BYE and give the ports back."""
        if self.sendable:
            self.report(self.context.loop.clock(), bye=True)
        super().close()
        for each in (self._rtp, self._rtcp):
            if each.fileno() >= 0:
                self.context.loop.remove(each.fileno())
                each.close()
