"""A leg's audio in its media worker: what a call does with sound, said for one leg."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from webpbx.media.client import LegStats
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause

RINGBACK = "ringback"
BUSY = "busy"
CONGESTION = "congestion"


_UNUSABLE = frozenset({"bad_sdp", "no_codec", "incompatible", "srtp_required"})


def cause_of(error: MediaError) -> Cause:
    """Say what a failure of the worker means for the leg: a far end it cannot speak with, or no audio at all."""
    return Cause.INCOMPATIBLE_MEDIA if error.error_id in _UNUSABLE else Cause.MEDIA_LOST


class MediaVerbs(Protocol):
    """What is asked of the media workers; `media.client.Media` does it."""

    def choose(self) -> str | None:
        """Name the worker that should carry the next call, or None when none is ready."""

    async def browser_leg(
        self, worker: str, leg: str, *, offer: str | None = None, codecs: Sequence[str] = ("opus",), generation: int = 0
    ) -> str | None:
        """Make a browser's leg or attach a connection to it; give the SDP answer to an offer."""

    async def rtp_leg(
        self,
        worker: str,
        leg: str,
        *,
        address: str,
        codecs: Sequence[str],
        advertised: str | None = None,
        srtp: str = "none",
        digits: str = "rfc4733",
    ) -> str:
        """Make a trunk's leg; give our SDP."""

    async def set_remote(self, worker: str, leg: str, sdp: str, *, answer: bool, symmetric: bool = False) -> str | None:
        """Tell the far end's SDP; give our answer to an offer."""

    async def connect(self, worker: str, a: str, b: str, *, a_hears: bool = True, b_hears: bool = True) -> None:
        """Join two legs."""

    async def disconnect(self, worker: str, a: str) -> None:
        """Part a leg from its other."""

    async def loop_back(self, worker: str, leg: str) -> None:
        """Send what comes from the leg back to it."""

    async def close_leg(self, worker: str, leg: str) -> None:
        """End the leg's audio."""

    async def play(self, worker: str, leg: str, *, player: str, file: str, loop: bool = False) -> None:
        """Play a file to the leg."""

    async def tone(self, worker: str, leg: str, *, player: str, tone: str, country: str = "DE") -> None:
        """Play a call progress tone to the leg until stopped."""

    async def stop(self, worker: str, leg: str, *, player: str | None = None) -> None:
        """Stop one player, or all."""

    async def push_digits(self, worker: str, leg: str, digits: str) -> None:
        """Take digits as if the leg's far end had sent them in its audio."""

    async def mute(self, worker: str, leg: str, on: bool) -> None:  # noqa: FBT001 - the media worker's verb
        """Silence what comes from the leg."""

    async def stats(self, worker: str, leg: str) -> LegStats | None:
        """Give the leg's counters."""


