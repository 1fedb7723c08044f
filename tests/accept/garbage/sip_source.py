"""A provider gone mad: spoilt SIP of all kinds from its own address, and calls of its own with spoilt requests in them.

Which numbers it calls is bounded: a valid INVITE to a number that answers is a call, and the trunk has a cap of them.
"""

import asyncio
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.accept.garbage.mutation import Mutator
from tests.accept.garbage.pace import Counts
from webpbx.sip.grammar import SipError
from webpbx.sip.message import Request, Response, response_to
from webpbx.sip.parser import parse_message

_TORTURE: Final = Path(__file__).parents[2] / "sip" / "rfc4475"
_HOST: Final = "127.0.0.1"
_SOCKETS: Final = 8
_CALLS: Final = 4  # of its own at once
_CALL_S: Final = 40.0  # until an INVITE that nobody followed up is surely over
_REQUESTS_IN_A_CALL: Final = 200
_GOODBYES: Final = 70
_GOODBYE_S: Final = 0.5
_LAST_CSEQ: Final = 2**31 - 1000

_SDP: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
_OUTSIDE: Final = ("OPTIONS", "REGISTER", "BYE", "ACK", "CANCEL", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PRACK")
_INSIDE: Final = ("INFO", "INVITE", "UPDATE", "OPTIONS", "NOTIFY", "REFER", "ACK", "PRACK", "BYE", "CANCEL", "MESSAGE")
_STATUSES: Final = (
    "100 Trying",
    "180 Ringing",
    "200 OK",
    "302 Moved",
    "401 Unauthorized",
    "407 No",
    "486 Busy",
    "503 No",
)


class Dialog:
    """A call of its own that the switch has answered."""

    def __init__(self, invite: Request, answer: Response, port: int) -> None:
        self.call_id = answer.call_id
        self.to = str(answer.get("To"))
        self.from_ = str(answer.get("From"))
        self.port = port
        self.target = str(answer.contacts[0].uri) if answer.contacts else invite.uri_text
        self.cseq = 1
        self.requests = 0


class SipSource:
    """Send spoilt SIP from some ports of the trunk's address; `number` answers, `unknown` does not exist."""

    def __init__(self, target: tuple[str, int], *, number: str, unknown: str, seed: int) -> None:
        self.counts = Counts()
        self._target = target
        self._number = number
        self._unknown = unknown
        self._rng = random.Random(seed)
        self._mutator = Mutator(self._rng)
        self._torture = [path.read_bytes() for path in sorted(_TORTURE.glob("*.dat"))]
        self._sockets = [self._socket() for _ in range(_SOCKETS)]
        self._ports = {sock.getsockname()[1]: sock for sock in self._sockets}
        self._tried: dict[str, float] = {}
        self._dialogs: dict[str, Dialog] = {}
        self._leaving: dict[str, Dialog] = {}
        self._kinds: tuple[tuple[Callable[[], bytes], int], ...] = (
            (self._invite, 30),
            (self._outside, 25),
            (self._response, 15),
            (self._in_dialog, 20),
            (self._from_the_torture, 8),
            (self._bare_noise, 2),
        )

    @staticmethod
    def _socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        made.bind((_HOST, 0))
        return made

    def start(self) -> None:
        """Listen for what comes back."""
        for sock in self._sockets:
            asyncio.get_running_loop().add_reader(sock, self._readable, sock)

    async def close(self) -> None:
        """End its calls, as often as it takes, and close its ports."""
        for _ in range(_GOODBYES):
            self._leaving |= self._dialogs
            self._dialogs.clear()
            if not self._leaving:
                break
            for dialog in self._leaving.values():
                self._put(self._request(dialog, "BYE"), "bye", dialog.port)
            await asyncio.sleep(_GOODBYE_S)
        self.counts["never let go"] += len(self._leaving)
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def send(self) -> None:
        """Send one message."""
        kind = self._rng.choices([kind for kind, _ in self._kinds], [weight for _, weight in self._kinds])[0]
        self._put(kind(), kind.__name__.strip("_"))

    def _put(self, data: bytes, kind: str, port: int | None = None) -> None:
        sock = self._ports.get(port or 0) or self._rng.choice(self._sockets)
        try:
            sock.sendto(data, self._target)
        except OSError:
            self.counts["not sent"] += 1
        else:
            self.counts[kind] += 1

    # -- what is sent ------------------------------------------------------------------------------------------

    def _token(self) -> str:
        return self._rng.randbytes(6).hex()

    def _message(self, start: str, port: int, *, lines: list[str], body: str = "", cseq: str = "1 INVITE") -> bytes:
        head = [
            start,
            *(lines if start.startswith("SIP/2.0") else [self._via(port), *lines]),
            f"CSeq: {cseq}",
            "Max-Forwards: 70",
            f"Contact: <sip:mad@{_HOST}:{port}>",
            "Supported: timer, 100rel",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(head) + "\r\n\r\n" + body).encode()

    def _via(self, port: int) -> str:
        return f"Via: SIP/2.0/UDP {_HOST}:{port};rport;branch=z9hG4bK{self._token()}"

    def _port(self) -> int:
        return int(self._rng.choice(self._sockets).getsockname()[1])

    def _uri(self, number: str) -> str:
        return f"sip:{number}@{self._target[0]}:{self._target[1]}"

    def _invite(self) -> bytes:
        """Spoil an INVITE; now and then one that has a good chance to become a call."""
        now = time.monotonic()
        self._tried = {call_id: since for call_id, since in self._tried.items() if now - since < _CALL_S}
        real = len(self._tried) < _CALLS and self._rng.random() < 0.05
        port, call_id = self._port(), self._token()
        uri = self._uri(self._number if real else self._unknown)
        lines = [f"From: <sip:+493099{self._rng.randrange(999)}@{_HOST}>;tag={self._token()}", f"To: <{uri}>"]
        message = self._message(f"INVITE {uri} SIP/2.0", port, lines=[*lines, f"Call-ID: {call_id}"], body=_SDP)
        if not real:
            return self._mutator.text(message)
        self._tried[call_id] = now
        spoilt = self._mutator.text(message)
        contact = f"\r\nContact: <sip:mad@{_HOST}:{port}>\r\n".encode()
        # A call's later requests go to its Contact, which must stay on this machine.
        return spoilt if self._rng.random() < 0.5 and spoilt.count(contact) == 1 else message

    def _outside(self) -> bytes:
        port, method = self._port(), self._rng.choice(_OUTSIDE)
        uri = self._uri(self._unknown)
        lines = [f"From: <sip:mad@{_HOST}>;tag={self._token()}", f"To: <{uri}>", f"Call-ID: {self._token()}"]
        if method == "REGISTER":
            lines += ["Expires: 60", f'Authorization: Digest username="x", realm="webpbx", nonce="{self._token()}"']
        return self._mutator.text(self._message(f"{method} {uri} SIP/2.0", port, lines=lines, cseq=f"1 {method}"))

    def _response(self) -> bytes:
        method = self._rng.choice(("INVITE", "REGISTER", "OPTIONS", "BYE"))
        lines = [
            f"Via: SIP/2.0/UDP {self._target[0]}:{self._target[1]};rport;branch=z9hG4bK{self._token()}",
            f"From: <sip:anna@{_HOST}>;tag={self._token()}",
            f"To: <sip:x@{_HOST}>;tag={self._token()}",
            f"Call-ID: {self._token()}",
            f'WWW-Authenticate: Digest realm="outside", nonce="{self._token()}", qop="auth"',
        ]
        start = f"SIP/2.0 {self._rng.choice(_STATUSES)}"
        body = _SDP if method == "INVITE" else ""
        return self._mutator.text(self._message(start, self._port(), lines=lines, body=body, cseq=f"1 {method}"))

    def _in_dialog(self) -> bytes:
        """Spoil a request of a call of its own; after many of them hang up."""
        if not self._dialogs:
            return self._outside()
        dialog = self._rng.choice(list(self._dialogs.values()))
        dialog.requests += 1
        if dialog.requests > _REQUESTS_IN_A_CALL:
            self._leaving[dialog.call_id] = self._dialogs.pop(dialog.call_id)
        if self._leaving and self._rng.random() < 0.02:  # until it is answered: it may be lost
            return self._request(self._rng.choice(list(self._leaving.values())), "BYE")
        method = self._rng.choice(_INSIDE[:-3])
        message = self._request(dialog, method, body=_SDP if method in {"INVITE", "UPDATE"} else "")
        contact = f"\r\nContact: <sip:mad@{_HOST}:{dialog.port}>\r\n".encode()
        spoilt = self._mutator.text(message)
        return spoilt if spoilt.count(contact) == spoilt.lower().count(b"contact") == 1 else message

    def _request(self, dialog: Dialog, method: str, *, body: str = "") -> bytes:
        dialog.cseq += method != "ACK"
        lines = [f"From: {dialog.from_}", f"To: {dialog.to}", f"Call-ID: {dialog.call_id}"]
        return self._message(
            f"{method} {dialog.target} SIP/2.0", dialog.port, lines=lines, body=body, cseq=f"{dialog.cseq} {method}"
        )

    def _from_the_torture(self) -> bytes:
        message = self._rng.choice(self._torture)
        return message if self._rng.random() < 0.2 else self._mutator.text(message)

    def _bare_noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1400))

    # -- what comes back ---------------------------------------------------------------------------------------

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(100):
            try:
                data, _source = sock.recvfrom(65_536)
            except OSError:
                return
            with suppress(SipError):
                self._take(data, sock.getsockname()[1])

    def _take(self, data: bytes, port: int) -> None:
        message = parse_message(data)
        if isinstance(message, Request):
            self.counts["came " + message.method] += 1
            self._answer(message, port)
            return
        self.counts[f"came {message.status}"] += 1
        leaving = self._leaving.get(message.call_id)
        if leaving is not None and message.cseq.method == "BYE":
            if message.status in {200, 481}:
                del self._leaving[message.call_id]
            else:  # a spoilt request of the call had a higher number, which counts
                leaving.cseq = max(leaving.cseq, _LAST_CSEQ)
            return
        if message.cseq.method != "INVITE" or not message.is_success:
            return
        dialog = self._dialogs.get(message.call_id)
        if dialog is None and leaving is None and message.call_id in self._tried:
            request = Request("INVITE", self._uri(self._number), ())
            dialog = self._dialogs[message.call_id] = Dialog(request, message, port)
        dialog = dialog or leaving
        if dialog is not None:  # a call's sound is none of its matter; its signalling is what is spoilt
            dialog.cseq = max(dialog.cseq, message.cseq.number)
            lines = [f"From: {dialog.from_}", f"To: {dialog.to}", f"Call-ID: {dialog.call_id}"]
            cseq = f"{message.cseq.number} ACK"
            self._put(self._message(f"ACK {dialog.target} SIP/2.0", port, lines=lines, cseq=cseq), "ack", port)

    def _answer(self, request: Request, port: int) -> None:
        """Answer a request of the switch, spoilt more often than not: the transaction is one that it knows."""
        if request.method == "ACK":
            return
        good = bytes(response_to(request, 200, tag=self._token()))
        self._put(self._mutator.text(good), "answer", port)
        if request.method == "BYE" or self._rng.random() < 0.5:
            self._put(good, "answer", port)
        if request.method == "BYE":
            self._dialogs.pop(request.call_id, None)
            self._leaving.pop(request.call_id, None)
