"""Browser tabs as telephones: one endpoint per user and device, and the calls' grace while a tab is away."""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

from webpbx.calls.audio import cause_of
from webpbx.calls.exchange import Exchange, NoMedia
from webpbx.calls.facts import Emit
from webpbx.calls.leg import Leg, LegState, Party
from webpbx.endpoints.browser_call import BrowserCall, BrowserCallChanged, browser_call
from webpbx.endpoints.browser_errors import BadDigits, BadNumber, BadSdp, Gone, OffLine, Taken, TooManyCalls
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause
from webpbx.model.destination import ToOutside
from webpbx.model.dialplan import resolve
from webpbx.model.numbers import keyed

logger = logging.getLogger(__name__)

MOST_CALLS = 8
"""Living calls of one user; an emergency call is made beyond it."""
_KEYS = re.compile(r"[0-9*#A-D]{1,32}")


@dataclass(eq=False)
class _Seat:
    """What the endpoint knows of a leg beside the leg's own state."""

    leg: Leg
    open: bool = False
    """A connection is attached and its keys are agreed."""
    generation: int = -1
    tab_id: str = ""
    """The tab that attached last."""
    away: bool = False
    """The audio path has gone and nothing new is attached."""
    grace: asyncio.TimerHandle | None = None

    def wait(self, seconds: float, cause: Cause) -> None:
        """End the leg unless `stay` comes in time."""
        if self.grace is None:
            self.grace = asyncio.get_running_loop().call_later(seconds, self.leg.ended, cause)

    def stay(self) -> None:
        """Stop waiting."""
        if self.grace is not None:
            self.grace.cancel()
            self.grace = None


