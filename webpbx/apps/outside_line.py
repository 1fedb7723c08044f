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
EMERGENCY_RINGS = 180.0  # seconds, the longest that SIP lets ring (Timer C)


async def outside_line(call: Call, destination: ToOutside) -> Destination | None:
    """Call an outside number on the first trunk that takes it, if the gate lets it pass; an emergency always does."""
    exchange = call.exchange
    if call.direction == "in":
        return ToNowhere(Cause.FORBIDDEN)  # nobody calls out at our cost by calling in
    call.caller.peer = Party(destination.number)
    outcome = Dialled(cause=Cause.TRUNK_DOWN)
    tried: set[str] = set()
    while True:
        decision = _decide(call, destination)  # anew for each trunk: others call out meanwhile
        if isinstance(decision, Refusal):
            if not tried:
                return ToNowhere(decision.cause)
            break
        ways = [way for way in decision if way.trunk.id in exchange.lines and way.trunk.id not in tried]
        if not ways:
            break
        tried.add(ways[0].trunk.id)
        outcome = await _try(call, destination, ways[0], silence=_silence(call, destination, last=len(ways) == 1))
        if outcome.callee is not None:
            return None
        if not _worth_another(outcome, emergency=destination.emergency):
            break
    if destination.emergency and outcome.cause not in _FINAL_IN_EMERGENCY:
        return ToNowhere(Cause.EMERGENCY_NO_TRUNK)
    await call.refuse(outcome.cause, sip_status=outcome.sip_status)
    return None


def _decide(call: Call, destination: ToOutside) -> tuple[WayOut, ...] | Refusal:
    snapshot = call.snapshot
    return outside_rules.decide(
        destination.number,
        emergency=destination.emergency,
        tenant=snapshot.tenant,
        routes=snapshot.routes,
        trunks=snapshot.trunks,
        use=call.exchange.outside_use(call.caller.endpoint.user_id),
    )


def _silence(call: Call, destination: ToOutside, *, last: bool) -> float | None:
    patience = call.exchange.patience
    if last:
        return patience.last_silence if destination.emergency else None
    return patience.silence


async def _try(call: Call, destination: ToOutside, way: WayOut, *, silence: float | None) -> Dialled:
    """Call over one trunk, and talk if somebody answers."""
    call.trunk_id = way.trunk.id
    caller = Party(caller_number(call, way.trunk), call.caller.party.name)
    invitation = Invitation(
        call.exchange.lines[way.trunk.id],
        Party(destination.number),
        outside=True,
        emergency=destination.emergency,
        route_id=way.route_id,
        silence=silence,
    )
    # Whoever calls for help may wait in a queue: no setting of ours ends that.
    patience = EMERGENCY_RINGS if destination.emergency else way.trunk.ring_limit
    async with call.dial([invitation], timeout=patience, caller=caller) as dialled:
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


def _worth_another(dialled: Dialled, *, emergency: bool) -> bool:
    if emergency:
        return dialled.cause not in _FINAL_IN_EMERGENCY
    failed = dialled.sip_status is not None and dialled.sip_status in _SERVER_FAILURE
    return not dialled.rang and (failed or dialled.cause in _TRY_NEXT)
