"""One company's live calls and registered endpoints; every task of theirs is owned here."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from webpbx.calls.audio import LegAudio, MediaVerbs
from webpbx.calls.call import Applications, Call
from webpbx.calls.facts import Emit, LegMoved, PresenceChanged
from webpbx.calls.leg import Endpoint, Leg, LegState, Party
from webpbx.calls.live_calls import LiveCalls
from webpbx.errors import WebpbxError
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToOutside
from webpbx.model.outside_rules import OutsideUse
from webpbx.model.snapshot import Snapshot
from webpbx.model.trunk import Trunk

logger = logging.getLogger(__name__)


class NoMedia(WebpbxError):  # noqa: N818 - the name says what is wrong
    """No media worker can carry another call."""

    error_id = "no_media"


class ShuttingDown(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The switch takes no new calls."""

    error_id = "shutting_down"


class Line(Endpoint, Protocol):
    """A trunk as the exchange sees it."""

    @property
    def trunk(self) -> Trunk:
        """Give the trunk's settings."""

    @property
    def up(self) -> bool:
        """Tell whether the provider can be reached and knows us."""


@dataclass(frozen=True)
class Patience:
    """How long the exchange waits, in seconds."""

    tone: float = 4.0
    """A busy tone is played this long before the line is taken away."""
    attach: float = 4.0
    """A tab may take this long to connect its audio before a refusal is shown only."""
    silence: float = 4.0
    """A trunk that says nothing is given up after this, if there is another to try."""
    last_silence: float = 8.0
    """The last trunk may say nothing for this long in an emergency: the caller must soon hear what else to do."""
    emergency_rings: float = 15.0
    """A trunk that has taken an emergency call must let it ring by then: longer than any network needs."""


@dataclass(frozen=True)
class Surroundings:
    """What every exchange of a switch shares."""

    media: MediaVerbs
    applications: Applications
    live_calls: LiveCalls
    emit: Emit
    clock: Callable[[], int]
    """UTC milliseconds."""
    new_id: Callable[[], str]
    node: str
    epoch: int
    patience: Patience = Patience()
    hold_sound: str | None = None
    """A file for those whose other party has lost its audio; silence without."""


