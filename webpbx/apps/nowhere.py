from webpbx.calls.call import Call
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere


async def nowhere(
    call: Call, destination: ToNowhere, *, emergency_announcement: str | None = None
) -> Destination | None:
    """Tell the caller why the call cannot be, and end it.

    `emergency_announcement`: a sound file that says to take another telephone, for an emergency call without a trunk.
    """
    urgent = destination.cause is Cause.EMERGENCY_NO_TRUNK
    await call.refuse(destination.cause, announcement=emergency_announcement if urgent else None)
    return None
