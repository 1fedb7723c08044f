"""Sounds ready to send, made by the child process and kept."""

import json
import socket
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from webpbx.media.errors import MediaError, WorkerRefusedError
from webpbx.media.loop import Loop, Timer
from webpbx.media.sound_process import SIZES, unpack
from webpbx.media.sounds import Sound, SoundError

CACHE_BYTES = 64 << 20
TIMEOUT_SECONDS = 20.0
CHUNK = 1 << 16

Done = Callable[[Sound | MediaError], None]
Key = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class SoundRequest:
    """A file by its path or a tone by name and country, in one codec."""

    kind: str  # "file" or "tone"
    name: str
    country: str
    codec: str


class SoundStore:
    """Hand out sounds; what is not kept is made in the child, which is started when first needed and when it died."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._kept: OrderedDict[Key, Sound] = OrderedDict()
        self._bytes = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._unsent = bytearray()
        self._waiting: dict[int, tuple[Key, list[Done], Timer]] = {}
        self._serial = 0

    def get(self, request: SoundRequest, done: Done) -> None:
        """Call `done` with the sound or why there is none, at once if it is kept."""
        modified = 0
        if request.kind == "file":
            try:
                modified = Path(request.name).stat().st_mtime_ns
            except (OSError, ValueError):
                done(SoundError(f"The sound file {request.name} cannot be read.", path=request.name))
                return
        key = (request.kind, request.name, request.country, request.codec, modified)
        sound = self._kept.get(key)
        if sound is not None:
            self._kept.move_to_end(key)
            done(sound)
            return
        for asked, callbacks, _ in self._waiting.values():
            if asked == key:
                callbacks.append(done)
                return
        self._ask(request, key, done)

    def close(self) -> None:
        """End the child; sounds asked for never come."""
        for _, _, timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._end_child()

    def _ask(self, request: SoundRequest, key: Key, done: Done) -> None:
        connection = self._socket or self._start_child()
        self._serial += 1
        timer = self._loop.call_later(TIMEOUT_SECONDS, self._fail)
        self._waiting[self._serial] = (key, [done], timer)
        self._unsent += json.dumps({"key": self._serial, **asdict(request)}).encode() + b"\n"
        self._loop.set_writer(connection.fileno(), self._send)

    def _start_child(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = [sys.executable, "-m", "webpbx.media.sound_process", str(theirs.fileno())]
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, no text from outside
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        self._socket = ours
        self._loop.add_reader(ours.fileno(), self._receive)
        return ours

    def _end_child(self) -> None:
        if self._socket is not None:
            self._loop.remove(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
        self._received.clear()
        self._unsent.clear()

    def _fail(self) -> None:
        """Give up the child, and with it all that was asked of it; the next request starts another."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._end_child()
        for key, callbacks, timer in waiting:
            timer.cancel()
            for done in callbacks:
                done(SoundError(f"The sound {key[1]} could not be made ready.", path=key[1]))

    def _send(self) -> None:
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._fail()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.set_writer(self._socket.fileno(), None)

    def _receive(self) -> None:
        if self._socket is None:
            return
        try:
            chunk = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._fail()
            return
        self._received += chunk
        while len(self._received) >= SIZES.size:
            header_size, body_size = SIZES.unpack_from(self._received)
            end = SIZES.size + header_size + body_size
            if len(self._received) < end:
                return
            header = bytes(self._received[SIZES.size : SIZES.size + header_size])
            body = bytes(self._received[SIZES.size + header_size : end])
            del self._received[:end]
            self._answered(header, body)

    def _answered(self, text: bytes, body: bytes) -> None:
        header = json.loads(text)
        waiting = self._waiting.pop(header["key"], None)
        if waiting is None:
            return
        key, callbacks, timer = waiting
        timer.cancel()
        result: Sound | MediaError
        if "error_id" in header:
            result = WorkerRefusedError(header["error_id"], header["text"])
        else:
            result = unpack(header, body)
            self._keep(key, result, len(body))
        for done in callbacks:
            done(result)

    def _keep(self, key: Key, sound: Sound, size: int) -> None:
        self._kept[key] = sound
        self._bytes += size
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= sum(map(len, oldest.payloads))
