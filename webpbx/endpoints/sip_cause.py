"""Why a call over a trunk ended: between SIP's statuses and Q.850 values and our causes."""

from webpbx.model.cause import Cause
from webpbx.sip.session_events import Ended

_CANCELLED = 487
_FINAL = 300
_UNAVAILABLE = 480


def cause_of(ended: Ended, *, answered: bool, dialled: bool) -> Cause:
    """Name the cause of a session's end that was not ours."""
    if ended.by == "local":
        return Cause.NORMAL
    cancelled = not dialled and ended.status == _CANCELLED  # it may cross our answer
    if not cancelled and (answered or (ended.status is None and ended.q850 is not None)):
        if ended.by == "error":
            return Cause.TIMEOUT
        return Cause.from_q850(ended.q850) if ended.q850 is not None else Cause.NORMAL
    if not dialled:
        return Cause.CANCELLED
    if ended.status is None or ended.status == _CANCELLED:
        return Cause.FAILED  # we did not cancel it, so the far side has broken off
    return Cause.from_sip(ended.status, q850=ended.q850)


def status_of(cause: Cause) -> int:
    """Give the status that refuses an unanswered call with this cause."""
    return cause.sip if cause.sip >= _FINAL else _UNAVAILABLE
