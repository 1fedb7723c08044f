"""What a session tells its owner, and the states it goes through."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from webpbx.sip.headers import NameAddr, Replaces


@dataclass(frozen=True, slots=True)
class Progress:
    """Say that the far end rings or sends early media; `sdp` is told when there is one."""

    status: int
    reason: str
    sdp: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Say that the far end took our call; or, for a call we answered with an offer of ours, the answer to it."""

    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Reoffered:
    """Say that the far end wants to change the session; accept or refuse. Without SDP, accepting makes the offer."""

    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class ReofferDone:
    """Say what became of our own re-offer: their answer, or None and the status that refused it."""

    sdp: bytes | None
    status: int


@dataclass(frozen=True, slots=True)
class Info:
    """Bring an INFO's body."""

    body: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Referred:
    """Say that the far end wants us to call someone in its stead; accept or refuse (RFC 3515)."""

    refer_to: NameAddr
    replaces: Replaces | None = None
    """The call of whoever is called that ours is to take the place of: an attended transfer."""
    referred_by: NameAddr | None = None


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """Say how the call goes that the far end makes since we asked it to; `final` is the last word."""

    status: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """Say that the call is over; always the last event, exactly once. `by` is "remote", "local" or "error"."""

    status: int | None
    reason: str
    by: str
    q850: int | None = None


OwnerEvent = Progress | Answered | Reoffered | Info | Referred | ReferProgress | Ended
"""What the owner of a session waits for."""
SessionEvent = OwnerEvent | ReofferDone


class UsageState(Enum):
    """Where an INVITE usage stands."""

    CALLING = "calling"
    INVITED = "invited"
    RINGING = "ringing"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"
    LEAVING = "leaving"
    ENDED = "ended"


_UNANSWERED = {UsageState.RINGING, UsageState.ANSWERED, UsageState.CONFIRMED, UsageState.LEAVING, UsageState.ENDED}
MOVES: Final = {
    UsageState.CALLING: _UNANSWERED,
    UsageState.INVITED: _UNANSWERED - {UsageState.CONFIRMED},
    UsageState.RINGING: _UNANSWERED,
    UsageState.ANSWERED: {UsageState.CONFIRMED, UsageState.LEAVING, UsageState.ENDED},
    UsageState.CONFIRMED: {UsageState.LEAVING, UsageState.ENDED},
    UsageState.LEAVING: {UsageState.ENDED},
    UsageState.ENDED: set[UsageState](),
}
