"""The two ends a call can have here: a browser's (ICE, DTLS, SRTP) and a provider's (plain RTP)."""

import secrets
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from aioice import stun
from aiortc.rtcdtlstransport import RTCCertificate
from pylibsrtp import Error as SrtpError
from pylibsrtp import Session

from tests.lean import sdp
from tests.lean.dtls import Dtls, DtlsError
from tests.lean.stream import Stream

CHECK_S = 0.1
CONSENT_S = 5.0
RTCP_S = 5.0
CONNECT_S = 15.0
LARGEST = 2048
RECEIVE_BUFFER = 1 << 20  # what waits while this process does is late, not lost
PRIORITY = 1853693695  # of a peer-reflexive candidate

Done = Callable[[str | None], None]  # called once: None when sound may flow, else what failed


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.bind((host, 0))
    return made


def _send(sock: socket.socket, datagram: bytes, address: tuple[str, int]) -> None:
    try:
        sock.sendto(datagram, address)
    except OSError:  # a full buffer or a closed port is a lost packet, and is counted as one
        return


class Call(Protocol):
    """What the loop asks of a call."""

    socket: socket.socket
    stream: Stream
    open: bool

    def accept(self, remote: str, now: float, done: Done) -> None: ...
    def readable(self, now_ns: int) -> None: ...
    def frame_due(self, now_ns: int) -> None: ...
    def keep_up(self, now: float) -> None: ...
    def close(self) -> None: ...


class RtpCall:
    """A provider's end: plain RTP, only from and to the address in the SDP."""

    def __init__(self, host: str, stream: Stream) -> None:
        self.socket = _socket(host)
        self.stream = stream
        self.open = False
        self.foreign = 0
        self._remote: tuple[str, int] = ("", 0)
        self._buffer = bytearray(LARGEST)

    def sdp(self) -> str:
        """Return our offer or answer."""
        return sdp.write(self.socket.getsockname(), self.stream.codec)

    def accept(self, remote: str, now: float, done: Done) -> None:
        """Take the other side's SDP and begin to send."""
        del now
        parsed = sdp.parse(remote, self.stream.codec)
        self._remote = parsed.address
        self.stream.payload_type, self.stream.event_type = parsed.payload_type, parsed.event_type
        self.open = True
        done(None)

    def readable(self, now_ns: int) -> None:
        """Count one waiting datagram."""
        try:
            size, source = self.socket.recvfrom_into(self._buffer)
        except OSError:
            return
        if source != self._remote:
            self.foreign += 1
        elif size > 12:
            self.stream.take(bytes(memoryview(self._buffer)[:size]), now_ns)

    def frame_due(self, now_ns: int) -> None:
        """Send the frame of these 20 ms."""
        _send(self.socket, self.stream.next_packet(now_ns), self._remote)

    def keep_up(self, now: float) -> None:
        """Nothing is to be kept up."""

    def close(self) -> None:
        """Stop sending and give the port back."""
        self.open = False
        self.socket.close()


