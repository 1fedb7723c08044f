"""What must outlive the switch: each call's legs and destination, written before the far end is told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from webpbx.model import destination as destinations
from webpbx.model.destination import Destination


@dataclass(frozen=True)
class LiveLeg:
    """One leg as it is written: who, where its audio is, and what its endpoint needs to take it up."""

    leg_id: str
    kind: str
    """The endpoint's kind: browser, trunk."""
    direction: str
    state: str
    worker: str
    codecs: tuple[str, ...]
    number: str
    name: str
    peer_number: str
    peer_name: str
    dialled: str
    outside: bool
    emergency: bool
    muted: bool
    started_ms: int
    answered_ms: int | None
    data: Mapping[str, Any]
    """The endpoint's own: SIP dialog and trunk, or user and device."""
    route_id: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Take back what `LiveCall.to_json` gave for a leg."""
        return cls(**{**value, "codecs": tuple(value["codecs"])})


@dataclass(frozen=True)
class LiveCall:
    """One call as it is written. The first leg is the calling one, the others are those that are up."""

    call_id: str
    node: str
    tenant_id: str
    epoch: int
    """Of the switch that wrote it last."""
    started_ms: int
    dialled: str
    direction: str
    """in, out or inside, as in the call record."""
    destination: Destination
    visited: tuple[str, ...]
    legs: tuple[LiveLeg, ...]
    bridge: tuple[str, str] | None = None
    """The two joined legs."""
    did: str | None = None
    trunk_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give JSON values."""
        return {**asdict(self), "destination": destinations.to_json(self.destination)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Take back what `to_json` gave, also after a way through JSON text."""
        bridge = value["bridge"]
        return cls(
            **{
                **value,
                "destination": destinations.from_json(value["destination"]),
                "visited": tuple(value["visited"]),
                "legs": tuple(LiveLeg.from_json(leg) for leg in value["legs"]),
                "bridge": (str(bridge[0]), str(bridge[1])) if bridge else None,
            }
        )


class LiveCalls(Protocol):
    """Where live calls are written; a verb returns when the row would survive the death of the process."""

    async def put(self, call: LiveCall) -> None:
        """Write a call, in place of what was written of it before."""

    async def remove(self, call_id: str) -> None:
        """Forget a call; nothing happens if it is not there."""

    async def all(self) -> Sequence[LiveCall]:
        """Read every call."""
