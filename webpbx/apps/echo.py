from webpbx.calls.call import Call
from webpbx.calls.leg import Party
from webpbx.model.destination import Destination, ToEcho

LEAVE = "#"


async def echo(call: Call, destination: ToEcho) -> Destination | None:
    """Let the caller hear himself until he hangs up or presses #."""
    call.caller.peer = Party(call.dialled, str(destination))
    await call.answer()
    await call.loop_back()
    while await call.digit() != LEAVE:
        pass
    return None
