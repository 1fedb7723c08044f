"""A SIP telephone at one place where it is registered: its user's calls as legs, in SIP sessions and RTP."""

import logging
from collections.abc import Sequence
from typing import Any

from webpbx.calls.exchange import Exchange
from webpbx.calls.leg import Leg, Party
from webpbx.endpoints.sip_line import Line, OnSession, SipEndpoint, user_part
from webpbx.media import sdp as description
from webpbx.media.errors import MediaError, SrtpRequiredError
from webpbx.model.cause import Cause
from webpbx.model.destination import ToNowhere, ToOutside
from webpbx.model.device import Device
from webpbx.model.dialplan import resolve
from webpbx.model.numbers import keyed
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr
from webpbx.sip.identity import ANONYMOUS, onward_headers, read_identity
from webpbx.sip.network import SipNetwork
from webpbx.sip.registrar import Binding
from webpbx.sip.session_face import Session
from webpbx.sip.transport import Flow, bracketed
from webpbx.sip.uri import SipUri, parse_uri

logger = logging.getLogger(__name__)

MOST_CALLS = 8
"""Living calls of one telephone; an emergency call is made beyond it."""
_LONGEST_DIALLED = 64
_AS_A_TELEPHONE = {
    Cause.TRUNK_DOWN: Cause.UNREACHABLE,
    Cause.TRUNK_REFUSED: Cause.UNREACHABLE,
    Cause.TRUNK_BUSY: Cause.UNREACHABLE,
    Cause.TIMEOUT: Cause.UNREACHABLE,
}
"""What a status means of a user's telephone that means something else of a provider."""


class PhoneEndpoint(SipEndpoint):
    """A telephone at one of its places, or as it calls in; a leg of it is one SIP session."""

    kind = "phone"

    def __init__(
        self,
        device: Device,
        exchange: Exchange,
        network: SipNetwork,
        *,
        media_address: str,
        advertised: str | None = None,
        on_session: OnSession = lambda _id, _endpoint: None,
        binding: Binding | None = None,
        since_ms: int = 0,
        offered: Sequence[str] = (),
    ) -> None:
        """`binding` is where it can be rung; `offered` are the codecs of the call it makes, if that is known."""
        super().__init__(exchange, network, media_address=media_address, advertised=advertised, on_session=on_session)
        self.device = device
        self.user_id = device.user_id
        self.binding = binding
        self.since_ms = since_ms
        self._offered = frozenset(offered)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Name the telephone's codecs, in order; of those it offers, if it offers any that are allowed."""
        both = tuple(codec for codec in self.device.codecs if codec in self._offered)
        return both or self.device.codecs

    @property
    def name(self) -> str:
        """Name the telephone in the log."""
        return f"telephone {self.device.username}"

    def identity(self) -> dict[str, Any]:
        """Name the user and the telephone."""
        return {"user_id": self.device.user_id, "device_id": self.device.id}

    def take(self, session: Session) -> None:
        """Take a call that the telephone makes."""
        request = session.request
        if request is None:
            return
        snapshot = self.exchange.snapshot
        user = snapshot.users.get(self.device.user_id)
        written = user_part(request.uri)
        destination = resolve(written, plan=snapshot.plan)
        urgent = isinstance(destination, ToOutside) and destination.emergency
        if user is None:
            destination = ToNowhere(Cause.FORBIDDEN)
        elif not urgent and self._calls() >= MOST_CALLS:
            destination = ToNowhere(Cause.BUSY)
        call = self.begin(
            session,
            request,
            Party(user.extension or "", user.name) if user is not None else Party(""),
            destination=destination,
            dialled=keyed(written) or written[:_LONGEST_DIALLED],
            direction="out" if isinstance(destination, ToOutside) else "inside",
        )
        if call is not None:
            call.caller.anonymous = read_identity(request).anonymous

    async def call(self, line: Line, sdp: bytes, caller: Party) -> Session:
        """Ring the telephone where it is registered, by the way it registered."""
        binding = self.binding
        target = parse_uri(binding.contact) if binding is not None else None
        if binding is None or not isinstance(target, SipUri):
            raise SipError("the telephone is registered nowhere")
        origin = line.leg.call.caller
        unknown = "" if caller.number else ANONYMOUS.display
        host = bracketed(binding.flow.local[0])
        return await self._network.invite(
            target=target,
            proxies=[binding.flow],
            from_=NameAddr(SipUri(host, user=caller.number or "anonymous"), caller.name or unknown),
            to=NameAddr(SipUri(host, user=line.leg.party.number or self.device.username)),
            sdp=sdp,
            headers=onward_headers(origin.hops),
            max_forwards=origin.forwards,
            give_up=line.leg.silence,
            peer_id=self.device.username,
        )

    async def open_sound(self, leg: Leg) -> str:
        """Make the leg's audio; give our offer. Keys to encrypt it go over TLS alone, where nobody reads them.

        A call for help is made as the telephone can, be it in the clear: better overheard than not at all.
        """
        line = self._lines.get(leg.id)
        session = line.session if line is not None else None
        flow = session.state.flow if session is not None else self.binding.flow if self.binding is not None else None
        private = flow is not None and flow.transport == "TLS"
        srtp = self.device.srtp if private else "none"
        if self.device.srtp == "require" and leg.emergency:
            srtp = "offer"
        elif self.device.srtp == "require" and not private:
            raise SrtpRequiredError(f"The {self.name} is to encrypt its sound and is connected without TLS.")
        return await leg.audio.open_rtp(address=self._address, advertised=self._advertised, srtp=srtp)

    def symmetric(self, session: Session, sdp: bytes) -> bool:
        """Send sound back to where it comes from when the telephone names an address that is not its own: a NAT's."""
        try:
            told = description.parse(sdp.decode(errors="replace"))
        except MediaError:
            return False
        audio = next((section for section in told.sections if section.kind == "audio"), None)
        named = (audio.address if audio is not None else None) or told.address
        return named != session.state.flow.remote[0]

    def meaning(self, cause: Cause) -> Cause:
        """Say of a telephone that it cannot be reached, where a provider would be down."""
        return _AS_A_TELEPHONE.get(cause, cause)

    def move(self, flow: Flow, *, left: Flow | None = None) -> None:
        """Send what belongs to its calls over the connection that has replaced theirs, or the address it has `left`."""
        for line in self._lines.values():
            session = line.session
            if session is None or session.ended:
                continue
            way = session.state.flow
            if way.transport == flow.transport and (left is None or way.remote == left.remote):
                session.move(flow)

    def _calls(self) -> int:
        legs = self.exchange.legs.values()
        return sum(1 for leg in legs if leg.up and _device_id(leg) == self.device.id)


def offered_codecs(session: Session) -> tuple[str, ...]:
    """Name the codecs of a call's offer; none where there is no offer yet, or none that can be read."""
    offer = session.remote_sdp
    try:
        told = description.parse(offer.decode(errors="replace")) if offer else None
    except MediaError:
        return ()
    audio = [section for section in told.sections if section.kind == "audio"] if told is not None else []
    return tuple(form.codec for section in audio for form in description.formats(section))


def _device_id(leg: Leg) -> str | None:
    return leg.endpoint.device.id if isinstance(leg.endpoint, PhoneEndpoint) else None
