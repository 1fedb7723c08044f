"""SIP sessions as legs: what a provider's line and a telephone have in common."""

import asyncio
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webpbx.calls import audio
from webpbx.calls.call import Call
from webpbx.calls.exchange import Exchange, NoMedia, ShuttingDown
from webpbx.calls.facts import SipSessionBegan
from webpbx.calls.leg import MOST_FORWARDS, Direction, HungUp, Leg, LegState, Party
from webpbx.calls.live_calls import LiveLeg
from webpbx.endpoints.sip_cause import cause_of, status_of
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause
from webpbx.model.destination import ToOutside
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogState
from webpbx.sip.grammar import SipError
from webpbx.sip.identity import HopsSpentError, hops_of
from webpbx.sip.message import Request
from webpbx.sip.network import SipNetwork
from webpbx.sip.session_events import Answered, Ended, Info, Progress, Reoffered, SessionEvent
from webpbx.sip.session_face import Session
from webpbx.sip.uri import SipUri, TelUri, Uri

logger = logging.getLogger(__name__)

RETRY_AFTER = 10
_SESSION_PROGRESS = 183
_INFO_DIGITS = {
    "application/dtmf-relay": re.compile(rb"(?im)^\s*signal\s*=\s*([0-9*#A-D])\s*$"),
    "application/dtmf": re.compile(rb"(?i)^\s*([0-9*#A-D])\s*$"),
}
"""How far ends write a key in an INFO, by media type."""


@dataclass(eq=False)
class Line:
    """One leg's session and what is known of its two descriptions."""

    leg: Leg
    session: Session | None = None
    state: DialogState | None = None
    ours: str | None = None
    """Our SDP answer, or our offer."""
    answered: bool = False
    """We have sent our answer, or begun to."""
    over: bool = False
    """The session has told its end."""
    follower: "asyncio.Task[None] | None" = None


OnSession = Callable[[str, "SipEndpoint | None"], None]
"""Hears which endpoint a session belongs to; None once it is over."""


