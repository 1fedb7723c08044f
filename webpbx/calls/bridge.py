"""Two legs joined until one of them goes."""

import logging
from typing import TYPE_CHECKING

from webpbx.calls.leg import Guard, Leg
from webpbx.model.cause import Cause

if TYPE_CHECKING:
    from webpbx.calls.call import Call

logger = logging.getLogger(__name__)


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
        await _write(call)
        try:
            return await callee.gone()
        finally:
            call.bridged = None


async def _write(call: "Call") -> None:
    """Write that the two talk; they go on talking if that fails."""
    try:
        await call.save()
    except Exception:
        logger.exception("call %s: people talk, but a restart would not find them joined", call.id)
