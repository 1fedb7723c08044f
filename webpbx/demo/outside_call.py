"""One call at the outside world's end: its signalling, its sound, and the script that plays its part."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webpbx.media.client import Media
from webpbx.media.errors import MediaError
from webpbx.sip.session_events import Answered, Ended, Progress, Reoffered
from webpbx.sip.session_face import Session

logger = logging.getLogger(__name__)

CODECS: Final = ("PCMA", "PCMU")
NOT_ACCEPTABLE: Final = 488
UNAVAILABLE: Final = 503

Script = Callable[["OutsideCall"], Awaitable[None]]


def new_leg() -> str:
    """Return the name of a leg that never was."""
    return f"outside-{secrets.token_hex(6)}"


@dataclass
class Studio:
    """Where the outside world's calls get their sound: one media worker, a folder of sounds, players that are on."""

    media: Media
    worker: str
    address: str
    sounds: Path
    playing: dict[str, asyncio.Event] = field(default_factory=dict)


class OutsideCall:
    """The verbs a script has. The call ends with its script, and the script with the call."""

    def __init__(self, session: Session, studio: Studio, *, leg: str) -> None:
        self.session = session
        self.leg = leg
        self.state = "new"  # ringing, answered, ended
        self.status: int | None = None  # of the response that ended it
        self.moved = asyncio.Event()  # set at every change of state
        self._studio = studio
        self._sdp = b""

    async def take_offer(self) -> bool:
        """Make the sound's leg for a call that came in; False when their offer cannot be taken."""
        offer = self.session.remote_sdp
        if offer is None:
            await self.session.reject(NOT_ACCEPTABLE)
            return False
        studio = self._studio
        try:
            await studio.media.rtp_leg(studio.worker, self.leg, address=studio.address, codecs=CODECS)
            answer = await studio.media.set_remote(
                studio.worker, self.leg, offer.decode("utf-8", "replace"), answer=False
            )
        except MediaError as error:
            logger.warning("no sound for a call from the company: %s", error.text)
            await self.session.reject(UNAVAILABLE if error.error_id == "worker_lost" else NOT_ACCEPTABLE)
            return False
        self._sdp = (answer or "").encode()
        return True

    async def ring(self) -> None:
        """Let the caller know that it rings here."""
        await self.session.ring()
        self._move("ringing")

    async def ring_with_sound(self) -> None:
        """Ring with early media: what is played from now on is heard before anyone answers."""
        await self.session.ring(sdp=self._sdp)
        self._move("ringing")

    async def answer(self) -> None:
        """Take the call."""
        await self.session.answer(self._sdp)
        self._move("answered")

    async def reject(self, status: int) -> None:
        """Refuse the call with a SIP status."""
        await self.session.reject(status)

    async def hang_up(self) -> None:
        """End the call."""
        await self.session.hang_up()

    async def play(self, sound: str, *, loop: bool = False) -> None:
        """Play a sound of the folder to its end; a loop has none."""
        studio, player = self._studio, f"{self.leg}-{secrets.token_hex(4)}"
        finished = studio.playing[player] = asyncio.Event()
        try:
            file = str(studio.sounds / f"{sound}.ogg")
            await studio.media.play(studio.worker, self.leg, player=player, file=file, loop=loop)
            await finished.wait()
        finally:
            del studio.playing[player]

    async def loop_back(self) -> None:
        """Send back what is heard, from now on."""
        await self._studio.media.loop_back(self._studio.worker, self.leg)

    async def stay(self) -> None:
        """Wait until the other side hangs up."""
        await asyncio.Event().wait()

    async def run(self, script: Script) -> None:
        """Play the script until it or the call ends; then nothing of the call is left."""
        acting: asyncio.Task[None] | None = None
        if self.session.direction == "in":
            acting = asyncio.create_task(self._act(script), name=self.leg)
        try:
            while not isinstance(event := await self.session.next_event(), Ended):
                if isinstance(event, Answered) and acting is None:
                    await self._hear(event.sdp)
                    self._move("answered")
                    acting = asyncio.create_task(self._act(script), name=self.leg)
                elif isinstance(event, Progress) and event.status > 100:  # noqa: PLR2004 - 100 is no progress yet
                    self._move("ringing")
                elif isinstance(event, Reoffered):
                    await self._reoffered(event)
            self.status = event.status
        finally:
            if acting is not None:
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)
            await self._close()
            self._move("ended")

    async def _act(self, script: Script) -> None:
        try:
            await script(self)
        except MediaError as error:
            logger.warning("the sound of an outside call failed: %s", error.text)
        except Exception:
            logger.exception("the script of an outside call failed")
        await self.session.hang_up()

    async def _hear(self, sdp: bytes | None) -> None:
        """Take the answer to our offer; without a usable one there is no call."""
        studio = self._studio
        try:
            text = (sdp or b"").decode("utf-8", "replace")
            await studio.media.set_remote(studio.worker, self.leg, text, answer=True)
        except MediaError as error:
            logger.warning("the company's answer cannot be used: %s", error.text)
            await self.session.hang_up()

    async def _reoffered(self, event: Reoffered) -> None:
        studio = self._studio
        if event.sdp is None:
            await self.session.accept_reoffer(self._sdp)
            return
        try:
            text = event.sdp.decode("utf-8", "replace")
            answer = await studio.media.set_remote(studio.worker, self.leg, text, answer=False)
        except MediaError:
            await self.session.refuse_reoffer(NOT_ACCEPTABLE)
        else:
            self._sdp = (answer or "").encode()
            await self.session.accept_reoffer(self._sdp)

    async def _close(self) -> None:
        try:
            await self._studio.media.close_leg(self._studio.worker, self.leg)
        except MediaError as error:
            logger.debug("closing %s: %s", self.leg, error.text)

    def _move(self, state: str) -> None:
        self.state = state
        self.moved.set()
        self.moved = asyncio.Event()
