"""The one gate to the outside world."""

from webpbx.calls.call import Call
from webpbx.calls.dial import Dialled, Invitation
from webpbx.calls.leg import Party
from webpbx.model import outside_rules
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere, ToOutside
from webpbx.model.outside_rules import Refusal, WayOut
from webpbx.model.trunk import Trunk

_TRY_NEXT = frozenset(
    {Cause.TRUNK_DOWN, Cause.TRUNK_REFUSED, Cause.TRUNK_BUSY, Cause.TIMEOUT, Cause.FAILED, Cause.INCOMPATIBLE_MEDIA}
)
"""The trunk has failed, not the far end: another one may do better."""
_FINAL_IN_EMERGENCY = frozenset({Cause.BUSY, Cause.NO_ANSWER})
_SERVER_FAILURE = range(500, 600)


async def outside_line(call: Call, destination: ToOutside) -> Destination | None:
    """Call an outside number on the first trunk that takes it, if the gate lets it pass; an emergency always does."""
    exchange, snapshot = call.exchange, call.snapshot
    if call.direction == "in":
        return ToNowhere(Cause.FORBIDDEN)  # nobody calls out at our cost by calling in
    call.caller.peer = Party(destination.number)
    decision = outside_rules.decide(
        destination.number,
        emergency=destination.emergency,
        tenant=snapshot.tenant,
        routes=snapshot.routes,
        trunks=snapshot.trunks,
        use=exchange.outside_use(call.caller.endpoint.user_id),
    )
    if isinstance(decision, Refusal):
        return ToNowhere(decision.cause)
    outcome = Dialled(cause=Cause.TRUNK_DOWN)
    for way in decision:
        if way.trunk.id not in exchange.lines:
            continue
        outcome = await _try(call, destination, way)
        if outcome.callee is not None:
            return None
        if not _worth_another(outcome, emergency=destination.emergency):
            break
    if destination.emergency and outcome.cause not in _FINAL_IN_EMERGENCY:
        return ToNowhere(Cause.EMERGENCY_NO_TRUNK)
    await call.refuse(outcome.cause, sip_status=outcome.sip_status)
    return None


async def _try(call: Call, destination: ToOutside, way: WayOut) -> Dialled:
    """Call over one trunk, and talk if somebody answers."""
    call.trunk_id = way.trunk.id
    caller = Party(caller_number(call, way.trunk), call.caller.party.name)
    ring_time = call.exchange.patience.outside_ring
    async with call.dial([_invitation(call, destination, way)], timeout=ring_time, caller=caller) as dialled:
        if dialled.callee is not None:
            await call.answer()
            await call.bridge(dialled.callee)
    return dialled


def caller_number(call: Call, trunk: Trunk) -> str:
    """Give the number (E.164) shown outside: the caller's DID on this trunk, else the trunk's default, else none."""
    extension = call.caller.party.number
    for did in call.snapshot.plan.dids.values():
        if did.trunk_id == trunk.id and str(did.destination) == f"extension:{extension}":
            return did.number
    return trunk.caller_id_default


def _invitation(call: Call, destination: ToOutside, way: WayOut) -> Invitation:
    return Invitation(
        call.exchange.lines[way.trunk.id],
        Party(destination.number),
        outside=True,
        emergency=destination.emergency,
        route_id=way.route_id,
    )


def _worth_another(dialled: Dialled, *, emergency: bool) -> bool:
    if emergency:
        return dialled.cause not in _FINAL_IN_EMERGENCY
    failed = dialled.sip_status is not None and dialled.sip_status in _SERVER_FAILURE
    return not dialled.rang and (failed or dialled.cause in _TRY_NEXT)
