"""Ring several endpoints at once: the first answer wins, and the scope owns every leg it rang."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webpbx.calls import audio
from webpbx.calls.leg import Endpoint, Guard, HungUp, Leg, LegState, Party
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause

if TYPE_CHECKING:
    from webpbx.calls.call import Call

logger = logging.getLogger(__name__)

_WORTH_SAYING = (Cause.BUSY, Cause.DECLINED, Cause.NO_ANSWER, Cause.UNKNOWN_NUMBER, Cause.UNREACHABLE)
"""Of several causes why nobody answered, the first of these is told to the caller."""


@dataclass(frozen=True)
class Invitation:
    """Somebody to ring: an endpoint, and for a trunk the number it is to call."""

    endpoint: Endpoint
    party: Party
    outside: bool = False
    emergency: bool = False
    route_id: str | None = None
    silence: float | None = None
    """Seconds after which a far end that says nothing at all is given up; None leaves that to the endpoint."""


@dataclass
class Dialled:
    """What came of it: the leg that answered, or why none did."""

    callee: Leg | None = None
    cause: Cause = Cause.NO_ANSWER
    sip_status: int | None = None
    rang: bool = False


@contextlib.asynccontextmanager
async def dial(
    call: "Call", invitations: Sequence[Invitation], *, ring_time: float, caller: Party, refusal_ends: bool
) -> AsyncIterator[Dialled]:
    """Ring everybody invited; in the body the winner is up, after it no leg is."""
    call.caller.check()
    race = _Race(call, invitations, refusal_ends=refusal_ends)
    cause = Cause.FAILED
    try:
        with Guard(call.caller):
            await race.run(caller, ring_time=ring_time)
        yield race.dialled
        cause = call.cause or Cause.NORMAL
    except HungUp as gone:
        answered = race.dialled.callee is not None
        cause = Cause.CANCELLED if gone.cause is Cause.NORMAL and not answered else gone.cause
        cause = Cause.NORMAL if cause is Cause.CANCELLED and answered else cause
        raise
    except asyncio.CancelledError:
        cause = Cause.SHUTTING_DOWN
        raise
    except MediaError:
        cause = Cause.MEDIA_LOST
        raise
    finally:
        for leg in race.legs:
            await leg.hang_up(cause)


def common_codecs(caller: Endpoint, *called: Endpoint) -> tuple[str, ...]:
    """Choose what a caller and all whom he rings speak with each other, in the order of the one that knows least.

    Opus is chosen alone: whoever speaks it needs nothing beside it, and two codecs would be transcoded. Not so on a
    trunk, whose provider may know it and the one who is called not.
    """
    endpoints = (caller, *called)
    narrow, *others = sorted(endpoints, key=lambda endpoint: len(endpoint.codecs))
    common = tuple(codec for codec in narrow.codecs if all(codec in other.codecs for other in others))
    return ("opus",) if "opus" in common and all(each.kind != "trunk" for each in endpoints) else common


class _Race:
    """The legs being rung and what they have said."""

    def __init__(self, call: "Call", invitations: Sequence[Invitation], *, refusal_ends: bool) -> None:
        self.dialled = Dialled()
        self._call = call
        self._refusal_ends = refusal_ends
        self._heard = asyncio.Event()
        self._early: Leg | None = None
        endpoints = [invitation.endpoint for invitation in invitations]
        codecs = call.caller.audio.codecs or common_codecs(call.caller.endpoint, *endpoints)
        codecs = codecs or call.caller.endpoint.codecs  # where all have none in common, the worker translates
        call.caller.audio.choose_codecs(codecs)
        self.legs = [self._new_leg(invitation, codecs) for invitation in invitations]

    async def run(self, caller: Party, *, ring_time: float) -> None:
        """Ring until somebody answers, nobody can any more, or the time is over."""
        with contextlib.ExitStack() as stack:
            for leg in self.legs:
                stack.enter_context(leg.watch(self._listen))
            if any(not leg.endpoint.writes for leg in self.legs):
                await self._call.save()
            if self._call.caller.emergency:  # a trunk that takes the call and does nothing with it must not keep it
                loop, patience = asyncio.get_running_loop(), self._call.exchange.patience
                stack.callback(loop.call_later(patience.emergency_rings, self._give_up_silent).cancel)
            try:
                async with asyncio.timeout(ring_time):
                    for leg in self.legs:
                        await self._invite(leg, caller)
                    await self._settle()
            except TimeoutError:
                self._end_others(Cause.NO_ANSWER)
        for leg in self.legs:
            if not leg.up:
                await leg.release()
        if self.dialled.callee is None:
            self._explain()

    def _new_leg(self, invitation: Invitation, codecs: Sequence[str]) -> Leg:
        call = self._call
        exchange = call.exchange
        leg = call.new_leg(
            invitation.endpoint,
            invitation.party,
            direction="out",
            worker=call.caller.audio.worker,
            leg_id=exchange.new_id(),
        )
        spoken = tuple(codec for codec in codecs if codec in invitation.endpoint.codecs)
        leg.audio.choose_codecs(spoken or invitation.endpoint.codecs)
        leg.outside = invitation.outside
        leg.emergency = invitation.emergency
        leg.route_id = invitation.route_id
        leg.silence = invitation.silence
        leg.dialled = call.dialled
        leg.peer = call.caller.shown
        return leg

    async def _invite(self, leg: Leg, caller: Party) -> None:
        if not leg.up:
            return
        leg.peer = caller
        try:
            await leg.endpoint.invite(leg, caller)
        except MediaError as error:
            logger.warning("leg %s: its media worker failed", leg.id, exc_info=True)
            leg.ended(audio.cause_of(error))
        except Exception:
            logger.exception("leg %s could not be rung", leg.id)
            leg.ended(Cause.FAILED)

    def _listen(self, leg: Leg) -> None:
        """Hear of a leg's change, in the moment it happens: of two answers in one turn the first wins."""
        if self.dialled.callee is None and leg.state is LegState.ANSWERED:
            self.dialled.callee = leg
            self._end_others(Cause.ANSWERED_ELSEWHERE)
        elif self._refusal_ends and leg.cause is Cause.DECLINED and self.dialled.callee is None:
            self._end_others(Cause.DECLINED)
        self._heard.set()

    def _give_up_silent(self) -> None:
        """End what has neither rung nor played anything."""
        for leg in self.legs:
            if leg.state is LegState.IDLE and not (leg.early or leg.progressed):
                leg.ended(Cause.TIMEOUT)

    def _end_others(self, cause: Cause) -> None:
        for leg in self.legs:
            if leg is not self.dialled.callee:
                leg.ended(cause)

    async def _settle(self) -> None:
        while self.dialled.callee is None and any(leg.up for leg in self.legs):
            await self._pass_on()
            if self.dialled.callee is None and any(leg.up for leg in self.legs):
                await self._heard.wait()
                self._heard.clear()

    async def _pass_on(self) -> None:
        """Let the caller hear what the called sides have said so far."""
        call = self._call
        if self._early is not None and self._early.up:
            return
        early = next((leg for leg in self.legs if leg.up and leg.early), None)
        if early is not None:
            self._early, self.dialled.rang = early, True
            await call.ring(early_media=True)
            await call.caller.audio.connect(early.audio, heard=False)
        elif not self.dialled.rang and any(leg.state is LegState.RINGING for leg in self.legs):
            self.dialled.rang = True
            await call.ring()

    def _explain(self) -> None:
        causes = {leg.cause: leg for leg in self.legs}
        told = next((cause for cause in _WORTH_SAYING if cause in causes), self.legs[-1].cause)
        self.dialled.cause = told or Cause.NO_ANSWER
        self.dialled.sip_status = causes[told].sip_status
