"""What a leg hears instead of its peer: a sound, or keys being pressed."""

from collections.abc import Callable
from typing import Protocol

from webpbx.media.dtmf import DigitPacket, digit_packets, inband
from webpbx.media.errors import MediaError
from webpbx.media.rtp import FRAME_SECONDS, Format
from webpbx.media.sound_store import SoundRequest, SoundStore
from webpbx.media.sounds import Sound

PRESS_MS = 100
GAP_TICKS = 3


class Speaker(Protocol):
    """The leg's side of it: send one payload as the next of `source`."""

    def speak(self, source: object, payload: bytes, form: Format, *, samples: int, now: float) -> None:
        """Send `payload`, `samples` after the last of this source."""
        ...


class Player:
    """Send a sound's payloads, one a tick; when the codec changes, go on in the new one."""

    def __init__(self, player_id: str, *, kind: str, name: str, country: str = "", loop: bool) -> None:
        self.id = player_id
        self._kind = kind
        self._name = name
        self._country = country
        self._loop = loop
        self._sound: Sound | None = None
        self._wanted = ""
        self._failed = False
        self._next = 0

    def prepare(self, codec: str, store: SoundStore, done: Callable[[MediaError | None], None] | None = None) -> None:
        """Get the sound ready in `codec`; `done` hears why not, or None."""
        self._wanted = codec

        def ready(result: Sound | MediaError) -> None:
            if isinstance(result, MediaError):
                self._failed = True
            elif result.codec == self._wanted:
                self._sound = result
            if done is not None:
                done(result if isinstance(result, MediaError) else None)

        store.get(SoundRequest(self._kind, self._name, self._country, codec), ready)

    def tick(self, speaker: Speaker, form: Format, store: SoundStore, steps: int, now: float) -> bool:
        """Send the next payload, leaving out what a late tick missed; False = the sound is at its end."""
        sound = self._sound
        if self._failed:
            return False
        if sound is None or sound.codec != form.codec:
            if self._wanted != form.codec:
                self.prepare(form.codec, store)
            return True
        at = self._next + steps - 1
        if at >= len(sound.payloads):
            if not self._loop:
                return False
            at %= len(sound.payloads)
        speaker.speak(self, sound.payloads[at], form, samples=steps * sound.samples_per_frame, now=now)
        self._next = at + 1
        return True


class KeyPress:
    """Send one digit: RFC 4733 where negotiated, else its two tones."""

    def __init__(self, digit: str) -> None:
        self._digit = digit
        self._tick = 0
        self._packets: list[DigitPacket] | None = None

    def tick(self, speaker: Speaker, audio: Format, event: Format | None, now: float) -> bool:
        """Send what is due; False = the digit and the pause after it are over."""
        if event is None:
            return self._tones(speaker, audio, now)
        if self._packets is None:
            self._packets = list(digit_packets(self._digit, PRESS_MS, event.clock))
        due = self._tick * round(FRAME_SECONDS * 1000)
        self._tick += 1
        for packet in self._packets:
            if packet.offset_ms == due:
                speaker.speak(self, packet.payload, event, samples=0, now=now)
        return due <= self._packets[-1].offset_ms + GAP_TICKS * 20

    def _tones(self, speaker: Speaker, audio: Format, now: float) -> bool:
        sound = inband(self._digit, audio.codec)
        speaker.speak(self, sound.payloads[self._tick], audio, samples=sound.samples_per_frame, now=now)
        self._tick += 1
        return self._tick < len(sound.payloads)
