"""A caller's way through the exchange: one task, and the verbs that an application is written in."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from webpbx.calls.audio import BUSY, CONGESTION
from webpbx.calls.bridge import bridge
from webpbx.calls.dial import Dialled, Invitation, common_codecs, dial
from webpbx.calls.facts import CallEnded, CallStarted
from webpbx.calls.leg import Direction, Endpoint, Guard, HungUp, Leg, LegState, Party, Redirected
from webpbx.calls.live_calls import LiveCall, LiveLeg
from webpbx.calls.record import record_of
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere
from webpbx.model.snapshot import Snapshot

if TYPE_CHECKING:
    from webpbx.calls.exchange import Exchange

logger = logging.getLogger(__name__)

Application = Callable[["Call", Any], Awaitable[Destination | None]]
"""Where a destination leads: it returns the next destination, or None when the call is over."""
Applications = Mapping[type, Application]

MOST_DESTINATIONS = 20
"""A call that falls through more than this goes in circles."""


@dataclass(eq=False)
class Call:
    """The calling leg and the destination it is at. `legs[0]` is the calling leg."""

    id: str
    exchange: "Exchange"
    snapshot: Snapshot
    """The company's settings when the call began; later ones do not touch it."""
    destination: Destination
    direction: str
    """in, out or inside, as in the record."""
    dialled: str
    started_ms: int
    did: str | None = None
    trunk_id: str | None = None
    legs: list[Leg] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    bridged: tuple[Leg, Leg] | None = None
    cause: Cause | None = None
    """Why the call ends, once that is known."""
    ended_by: str = "system"
    ended_ms: int | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the call is written, or has failed to be."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    _saving: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def caller(self) -> Leg:
        """Give the calling leg."""
        return self.legs[0]

    def other(self, leg: Leg) -> Leg | None:
        """Give the leg that `leg` is bridged with, or None."""
        if self.bridged is None or leg not in self.bridged:
            return None
        return self.bridged[1] if leg is self.bridged[0] else self.bridged[0]

    def new_leg(self, endpoint: Endpoint, party: Party, *, direction: Direction, worker: str, leg_id: str) -> Leg:
        """Make a leg of this call, known to the exchange from this moment."""
        exchange = self.exchange
        leg = Leg(
            id=leg_id,
            tenant_id=exchange.tenant_id,
            endpoint=endpoint,
            party=party,
            direction=direction,
            audio=exchange.new_audio(leg_id, worker=worker),
            call=self,
            clock=exchange.clock,
        )
        self.legs.append(leg)
        exchange.know(leg)
        return leg

    async def run(self) -> None:
        """Be the call: follow its destination until it is over, then end every leg and close the record."""
        await self._be(self._from_the_start)

    async def go_on(self, script: Callable[[], Awaitable[None]]) -> None:
        """Be a call that a former life of the switch began, from where `script` takes it up."""
        self.started.set()
        await self._be(script)

    async def end(self, cause: Cause) -> None:
        """End every leg, forget what was written and close the record."""
        self.cause = cause
        for leg in reversed(self.legs):
            await leg.hang_up(cause)
        self.ended_ms = self.exchange.clock()
        self.started.set()
        async with self._saving:
            self.finished.set()
            try:
                await self.exchange.live_calls.remove(self.id)
            except Exception:
                logger.exception("call %s: it has ended but is still written as living", self.id)
        self.exchange.emit(CallEnded(self.exchange.tenant_id, record_of(self)))
        self.exchange.over(self)

    async def follow(self, destination: Destination | None) -> None:
        """Run one application after another until there is no next one."""
        while destination is not None:
            self.destination = destination
            self.visited.append(str(destination))
            if len(self.visited) > MOST_DESTINATIONS:
                destination = ToNowhere(Cause.FAILED)
            application = self.exchange.applications[type(destination)]
            try:
                destination = await application(self, destination)
            except Redirected as redirected:
                destination = redirected.destination

    async def ring(self, *, early_media: bool = False) -> None:
        """Let the caller hear ringing, or with `early_media` what the called side plays."""
        with Guard(self.caller):
            self._settle_codecs()
            self.caller.ringing()
            if self.caller.state is LegState.RINGING:
                await self.caller.endpoint.ring(self.caller, early_media=early_media)

    async def answer(self) -> None:
        """Answer the caller, unless that has been done; written before the far end is told."""
        caller = self.caller
        with Guard(caller):
            if caller.state is LegState.ANSWERED:
                return
            self._settle_codecs()
            caller.answering = True
            if not caller.endpoint.writes:
                await self.save()
            await caller.endpoint.accept(caller)
            caller.answered()

    def dial(
        self,
        invitations: Sequence[Invitation],
        *,
        timeout: float,
        caller: Party | None = None,
        refusal_ends: bool = False,
    ) -> contextlib.AbstractAsyncContextManager[Dialled]:
        """Ring everybody invited for `timeout` seconds; the body has whoever answered, and owns no leg after it.

        With `refusal_ends` one who declines speaks for all.
        """
        return dial(self, invitations, ring_time=timeout, caller=caller or self.caller.shown, refusal_ends=refusal_ends)

    async def bridge(self, callee: Leg, *, joined: bool = False) -> None:
        """Let the caller and an answered leg talk until one of them goes; `joined`: they do already."""
        self.cause = await bridge(self, callee, joined=joined)
        self.ended_by = "callee" if self.cause in _BY_FAR_END else "system"

    async def loop_back(self) -> None:
        """Let the caller hear himself."""
        with Guard(self.caller):
            await self.caller.audio.loop_back()

    async def digit(self) -> str:
        """Wait for the next key that the caller presses."""
        with Guard(self.caller):
            return await self.caller.keys.get()

    async def refuse(self, cause: Cause, *, sip_status: int | None = None, announcement: str | None = None) -> None:
        """Say why the call cannot be: at once by name, and by a tone or a sound file to those who hear us play.

        Who hears no tones of ours, a telephone, hears the sound file all the same, before its call is refused.
        """
        caller = self.caller
        self.cause = cause
        with Guard(caller):
            caller.cause = cause
            caller.sip_status = sip_status
            caller.changed()
            if not caller.endpoint.hears_tones:
                if announcement is not None:
                    await self.ring(early_media=True)
                    await caller.audio.play(announcement)
                return
            self._settle_codecs()
            await caller.audio.open_browser()
            if not await caller.audio.heard(self.exchange.patience.attach):
                return
            if announcement is not None:
                await caller.audio.play(announcement)
                return
            await caller.audio.tone(BUSY if cause in _SOUNDS_BUSY else CONGESTION)
            await asyncio.sleep(self.exchange.patience.tone)

    async def save(self) -> None:
        """Write the call as it is now; returns when that would survive."""
        async with self._saving:
            if not self.finished.is_set():
                await self.exchange.live_calls.put(self.live())

    async def note(self) -> None:
        """Write the call as it is now, if that can be done: people go on talking if not."""
        try:
            await self.save()
        except Exception:
            logger.exception("call %s: a restart would not find it as it is", self.id)

    def live(self) -> LiveCall:
        """Give what is written."""
        legs = tuple(_live_leg(leg) for leg in self.legs if leg.up or leg is self.caller)
        return LiveCall(
            call_id=self.id,
            node=self.exchange.node,
            tenant_id=self.exchange.tenant_id,
            epoch=self.exchange.epoch,
            started_ms=self.started_ms,
            dialled=self.dialled,
            direction=self.direction,
            destination=self.destination,
            visited=tuple(self.visited),
            legs=legs,
            bridge=(self.bridged[0].id, self.bridged[1].id) if self.bridged else None,
            did=self.did,
            trunk_id=self.trunk_id,
        )

    def _settle_codecs(self) -> None:
        """Let the caller speak with us, if it is not settled with whom he will."""
        endpoint = self.caller.endpoint
        self.caller.audio.choose_codecs(common_codecs(endpoint, endpoint))

    async def _be(self, script: Callable[[], Awaitable[None]]) -> None:
        try:
            await script()
            await self.end(self.cause or Cause.NORMAL)
        except HungUp as gone:
            self.ended_by = "caller" if gone.cause in _BY_FAR_END else "system"
            await self.end(self.cause or gone.cause)
        except asyncio.CancelledError:
            await self.end(Cause.SHUTTING_DOWN)
            raise
        except MediaError:
            logger.warning("call %s: its media worker failed", self.id, exc_info=True)
            await self.end(self.cause or Cause.MEDIA_LOST)
        except Exception:
            logger.exception("call %s failed", self.id)
            await self.end(Cause.FAILED)

    async def _from_the_start(self) -> None:
        if not self.caller.endpoint.writes:
            await self.save()
        self.started.set()
        self.exchange.emit(CallStarted(self.exchange.tenant_id, record_of(self)))
        await self.follow(self.destination)


def _live_leg(leg: Leg) -> LiveLeg:
    return LiveLeg(
        leg_id=leg.id,
        kind=leg.endpoint.kind,
        direction=leg.direction,
        state=str(LegState.ANSWERED if leg.answering else leg.state),
        worker=leg.audio.worker,
        codecs=leg.audio.codecs,
        number=leg.party.number,
        name=leg.party.name,
        peer_number=leg.peer.number,
        peer_name=leg.peer.name,
        dialled=leg.dialled,
        outside=leg.outside,
        emergency=leg.emergency,
        muted=leg.muted,
        started_ms=leg.started_ms,
        answered_ms=leg.answered_ms,
        data=leg.endpoint.live_data(leg),
        route_id=leg.route_id,
    )


_BY_FAR_END = frozenset({Cause.NORMAL, Cause.CANCELLED})
_SOUNDS_BUSY = frozenset({Cause.BUSY, Cause.DECLINED})
