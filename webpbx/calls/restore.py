"""Take up, at the start of a switch, what its former life left: joined calls go on, the others end cleanly."""

import contextlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from webpbx.calls.call import Call
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.leg import Direction, Leg, LegState, Party
from webpbx.calls.live_calls import LiveCall, LiveCalls, LiveLeg
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause

logger = logging.getLogger(__name__)


class Reviver(Protocol):
    """Finds the far end of a written leg again: `endpoints.browser.Browsers`, `endpoints.trunk.Trunks`."""

    def revive(self, live: LiveLeg, call: Call) -> Leg | None:
        """Make the leg anew within `call`, or give None when its far end cannot be reached any more."""


class WorkerHello(Protocol):
    """What a worker says of itself: `media.client.Hello`."""

    @property
    def legs(self) -> Collection[str]:
        """Give the ids of the legs it has."""

    @property
    def bridges(self) -> Collection[tuple[str, str]]:
        """Give the joined pairs."""


class LegCloser(Protocol):
    """The one verb of the media workers that restoring needs."""

    async def close_leg(self, worker: str, leg: str) -> None:
        """End the leg's audio."""


@dataclass
class Restored:
    """How many calls go on, how many were ended, how many legs nobody knew were closed."""

    taken_up: int = 0
    ended: int = 0
    unknown_legs: int = 0


async def restore(
    live_calls: LiveCalls,
    *,
    exchanges: Exchanges,
    revivers: Mapping[str, Reviver],
    hellos: Mapping[str, WorkerHello],
    media: LegCloser,
) -> Restored:
    """Go through the written calls; `hellos` are the workers' words by worker name.

    Run it when the exchanges are started and the network listens, before new calls are taken.
    """
    restored = Restored()
    for live in await live_calls.all():
        exchange = exchanges.get(live.tenant_id)
        if exchange is None:
            logger.warning("call %s belongs to the unknown company %s: forgotten", live.call_id, live.tenant_id)
            await live_calls.remove(live.call_id)
            continue
        call = exchange.new_call(
            live.call_id,
            destination=live.destination,
            dialled=live.dialled,
            direction=live.direction,
            started_ms=live.started_ms,
        )
        call.visited = list(live.visited)
        call.did, call.trunk_id = live.did, live.trunk_id
        revived = {leg.leg_id: _revive(leg, call, revivers, hellos) for leg in live.legs}
        if _whole(live, revived, hellos):
            exchange.spawn(_go_on(call, live), name=f"call {call.id}")
            restored.taken_up += 1
        else:
            exchange.spawn(call.end(Cause.RESTARTED), name=f"end of call {call.id}")
            restored.ended += 1
    restored.unknown_legs = await sweep(exchanges, hellos, media)
    return restored


def _revive(live: LiveLeg, call: Call, revivers: Mapping[str, Reviver], hellos: Mapping[str, WorkerHello]) -> Leg:
    leg = None
    try:
        leg = revivers[live.kind].revive(live, call)
    except Exception:
        logger.exception("leg %s of call %s could not be taken up", live.leg_id, call.id)
    if leg is None:
        party = Party(live.number, live.name)
        direction: Direction = "in" if live.direction == "in" else "out"
        leg = call.new_leg(Vanished(live), party, direction=direction, worker=live.worker, leg_id=live.leg_id)
    leg.state = LegState(live.state)
    leg.answered_ms = live.answered_ms
    leg.started_ms = live.started_ms
    leg.peer = Party(live.peer_number, live.peer_name)
    leg.dialled = live.dialled
    leg.outside = live.outside
    leg.emergency = live.emergency
    leg.route_id = live.route_id
    leg.muted = live.muted
    if live.worker in hellos and live.leg_id in hellos[live.worker].legs:
        leg.audio.found(live.codecs, browser=live.kind == "browser", muted=live.muted)
    leg.changed()
    return leg


class Vanished:
    """The endpoint of a leg whose far end cannot be reached any more: it only takes its place in the record."""

    hears_tones = False
    writes = True
    codecs: tuple[str, ...] = ()

    def __init__(self, live: LiveLeg) -> None:
        self._live = live

    @property
    def kind(self) -> str:
        """Name the kind it was."""
        return self._live.kind

    @property
    def user_id(self) -> str | None:
        """Name the user it belonged to, if to one."""
        return self._live.data.get("user_id")

    async def invite(self, leg: Leg, caller: Party) -> None:
        """Refuse: there is nobody to ring."""
        del caller
        leg.ended(Cause.RESTARTED)

    async def ring(self, leg: Leg, *, early_media: bool) -> None:
        """Have nobody to tell."""

    async def accept(self, leg: Leg) -> None:
        """Have nobody to tell."""

    async def end(self, leg: Leg, cause: Cause) -> None:
        """Have nobody to let go of."""

    def changed(self, leg: Leg) -> None:
        """Have nobody to show it to."""

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        """Have nobody to show it to."""

    def live_data(self, leg: Leg) -> dict[str, Any]:
        """Give what was written."""
        del leg
        return dict(self._live.data)


def _whole(live: LiveCall, revived: Mapping[str, Leg], hellos: Mapping[str, WorkerHello]) -> bool:
    """Tell whether the two joined legs are there and their worker still joins them."""
    if live.bridge is None or any(leg_id not in revived for leg_id in live.bridge):
        return False
    legs = [revived[leg_id] for leg_id in live.bridge]
    if any(isinstance(leg.endpoint, Vanished) or leg.state is not LegState.ANSWERED for leg in legs):
        return False
    hello = hellos.get(legs[0].audio.worker)
    return hello is not None and any(set(pair) == set(live.bridge) for pair in hello.bridges)


async def _go_on(call: Call, live: LiveCall) -> None:
    """Be the call again, from the moment its two legs talk."""
    callee = next(leg for leg in call.legs if live.bridge is not None and leg.id == live.bridge[1])

    async def talk() -> None:
        await call.bridge(callee, joined=True)

    logger.info("call %s goes on: %s and %s talk", call.id, call.caller.id, callee.id)
    await call.go_on(talk)


async def sweep(exchanges: Exchanges, hellos: Mapping[str, WorkerHello], media: LegCloser) -> int:
    """Close the legs of the workers that belong to no call; give their number.

    For workers that come back later, once the calls have been taken up.
    """
    known = {leg_id for exchange in exchanges.values() for leg_id in exchange.legs}
    closed = 0
    for worker, hello in hellos.items():
        for leg_id in set(hello.legs) - known:
            with contextlib.suppress(MediaError):
                await media.close_leg(worker, leg_id)
                closed += 1
    return closed