class LegAudio:
    """One leg's audio. It exists in the worker between the first `open_…` and `close`."""

    def __init__(self, media: MediaVerbs, *, worker: str, leg_id: str, country: str) -> None:
        self.worker = worker
        self.codecs: tuple[str, ...] = ()
        """Offered to the far end, in order; empty while nobody has chosen."""
        self.open = False
        self.connected = asyncio.Event()
        """Set while the far end's audio path stands."""
        self.stats: LegStats | None = None
        """The worker's last counters, once the leg has ended."""
        self._media = media
        self.leg = leg_id
        self._country = country
        self._chosen = asyncio.Event()
        self._players = 0
        self._finished: dict[str, asyncio.Event] = {}
        self._closed = False
        self._browser = False
        self._muted = False
        self._loops = False
        self._joined: tuple[LegAudio, bool, bool] | None = None
        """The other, whether this one hears it and whether it is heard."""

    def choose_codecs(self, codecs: Sequence[str]) -> None:
        """Settle the codecs, unless that has been done."""
        if not self._chosen.is_set():
            self.codecs = tuple(codecs)
            self._chosen.set()

    async def codecs_chosen(self) -> tuple[str, ...]:
        """Wait until it is known where the call goes, and with it the codecs."""
        await self._chosen.wait()
        return self.codecs

    async def heard(self, seconds: float) -> bool:
        """Wait until the far end can hear us; False if that takes too long."""
        try:
            async with asyncio.timeout(seconds):
                await self.connected.wait()
        except TimeoutError:
            return False
        return True

    async def open_browser(self) -> None:
        """Make a leg that tones and bridges can use before its browser attaches."""
        if not self.open and not self._closed:
            self.open = self._browser = True
            await self._media.browser_leg(self.worker, self.leg, codecs=self.codecs)
            if self._muted:
                await self._media.mute(self.worker, self.leg, on=True)

    async def attach(self, offer: str, *, generation: int) -> str:
        """Put a browser's new connection onto the leg; give the SDP answer."""
        if self._closed:
            raise MediaError("The call's audio has ended.")
        anew = not self.open
        self.open = self._browser = True
        try:
            answer = await self._media.browser_leg(
                self.worker, self.leg, offer=offer, codecs=self.codecs, generation=generation
            )
        except MediaError:
            self.open = self.open and not anew  # the worker has made no leg of it
            raise
        if self._closed:  # the call ended while the worker was at it, and must not keep a leg nobody owns
            await self._media.close_leg(self.worker, self.leg)
            raise MediaError("The call's audio has ended.")
        if answer is None:
            raise MediaError("The media worker gave no answer to the browser's offer.")
        if anew:
            await self._resume()
        return answer

    async def open_rtp(
        self, *, address: str, advertised: str | None, srtp: str = "none", digits: str = "rfc4733"
    ) -> str:
        """Make a trunk's or telephone's leg at a local IP address; give our SDP offer.

        `srtp` is "none", "offer" or "require"; `digits` "rfc4733", "inband" or "none" (then by SIP INFO).
        """
        self.open = True
        return await self._media.rtp_leg(
            self.worker,
            self.leg,
            address=address,
            codecs=self.codecs,
            advertised=advertised,
            srtp=srtp,
            digits=digits,
        )

    async def take_answer(self, sdp: str, *, symmetric: bool) -> None:
        """Take the far end's answer to our offer."""
        await self._media.set_remote(self.worker, self.leg, sdp, answer=True, symmetric=symmetric)

    async def take_offer(self, sdp: str, *, symmetric: bool) -> str:
        """Take the far end's offer, first or renewed; give our answer."""
        answer = await self._media.set_remote(self.worker, self.leg, sdp, answer=False, symmetric=symmetric)
        if answer is None:
            raise MediaError("The media worker gave no answer to the far end's offer.")
        return answer

    async def connect(self, other: "LegAudio", *, hears: bool = True, heard: bool = True) -> None:
        """Join this leg with another on the same worker; `hears` and `heard` are this leg's ears and voice."""
        for audio in (self, other):
            if audio._browser:  # noqa: SLF001 - one class
                await audio.open_browser()
        self._joined = (other, hears, heard)
        other._joined = (self, heard, hears)  # noqa: SLF001 - one class
        await self._media.connect(self.worker, self.leg, other.leg, a_hears=hears, b_hears=heard)

    async def disconnect(self) -> None:
        """Part this leg from its other, if the worker still has it."""
        self._joined = None
        with contextlib.suppress(MediaError):
            await self._media.disconnect(self.worker, self.leg)

    async def loop_back(self) -> None:
        """Let the far end hear itself."""
        self._loops = True
        await self._media.loop_back(self.worker, self.leg)

    async def tone(self, tone: str) -> None:
        """Play a call progress tone of the company's country until `stop`."""
        await self._media.tone(self.worker, self.leg, player=self._new_player(), tone=tone, country=self._country)

    async def play(self, file: str) -> None:
        """Play a sound file and wait until it has ended."""
        player = self._new_player()
        finished = self._finished[player] = asyncio.Event()
        try:
            await self._media.play(self.worker, self.leg, player=player, file=file)
            await finished.wait()
        finally:
            del self._finished[player]

    async def play_on(self, file: str) -> None:
        """Play a sound file again and again until `stop`."""
        await self._media.play(self.worker, self.leg, player=self._new_player(), file=file, loop=True)

    def played(self, player: str) -> None:
        """Hear from the worker that a player has come to its end."""
        if player in self._finished:
            self._finished[player].set()

    async def stop(self) -> None:
        """Stop whatever is played."""
        await self._media.stop(self.worker, self.leg)

    async def push_digits(self, digits: str) -> None:
        """Take digits as if the far end had sent them in its audio."""
        await self._media.push_digits(self.worker, self.leg, digits)

    async def mute(self, *, on: bool) -> None:
        """Silence what comes from the far end, or let it be heard again."""
        self._muted = on
        if self.open:
            await self._media.mute(self.worker, self.leg, on)

    async def survey(self) -> None:
        """Keep the worker's counters for the record."""
        if self.open and not self._closed:
            with contextlib.suppress(MediaError):
                self.stats = await self._media.stats(self.worker, self.leg)

    async def close(self) -> None:
        """End the audio; a worker that has gone has ended it already."""
        self._chosen.set()
        if not self._closed:
            self._closed = True
            if self.open:
                with contextlib.suppress(MediaError):
                    await self._media.close_leg(self.worker, self.leg)

    def lost(self) -> None:
        """Know that the worker has gone and the audio with it."""
        self._closed = True

    def gone(self) -> None:
        """Know that the worker has given the leg up; the next connection gets a new one."""
        self.open = False
        self.connected.clear()

    def found(self, codecs: Sequence[str], *, browser: bool, muted: bool) -> None:
        """Take over audio that a former life of the switch left in the worker."""
        self.open = True
        self._browser = browser
        self._muted = muted
        self.connected.set()
        self.choose_codecs(codecs)

    async def _resume(self) -> None:
        """Put a leg that the worker had given up back into what it was in."""
        if self._muted:
            await self._media.mute(self.worker, self.leg, on=True)
        if self._loops:
            await self._media.loop_back(self.worker, self.leg)
        if self._joined is not None:
            other, hears, heard = self._joined
            await self._media.connect(self.worker, self.leg, other.leg, a_hears=hears, b_hears=heard)

    def _new_player(self) -> str:
        self._players += 1
        return f"{self.leg}.{self._players}"
