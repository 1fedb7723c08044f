"""A provider's line: its calls as legs, in SIP sessions and RTP."""

import contextlib
import logging
from typing import Any, Final, Protocol

from webpbx.calls.exchange import Exchange, ShuttingDown
from webpbx.calls.leg import Leg, Party
from webpbx.endpoints.sip_line import Line, OnSession, SipEndpoint, user_part
from webpbx.endpoints.trunk_ways import ways
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToNowhere
from webpbx.model.dialplan import resolve_incoming
from webpbx.model.numbers import for_trunk, repair_incoming
from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials
from webpbx.sip.headers import NameAddr
from webpbx.sip.identity import identity_headers, onward_headers, read_identity
from webpbx.sip.message import Request
from webpbx.sip.network import SipNetwork
from webpbx.sip.session_face import Session
from webpbx.sip.uri import SipUri

logger = logging.getLogger(__name__)

_KEYS_IN_SOUND: Final = {"rfc4733": "rfc4733", "inband": "inband", "info": "none"}
_KEY_MS: Final = 160
_REFUSED: Final = 300


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


class TrunkEndpoint(SipEndpoint):
    """One trunk; a leg of it is one SIP session."""

    kind = "trunk"

    def __init__(
        self,
        trunk: Trunk,
        exchange: Exchange,
        network: SipNetwork,
        reach: Reach,
        *,
        media_address: str,
        advertised: str | None = None,
        on_session: OnSession = lambda _id, _endpoint: None,
    ) -> None:
        super().__init__(exchange, network, media_address=media_address, advertised=advertised, on_session=on_session)
        self.trunk = trunk
        self.reach = reach

    @property
    def codecs(self) -> tuple[str, ...]:
        """Name the provider's codecs, in its order."""
        return self.trunk.codecs

    @property
    def up(self) -> bool:
        """Tell whether calls can go out over it."""
        return self.trunk.enabled and self.reach.up

    @property
    def credentials(self) -> Credentials | None:
        """Give what the provider's challenges are answered with."""
        return self.reach.credentials

    @property
    def peer_id(self) -> str:
        """Name the trunk over all companies."""
        return f"{self.trunk.tenant_id}/{self.trunk.id}"

    @property
    def name(self) -> str:
        """Name the trunk in the log."""
        return f"trunk {self.peer_id}"

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
        self.begin(
            session,
            request,
            self._caller(request),
            destination=destination,
            dialled=called,
            direction="in",
            did=called,
            trunk_id=self.trunk.id,
        )

    # -- SipEndpoint -------------------------------------------------------------------------------------------

    async def call(self, line: Line, sdp: bytes, caller: Party) -> Session:
        """Call the leg's number over the provider."""
        leg, trunk = line.leg, self.trunk
        origin = leg.call.caller
        number = self._as_sent(caller.number)
        from_, headers = identity_headers(
            trunk.caller_id_way if number else "from",
            NameAddr(SipUri(trunk.host, user=number or trunk.username or None)),
            anonymous=(trunk.hide_caller_id or origin.anonymous) and not leg.emergency,
        )
        called = SipUri(trunk.host, user=self._as_sent(leg.party.number))
        return await self._network.invite(
            target=called,
            proxies=ways(trunk),
            from_=from_,
            to=NameAddr(called),
            sdp=sdp,
            headers=headers | onward_headers(origin.hops),
            max_forwards=origin.forwards,
            credentials=self.credentials,
            routes=self.reach.routes,
            contact_user=trunk.username,
            give_up=leg.silence,
            peer_id=self.peer_id,
        )

    async def open_sound(self, leg: Leg) -> str:
        """Make the leg's audio as the provider wants it; give our offer."""
        return await leg.audio.open_rtp(
            address=self._address,
            advertised=self._advertised,
            srtp=self.trunk.srtp,
            digits=_KEYS_IN_SOUND[self.trunk.dtmf],
        )

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        """Send by INFO a key that is not to go in the sound; what else happens to the sound is let be."""
        line = self._lines.get(leg.id)
        if kind == "digit_out" and line is not None and line.session is not None:
            with contextlib.suppress(ShuttingDown):
                self.exchange.spawn(self._send_key(line.session, reason), name=f"key of leg {leg.id}")

    async def _send_key(self, session: Session, key: str) -> None:
        body = f"Signal={key}\r\nDuration={_KEY_MS}\r\n".encode()
        status = await session.info(body, "application/dtmf-relay")
        if status >= _REFUSED:
            logger.warning("%s does not take keys by INFO (%d): choose another way of DTMF", self.name, status)

    def identity(self) -> dict[str, Any]:
        """Name the trunk."""
        return {"trunk_id": self.trunk.id}

    def failed(self, leg: Leg, cause: Cause) -> None:
        """Ask the provider how it is, if it said nothing."""
        del leg
        if cause in (Cause.TRUNK_DOWN, Cause.TIMEOUT):
            self.reach.doubt()

    # -- numbers -----------------------------------------------------------------------------------------------

    def _destination(self, request: Request) -> tuple[Destination, str]:
        """Find which of our numbers is meant: some providers put it into the Request-URI, some into To."""
        plan = self.exchange.snapshot.plan
        users = [user for user in (user_part(request.uri), user_part(request.to.uri)) if user]
        for user in users:
            destination = resolve_incoming(user, plan=plan, trunk=self.trunk)
            if not isinstance(destination, ToNowhere):
                number = repair_incoming(user, country=self.trunk.country, number_format=self.trunk.number_format)
                return destination, number or user
        return ToNowhere(Cause.UNKNOWN_NUMBER), (users[0] if users else "")[:64]

    def _caller(self, request: Request) -> Party:
        """Say who calls, as far as the provider is believed; whoever wants to be unknown is nobody to all of us."""
        identity = read_identity(request, trusted=self.trunk.trust_caller_id)
        if identity.anonymous:
            return Party("")
        user = user_part(identity.number_uri)
        number = repair_incoming(user, country=self.trunk.country, number_format=self.trunk.number_format)
        return Party(number or "", identity.display[:80])

    def _as_sent(self, number: str) -> str:
        return for_trunk(number, number_format=self.trunk.number_format, country=self.trunk.country)

    def _full(self) -> bool:
        return self.exchange.trunk_calls().get(self.trunk.id, 0) >= self.trunk.max_calls
