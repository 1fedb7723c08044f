from dataclasses import dataclass, field

from webpbx.model.cause import Cause
from webpbx.model.checks import check_choice, check_text

DIRECTIONS = ("in", "out", "inside")
OUTCOMES = ("answered", "no_answer", "busy", "failed", "cancelled", "voicemail", "blocked", "interrupted")
ENDED_BY = ("caller", "callee", "system")
_OUTCOME_OF = {
    Cause.BUSY: "busy",
    Cause.DECLINED: "busy",
    Cause.NO_ANSWER: "no_answer",
    Cause.NOT_REGISTERED: "no_answer",
    Cause.CANCELLED: "cancelled",
    Cause.FORBIDDEN: "blocked",
    Cause.CALL_LIMIT: "blocked",
    Cause.RESTARTED: "interrupted",
    Cause.MEDIA_LOST: "interrupted",
}


@dataclass(frozen=True)
class LegRecord:
    """One party's part in a call; times in UTC milliseconds, loss as a fraction 0 to 1."""

    id: str
    party: str
    """Extension, or number in E.164, or what the network said."""
    kind: str
    """The endpoint's kind: browser, trunk."""
    direction: str
    """"in" = it called us, "out" = we called it."""
    started_ms: int
    answered_ms: int | None = None
    ended_ms: int | None = None
    user_id: str | None = None
    device: str | None = None
    cause: Cause | None = None
    sip_status: int | None = None
    codec: str | None = None
    loss: float | None = None
    jitter_ms: float | None = None
    round_trip_ms: float | None = None
    mos: float | None = None
    attaches: int = 0

    def __post_init__(self) -> None:
        check_text("leg id", self.id)
        check_choice("direction", self.direction, ("in", "out"))


@dataclass(frozen=True)
class CallRecord:
    """What happened in one call, answered or not; opened at its start. Times in UTC milliseconds."""

    id: str
    tenant_id: str
    direction: str
    started_ms: int
    answered_ms: int | None = None
    ended_ms: int | None = None
    """None: the call is up, or was when the switch died."""
    caller_number: str | None = None
    caller_name: str | None = None
    dialled: str = ""
    did: str | None = None
    trunk_id: str | None = None
    route_id: str | None = None
    destinations: tuple[str, ...] = ()
    """Visited, in order, in the text form of destination.py."""
    answered_by: str | None = None
    outcome: str | None = None
    cause: Cause | None = None
    sip_status: int | None = None
    ended_by: str | None = None
    legs: tuple[LegRecord, ...] = field(default=())

    def __post_init__(self) -> None:
        check_text("call id", self.id)
        check_choice("direction", self.direction, DIRECTIONS)
        if self.outcome is not None:
            check_choice("outcome", self.outcome, OUTCOMES)
        if self.ended_by is not None:
            check_choice("side that ended the call", self.ended_by, ENDED_BY)

    @property
    def talk_ms(self) -> int:
        """Give the milliseconds from answer to end; 0 without an answer or end."""
        if self.answered_ms is None or self.ended_ms is None:
            return 0
        return max(0, self.ended_ms - self.answered_ms)

    @property
    def total_ms(self) -> int:
        """Give the milliseconds from start to end; 0 while the call is up."""
        return max(0, self.ended_ms - self.started_ms) if self.ended_ms is not None else 0


def outcome_of(cause: Cause, *, answered: bool) -> str:
    """Name the outcome of a call that ended with `cause`."""
    outcome = _OUTCOME_OF.get(cause, "failed")
    if answered:
        return outcome if outcome == "interrupted" else "answered"
    return outcome
