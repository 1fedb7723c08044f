"""Digits heard as tones (ITU-T Q.23, Q.24), for lines that have no other way of sending them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from webpbx.media import codec as codecs
from webpbx.media.dtmf import HIGH, KEYPAD, LOST_AFTER_S, LOW, Digit

BLOCKS_PER_SECOND: Final = 8000 / 102  # 12.75 ms tell 697 from 770 Hz
OVERLAP: Final = 2
HITS: Final = 4  # blocks in a row: 28 ms at least, and surely 40 ms
MISSES: Final = 4  # blocks in a row: an interruption of 10 ms is none, a pause of 40 ms is one
DRIFT: Final = (0.988, 1.0, 1.012)  # where energy is looked for, so that a tone 1.5 % off loses none
OFF: Final = 0.025  # of the frequency: 1.5 % is a key, 3.5 % is none; told by how the phase moves from block to block
SHARE: Final = 0.8  # of all energy that is in the two tones: speech seldom has so much
HIGH_OVER_LOW: Final = (
    0.079,
    4.5,
)  # Q.24 asks for a twist of -8 to +4 dB; in a block this short each tone alters the other
OVER_OTHERS: Final = 4.0  # 6 dB: with twist, the stronger tone spills into the bins beside the weaker
QUIETEST: Final = 287.0  # amplitude: -38 dBm0


class ToneReceiver:
    """Turn one stream's samples into digits; each is told once it has ended."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = round(rate / BLOCKS_PER_SECOND)
        self._step = self._size // OVERLAP
        frequencies = np.array([hertz * drift for hertz in (*LOW, *HIGH) for drift in DRIFT])
        angles = 2 * np.pi / rate * np.outer(np.arange(self._size), frequencies)
        self._waves: NDArray[np.float32] = np.concatenate((np.cos(angles), -np.sin(angles)), axis=1).astype(np.float32)
        moves = 2 * np.pi / rate * self._step * np.array((*LOW, *HIGH))
        self._moves = np.exp(-1j * moves)  # undoes what a tone of the right frequency does to the phase in a step
        self._most = moves * OFF
        self._before: NDArray[np.complex128] = np.zeros(len(moves), np.complex128)
        self._where: NDArray[np.intp] = np.zeros((0, 0), np.intp)
        self._waiting: NDArray[np.float32] = np.zeros(0, np.float32)
        self._candidate = ""
        self._hits = 0
        self._misses = 0
        self._steps = 0  # of the digit, from its first block to its last
        self._heard = 0.0
        self.pressed = ""

    def receive(self, pcm: NDArray[np.int16], now: float) -> list[Digit]:
        """Take samples and return the digits that have come to their end."""
        samples = np.concatenate((self._waiting, pcm.astype(np.float32)))
        if len(samples) < self._size:
            self._waiting = samples
            return []
        blocks = samples[self._cut((len(samples) - self._size) // self._step + 1)]
        self._waiting = samples[len(blocks) * self._step :]
        self._heard = now
        done = [self._take(key, steady=steady) for key, steady in self._keys(blocks)]
        return [digit for digit in done if digit is not None]

    def _cut(self, count: int) -> NDArray[np.intp]:
        """Return where the samples of so many blocks are."""
        if len(self._where) < count:
            self._where = np.arange(count)[:, None] * self._step + np.arange(self._size)
        return self._where[:count]

    def expire(self, now: float) -> Digit | None:
        """End the digit of a stream that has stopped."""
        if not self.pressed or now - self._heard < LOST_AFTER_S:
            return None
        return self._release()

    def _keys(self, blocks: NDArray[np.float32]) -> list[tuple[str, bool]]:
        """Name the key whose tones each block is, "" for none, and whether they go on from the block before."""
        energy = np.einsum("ij,ij->i", blocks, blocks)
        if energy.max() < self._size * QUIETEST**2:  # two tones of that amplitude
            return [("", False)] * len(blocks)
        parts = blocks @ self._waves
        half = parts.shape[1] // 2
        power = (parts[:, :half] ** 2 + parts[:, half:] ** 2).reshape(len(blocks), len(LOW) + len(HIGH), len(DRIFT))
        middle = len(DRIFT) // 2
        now = parts[:, middle : half : len(DRIFT)] + 1j * parts[:, half + middle :: len(DRIFT)]
        before, self._before = self._before, now[-1]
        two = power[:, : len(LOW)].max(axis=(1, 2)) + power[:, len(LOW) :].max(axis=(1, 2))
        pure = two * 2 >= SHARE * energy * self._size
        if not pure.any():
            return [("", False)] * len(blocks)
        turned = now * np.concatenate((before[None], now[:-1])).conj() * self._moves
        steady = np.abs(np.angle(turned)) <= self._most
        return [self._key(power[at], steady[at]) if pure[at] else ("", False) for at in range(len(blocks))]

    def _key(self, power: NDArray[np.float32], steady: NDArray[np.bool_]) -> tuple[str, bool]:
        best, others = power.max(axis=1), power[:, len(DRIFT) // 2].copy()
        row = int(best[: len(LOW)].argmax())
        column = int(best[len(LOW) :].argmax())
        low, high = float(best[row]), float(best[len(LOW) + column])
        others[[row, len(LOW) + column]] = 0.0
        if (
            min(low, high) < (QUIETEST * self._size / 2) ** 2
            or not HIGH_OVER_LOW[0] * low <= high <= HIGH_OVER_LOW[1] * low
            or others[: len(LOW)].max() * OVER_OTHERS > low
            or others[len(LOW) :].max() * OVER_OTHERS > high
        ):
            return "", False
        return KEYPAD[row][column], bool(steady[row] and steady[len(LOW) + column])

    def _take(self, key: str, *, steady: bool) -> Digit | None:
        self._hits = self._hits + 1 if steady and key == self._candidate else 1
        self._candidate = key
        if self.pressed:
            if key == self.pressed:
                self._steps += self._misses + 1
                self._misses = 0
            else:
                self._misses += 1
        done = None
        if self.pressed and (self._misses >= MISSES or self._begins(key)):
            done = self._release()
        if self._begins(key):
            self.pressed, self._steps, self._misses = key, HITS - 1, 0
        return done

    def _begins(self, key: str) -> bool:
        return bool(key) and key != self.pressed and self._hits >= HITS

    def _release(self) -> Digit:
        digit = Digit(self.pressed, (self._steps * self._step + self._size) * 1000 // self._rate)
        self.pressed, self._misses = "", 0
        return digit


class ToneListener:
    """Listen to one incoming RTP stream for digits, whatever codec it has at the moment."""

    def __init__(self) -> None:
        self._codec = ""
        self._seq: int | None = None

    def take(self, payload: bytes, codec: str, seq: int, now: float) -> list[Digit]:
        """Take a packet's payload; what comes twice or too late is passed over."""
        if codec != self._codec:
            self._codec = codec
            self._decoder = codecs.decoder(codec)
            self._receiver = ToneReceiver(codecs.RATES[codec])
        if self._seq is not None and not 0 < (seq - self._seq) & 0xFFFF < 0x8000:  # noqa: PLR2004 - half the numbers
            return []
        self._seq = seq
        return self._receiver.receive(self._decoder.decode(payload), now)

    @property
    def pressed(self) -> bool:
        """Tell whether a key is down, so that `expire` is worth calling."""
        return bool(self._codec and self._receiver.pressed)

    def expire(self, now: float) -> Digit | None:
        """End the digit of a stream that has stopped."""
        return self._receiver.expire(now) if self._codec else None
