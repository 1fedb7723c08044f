"""A call as its record tells it: open while the call is up, complete when it has ended."""

from typing import TYPE_CHECKING

from webpbx.calls.leg import Leg
from webpbx.media.client import LegStats
from webpbx.model.call_record import CallRecord, LegRecord, outcome_of
from webpbx.model.cause import Cause

if TYPE_CHECKING:
    from webpbx.calls.call import Call


def record_of(call: "Call") -> CallRecord:
    """Give the call's record as of now."""
    caller = call.caller
    callee = next((leg for leg in call.legs[1:] if leg.answered_ms is not None), None)
    trunk = next((leg for leg in call.legs[1:] if leg.outside), None)
    ended = call.ended_ms is not None
    cause = call.cause or Cause.NORMAL
    return CallRecord(
        id=call.id,
        tenant_id=call.exchange.tenant_id,
        direction=call.direction,
        started_ms=call.started_ms,
        answered_ms=caller.answered_ms,
        ended_ms=call.ended_ms,
        caller_number=caller.shown.number or None,
        caller_name=caller.shown.name or None,
        dialled=call.dialled,
        did=call.did,
        trunk_id=call.trunk_id,
        route_id=trunk.route_id if trunk is not None else None,
        destinations=tuple(call.visited),
        answered_by=callee.party.number if callee is not None else None,
        outcome=outcome_of(cause, answered=caller.answered_ms is not None) if ended else None,
        cause=cause if ended else None,
        sip_status=caller.sip_status if ended else None,
        ended_by=call.ended_by if ended else None,
        legs=tuple(_leg_record(leg) for leg in call.legs) if ended else (),
    )


def _leg_record(leg: Leg) -> LegRecord:
    heard = leg.audio.stats
    worker = _figures(heard) if heard is not None else {}
    figures = {**worker, **leg.quality}  # the browser knows its own end better
    return LegRecord(
        id=leg.id,
        party=leg.party.number,
        kind=leg.endpoint.kind,
        direction=leg.direction,
        started_ms=leg.started_ms,
        answered_ms=leg.answered_ms,
        ended_ms=leg.ended_ms,
        user_id=leg.endpoint.user_id,
        device=leg.endpoint.live_data(leg).get("device_id"),
        cause=leg.cause,
        sip_status=leg.sip_status,
        codec=heard.codec if heard is not None else None,
        loss=figures.get("loss"),
        jitter_ms=figures.get("jitter_ms"),
        round_trip_ms=figures.get("rtt_ms"),
        mos=figures.get("mos"),
        attaches=leg.attaches,
    )


def _figures(stats: LegStats) -> dict[str, float | None]:
    """Give what the worker has seen of the far end's audio."""
    expected = stats.packets_in + stats.lost_in
    return {
        "loss": stats.lost_in / expected if expected else None,
        "jitter_ms": stats.jitter_ms if expected else None,
        "rtt_ms": stats.round_trip_ms,
    }
