"""A provider's line: its calls as legs, in SIP sessions and RTP."""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from webpbx.calls import audio
from webpbx.calls.call import Call
from webpbx.calls.exchange import Exchange, NoMedia, ShuttingDown
from webpbx.calls.leg import Direction, HungUp, Leg, LegState, Party
from webpbx.calls.live_calls import LiveLeg
from webpbx.endpoints.sip_cause import cause_of, status_of
from webpbx.media.errors import MediaError
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere
from webpbx.model.dialplan import resolve_incoming
from webpbx.model.numbers import for_trunk, repair_incoming
from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogState
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr
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
"""How providers write a key in an INFO, by media type."""


class Reach(Protocol):
    """Whether the provider can be reached."""

    @property
    def up(self) -> bool:
        """Tell whether calls can go out."""

    @property
    def routes(self) -> tuple[str, ...]:
        """Give the way that the provider wants calls to take."""

    @property
    def credentials(self) -> Credentials | None:
        """Give what the provider's challenges are answered with."""

    def doubt(self) -> None:
        """Ask the provider again now, since a call has just failed."""


@dataclass(eq=False)
class _Line:
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


class TrunkEndpoint:
    """One trunk; a leg of it is one SIP session."""

    kind = "trunk"
    user_id = None
    hears_tones = False
    writes = True

    def __init__(
        self,
        trunk: Trunk,
        exchange: Exchange,
        network: SipNetwork,
        reach: Reach,
        *,
        media_address: str,
        advertised: str | None = None,
        on_session: "Callable[[str, TrunkEndpoint | None], None]" = lambda _id, _endpoint: None,
    ) -> None:
        self.trunk = trunk
        self.exchange = exchange
        self.reach = reach
        self._network = network
        self._address = media_address
        self._advertised = advertised
        self._on_session = on_session
        self._lines: dict[str, _Line] = {}
        self._by_session: dict[str, _Line] = {}

    @property
    def codecs(self) -> tuple[str, ...]:
        """Name the provider's codecs, in its order."""
        return self.trunk.codecs

    @property
    def up(self) -> bool:
        """Tell whether calls can go out over it."""
        return self.trunk.enabled and self.reach.up

    @property
    def peer_id(self) -> str:
        """Name the trunk over all companies."""
        return f"{self.trunk.tenant_id}/{self.trunk.id}"

    # -- calls that come in ------------------------------------------------------------------------------------

    def wants(self, request: Request) -> bool:
        """Tell whether an INVITE is for one of the company's numbers on this trunk."""
        return not isinstance(self._destination(request)[0], ToNowhere)

    def take(self, session: Session) -> None:
        """Take a call that the provider offers."""
        request = session.request
        if request is None:
            return
        destination, called = self._destination(request)
        if self._full():
            destination = ToNowhere(Cause.BUSY)
        try:
            call = self.exchange.call_in(
                self,
                self._caller(request),
                destination=destination,
                dialled=called,
                direction="in",
                did=called,
                trunk_id=self.trunk.id,
            )
        except (ShuttingDown, NoMedia):
            refusal = session.reject(Cause.SHUTTING_DOWN.sip, retry_after=RETRY_AFTER)
            self.exchange.spawn(refusal, name=f"refusal of session {session.id}")
            return
        self._follow(_Line(call.caller), session)

    # -- calls.leg.Endpoint ------------------------------------------------------------------------------------

    async def invite(self, leg: Leg, caller: Party) -> None:
        """Call the leg's number over the provider."""
        line = self._lines[leg.id] = _Line(leg)
        line.ours = await leg.audio.open_rtp(address=self._address, advertised=self._advertised)
        try:
            session = await self._network.invite(
                target=SipUri(self.trunk.host, user=self._as_sent(leg.party.number)),
                proxies=self.trunk.proxy_addresses,
                from_=NameAddr(
                    SipUri(self.trunk.host, user=self._as_sent(caller.number) or self.trunk.username or None)
                ),
                to=NameAddr(SipUri(self.trunk.host, user=self._as_sent(leg.party.number))),
                sdp=line.ours.encode(),
                credentials=self.reach.credentials,
                routes=self.reach.routes,
                contact_user=self.trunk.username,
                give_up=leg.silence,
                peer_id=self.peer_id,
            )
        except SipError:
            logger.warning("trunk %s: the call could not be sent", self.peer_id, exc_info=True)
            leg.ended(Cause.TRUNK_DOWN)
            return
        self._follow(line, session)

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
        """Show nobody: a provider has no page."""

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        """Let a silent far end be: it may be on hold."""

    def live_data(self, leg: Leg) -> dict[str, Any]:
        """Give the trunk and the dialog."""
        line = self._lines.get(leg.id)
        state = line.state if line is not None else None
        return {"trunk_id": self.trunk.id, "dialog": state.to_json() if state is not None else None}

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
        session = self._network.adopt(state)
        direction: Direction = "in" if live.direction == "in" else "out"
        party = Party(live.number, live.name)
        leg = call.new_leg(self, party, direction=direction, worker=live.worker, leg_id=live.leg_id)
        line = _Line(leg, state=state, ours=state.local_sdp.decode() if state.local_sdp else None)
        line.answered = state.confirmed
        self._follow(line, session)
        return leg

    def _follow(self, line: _Line, session: Session) -> None:
        line.session = session
        self._lines[line.leg.id] = line
        self._by_session[session.id] = line
        self._on_session(session.id, self)
        line.follower = self.exchange.spawn(self._hear(line, session), name=f"session of leg {line.leg.id}")

    async def _hear(self, line: _Line, session: Session) -> None:
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

    async def _serve(self, line: _Line, session: Session, event: SessionEvent) -> None:
        leg = line.leg
        match event:
            case Progress():
                await self._progress(leg, event)
            case Answered():
                if event.sdp is not None:
                    await leg.audio.take_answer(event.sdp.decode(errors="replace"), symmetric=False)
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

    async def _progress(self, leg: Leg, event: Progress) -> None:
        """Take a sign of life; a description before the answer that cannot be used harms nobody."""
        if event.sdp is not None:
            try:
                await leg.audio.take_answer(event.sdp.decode(errors="replace"), symmetric=False)
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
            if sdp is None:
                answer = await leg.audio.open_rtp(address=self._address, advertised=self._advertised)
            else:
                answer = await leg.audio.take_offer(sdp.decode(errors="replace"), symmetric=False)
        except MediaError as error:
            await session.refuse_reoffer(audio.cause_of(error).sip)
            return
        await session.accept_reoffer(answer.encode())

    def _ended(self, leg: Leg, event: Ended) -> None:
        answered = leg.state is LegState.ANSWERED or leg.answering
        cause = cause_of(event, answered=answered, dialled=leg.direction == "out")
        if not answered and cause in (Cause.TRUNK_DOWN, Cause.TIMEOUT):
            self.reach.doubt()
        leg.ended(cause, sip_status=None if answered else event.status)

    async def _description(self, line: _Line) -> str:
        """Give our answer to the caller's offer, or our offer where theirs is still to come."""
        if line.ours is None:
            leg = line.leg
            theirs = line.session.remote_sdp if line.session is not None else None
            try:
                line.ours = await leg.audio.open_rtp(address=self._address, advertised=self._advertised)
                if theirs is not None:
                    line.ours = await leg.audio.take_offer(theirs.decode(errors="replace"), symmetric=False)
            except MediaError as error:
                logger.info("leg %s: the caller's offer cannot be taken: %s", leg.id, error)
                leg.ended(audio.cause_of(error))
                raise HungUp(leg, audio.cause_of(error)) from error
        return line.ours

    # -- numbers -----------------------------------------------------------------------------------------------

    def _destination(self, request: Request) -> tuple[Destination, str]:
        """Find which of our numbers is meant: some providers put it into the Request-URI, some into To."""
        plan = self.exchange.snapshot.plan
        users = [user for user in (_user(request.uri), _user(request.to.uri)) if user]
        for user in users:
            destination = resolve_incoming(user, plan=plan, trunk=self.trunk)
            if not isinstance(destination, ToNowhere):
                number = repair_incoming(user, country=self.trunk.country, number_format=self.trunk.number_format)
                return destination, number or user
        return ToNowhere(Cause.UNKNOWN_NUMBER), (users[0] if users else "")[:64]

    def _caller(self, request: Request) -> Party:
        address = request.from_
        user = _user(address.uri)
        number = repair_incoming(user, country=self.trunk.country, number_format=self.trunk.number_format)
        return Party(number or "", address.display[:80])

    def _as_sent(self, number: str) -> str:
        return for_trunk(number, number_format=self.trunk.number_format, country=self.trunk.country)

    def _full(self) -> bool:
        up = [leg for leg in self.exchange.legs.values() if leg.endpoint is self and leg.up]
        return len(up) >= self.trunk.max_calls


def _user(uri: Uri) -> str:
    if isinstance(uri, TelUri):
        return uri.number
    return (uri.user or "") if isinstance(uri, SipUri) else ""