class Exchange:
    """One company's exchange, from `start` to `close`."""

    def __init__(self, snapshot: Snapshot, surroundings: Surroundings) -> None:
        self.snapshot = snapshot
        self.tenant_id = snapshot.tenant.id
        self.media = surroundings.media
        self.applications = surroundings.applications
        self.live_calls = surroundings.live_calls
        self.emit = surroundings.emit
        self.clock = surroundings.clock
        self.new_id = surroundings.new_id
        self.node = surroundings.node
        self.epoch = surroundings.epoch
        self.patience = surroundings.patience
        self.hold_sound = surroundings.hold_sound
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, Leg] = {}
        self.lines: dict[str, Line] = {}
        """The trunks by id."""
        self.draining = False
        self._registered: list[Endpoint] = []
        self._presence: dict[str, str] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._owner: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Open the exchange for calls."""
        opened = asyncio.Event()
        self._owner = asyncio.create_task(self._own_tasks(opened), name=f"exchange {self.tenant_id}")
        await opened.wait()

    def use(self, snapshot: Snapshot) -> None:
        """Take new settings for the calls to come; running calls keep theirs."""
        self.snapshot = snapshot
        for user_id in tuple(snapshot.users):
            self._show_presence(user_id)

    def call_in(
        self,
        endpoint: Endpoint,
        party: Party,
        *,
        destination: Destination,
        dialled: str,
        direction: str,
        did: str | None = None,
        trunk_id: str | None = None,
    ) -> Call:
        """Take a new calling leg and let its call run; raise ShuttingDown or NoMedia.

        An emergency call is taken as long as there is a worker to carry it.
        """
        emergency = isinstance(destination, ToOutside) and destination.emergency
        if self._tasks is None or (self.draining and not emergency):
            raise ShuttingDown("The telephone system is being restarted: try again in a minute.")
        worker = self.media.choose()
        if worker is None:
            raise NoMedia("No media worker is ready: try again in a moment.")
        call = self.new_call(
            self.new_id(), destination=destination, dialled=dialled, direction=direction, started_ms=self.clock()
        )
        call.did, call.trunk_id = did, trunk_id
        leg = call.new_leg(endpoint, party, direction="in", worker=worker, leg_id=self.new_id())
        leg.dialled = dialled
        leg.peer = Party(dialled)
        leg.emergency = emergency
        self.spawn(call.run(), name=f"call {call.id}")
        return call

    def new_call(
        self, call_id: str, *, destination: Destination, dialled: str, direction: str, started_ms: int
    ) -> Call:
        """Make a call that has no leg yet."""
        call = Call(
            id=call_id,
            exchange=self,
            snapshot=self.snapshot,
            destination=destination,
            direction=direction,
            dialled=dialled,
            started_ms=started_ms,
        )
        self.calls[call.id] = call
        self._idle.clear()
        return call

    def new_audio(self, leg_id: str, *, worker: str) -> LegAudio:
        """Make the audio of a leg that sits on a worker."""
        return LegAudio(self.media, worker=worker, leg_id=leg_id, country=self.snapshot.tenant.country)

    def spawn(self, coroutine: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run a task that the exchange owns; what fails in it is logged and harms nobody else."""
        if self._tasks is None:
            coroutine.close()
            raise ShuttingDown("The telephone system is being restarted: try again in a minute.")
        task = self._tasks.create_task(_contained(coroutine, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: coroutine.close())  # it may have been cancelled before it began
        return task

    # -- endpoints ---------------------------------------------------------------------------------------------

    def register(self, endpoint: Endpoint) -> None:
        """Let a user's endpoint be rung."""
        if endpoint not in self._registered:
            self._registered.append(endpoint)
            self._show_presence(endpoint.user_id)

    def unregister(self, endpoint: Endpoint) -> None:
        """Ring a user's endpoint no more."""
        if endpoint in self._registered:
            self._registered.remove(endpoint)
            self._show_presence(endpoint.user_id)

    def endpoints(self, extension: str) -> tuple[Endpoint, ...]:
        """Give the registered endpoints of the user who has an extension."""
        user = self.snapshot.user_of(extension)
        return tuple(found for found in self._registered if user is not None and found.user_id == user.id)

    def busy(self, user_id: str) -> bool:
        """Tell whether a user has a call, on any device; a refusal still sounding is none."""
        return any(leg.endpoint.user_id == user_id and leg.up and leg.cause is None for leg in self.legs.values())

    def outside_use(self, user_id: str | None) -> OutsideUse:
        """Count the outside calls of this moment: those going out for the caps, both ways for the trunks."""
        out = [leg for leg in self.legs.values() if leg.up and leg.outside and leg.direction == "out"]
        return OutsideUse(
            trunks_up=frozenset(trunk_id for trunk_id, line in self.lines.items() if line.up),
            calls_up=len(out),
            user_calls_up=sum(1 for leg in out if user_id and leg.call.caller.endpoint.user_id == user_id),
            trunk_calls_up=self.trunk_calls(),
        )

    def trunk_calls(self) -> Counter[str]:
        """Count the calls of each trunk, both ways, those too that began before its settings last changed."""
        trunks = (getattr(leg.endpoint, "trunk", None) for leg in self.legs.values() if leg.up)
        return Counter(trunk.id for trunk in trunks if isinstance(trunk, Trunk))

    def presence(self) -> dict[str, str]:
        """Tell for each user's extension: offline, free, ringing or busy."""
        users = (user for user in self.snapshot.users.values() if user.extension is not None)
        return {str(user.extension): self._presence_of(user.id) for user in users}

    # -- what legs and workers report --------------------------------------------------------------------------

    def know(self, leg: Leg) -> None:
        """Take a new leg into the list of living ones."""
        self.legs[leg.id] = leg
        self._show_presence(leg.endpoint.user_id)

    def forget(self, leg: Leg) -> None:
        """Drop a leg that has been let go."""
        self.legs.pop(leg.id, None)

    def moved(self, leg: Leg) -> None:
        """Hear that a leg is in another state."""
        self.emit(LegMoved(self.tenant_id, leg.call.id, leg.id, str(leg.state), leg.cause))
        self._show_presence(leg.endpoint.user_id)

    def over(self, call: Call) -> None:
        """Drop a call that has ended."""
        self.calls.pop(call.id, None)
        if not self.calls:
            self._idle.set()

    def worker_lost(self, worker: str) -> None:
        """End the legs whose audio has gone with its worker."""
        for leg in tuple(self.legs.values()):
            if leg.audio.worker == worker:
                leg.audio.lost()
                leg.ended(Cause.MEDIA_LOST)

    # -- closing -----------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no new calls but emergencies."""
        self.draining = True

    async def idle(self) -> None:
        """Wait until no call is up."""
        await self._idle.wait()

    async def close(self, *, drain_seconds: float = 0.0, cause: Cause = Cause.SHUTTING_DOWN) -> None:
        """Wait for the calls that are up, end those that remain with a named cause, and stop every task."""
        self.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                await self._idle.wait()
        for leg in tuple(self.legs.values()):
            leg.ended(cause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
        for task in tuple(self._running):
            task.cancel()
        self._closing.set()
        if self._owner is not None:
            await self._owner
            self._owner = None

    async def _own_tasks(self, opened: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            opened.set()
            await self._closing.wait()
        self._tasks = None

    def _presence_of(self, user_id: str) -> str:
        legs = [leg for leg in self.legs.values() if leg.endpoint.user_id == user_id and leg.up and leg.cause is None]
        if any(leg.state is LegState.ANSWERED or leg.direction == "in" for leg in legs):
            return "busy"
        if legs:
            return "ringing"
        return "free" if any(found.user_id == user_id for found in self._registered) else "offline"

    def _show_presence(self, user_id: str | None) -> None:
        user = self.snapshot.users.get(user_id) if user_id is not None else None
        if user is None or user.extension is None:
            return
        presence = self._presence_of(user.id)
        if self._presence.get(user.extension, "offline") != presence:
            self._presence[user.extension] = presence
            self.emit(PresenceChanged(self.tenant_id, user.extension, presence))


CLOSE_SECONDS = 5.0
"""How long calls may take to end cleanly before their tasks are cancelled."""


async def _contained(coroutine: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await coroutine
    except Exception:
        logger.exception("%s failed", name)
