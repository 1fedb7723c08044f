"""What a call needs from the user agent that holds it."""

from typing import TYPE_CHECKING, Protocol

from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.headers import MAGIC_COOKIE
from webpbx.sip.message import Header
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.settings import SipSettings
from webpbx.sip.timers import Timers
from webpbx.sip.transactions import Transactions
from webpbx.sip.transport import Flow

if TYPE_CHECKING:
    from webpbx.sip.session import InviteUsage


class Core(Protocol):
    """What a usage needs from the user agent."""

    transactions: Transactions
    timers: Timers
    settings: SipSettings
    allow: str
    """The methods we serve, as Allow says them."""
    announced: tuple[Header, ...]
    """What INVITEs and their answers say of what we serve."""

    def token(self) -> str:
        """Return a random word of 64 bits or more."""

    def wall(self) -> float:
        """Return the time of day in seconds."""

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""

    def emit(self, usage: "InviteUsage", event: SessionEvent) -> None:
        """Tell the session's owner."""

    def persist(self, usage: "InviteUsage", state: DialogState | DialogGone) -> bool:
        """Have a state written; True when the usage must wait for `persisted`."""

    def way(self, dialog: DialogState) -> Flow:
        """Return the flow a dialog's next request takes."""

    def know(self, usage: "InviteUsage", state: DialogState) -> None:
        """Let in-dialog requests find the usage."""

    def forget(self, usage: "InviteUsage") -> None:
        """Let go of a finished usage."""

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message that has no transaction: the ACK to a 2xx."""

    def block(self, flow: Flow, seconds: float, now: float, *, peer_id: str | None) -> None:
        """Try a proxy last for a while in the calls of one peer: its refusal may be meant for that one alone."""

    def is_blocked(self, flow: Flow, now: float, *, peer_id: str | None) -> bool:
        """Tell whether a proxy is tried last."""

    def unblock(self, flow: Flow) -> None:
        """Try a proxy that has answered in its turn again."""


def branch(core: Core) -> str:
    """Make a branch no one can guess."""
    return MAGIC_COOKIE + core.token()
