"""What has happened, told synchronously to whoever shows or records it; nothing depends on a fact being heard."""

from collections.abc import Callable
from dataclasses import dataclass

from webpbx.model.call_record import CallRecord
from webpbx.model.cause import Cause


@dataclass(frozen=True)
class Fact:
    """Something that has happened in one company's exchange."""

    tenant_id: str


@dataclass(frozen=True)
class CallStarted(Fact):
    """A call has come in and is written; its record is still open."""

    record: CallRecord


@dataclass(frozen=True)
class CallEnded(Fact):
    """A call and all its legs have ended; its record is complete."""

    record: CallRecord


@dataclass(frozen=True)
class LegMoved(Fact):
    """A leg has moved to another state of the table."""

    call_id: str
    leg_id: str
    state: str
    cause: Cause | None


@dataclass(frozen=True)
class SipSessionBegan(Fact):
    """A leg's far end is spoken with in SIP; its messages bear this Call-ID, and this tag of ours."""

    call_id: str
    leg_id: str
    sip_call_id: str
    sip_tag: str


@dataclass(frozen=True)
class PresenceChanged(Fact):
    """A user's extension is seen differently: offline, free, ringing or busy."""

    extension: str
    presence: str


@dataclass(frozen=True)
class TrunkChanged(Fact):
    """A trunk has come up or gone down; `reason` is a plain sentence."""

    trunk_id: str
    up: bool
    reason: str
    learnt_realm: str | None = None
    """For whom the provider asked our secret, to be kept so that nobody else is ever answered."""


Emit = Callable[[Fact], None]
