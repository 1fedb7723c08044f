from webpbx.calls.call import Call
from webpbx.calls.dial import Invitation
from webpbx.calls.leg import Party
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToExtension, ToNowhere


async def extension(call: Call, destination: ToExtension) -> Destination | None:
    """Ring all devices of the user who has this extension: one answer takes the call, one refusal ends it."""
    row = call.snapshot.plan.extensions.get(destination.number)
    if row is None:
        return ToNowhere(Cause.UNKNOWN_NUMBER)
    user = call.snapshot.user_of(destination.number)
    if user is None:
        return row.destination or ToNowhere(Cause.UNKNOWN_NUMBER)
    callee = Party(destination.number, user.name)
    call.caller.peer = callee
    if call.exchange.busy(user.id):
        return ToNowhere(Cause.BUSY)
    endpoints = call.exchange.endpoints(destination.number)
    if not endpoints:
        return ToNowhere(Cause.NOT_REGISTERED)
    invitations = [Invitation(endpoint, callee) for endpoint in endpoints]
    async with call.dial(invitations, timeout=call.snapshot.tenant.ring_time, refusal_ends=True) as dialled:
        if dialled.callee is None:
            return ToNowhere(dialled.cause)
        await call.answer()
        await call.bridge(dialled.callee)
    return None
