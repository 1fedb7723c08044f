import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from webpbx.media import sdp, trunk_sdp
from webpbx.media.context import Context
from webpbx.media.latch import Address, Latch
from webpbx.media.leg import Leg
from webpbx.media.packet import MAX_DATAGRAM, PacketBuffer
from webpbx.media.rtp import HEADER, HEADER_SIZE, Format
from webpbx.media.rtp_socket import connect_only, open_pair

BATCH = 64
MIN_RTCP = 8


class RtpLeg(Leg):
    """A trunk's or SIP phone's audio as plain RTP on a socket of its own."""

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
    ) -> None:
        super().__init__(leg_id, context)
        self._ours: tuple[Format, ...] = trunk_sdp.our_formats(codecs)
        self._codecs = tuple(codecs)
        self._advertised = str(ipaddress.ip_address(advertised or address))
        self._rtp, self._rtcp = open_pair(address, ports, context.rng)
        self.port: int = self._rtp.getsockname()[1]
        self._session = context.rng.getrandbits(31)
        self._version = 0
        self._written = ""
        self._remote: trunk_sdp.RemoteAudio | None = None
        self._source: Address = ()
        self._connected: Address | None = None  # the one source the kernel lets through
        self._latch: Latch | None = None
        self._rtcp_remote: Address | None = None
        context.loop.add_reader(self._rtp.fileno(), self._read, media=True)
        context.loop.add_reader(self._rtcp.fileno(), self._read_rtcp, media=True)

    # Signalling

    def offer(self) -> str:
        """Write our offer: all our codecs."""
        return self._write(self._ours, "sendrecv", None, None)

    def take_answer(self, text: str, *, symmetric: bool) -> None:
        """Take the far end's answer to our offer; raises BadSdpError or NoCodecError."""
        remote, _, _ = trunk_sdp.read_remote(text, self._codecs)
        self._set_remote(remote, (*self._ours, *remote.formats), symmetric=symmetric)

    def take_offer(self, text: str, *, symmetric: bool) -> str:
        """Take the far end's offer and write our answer, in its order of preference; raises as `take_answer`."""
        remote, description, section = trunk_sdp.read_remote(text, self._codecs)
        self._set_remote(remote, remote.formats, symmetric=symmetric)
        if remote.sends:
            direction = "sendrecv" if remote.listens else "recvonly"
        else:
            direction = "sendonly" if remote.listens else "inactive"
        return self._write(remote.formats, direction, description, section)

    def _set_remote(self, remote: trunk_sdp.RemoteAudio, received: Sequence[Format], *, symmetric: bool) -> None:
        announced = (remote.address, remote.port)
        moved = self._remote is None or (self._remote.address, self._remote.port) != announced
        self._remote = remote
        self.expects_media = remote.sends
        self.set_formats(received, remote.formats)
        if not symmetric:
            self._latch = None
            self._source = announced
            self._connect(announced)
        elif moved or self._latch is None:
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
        offered: sdp.Description | None,
        accepted: sdp.Section | None,
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
        elif address != self._source and not self._admits(view, address, now):
            dropped["foreign_source"] += 1
        elif 192 <= view[1] <= 223:  # noqa: PLR2004 - RFC 5761 §4
            self.receive_rtcp(bytes(view[:length]), now)
        else:
            self.receive(packet, length, now)

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

    def _read_rtcp(self) -> None:
        now = self.context.loop.now
        for _ in range(BATCH):
            try:
                data, address = self._rtcp.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue
            expected = self._rtcp_remote
            if len(data) < MIN_RTCP:
                self.context.dropped["odd_size"] += 1
            elif self._latch is not None and self._source and address[0] == self._source[0]:
                self._rtcp_remote = address
                self.receive_rtcp(data, now)
            elif self._latch is None and expected is not None and address[:2] == expected[:2]:
                self.receive_rtcp(data, now)
            else:
                self.context.dropped["foreign_source"] += 1

    def first_heard(self, now: float) -> None:
        """Tell that sound comes."""
        del now
        self.context.emit(self.id, "connected", {})

    # What goes out

    def _settle(self) -> None:
        """Send from now on if the far end listens and it is known where."""
        listens = self._remote is not None and self._remote.listens
        self.outlet = self._send_rtp if listens and self._source else None

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
        via: socket.socket = self._rtp if remote is None else self._rtcp
        try:
            via.sendto(data, self._source if remote is None else remote)
        except OSError:
            self.context.dropped["send_failed"] += 1

    def stats(self) -> dict[str, Any]:
        """Return the leg's figures and its port."""
        return {**super().stats(), "port": self.port}

    def close(self) -> None:
        """Say BYE and give the ports back."""
        if self.sendable:
            self.report(self.context.loop.clock(), bye=True)
        super().close()
        for each in (self._rtp, self._rtcp):
            if each.fileno() >= 0:
                self.context.loop.remove(each.fileno())
                each.close()
