"""Two legs joined until one of them goes."""

from typing import TYPE_CHECKING

from webpbx.calls.leg import Guard, Leg
from webpbx.media.errors import MediaError
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
            try:
                await caller.audio.connect(callee.audio)
            except MediaError:
                caller.check()
                if callee.up:
                    raise  # else it went in this moment, and its audio with it
        call.bridged = (caller, callee)
        caller.changed()
        callee.changed()
        await call.note()
        try:
            return await callee.gone()
        finally:
            call.bridged = None