class BrowserCall:
    """A browser's end: ICE controlling (RFC 8445), DTLS active when allowed, SRTP, consent (RFC 7675)."""

    def __init__(self, host: str, stream: Stream, certificate: RTCCertificate, *, setup: str = "actpass") -> None:
        self.socket = _socket(host)
        self.stream = stream
        self.open = False
        self._certificate = certificate
        self._setup = setup
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(16)
        self._tie_breaker = secrets.randbits(64)
        self._checks: dict[bytes, tuple[str, int]] = {}
        self._remote: sdp.Remote | None = None
        self._nominated: tuple[str, int] | None = None
        self._dtls: Dtls | None = None
        self._protect: Session | None = None
        self._unprotect: Session | None = None
        self._done: Done | None = None
        self._deadline = self._next_check = self._next_rtcp = 0.0
        self._buffer = bytearray(LARGEST)

    def sdp(self) -> str:
        """Return our offer."""
        return sdp.write(
            self.socket.getsockname(),
            self.stream.codec,
            dtls={
                "ufrag": self._ufrag,
                "password": self._password,
                "fingerprint": self._certificate.getFingerprints()[0].value,
                "setup": self._setup,
            },
        )

    def accept(self, remote: str, now: float, done: Done) -> None:
        """Take the answer and begin to connect."""
        self._remote = parsed = sdp.parse(remote, self.stream.codec)
        self.stream.payload_type, self.stream.event_type = parsed.payload_type, parsed.event_type
        self._dtls = Dtls(self._certificate, active=parsed.setup != "active", fingerprint=parsed.fingerprint)
        self._done = done
        self._deadline = now + CONNECT_S
        self.keep_up(now)

    def keep_up(self, now: float) -> None:
        """Repeat checks and handshake until connected, then keep consent and RTCP fresh."""
        if self._remote is None or self._dtls is None:
            return
        if self._done is not None and now > self._deadline:
            self._finish("no connection within 15 s: " + ("ICE" if self._nominated is None else "DTLS"))
            return
        if now >= self._next_check:
            self._next_check = now + (CHECK_S if self._nominated is None else CONSENT_S)
            self._checks.clear()
            for address in (
                (self._nominated,) if self._nominated else self._remote.candidates or (self._remote.address,)
            ):
                self._check(address)
        if self._nominated is not None and not self._dtls.done:
            self._handshake(b"")
        if self.open and now >= self._next_rtcp:
            self._next_rtcp = now + RTCP_S
            self._sender_report()

    def _check(self, address: tuple[str, int]) -> None:
        remote = self._remote
        if remote is None:
            return
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{remote.ufrag}:{self._ufrag}"
        request.attributes["PRIORITY"] = PRIORITY
        request.attributes["ICE-CONTROLLING"] = self._tie_breaker
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(remote.password.encode())
        request.add_fingerprint()
        self._checks[request.transaction_id] = address
        _send(self.socket, bytes(request), address)

    def readable(self, now_ns: int) -> None:
        """Take one waiting datagram (RFC 7983 tells them apart)."""
        try:
            size, source = self.socket.recvfrom_into(self._buffer)
        except OSError:
            return
        datagram = bytes(memoryview(self._buffer)[:size])
        if size == 0:
            return
        if datagram[0] < 4:
            self._stun(datagram, source)
        elif source != self._nominated:
            return
        elif 20 <= datagram[0] < 64:
            self._handshake(datagram)
        elif self._unprotect is not None and 128 <= datagram[0] < 192 and size > 12:
            try:
                if 192 <= datagram[1] < 224:
                    self._unprotect.unprotect_rtcp(datagram)
                else:
                    self.stream.take(self._unprotect.unprotect(datagram), now_ns)
            except SrtpError:
                self.stream.unmarked += 1

    def _stun(self, datagram: bytes, source: tuple[str, int]) -> None:
        remote = self._remote
        if remote is None:
            return
        try:
            message = stun.parse_message(datagram)
        except ValueError:
            return
        if message.message_class == stun.Class.REQUEST:
            if message.check_message_integrity(self._password.encode()):
                response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
                response.attributes["XOR-MAPPED-ADDRESS"] = source
                response.add_message_integrity(self._password.encode())
                response.add_fingerprint()
                _send(self.socket, bytes(response), source)
        elif (
            message.message_class == stun.Class.RESPONSE
            and self._checks.pop(message.transaction_id, None) == source
            and message.check_message_integrity(remote.password.encode())
            and self._nominated is None
        ):
            self._nominated = source
            self._next_check = self._deadline  # consent begins once connected
            self._handshake(b"")

    def _handshake(self, datagram: bytes) -> None:
        dtls = self._dtls
        if dtls is None or self._nominated is None:
            return
        try:
            dtls.receive(datagram) if datagram else dtls.go_on()
            for outgoing in dtls.outgoing():
                _send(self.socket, outgoing, self._nominated)
            if dtls.done and self._protect is None:
                self._protect, self._unprotect = dtls.srtp()
                self.open = True
                self._next_check = 0.0
                self._finish(None)
        except DtlsError as error:
            self._finish(str(error))

    def _finish(self, failure: str | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(failure)

    def frame_due(self, now_ns: int) -> None:
        """Send the frame of these 20 ms."""
        if self._protect is not None and self._nominated is not None:
            _send(self.socket, self._protect.protect(self.stream.next_packet(now_ns)), self._nominated)

    def _sender_report(self) -> None:
        if self._protect is not None and self._nominated is not None:
            stream = self.stream
            octets = 160 * stream.counter & 0xFFFFFFFF
            report = struct.pack("!BBHIQIII", 0x80, 200, 6, stream.ssrc, 0, stream.timestamp, stream.counter, octets)
            _send(self.socket, self._protect.protect_rtcp(report), self._nominated)

    def close(self) -> None:
        """Say goodbye as a browser does, and give the port back."""
        self.open = False
        if self._dtls is not None and self._nominated is not None:
            self._dtls.close()
            for outgoing in self._dtls.outgoing():
                _send(self.socket, outgoing, self._nominated)
        self.socket.close()
