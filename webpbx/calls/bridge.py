"""Two legs joined until one of them goes."""

from typing import TYPE_CHECKING

from webpbx.calls.leg import Guard, Leg
from webpbx.model.cause import Cause

if TYPE_CHECKING:
    from webpbx.calls.call import Call


async def bridge(call: "Call", callee: Leg, *, joined: bool = False) -> Cause:
    """Join the caller and an answered leg; give the called leg's cause, or leave with HungUp when the caller goes.

    `joined`: they talk already, over a worker that outlived the switch.
    """
    caller = call.caller
    with Guard(caller):
        if not joined:
            await caller.audio.stop()
            await caller.audio.connect(callee.audio)
        call.bridged = (caller, callee)
        caller.changed()
        callee.changed()
        await call.note()
        try:
            return await callee.gone()
        finally:
            call.bridged = None
