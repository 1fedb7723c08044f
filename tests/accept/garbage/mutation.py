"""Seeded ways to spoil a message; the same seed spoils alike."""

import random
from collections.abc import Callable, Sequence
from typing import Final

_ODD: Final = (
    b"\x00",
    b"\xff\xfe",
    b"\xc3\x28",
    b"%00%0d%0a",
    b"\r\n\r\n",
    b"\r",
    b"\n ",
    b'"',
    b"<>",
    b";;;=",
    b",,,",
    b"(((",
    b"\xe2\x80\xae",
    "ÄÖÜ✆".encode(),
    "anna".encode("utf-16"),
    b"0" * 64,
    b"A" * 3000,
    b"-1",
    b"4294967296",
    b"99999999999999999999999999",
    b"\t\t\t",
    b"sip:",
    b"tel:+",
    b"[::1",
    b"1e309",
)


class Mutator:
    """Spoil bytes in one way out of many."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._text: Sequence[Callable[[bytes], bytes]] = (
            self._flip_bits,
            self._truncate,
            self._double_a_line,
            self._drop_a_line,
            self._swap_lines,
            self._insert_odd,
            self._replace_number,
            self._replace_value,
            self._many_lines,
            self._double,
            self._other_line_ends,
        )
        self._binary: Sequence[Callable[[bytes], bytes]] = (
            self._flip_bits,
            self._truncate,
            self._insert_odd,
            self._noise,
            self._grow,
        )

    def text(self, data: bytes) -> bytes:
        """Spoil a message of lines."""
        return self._rng.choice(self._text)(data)

    def binary(self, data: bytes) -> bytes:
        """Spoil a packet."""
        return self._rng.choice(self._binary)(data)

    def _flip_bits(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        for _ in range(self._rng.choice((1, 1, 1, 2, 4, 16))):
            if spoilt:
                spoilt[self._rng.randrange(len(spoilt))] ^= 1 << self._rng.randrange(8)
        return bytes(spoilt)

    def _truncate(self, data: bytes) -> bytes:
        return data[: self._rng.randrange(len(data) + 1)]

    def _lines(self, data: bytes) -> tuple[list[bytes], int]:
        lines = data.split(b"\r\n")
        return lines, self._rng.randrange(len(lines))

    def _double_a_line(self, data: bytes) -> bytes:
        lines, at = self._lines(data)
        lines.insert(self._rng.randrange(len(lines)), lines[at])
        return b"\r\n".join(lines)

    def _drop_a_line(self, data: bytes) -> bytes:
        lines, at = self._lines(data)
        del lines[at]
        return b"\r\n".join(lines)

    def _swap_lines(self, data: bytes) -> bytes:
        lines, at = self._lines(data)
        other = self._rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
        return b"\r\n".join(lines)

    def _insert_odd(self, data: bytes) -> bytes:
        at = self._rng.randrange(len(data) + 1)
        return data[:at] + self._rng.choice(_ODD) + data[at:]

    def _replace_number(self, data: bytes) -> bytes:
        digits = [at for at, octet in enumerate(data) if 48 <= octet <= 57]
        if not digits:
            return data
        at = self._rng.choice(digits)
        return data[:at] + self._rng.choice(_ODD[-12:]) + data[at + 1 :]

    def _replace_value(self, data: bytes) -> bytes:
        lines, at = self._lines(data)
        name, colon, _ = lines[at].partition(b":")
        lines[at] = name + colon + b" " + self._rng.choice(_ODD)
        return b"\r\n".join(lines)

    def _many_lines(self, data: bytes) -> bytes:
        lines, at = self._lines(data)
        lines[at:at] = [lines[at]] * self._rng.choice((2, 20, 200))
        return b"\r\n".join(lines)[:60_000]

    def _double(self, data: bytes) -> bytes:
        return (data + data)[:60_000]

    def _other_line_ends(self, data: bytes) -> bytes:
        return data.replace(b"\r\n", self._rng.choice((b"\n", b"\r", b"\r\n\r\n", b"\r\n ")))

    def _noise(self, data: bytes) -> bytes:
        head = self._rng.randrange(len(data) + 1)
        return data[:head] + self._rng.randbytes(self._rng.randrange(200))

    def _grow(self, data: bytes) -> bytes:
        return data + self._rng.randbytes(1400)
