"""One party's end of a call: the only call state machine, and how a hang-up leaves the verb that awaits the leg."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from webpbx.calls.audio import LegAudio
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination

if TYPE_CHECKING:
    from webpbx.calls.call import Call

logger = logging.getLogger(__name__)

MOST_FORWARDS = 70
"""How many hops a call has that begins here."""
RELEASE_SECONDS = 10.0
"""How long an endpoint may take to end a leg before the call goes on without it."""


class LegState(StrEnum):
    """Where a leg is; held and muted are properties of its audio, not states."""

    IDLE = "idle"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


MOVES: Mapping[LegState, frozenset[LegState]] = MappingProxyType(
    {
        LegState.IDLE: frozenset({LegState.RINGING, LegState.ANSWERED, LegState.ENDED}),
        LegState.RINGING: frozenset({LegState.ANSWERED, LegState.ENDED}),
        LegState.ANSWERED: frozenset({LegState.ENDED}),
        LegState.ENDED: frozenset(),
    }
)
Direction = Literal["in", "out"]
"""in = it calls us, out = we dialled it."""


@dataclass(frozen=True)
class Party:
    """Who is at the end of a leg, as others see them."""

    number: str
    """An extension, a number in E.164, or nothing for somebody unknown."""
    name: str = ""


class HungUp(Exception):  # noqa: N818 - it is an event of telephony, not an error
    """The leg a verb was awaiting has ended."""

    def __init__(self, leg: "Leg", cause: Cause) -> None:
        super().__init__(str(cause))
        self.leg = leg
        self.cause = cause


class Redirected(Exception):  # noqa: N818 - it is an event of telephony, not an error
    """Somebody has sent the leg a verb was awaiting elsewhere."""

    def __init__(self, destination: Destination) -> None:
        super().__init__(str(destination))
        self.destination = destination


class Endpoint(Protocol):
    """How a leg rings, answers and ends. Moves of the far end reach the leg by its own methods."""

    @property
    def kind(self) -> str:
        """Name the kind: browser, trunk."""

    @property
    def user_id(self) -> str | None:
        """Name the user whose device this is; None for a trunk."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """Name the codecs its far end prefers, in order."""

    @property
    def hears_tones(self) -> bool:
        """Tell whether we play busy and announcements ourselves; False where a status says it."""

    @property
    def writes(self) -> bool:
        """Tell whether the endpoint itself has the call written before it tells its far end anything."""

    async def invite(self, leg: "Leg", caller: Party) -> None:
        """Start to ring the far end of a dialled leg."""

    async def ring(self, leg: "Leg", *, early_media: bool) -> None:
        """Let the far end of a calling leg hear ringing, or what the called side plays before its answer."""

    async def accept(self, leg: "Leg") -> None:
        """Tell the far end of a calling leg that it is answered."""

    async def end(self, leg: "Leg", cause: Cause) -> None:
        """Let go of the far end, whoever ended the leg; idempotent."""

    def changed(self, leg: "Leg") -> None:
        """Hear that something worth showing has changed."""

    def audio_event(self, leg: "Leg", kind: str, reason: str) -> None:
        """Hear of the leg's audio path: connected, gone (with its reason), media_lost, media_back."""

    def live_data(self, leg: "Leg") -> dict[str, Any]:
        """Give what is needed to take up the leg after a restart, as JSON values."""