class SipEndpoint(ABC):
    """Somebody who is spoken to in SIP; a leg of theirs is one session. Who it is and how it is called, heirs know."""

    kind = "sip"
    user_id: str | None = None
    hears_tones = False
    writes = True

    def __init__(
        self,
        exchange: Exchange,
        network: SipNetwork,
        *,
        media_address: str,
        advertised: str | None = None,
        on_session: "OnSession" = lambda _id, _endpoint: None,
    ) -> None:
        self.exchange = exchange
        self._network = network
        self._address = media_address
        self._advertised = advertised
        self._on_session = on_session
        self._lines: dict[str, Line] = {}
        self._by_session: dict[str, Line] = {}

    # -- what the heirs know -----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def codecs(self) -> tuple[str, ...]:
        """Name the far end's codecs, in its order."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name it in the log."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Give, as JSON values, what finds it again after a restart."""

    @abstractmethod
    async def call(self, line: Line, sdp: bytes, caller: Party) -> Session:
        """Send the INVITE of a dialled leg; raise SipError when that cannot be."""

    @property
    def credentials(self) -> Credentials | None:
        """Give what answers the challenges of whom it calls; None: nothing does."""
        return None

    def symmetric(self, session: Session, sdp: bytes) -> bool:
        """Tell whether sound goes back to where it comes from, whatever the description says."""
        del session, sdp
        return False

    def meaning(self, cause: Cause) -> Cause:
        """Say what a cause, read from SIP as from a provider, means here."""
        return cause

    def failed(self, leg: Leg, cause: Cause) -> None:
        """Hear that a call has ended without an answer."""
        del leg, cause

    # -- calls that come in ------------------------------------------------------------------------------------

    def begin(self, session: Session, request: Request, caller: Party, **told: Any) -> Call | None:
        """Let a call that comes in run; `told` goes to `Exchange.call_in`. None when there is none now, or none more.

        A call that was sent on too often is refused, so that a loop ends; not so one for help.
        """
        destination = told["destination"]
        forwards, hops = MOST_FORWARDS, 0
        try:
            if not (isinstance(destination, ToOutside) and destination.emergency):
                forwards, hops = hops_of(request, limit=self._network.core.settings.hop_limit)
            call = self.exchange.call_in(self, caller, **told)
        except HopsSpentError as error:
            logger.warning("%s: a call is refused: %s", self.name, error)
            refusal = session.reject(error.status)
        except (ShuttingDown, NoMedia):
            refusal = session.reject(Cause.SHUTTING_DOWN.sip, retry_after=RETRY_AFTER)
        else:
            call.caller.forwards, call.caller.hops = forwards, hops
            self.follow(Line(call.caller), session)
            return call
        self.exchange.spawn(refusal, name=f"refusal of session {session.id}")
        return None

    # -- calls.leg.Endpoint ------------------------------------------------------------------------------------

    async def invite(self, leg: Leg, caller: Party) -> None:
        """Call the far end."""
        line = self._lines[leg.id] = Line(leg)
        line.ours = await self.open_sound(leg)
        try:
            session = await self.call(line, line.ours.encode(), caller)
        except SipError:
            logger.warning("%s: the call could not be sent", self.name, exc_info=True)
            leg.ended(self.meaning(Cause.TRUNK_DOWN))
            return
        self.follow(line, session)

    async def ring(self, leg: Leg, *, early_media: bool) -> None:
        """Say that it rings, or pass on what the called side plays; an offer that cannot be taken ends the call."""
        line = self._lines[leg.id]
        if line.session is None:
            return
        answer = (await self._description(line)).encode()  # now: nobody shall pick up a call that cannot be
        await line.session.ring(sdp=answer if early_media else None)

    async def accept(self, leg: Leg) -> None:
        """Answer the provider's call."""
        line = self._lines[leg.id]
        if line.session is not None:
            sdp = (await self._description(line)).encode()
            line.answered = True
            await line.session.answer(sdp)

    async def end(self, leg: Leg, cause: Cause) -> None:
        """Refuse, cancel or hang up, whichever the call's state asks."""
        line = self._lines.pop(leg.id, None)
        if line is None:
            return
        session = line.session
        if session is not None:
            if not line.over and leg.direction == "in" and not line.answered:
                await session.reject(status_of(cause), q850=cause.q850)
            elif not line.over:
                await session.hang_up(q850=cause.q850)
            self._by_session.pop(session.id, None)
            self._on_session(session.id, None)
        if line.follower is not None and line.follower is not asyncio.current_task():
            line.follower.cancel()

    def changed(self, leg: Leg) -> None:
        """Show nobody: it has no page."""
        del leg

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        """Let a silent far end be: it may be on hold."""
        del leg, kind, reason

    def live_data(self, leg: Leg) -> dict[str, Any]:
        """Give whose line it is, and the dialog."""
        line = self._lines.get(leg.id)
        if line is None or line.state is None:
            return {**self.identity(), "dialog": None}
        at_proxy = line.session is not None and line.session.at_proxy
        hidden = {"anonymous": True} if leg.anonymous else {}
        return {**self.identity(), **hidden, "dialog": line.state.to_json(), "at_proxy": at_proxy}

    # -- sessions ----------------------------------------------------------------------------------------------

    async def persist(self, state: DialogState) -> None:
        """Have the call written with the dialog as it will be."""
        line = self._by_session.get(state.id)
        if line is not None:
            line.state = state
            await line.leg.call.save()

    def revive(self, live: LiveLeg, call: Call) -> Leg | None:
        """Take up the session of a former life of the switch."""
        written = live.data.get("dialog")
        if written is None:
            return None
        state = DialogState.from_json(dict(written))
        session = self._network.adopt(state, credentials=self.credentials if live.data.get("at_proxy") else None)
        direction: Direction = "in" if live.direction == "in" else "out"
        party = Party(live.number, live.name)
        leg = call.new_leg(self, party, direction=direction, worker=live.worker, leg_id=live.leg_id)
        leg.anonymous = bool(live.data.get("anonymous"))
        line = Line(leg, state=state, ours=state.local_sdp.decode() if state.local_sdp else None)
        line.answered = state.confirmed
        self.follow(line, session)
        return leg

    async def open_sound(self, leg: Leg) -> str:
        """Make the leg's audio; give our offer."""
        return await leg.audio.open_rtp(address=self._address, advertised=self._advertised)

    def follow(self, line: Line, session: Session) -> None:
        """Be the session's from now on: its events are the leg's moves."""
        line.session = session
        self._lines[line.leg.id] = line
        self._by_session[session.id] = line
        self._on_session(session.id, self)
        leg = line.leg
        self.exchange.emit(SipSessionBegan(leg.tenant_id, leg.call.id, leg.id, session.call_id, session.local_tag))
        line.follower = self.exchange.spawn(self._hear(line, session), name=f"session of leg {line.leg.id}")

    async def _hear(self, line: Line, session: Session) -> None:
        """Turn what the far end does into the leg's moves, until the session ends."""
        try:
            while not line.over:
                await self._serve(line, session, await session.next_event())
        except MediaError as error:
            logger.warning("leg %s: what the far end asks of its audio cannot be done: %s", line.leg.id, error)
            line.leg.ended(audio.cause_of(error))
        except Exception:
            line.leg.ended(Cause.FAILED)
            raise

    async def _serve(self, line: Line, session: Session, event: SessionEvent) -> None:
        leg = line.leg
        match event:
            case Progress():
                await self._progress(leg, session, event)
            case Answered():
                if event.sdp is not None:
                    await self._take_answer(leg, session, event.sdp)
                if leg.direction == "out" and leg.state is not LegState.ANSWERED and not leg.answered():
                    await session.hang_up(q850=(leg.cause or Cause.NORMAL).q850)
            case Reoffered():
                await self._reoffered(leg, session, event.sdp)
            case Info():
                digit = _INFO_DIGITS[event.type].search(event.body) if event.type in _INFO_DIGITS else None
                if digit is not None:
                    await leg.audio.push_digits(digit[1].decode().upper())
            case Ended():
                line.over = True
                self._ended(leg, event)

    async def _progress(self, leg: Leg, session: Session, event: Progress) -> None:
        """Take a sign of life; a description before the answer that cannot be used harms nobody."""
        leg.progressed = True
        if event.sdp is not None:
            try:
                await self._take_answer(leg, session, event.sdp)
            except MediaError as error:
                logger.info("leg %s: what plays before the answer cannot be heard: %s", leg.id, error)
            else:
                leg.early_media()
                return
        if event.status != _SESSION_PROGRESS:
            leg.ringing()

    async def _reoffered(self, leg: Leg, session: Session, sdp: bytes | None) -> None:
        """Agree to hold, resume or another codec; what the worker cannot do is refused and the call goes on."""
        try:
            answer = await (self.open_sound(leg) if sdp is None else self._take_offer(leg, session, sdp))
        except MediaError as error:
            await session.refuse_reoffer(audio.cause_of(error).sip)
            return
        await session.accept_reoffer(answer.encode())

    def _ended(self, leg: Leg, event: Ended) -> None:
        answered = leg.state is LegState.ANSWERED or leg.answering
        cause = self.meaning(cause_of(event, answered=answered, dialled=leg.direction == "out"))
        if not answered:
            self.failed(leg, cause)
        leg.ended(cause, sip_status=None if answered else event.status)

    async def _take_answer(self, leg: Leg, session: Session, sdp: bytes) -> None:
        symmetric = self.symmetric(session, sdp)
        await leg.audio.take_answer(sdp.decode(errors="replace"), symmetric=symmetric)

    async def _take_offer(self, leg: Leg, session: Session, sdp: bytes) -> str:
        symmetric = self.symmetric(session, sdp)
        return await leg.audio.take_offer(sdp.decode(errors="replace"), symmetric=symmetric)

    async def _description(self, line: Line) -> str:
        """Give our answer to the caller's offer, or our offer where theirs is still to come."""
        if line.ours is None:
            leg = line.leg
            theirs = line.session.remote_sdp if line.session is not None else None
            try:
                line.ours = await self.open_sound(leg)
                if theirs is not None and line.session is not None:
                    line.ours = await self._take_offer(leg, line.session, theirs)
            except MediaError as error:
                logger.info("leg %s: the caller's offer cannot be taken: %s", leg.id, error)
                leg.ended(audio.cause_of(error))
                raise HungUp(leg, audio.cause_of(error)) from error
        return line.ours


def user_part(uri: Uri) -> str:
    """Give what a URI says before its host, or a telephone number; nothing for others."""
    if isinstance(uri, TelUri):
        return uri.number
    return (uri.user or "") if isinstance(uri, SipUri) else ""
