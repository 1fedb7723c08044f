"""Framing of the control protocol: four bytes of length, big-endian, then a JSON object in UTF-8."""

import json
import struct
from collections.abc import Iterator
from typing import Any

VERSION = 1
MAX_MESSAGE = 1 << 20

_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    """Write one message."""
    data = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(data)) + data


class Deframer:
    """Cut a byte stream into messages."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes and yield what became whole; raises ValueError for what is no protocol of ours."""
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > MAX_MESSAGE:
                raise ValueError(f"A message of {length} bytes is longer than allowed.")
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            message = json.loads(bytes(self._received[_LENGTH.size : end]))
            del self._received[:end]
            if not isinstance(message, dict):
                raise ValueError("A message is no JSON object.")  # noqa: TRY004 - the stream's value is wrong
            yield message
