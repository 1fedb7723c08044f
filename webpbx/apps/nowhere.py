from collections.abc import Mapping

from webpbx.calls.call import Call
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere


async def nowhere(
    call: Call, destination: ToNowhere, *, emergency_announcements: Mapping[str, str]
) -> Destination | None:
    """Tell the caller why the call cannot be, and end it.

    `emergency_announcements`: by language, the sound file that says to take another telephone when an emergency call
    finds no trunk. A company whose language has none hears a tone.
    """
    urgent = destination.cause is Cause.EMERGENCY_NO_TRUNK
    announcement = emergency_announcements.get(call.snapshot.tenant.language) if urgent else None
    await call.refuse(destination.cause, announcement=announcement)
    return None
