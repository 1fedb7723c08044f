"""What the core orders its driver to do."""

from dataclasses import dataclass

from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.transport import Flow


@dataclass(frozen=True, slots=True)
class Send:
    """Order the driver to send bytes; a flow on a stream that is not open is opened for it."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Order the driver to close a connection, once what was sent before is out."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Persist:
    """Order the driver to make a dialog's state durable and then to call `persisted`."""

    usage: InviteUsage
    state: DialogState | DialogGone


@dataclass(frozen=True, slots=True)
class Event:
    """Tell a session's owner something; `event` None announces a new incoming call."""

    usage: InviteUsage
    event: SessionEvent | None


Output = Send | Close | Persist | Event
