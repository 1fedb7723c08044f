"""All companies' exchanges of one switch, and what the media workers tell about their legs."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from webpbx.calls.audio import LegAudio
from webpbx.calls.exchange import Exchange
from webpbx.calls.leg import Leg
from webpbx.media.errors import MediaError


class LegEvent(Protocol):
    """What a worker tells about a leg: `media.client.MediaEvent`."""

    @property
    def leg(self) -> str:
        """Give the leg's id."""

    @property
    def kind(self) -> str:
        """Name what happened."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Give the details."""


class Exchanges(Mapping[str, Exchange]):
    """The exchanges by tenant id."""

    def __init__(self) -> None:
        self._exchanges: dict[str, Exchange] = {}

    def __getitem__(self, tenant_id: str) -> Exchange:
        return self._exchanges[tenant_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._exchanges)

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Take in a started exchange."""
        self._exchanges[exchange.tenant_id] = exchange

    def remove(self, tenant_id: str) -> None:
        """Drop a closed exchange."""
        self._exchanges.pop(tenant_id, None)

    def leg(self, leg_id: str) -> Leg | None:
        """Find a living leg in any exchange."""
        found = (exchange.legs.get(leg_id) for exchange in self._exchanges.values())
        return next((leg for leg in found if leg is not None), None)

    def on_media_event(self, event: LegEvent) -> None:
        """Bring a worker's event to its leg; of a leg that has gone it is stale."""
        leg = self.leg(event.leg)
        if leg is None:
            return
        match event.kind:
            case "digit":
                leg.press(str(event.data.get("digit", "")))
            case "play_finished":
                leg.audio.played(str(event.data.get("player", "")))
            case "connected":
                leg.audio.connected.set()
            case "gone":
                leg.audio.gone()
            case "media_lost" | "media_back":
                _tell_other(leg, lost=event.kind == "media_lost")
        detail = event.data.get("digit" if event.kind == "digit_out" else "reason", "")
        leg.endpoint.audio_event(leg, event.kind, str(detail))

    def on_worker_lost(self, worker: str, legs: tuple[str, ...]) -> None:  # noqa: ARG002 - the worker's name says all
        """End the legs of a worker that has died."""
        for exchange in self._exchanges.values():
            exchange.worker_lost(worker)


def _tell_other(leg: Leg, *, lost: bool) -> None:
    """Show the other party that this one's audio is away, and let it hear the hold sound meanwhile."""
    other = leg.call.other(leg)
    if other is None or not other.up:
        return
    other.far_media = "lost" if lost else "ok"
    other.changed()
    exchange = leg.call.exchange
    if exchange.hold_sound is not None and leg.endpoint.kind == "browser":
        sound = exchange.hold_sound if lost else None
        exchange.spawn(_play_meanwhile(other.audio, sound), name=f"hold sound of leg {other.id}")


async def _play_meanwhile(audio: LegAudio, sound: str | None) -> None:
    """Play a file until further notice, or with None nothing more; the call may end in this moment."""
    with contextlib.suppress(MediaError):
        if sound is None:
            await audio.stop()
        else:
            await audio.play_on(sound)
