"""Many datagrams a system call: Linux' `recvmmsg` and `sendmmsg`; elsewhere one at a time. The whole seam to them.

A source is a *key*: the socket address as the kernel wrote it, one integer for IPv4 and bytes for IPv6.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from webpbx.media.packet import PacketBuffer

BATCH = 64
NAME_SIZE = 32  # kept for a socket address, of which IPv4 uses 8 and IPv6 28

Address = tuple[Any, ...]
Key = int | bytes

_V4 = struct.Struct("=H2s4s")  # sockaddr_in: family, port and address as on the wire
_V6 = struct.Struct("=H2sI16sI")  # sockaddr_in6: family, port, flow, address, scope
_WORD = struct.Struct("=Q")


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_WORDS = ctypes.sizeof(_Message) // 4
_LENGTH = _Message.length.offset // 4


def _call(name: str) -> Any:
    """Find one of the two calls; None where the system has no such thing or lays its messages out in another way."""
    if sys.platform != "linux" or ctypes.sizeof(_Message) != 64:  # noqa: PLR2004 - on 64-bit Linux
        return None
    return getattr(ctypes.CDLL(None), name, None)


def key_of(address: Address) -> Key:
    """Return the key of an address as Python's sockets give it."""
    port = address[1].to_bytes(2, "big")
    if ":" not in address[0]:
        return int(_WORD.unpack(_V4.pack(socket.AF_INET, port, socket.inet_aton(address[0])))[0])
    scope = address[3] if len(address) > 3 else 0  # noqa: PLR2004 - host, port, flow, scope
    packed = socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0])
    return _V6.pack(socket.AF_INET6, port, 0, packed, scope)


def address_of(key: Key) -> Address:
    """Return a key's address as Python's sockets take it."""
    if isinstance(key, int):
        _, port, packed = _V4.unpack(_WORD.pack(key))
        return socket.inet_ntoa(packed), int.from_bytes(port, "big")
    _, port, _, packed, scope = _V6.unpack(key)
    return socket.inet_ntop(socket.AF_INET6, packed), int.from_bytes(port, "big"), 0, scope


class _Batch:
    """The kernel's view of `BATCH` messages: one vector and room for one address each."""

    def __init__(self, bound: socket.socket) -> None:
        self.messages = (_Message * BATCH)()
        self.vectors = (_Vector * BATCH)()
        self.names = ctypes.create_string_buffer(BATCH * NAME_SIZE)
        name_length = 16 if bound.family == socket.AF_INET else _V6.size
        for index, message in enumerate(self.messages):
            message.header.name = ctypes.addressof(self.names) + index * NAME_SIZE
            message.header.name_length = name_length
            message.header.vectors = ctypes.pointer(self.vectors[index])
            message.header.vector_count = 1
        # Seen as plain integers, for their fields are read and written at every packet.
        self.vector_words = memoryview(self.vectors).cast("B").cast("Q")
        self.message_words = memoryview(self.messages).cast("B").cast("I")
        self.name_words = memoryview(self.names).cast("B").cast("Q")


class Inbox:
    """Take what has come to a socket, up to `BATCH` datagrams, each in a buffer of its own until the next taking."""

    def __init__(self, bound: socket.socket) -> None:
        self.packets = [PacketBuffer() for _ in range(BATCH)]
        self._socket = bound
        self._batch = _Batch(bound)
        self._receive = _call("recvmmsg")
        self._whole_names = bound.family == socket.AF_INET6
        for index in range(BATCH):
            self._aim(index)

    def _aim(self, index: int) -> None:
        self._batch.vector_words[2 * index] = self.packets[index].address
        self._batch.vector_words[2 * index + 1] = len(self.packets[index].view)

    def take(self) -> Iterable[tuple[PacketBuffer, int, Key]]:
        """Return each datagram's buffer, length and source; none if nothing has come."""
        if self._receive is None:
            return self._take_singly()
        count = self._receive(self._socket.fileno(), self._batch.messages, BATCH, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return ()
        lengths = self._batch.message_words[_LENGTH : count * _WORDS : _WORDS].tolist()
        keys: Sequence[Key]
        if self._whole_names:
            names = self._batch.names.raw
            keys = [names[at : at + _V6.size] for at in range(0, count * NAME_SIZE, NAME_SIZE)]
        else:
            keys = self._batch.name_words[: count * NAME_SIZE // 8 : NAME_SIZE // 8].tolist()
        return zip(self.packets, lengths, keys, strict=False)

    def _take_singly(self) -> Iterable[tuple[PacketBuffer, int, Key]]:
        for packet in self.packets:
            try:
                length, address = self._socket.recvfrom_into(packet.view)
            except OSError:
                return
            yield packet, length, key_of(address)
