"""A user's end of a call, as his page shows it."""

from dataclasses import dataclass

from webpbx.calls.facts import Fact
from webpbx.calls.leg import Leg
from webpbx.model.cause import Cause


@dataclass(frozen=True)
class BrowserCall:
    """One living or just ended call from its user's side. Times in UTC milliseconds."""

    tenant_id: str
    user_id: str
    device_id: str
    """The device that rings or talks."""
    leg_id: str
    call_id: str
    direction: str
    """out: the user dialled; in: it rings him."""
    state: str
    number: str
    name: str
    dialled: str
    outside: bool
    emergency: bool
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    muted: bool
    attach: str | None
    """needed, open, or None when the call has ended."""
    cause: Cause | None
    sip_status: int | None
    far_media: str

    def to_json(self, *, device_id: str) -> dict[str, object]:
        """Give the call as the page of one device sees it."""
        return {
            "leg_id": self.leg_id,
            "call_id": self.call_id,
            "direction": self.direction,
            "state": self.state,
            "number": self.number,
            "name": self.name,
            "dialled": self.dialled,
            "outside": self.outside,
            "emergency": self.emergency,
            "started_ms": self.started_ms,
            "answered_ms": self.answered_ms,
            "ended_ms": self.ended_ms,
            "muted": self.muted,
            "device_id": self.device_id,
            "here": self.device_id == device_id,
            "attach": self.attach,
            "cause": self.cause.value if self.cause is not None else None,
            "sip_status": self.sip_status,
            "far_media": self.far_media,
        }


@dataclass(frozen=True)
class BrowserCallChanged(Fact):
    """Something about a user's call is new: show it in all his tabs."""

    call: BrowserCall


def browser_call(leg: Leg, *, device_id: str, attach: str) -> BrowserCall:
    """Show a browser's leg as its user sees it."""
    return BrowserCall(
        tenant_id=leg.tenant_id,
        user_id=leg.endpoint.user_id or "",
        device_id=device_id,
        leg_id=leg.id,
        call_id=leg.call.id,
        direction="out" if leg.direction == "in" else "in",
        state=str(leg.state),
        number=leg.peer.number,
        name=leg.peer.name,
        dialled=leg.dialled,
        outside=leg.call.direction != "inside",
        emergency=leg.emergency,
        started_ms=leg.started_ms,
        answered_ms=leg.answered_ms,
        ended_ms=leg.ended_ms,
        muted=leg.muted,
        attach=attach if leg.up else None,
        cause=leg.cause,
        sip_status=leg.sip_status,
        far_media=leg.far_media,
    )
