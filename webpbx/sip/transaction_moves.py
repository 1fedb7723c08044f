"""The states of the four transaction machines and the moves between them (RFC 3261 §17, RFC 6026), as tables."""

from collections.abc import Mapping
from enum import Enum

from webpbx.sip.message import Response


class State(Enum):
    """The states of all four machines."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Move(Enum):
    """What drives the machines."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    ACK = "ACK"
    TIMEOUT = "given up"
    EXPIRED = "absorbed long enough"
    BROKEN = "transport error"


Moves = Mapping[tuple[State, Move], State]

INVITE_CLIENT: Moves = {
    (State.CALLING, Move.PROVISIONAL): State.PROCEEDING,
    (State.CALLING, Move.SUCCESS): State.ACCEPTED,
    (State.CALLING, Move.FAILURE): State.COMPLETED,
    (State.CALLING, Move.TIMEOUT): State.TERMINATED,
    (State.CALLING, Move.BROKEN): State.TERMINATED,
    (State.PROCEEDING, Move.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Move.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Move.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Move.TIMEOUT): State.TERMINATED,
    (State.COMPLETED, Move.FAILURE): State.COMPLETED,
    (State.COMPLETED, Move.EXPIRED): State.TERMINATED,
    (State.COMPLETED, Move.BROKEN): State.TERMINATED,
    (State.ACCEPTED, Move.SUCCESS): State.ACCEPTED,
    (State.ACCEPTED, Move.EXPIRED): State.TERMINATED,
}
ANSWERED: Moves = {
    (State.TRYING, Move.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Move.SUCCESS): State.COMPLETED,
    (State.TRYING, Move.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Move.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Move.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Move.FAILURE): State.COMPLETED,
    (State.COMPLETED, Move.EXPIRED): State.TERMINATED,
}
"""How any request but INVITE is answered, seen from either end."""
CLIENT: Moves = {
    **ANSWERED,
    (State.TRYING, Move.TIMEOUT): State.TERMINATED,
    (State.TRYING, Move.BROKEN): State.TERMINATED,
    (State.PROCEEDING, Move.TIMEOUT): State.TERMINATED,
    (State.PROCEEDING, Move.BROKEN): State.TERMINATED,
}
INVITE_SERVER: Moves = {
    (State.PROCEEDING, Move.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Move.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Move.FAILURE): State.COMPLETED,
    (State.COMPLETED, Move.ACK): State.CONFIRMED,
    (State.COMPLETED, Move.TIMEOUT): State.TERMINATED,
    (State.CONFIRMED, Move.EXPIRED): State.TERMINATED,
    (State.ACCEPTED, Move.EXPIRED): State.TERMINATED,
}


def move_of(response: Response) -> Move:
    """Say how a response drives the machines."""
    if response.is_provisional:
        return Move.PROVISIONAL
    return Move.SUCCESS if response.is_success else Move.FAILURE
