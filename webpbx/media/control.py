"""The worker's side of the control protocol: framed JSON on a Unix socket, on the worker's own loop."""

import inspect
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from webpbx.media import protocol
from webpbx.media.errors import BadRequestError, MediaError, StaleEpochError
from webpbx.media.loop import Loop, Timer
from webpbx.media.unix_path import reachable
from webpbx.media.worker import Later, Worker

__all__ = ["ControlServer", "listen", "reachable"]

MAX_EVENTS = 10_000
GREETED_EVENTS = 1000  # in the answer to hello, which must not outgrow a message; the others follow it
MAX_UNSENT = 8 << 20
CHUNK = 1 << 16
VERBS = (
    "browser_leg",
    "rtp_leg",
    "set_remote",
    "connect",
    "disconnect",
    "loop_back",
    "close_leg",
    "play",
    "tone",
    "stop",
    "send_digits",
    "push_digits",
    "mute",
    "stats",
)


def listen(path: Path) -> socket.socket:
    """Listen at `path`, taking the place of a dead worker's socket; raises BadRequestError if a living one is there."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with reachable(path) as name:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(name)
            except OSError:
                path.unlink(missing_ok=True)
            else:
                listening.close()
                raise BadRequestError(f"Another media worker listens at {path}.", path=str(path))
        before = os.umask(0o177)
        try:
            listening.bind(name)
        finally:
            os.umask(before)
    listening.listen(16)
    listening.setblocking(False)
    return listening


class ControlServer:
    """Serve the switch: one owner, the one of the highest epoch; others may only ask for the status."""

    def __init__(self, loop: Loop, listening: socket.socket, *, orphaned: float) -> None:
        self.worker: Worker | None = None
        self._loop = loop
        self._listening = listening
        self._orphaned = orphaned
        self._epoch = -1
        self._owner: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._seq = 0
        self._alone: Timer | None = None
        loop.add_reader(listening.fileno(), self._accept)
        self._await_owner()

    def emit(self, leg: str, kind: str, data: dict[str, Any]) -> None:
        """Keep an event until it is acknowledged, and tell the owner."""
        self._seq += 1
        event = {"seq": self._seq, "event": kind, "leg": leg, "data": data}
        self._events.append(event)
        if self._owner is not None:
            self._owner.send(event)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._connections):
            connection.close()
        self._loop.remove(self._listening.fileno())
        self._listening.close()
        if self._alone is not None:
            self._alone.cancel()

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            accepted, _ = self._listening.accept()
            credentials = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            uid = struct.unpack("3i", credentials)[1]
            if uid not in (os.getuid(), 0):
                accepted.close()
                return
            self._connections.add(_Connection(self._loop, accepted, self._received, self._left))

    def _left(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if connection is self._owner:
            self._owner = None
            self._await_owner()

    def _await_owner(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
        self._alone = self._loop.call_later(self._orphaned, self._abandon)

    def _abandon(self) -> None:
        if self._owner is None and self.worker is not None:
            self.worker.close_legs()

    def _received(self, connection: "_Connection", message: dict[str, Any]) -> None:
        if "ack" in message:
            if connection is self._owner and isinstance(message["ack"], int):
                while self._events and self._events[0]["seq"] <= message["ack"]:
                    self._events.popleft()
            return
        number = message.get("id")
        try:
            result = self._dispatch(connection, message)
        except MediaError as error:
            connection.send(_refusal(number, error))
            return
        if isinstance(result, Later):
            result.then(lambda error: connection.send(_refusal(number, error) if error else {"id": number, "ok": {}}))
        else:
            connection.send({"id": number, "ok": result})
            if message.get("verb") == "hello":
                for event in islice(self._events, GREETED_EVENTS, None):
                    connection.send(event)

    def _dispatch(self, connection: "_Connection", message: dict[str, Any]) -> dict[str, Any] | Later:
        verb = message.get("verb")
        arguments = {key: value for key, value in message.items() if key not in ("id", "verb")}
        if self.worker is None:
            raise BadRequestError("The worker is still starting.")
        if verb == "status":
            return self.worker.status()
        if verb == "hello":
            return self._hello(connection, self.worker, arguments)
        if connection is not self._owner:
            raise StaleEpochError("Say hello first: this connection does not own the worker.")
        if verb not in VERBS:
            raise BadRequestError(f"There is no verb {verb!r}.")
        method: Callable[..., dict[str, Any] | Later] = getattr(self.worker, verb)
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            raise BadRequestError(f"{verb}: {error}.") from error
        try:
            return method(**arguments)
        except (TypeError, AttributeError, ValueError) as error:
            raise BadRequestError(f"{verb} got an argument of the wrong kind: {error}.") from error

    def _hello(self, connection: "_Connection", worker: Worker, arguments: dict[str, Any]) -> dict[str, Any]:
        epoch, version = arguments.get("epoch"), arguments.get("protocol")
        if not isinstance(epoch, int) or not isinstance(version, int):
            raise BadRequestError("hello needs a protocol version and an epoch.")
        if version != protocol.VERSION:
            raise BadRequestError(f"This worker speaks protocol {protocol.VERSION}, not {version}.")
        if epoch < self._epoch:
            raise StaleEpochError(f"A switch of epoch {self._epoch} owns this worker; {epoch} is older.")
        self._epoch = epoch
        before, self._owner = self._owner, connection
        if before is not None and before is not connection:
            before.close()
        if self._alone is not None:
            self._alone.cancel()
        return {"protocol": protocol.VERSION, **worker.describe(), "events": list(islice(self._events, GREETED_EVENTS))}


def _refusal(number: Any, error: MediaError) -> dict[str, Any]:
    return {"id": number, "error": {"error_id": error.error_id, "text": error.text}}


class _Connection:
    """One accepted connection; what it cannot take at once waits, up to a limit."""

    def __init__(
        self,
        loop: Loop,
        accepted: socket.socket,
        on_message: Callable[["_Connection", dict[str, Any]], None],
        on_close: Callable[["_Connection"], None],
    ) -> None:
        self._loop = loop
        self._socket = accepted
        self._on_message = on_message
        self._on_close = on_close
        self._deframer = protocol.Deframer()
        self._unsent = bytearray()
        self._closed = False
        accepted.setblocking(False)
        loop.add_reader(accepted.fileno(), self._read)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, now or when there is room; who does not read is cut off."""
        if self._closed:
            return
        idle = not self._unsent
        self._unsent += protocol.frame(message)
        if idle:
            self._flush()
            if self._unsent and not self._closed:
                self._loop.set_writer(self._socket.fileno(), self._flush)
        if len(self._unsent) > MAX_UNSENT:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove(self._socket.fileno())
        self._socket.close()
        self._on_close(self)

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.set_writer(self._socket.fileno(), None)

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        try:
            for message in self._deframer.feed(data):
                self._on_message(self, message)
        except ValueError:
            self.close()
