from collections.abc import Callable

from pylibsrtp._binding import ffi

CAPACITY = 2048
MAX_DATAGRAM = 1600  # longer ones are no audio; the rest of the buffer is room for SRTP's trailer


class PacketBuffer:
    """One reused buffer that a packet is read into, changed in and sent from; no packet is copied on its way."""

    __slots__ = ("address", "data", "view")

    def __init__(self) -> None:
        self.data = ffi.new("unsigned char[]", CAPACITY)
        self.view = memoryview(ffi.buffer(self.data, CAPACITY)).cast("B")
        self.address = int(ffi.cast("uintptr_t", self.data))


Outlet = Callable[[PacketBuffer, int, int], None]  # sends the RTP packet from start to end, changing it on the way