class BrowserEndpoint:
    """One user's device; its tabs are connected sockets, of which one owns sound and ringing."""

    kind = "browser"
    codecs: tuple[str, ...] = ("opus", "G722", "PCMA", "PCMU")
    hears_tones = True
    writes = False

    def __init__(self, exchange: Exchange, emit: Emit, *, user_id: str, device_id: str, grace: float) -> None:
        self.exchange = exchange
        self.tenant_id = exchange.tenant_id
        self.user_id = user_id
        self.device_id = device_id
        self.on_duty = False
        self.tabs: dict[str, str] = {}
        """Tab ids by socket id."""
        self.seats: dict[str, _Seat] = {}
        """By leg id."""
        self._owner = ""
        self._emit = emit
        self._grace = grace

    # -- the page's commands -----------------------------------------------------------------------------------

    def duty(self, on: bool) -> None:  # noqa: FBT001 - a switch on the page
        """Ring from now on, or no more."""
        if on and not self.tabs:
            raise OffLine("This device has no connected tab: reload the page.")
        self.on_duty = on
        if on:
            self.exchange.register(self)
        else:
            self.exchange.unregister(self)

    async def dial(self, number: str) -> str:
        """Start a call to whatever the number means; give the id of the user's leg once the call is written."""
        keys = keyed(number)
        if keys is None:
            raise BadNumber("This cannot be dialled: use digits, * and #, perhaps a + in front.")
        if not self.tabs:
            raise OffLine("This device has no connected tab: reload the page.")
        snapshot = self.exchange.snapshot
        user = snapshot.users.get(self.user_id)
        if user is None:
            raise Gone("This user does not exist any more.")
        destination = resolve(keys, plan=snapshot.plan)
        urgent = isinstance(destination, ToOutside) and destination.emergency
        if self._calls() >= MOST_CALLS and not urgent:
            raise TooManyCalls(f"You have {MOST_CALLS} calls already: end one first.")
        call = self.exchange.call_in(
            self,
            Party(user.extension or "", user.name),
            destination=destination,
            dialled=keys,
            direction="out" if isinstance(destination, ToOutside) else "inside",
        )
        self.take_seat(call.caller)
        call.caller.changed()
        await call.started.wait()
        return call.caller.id

    async def answer(self, leg_id: str) -> None:
        """Take a ringing call; written before anybody is told."""
        leg = self._leg(leg_id)
        if leg.direction == "in" or leg.state is LegState.ANSWERED:
            return
        if leg.endpoint is not self:
            raise Taken("This call rings on another device.")
        leg.answering = True
        await leg.call.save()
        if not leg.answered():
            raise Taken("Somebody else has answered, or the caller has gone.")

    async def hang_up(self, leg_id: str) -> None:
        """End the user's side of a call; while it rings him this declines it."""
        leg = self.exchange.legs.get(leg_id)
        if leg is None or leg.endpoint.user_id != self.user_id:
            return
        if leg.state is LegState.ANSWERED:
            leg.ended(Cause.NORMAL)
        else:
            leg.ended(Cause.DECLINED if leg.direction == "out" else Cause.CANCELLED)

    async def attach(self, leg_id: str, *, sdp: str, generation: int) -> tuple[str, int]:
        """Put a new connection of this device onto a call, also one that another device of the user has had."""
        leg = self._leg(leg_id)
        await leg.audio.codecs_chosen()
        leg = self._leg(leg_id)
        old = leg.endpoint
        if old is not self and leg.direction == "out" and leg.state is not LegState.ANSWERED:
            raise Taken("This call rings on another device.")
        seat = self.take_seat(leg)
        if generation < seat.generation:
            raise Taken("A newer connection has this call.")
        moved = old is not self or seat.tab_id != self._owner
        seat.generation = generation
        seat.tab_id = self._owner
        leg.attaches += 1
        try:
            answer = await leg.audio.attach(sdp, generation=generation)
        except MediaError as error:
            if not leg.up:
                raise Gone("The call has ended.") from error
            if cause_of(error) is Cause.INCOMPATIBLE_MEDIA:
                raise BadSdp(f"The browser's offer cannot be used: {error}") from error
            raise NoMedia("The call's media worker cannot take the connection: try again in a moment.") from error
        if moved:  # a restart must find the call where it is now
            await leg.call.note()
        return answer, generation

    async def mute(self, leg_id: str, on: bool) -> None:  # noqa: FBT001 - a switch on the page
        """Silence what the user says, or let it be heard again."""
        leg = self._leg(leg_id)
        leg.muted = on
        await leg.audio.mute(on=on)
        leg.changed()
        await leg.call.note()

    async def digits(self, leg_id: str, keys: str) -> None:
        """Press keys in a call."""
        if not _KEYS.fullmatch(keys):
            raise BadDigits("Only 0 to 9, *, # and A to D can be pressed, 32 at most.")
        leg = self._leg(leg_id)
        if leg.audio.open:
            await leg.audio.push_digits(keys)

    def quality(self, leg_id: str, *, mos: float, loss: float, jitter_ms: float, rtt_ms: float) -> None:
        """Keep the worst quality the browser has seen in a call, for its record."""
        leg = self._leg(leg_id)
        if mos <= leg.quality.get("mos", mos):
            leg.quality = {"mos": mos, "loss": loss, "jitter_ms": jitter_ms, "rtt_ms": rtt_ms}

    # -- calls.leg.Endpoint ------------------------------------------------------------------------------------

    async def invite(self, leg: Leg, caller: Party) -> None:
        """Ring the tabs of the device."""
        leg.peer = caller
        self.take_seat(leg)
        await leg.audio.open_browser()
        leg.ringing()

    async def ring(self, leg: Leg, *, early_media: bool) -> None:
        """Play ringback to the user, or stop it for what the called side plays."""
        await leg.audio.open_browser()
        if early_media:
            await leg.audio.stop()
        else:
            await leg.audio.tone("ringback")

    async def accept(self, leg: Leg) -> None:
        """Have the audio ready; the page learns of the answer from the leg's change."""
        await leg.audio.open_browser()

    async def end(self, leg: Leg, cause: Cause) -> None:
        """Forget the leg."""
        del cause
        seat = self.seats.pop(leg.id, None)
        if seat is not None:
            seat.stay()

    def changed(self, leg: Leg) -> None:
        """Show the leg as it is now in the user's tabs."""
        self._emit(BrowserCallChanged(self.tenant_id, self.show(leg)))

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        """Follow the connection of the leg's browser, and wait for another when it goes."""
        seat = self.seats.get(leg.id)
        if seat is None:
            return
        if kind == "connected":
            seat.open, seat.away = True, False
            seat.stay()
            leg.changed()
        elif kind == "gone":
            seat.open, seat.away = False, True
            if reason == "consent_lost":  # the worker has had patience already
                leg.ended(Cause.LOST_TAB if not self.tabs else Cause.MEDIA_LOST)
                return
            seat.wait(self._grace, Cause.MEDIA_LOST)
            leg.changed()

    def live_data(self, leg: Leg) -> dict[str, Any]:
        """Name the user, the device and the tab whose connection the leg has."""
        seat = self.seats.get(leg.id)
        return {"user_id": self.user_id, "device_id": self.device_id, "tab_id": seat.tab_id if seat is not None else ""}

    # -- tabs and seats ----------------------------------------------------------------------------------------

    def show(self, leg: Leg) -> BrowserCall:
        """Give the leg as the user's pages show it."""
        seat = self.seats.get(leg.id)
        attached = seat is not None and seat.open
        return browser_call(leg, device_id=self.device_id, attach="open" if attached else "needed")

    def take_seat(self, leg: Leg) -> _Seat:
        """Have the leg at this device from now on."""
        seat = self.seats.get(leg.id)
        if seat is None:
            seat = self.seats[leg.id] = _Seat(leg)
        old = leg.endpoint
        if old is not self:
            if isinstance(old, BrowserEndpoint):
                left = old.seats.pop(leg.id, None)
                if left is not None:
                    left.stay()
            leg.endpoint = self
            leg.changed()
        return seat

    def hello(self, socket_id: str, tab_id: str, *, owner: bool) -> None:
        """Have a tab connected; a new owner tab has to attach its calls anew."""
        self.tabs[socket_id] = tab_id
        for seat in tuple(self.seats.values()):
            seat.stay()
            if seat.away:
                seat.wait(self._grace, Cause.MEDIA_LOST)
        if owner:
            self._owner = tab_id
            for seat in tuple(self.seats.values()):
                if seat.open and seat.tab_id != tab_id:
                    seat.open = False
                    seat.leg.changed()

    def goodbye(self, socket_id: str) -> None:
        """Lose a tab; with the last one the device rings no more and its calls are in grace."""
        if self.tabs.pop(socket_id, None) is None or self.tabs:
            return
        self.duty(False)
        for seat in self.seats.values():
            seat.wait(self._grace, Cause.LOST_TAB)

    def _calls(self) -> int:
        """Count the user's living calls on all devices, which the page names and could name anew each time."""
        return sum(leg.endpoint.user_id == self.user_id and leg.up for leg in self.exchange.legs.values())

    def _leg(self, leg_id: str) -> Leg:
        leg = self.exchange.legs.get(leg_id)
        if leg is None or not leg.up or leg.endpoint.user_id != self.user_id:
            raise Gone("The call has ended.")
        return leg