@dataclass(eq=False)
class Leg:
    """One party's end: signalling state, audio in and out, digits. Its owner is a scope of its call."""

    id: str
    tenant_id: str
    endpoint: Endpoint
    party: Party
    direction: Direction
    audio: LegAudio
    call: "Call"
    clock: Callable[[], int]
    peer: Party = Party("")
    """Who it talks to, or will."""
    dialled: str = ""
    outside: bool = False
    """We dialled it on a trunk: it counts for the caps."""
    emergency: bool = False
    route_id: str | None = None
    silence: float | None = None
    """Seconds after which a dialled far end that says nothing is given up."""
    forwards: int = MOST_FORWARDS
    """How often the call that this leg makes may still be sent on; what it rings gets as many."""
    hops: int = 0
    """How often it was sent on before it came here."""
    anonymous: bool = False
    """Who makes the call is not to be known to those who are called."""
    state: LegState = LegState.IDLE
    cause: Cause | None = None
    """Why it ended; set a little earlier while the reason is being played to it."""
    sip_status: int | None = None
    answering: bool = False
    """The answer is being written and sent."""
    early: bool = False
    """Its far end plays something before its answer."""
    progressed: bool = False
    """Its far end is at work on the call: it rings, or has said that it goes on."""
    muted: bool = False
    far_media: str = "ok"
    """ok, or lost while nothing comes from the party it talks to."""
    started_ms: int = 0
    answered_ms: int | None = None
    ended_ms: int | None = None
    quality: dict[str, float] = field(default_factory=dict)
    attaches: int = 0
    keys: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(maxsize=64))
    """What its far end has pressed and nobody has taken yet."""
    _watchers: "list[Callable[[Leg], None]]" = field(default_factory=list)
    _guards: "list[Guard]" = field(default_factory=list)
    _redirect: Destination | None = None
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _releasing: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.started_ms = self.started_ms or self.clock()

    @property
    def up(self) -> bool:
        """Tell whether the leg has not ended."""
        return self.state is not LegState.ENDED

    @property
    def shown(self) -> Party:
        """Give who it is, as those who are called see it."""
        return Party("") if self.anonymous else self.party

    def ringing(self) -> bool:
        """Take the far end's word that it rings, or that it hears ringing."""
        return self._move(LegState.RINGING)

    def answered(self) -> bool:
        """Take the answer; False if it comes too late, and the endpoint then lets its far end go."""
        return self._move(LegState.ANSWERED)

    def ended(self, cause: Cause, *, sip_status: int | None = None) -> bool:
        """End the leg and let the verbs that await it leave; what its far end needs is done by `release`."""
        if not self.up:
            return False
        self.cause = self.cause or cause
        self.sip_status = sip_status if sip_status is not None else self.sip_status
        self._move(LegState.ENDED)
        self._gone.set()
        for guard in {guard.task: guard for guard in self._guards}.values():  # the innermost of each task
            guard.interrupt()
        return True

    def early_media(self) -> None:
        """Take the far end's word that what it plays before its answer is worth hearing."""
        if self.state in (LegState.IDLE, LegState.RINGING) and not self.early:
            self.early = True
            self.changed()

    def redirect(self, destination: Destination) -> None:
        """Send the leg elsewhere: the verb that awaits it, or else the next one, leaves with Redirected."""
        if self.up:
            self._redirect = destination
            if self._guards:
                self._guards[-1].interrupt()

    def check(self) -> None:
        """Raise what a verb must not overlook: a hang-up always, a redirection once."""
        if not self.up:
            raise HungUp(self, self.cause or Cause.NORMAL)
        if self._redirect is not None:
            destination, self._redirect = self._redirect, None
            raise Redirected(destination)

    def changed(self) -> None:
        """Tell the endpoint and the watchers that something about the leg is new."""
        for watcher in tuple(self._watchers):
            watcher(self)
        self.endpoint.changed(self)

    def press(self, digit: str) -> None:
        """Keep a digit that the far end has pressed; what nobody takes is forgotten beyond 64."""
        if self.keys.full():
            self.keys.get_nowait()
        self.keys.put_nowait(digit)

    @contextlib.contextmanager
    def watch(self, watcher: "Callable[[Leg], None]") -> Iterator[Self]:
        """Call `watcher` synchronously at every change within the body."""
        self._watchers.append(watcher)
        try:
            yield self
        finally:
            self._watchers.remove(watcher)

    async def gone(self) -> Cause:
        """Wait until the leg has ended and say why."""
        await self._gone.wait()
        return self.cause or Cause.NORMAL

    async def hang_up(self, cause: Cause) -> None:
        """End the leg if it has not ended, and let go of its far end and its audio."""
        self.ended(cause)
        await self.release()

    async def release(self) -> None:
        """Let the endpoint and the worker go, once, to the end even if whoever waits for it is interrupted."""
        if self._releasing is None:
            self._releasing = self.call.exchange.spawn(self._release(), name=f"end of leg {self.id}")
        await asyncio.shield(self._releasing)

    async def _release(self) -> None:
        """Take every step, whatever fails in one of them."""
        for step in (self.audio.survey, self._end_at_endpoint, self.audio.close):
            try:
                async with asyncio.timeout(RELEASE_SECONDS):
                    await step()
            except Exception:
                logger.exception("leg %s: its end was not clean", self.id)
        self.call.exchange.forget(self)

    async def _end_at_endpoint(self) -> None:
        await self.endpoint.end(self, self.cause or Cause.NORMAL)

    def _move(self, state: LegState) -> bool:
        if state not in MOVES[self.state]:
            return False
        self.state = state
        if state is LegState.ANSWERED:
            self.answered_ms = self.clock()
        elif state is LegState.ENDED:
            self.ended_ms = self.clock()
        self.call.exchange.moved(self)
        self.changed()
        return True


class Guard:
    """Leave the body with HungUp or Redirected as soon as one of the legs goes; built as asyncio.Timeout is.

    A hang-up that came before is raised on entry. A task that ends its own leg is not cancelled: it finds out on exit.
    """

    def __init__(self, *legs: Leg) -> None:
        self._legs = legs
        self._interrupted = False
        self._cancelling = 0
        self.task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        for leg in self._legs:
            leg.check()
        self.task = asyncio.current_task()
        if self.task is None:
            raise RuntimeError("a leg is awaited in a task")
        self._cancelling = self.task.cancelling()
        for leg in self._legs:
            leg._guards.append(self)  # noqa: SLF001 - two halves of one mechanism
        return self

    def interrupt(self) -> None:
        """Cancel the body, at most once, and never from within."""
        if self._interrupted or self.task is None or self.task is asyncio.current_task():
            return
        self._interrupted = True
        self.task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        for leg in self._legs:
            leg._guards.remove(self)  # noqa: SLF001 - two halves of one mechanism
        if self._interrupted and self.task is not None and self.task.uncancel() > self._cancelling:
            return  # somebody else has cancelled the task too, and that is an order
        if kind is None or (self._interrupted and issubclass(kind, asyncio.CancelledError)):
            for leg in self._legs:
                leg.check()
