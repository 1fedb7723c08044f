"""What an endpoint holds of a call: verbs to await and events to wait for."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from webpbx.sip.dialog import DialogState
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr, Replaces
from webpbx.sip.message import Request, Status
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import Ended, OwnerEvent, ReofferDone, SessionEvent
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow
from webpbx.sip.uri import Uri


class Driver(Protocol):
    """What a session needs from the network."""

    async def perform(self, usage: InviteUsage, order: Callable[[float], None]) -> None:
        """Give the core an order and wait until it is durable and sent."""

    def forget(self, session: "Session") -> None:
        """Let go of a session that has told its end."""


class ReofferRefusedError(SipError):
    """Say that the far end keeps the session as it was."""

    error_id = "sip_reoffer_refused"


class ReferRefusedError(SipError):
    """Say that the far end does not call whom it was asked to."""

    error_id = "sip_refer_refused"


class Session:
    """Hold one INVITE usage. Orders to a call that is over do nothing; its `Ended` is waiting in the queue."""

    def __init__(self, driver: Driver, usage: InviteUsage) -> None:
        self._driver = driver
        self._usage = usage
        self._events: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._reoffer: asyncio.Future[bytes] | None = None
        self.id = usage.id
        self.direction = usage.direction
        self.peer: Peer | None = usage.peer
        self._over = False
        self._asking = asyncio.Lock()
        self._outcome: asyncio.Future[int] | None = None
        """What the INFO under way was answered."""

    @property
    def request(self) -> Request | None:
        """The INVITE of a call that came in; None for a call of ours and for an adopted one that was answered."""
        return self._usage.request if isinstance(self._usage, CalledUsage) else None

    @property
    def replaces(self) -> str | None:
        """The id of the session whose place this one is to take (RFC 3891); whether it may is the owner's to say.

        The owner answers this call and then hangs up the other one; a ringing call of ours is cancelled so.
        """
        return self._usage.replaces if isinstance(self._usage, CalledUsage) else None

    @property
    def remote_sdp(self) -> bytes | None:
        """The far end's latest session description."""
        return self.state.remote_sdp

    @property
    def state(self) -> DialogState:
        """The dialog as it stands."""
        if self._usage.dialog is None:
            raise SipError("the call was never begun")
        return self._usage.dialog

    @property
    def at_proxy(self) -> bool:
        """Tell whether its requests go to an address that our credentials are for."""
        return self._usage.credentials is not None and self.state.flow.remote in self._usage.trusted

    def move(self, flow: Flow) -> None:
        """Send requests another way from now on: the far end's connection or address has been replaced by a new one."""
        self._usage.move(flow)

    @property
    def call_id(self) -> str:
        """The Call-ID of all its messages; empty for a call that was never begun."""
        return self._usage.dialog.call_id if self._usage.dialog is not None else ""

    @property
    def local_tag(self) -> str:
        """Our tag in its messages; empty for a call that was never begun."""
        return self._usage.dialog.local_tag if self._usage.dialog is not None else ""

    @property
    def ended(self) -> bool:
        """Tell whether the call is over."""
        return self._over

    async def next_event(self) -> OwnerEvent:
        """Wait for the next event; after `Ended` there is none, and asking for one raises SipError."""
        if self._over and self._events.empty():
            raise SipError("the call is over")
        event = await self._events.get()
        if isinstance(event, ReofferDone):
            raise SipError("the outcome of a re-offer belongs to reinvite")
        return event

    def tell(self, event: SessionEvent) -> None:
        """Take an event from the core."""
        if isinstance(event, ReofferDone):
            self._settle(event)
        elif not self._over:
            if isinstance(event, Ended):
                self._over = True
                self._settle(ReofferDone(None, event.status or 0))
                self._heard(Status.NO_SUCH_CALL)
                self._driver.forget(self)
            self._events.put_nowait(event)

    def closed(self) -> None:
        """End the waiting of whoever waits: the network is closing, the call itself goes on."""
        self.tell(Ended(None, "the SIP network was closed", "local"))

    def _settle(self, outcome: ReofferDone) -> None:
        waiting, self._reoffer = self._reoffer, None
        if waiting is None or waiting.done():
            return
        if outcome.sdp is None:
            waiting.set_exception(ReofferRefusedError("the far end refused the new session", status=outcome.status))
        else:
            waiting.set_result(outcome.sdp)

    async def ring(self, *, sdp: bytes | None = None) -> None:
        """Let the caller hear ringing (180), or early media (183)."""
        usage = self._usage
        if isinstance(usage, CalledUsage):
            await self._driver.perform(usage, lambda now: usage.ring(now, sdp=sdp))

    async def answer(self, sdp: bytes) -> None:
        """Take the call; for a call of ours without SDP, answer the offer that `Answered` brought."""
        usage = self._usage
        if isinstance(usage, CalledUsage | CallingUsage):
            await self._driver.perform(usage, lambda now: usage.answer(sdp, now))

    async def reject(
        self, status: int, reason: str | None = None, *, retry_after: int | None = None, q850: int | None = None
    ) -> None:
        """Refuse a call that came in, with a status of 300 to 699."""
        usage = self._usage
        if isinstance(usage, CalledUsage):
            await self._driver.perform(
                usage, lambda now: usage.reject(status, now, reason=reason, retry_after=retry_after, q850=q850)
            )

    async def accept_reoffer(self, sdp: bytes) -> None:
        """Answer a `Reoffered`."""
        await self._driver.perform(self._usage, lambda now: self._usage.accept_reoffer(sdp, now))

    async def refuse_reoffer(self, status: int = 488) -> None:
        """Refuse a `Reoffered`; the call goes on as it was."""
        await self._driver.perform(self._usage, lambda now: self._usage.refuse_reoffer(status, now))

    async def reinvite(self, sdp: bytes) -> bytes:
        """Offer a changed session and return the far end's answer; raise ReofferRefusedError when it declines."""
        return await self._offer(lambda now: self._usage.reinvite(sdp, now))

    async def update(self, sdp: bytes) -> bytes:
        """Do as `reinvite` by UPDATE, where the far end takes it: before the answer too, and never asking anybody."""
        return await self._offer(lambda now: self._usage.update(sdp, now))

    async def _offer(self, offer: Callable[[float], bool]) -> bytes:
        if self._reoffer is not None:
            raise ReofferRefusedError("another re-offer is under way", status=491)
        waiting = self._reoffer = asyncio.get_running_loop().create_future()
        begun = False

        def begin(now: float) -> None:
            nonlocal begun
            begun = offer(now)

        await self._driver.perform(self._usage, begin)
        if not begun:
            self._reoffer = None
            raise ReofferRefusedError("the call is in no state for a re-offer", status=491)
        answer: bytes = await waiting
        return answer

    async def info(self, body: bytes, content_type: str) -> int:
        """Send an INFO within the call and return the status it was answered: 408 for silence, 481 when it is over.

        One goes after the other is answered, lest a repeated one arrive behind its successor and be refused.
        """
        return await self._ask(lambda now: self._usage.info(body, content_type, self._heard, now))

    async def _ask(self, order: Callable[[float], None]) -> int:
        async with self._asking:
            outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._outcome = outcome
            await self._driver.perform(self._usage, order)
            return await outcome

    def _heard(self, status: int) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(status)

    async def refer(
        self, target: Uri, *, replaces: DialogState | None = None, referred_by: NameAddr | None = None
    ) -> None:
        """Ask the far end to call someone, in the place of our call with them that `replaces` is.

        Return when it agrees, raise ReferRefusedError when not; `ReferProgress` tells what becomes of it.
        """
        place = None if replaces is None else Replaces(replaces.call_id, replaces.remote_tag, replaces.local_tag)
        transfers = self._usage.transfers
        status = await self._ask(
            lambda now: transfers.refer(target, now, done=self._heard, replaces=place, referred_by=referred_by)
        )
        if status >= Status.MULTIPLE_CHOICES:
            raise ReferRefusedError("the far end does not take the transfer", status=status)

    async def accept_refer(self) -> None:
        """Agree to a `Referred`: 202, and the first NOTIFY."""
        await self._driver.perform(self._usage, self._usage.transfers.accept)

    async def refuse_refer(self, status: int = 603) -> None:
        """Refuse a `Referred`."""
        await self._driver.perform(self._usage, lambda now: self._usage.transfers.refuse(status, now))

    async def notify_refer(self, status: int, reason: str, *, final: bool) -> None:
        """Tell whoever referred how that call goes; also after it has hung up, which it may do at once."""
        transfers = self._usage.transfers
        await self._driver.perform(self._usage, lambda now: transfers.notify(status, reason, final=final, now=now))

    async def hang_up(self, *, q850: int | None = None) -> None:
        """End the call by CANCEL, BYE or 480, whichever its state asks; more than once does no harm."""
        if not self._usage.ended:
            await self._driver.perform(self._usage, lambda now: self._usage.hang_up(now, q850=q850))
