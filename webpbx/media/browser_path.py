"""One RTCPeerConnection of a browser: ICE, DTLS and SRTP between a leg and the worker's browser socket."""

from typing import TYPE_CHECKING

from webpbx.media import stun
from webpbx.media.batch import Address, key_of
from webpbx.media.browser_sdp import BrowserOffer
from webpbx.media.browser_socket import BrowserSocket, Registry
from webpbx.media.context import Context
from webpbx.media.dtls import DtlsIdentity, DtlsServer, DtlsState
from webpbx.media.ice import IceSession
from webpbx.media.loop import Timer
from webpbx.media.packet import MAX_DATAGRAM, Outlet, PacketBuffer
from webpbx.media.srtp import SrtpContext

if TYPE_CHECKING:
    from webpbx.media.browser_leg import BrowserLeg

Route = tuple[BrowserSocket, Address]
MAX_SSRCS = 32  # libsrtp keeps state for each; a browser needs one or two


class BrowserPath:
    """Carry a leg's packets over one PeerConnection; nothing passes but from sources that proved themselves."""

    def __init__(
        self, leg: "BrowserLeg", offer: BrowserOffer, *, generation: int, registry: Registry, identity: DtlsIdentity
    ) -> None:
        context: Context = leg.context
        self.offer = offer
        self.generation = generation
        self.version = 1
        self.begun_at = context.loop.clock()
        self.ice: IceSession[Route] = IceSession(offer.ufrag, expiry=context.timing.consent)
        self._leg = leg
        self._context = context
        self._registry = registry
        self._dtls = DtlsServer(identity, fingerprints=offer.fingerprints, send=self._send_dtls)
        self._timer: Timer | None = None
        self._consenting = True
        self._ssrcs: set[bytes] = set()
        self.queued = 0
        self.outlet: Outlet | None = None
        self.closed = False
        self._register()

    @property
    def established(self) -> bool:
        """Tell whether keys are there and the browser has not closed."""
        return self._dtls.state is DtlsState.ESTABLISHED

    def renegotiate(self, offer: BrowserOffer) -> None:
        """Take a further offer of the same PeerConnection, with new ICE credentials if it restarts ICE."""
        restarted = offer.ufrag != self.ice.credentials[-1].remote
        self.offer = offer
        self.version += 1
        if restarted:
            for credentials in self.ice.credentials[:-1]:
                self._registry.by_ufrag.pop(credentials.ufrag, None)
            self.ice.restart(offer.ufrag)
            self._register()

    def _register(self) -> None:
        for credentials in self.ice.credentials:
            self._registry.by_ufrag[credentials.ufrag] = self

    # What comes in

    def check(self, request: stun.BindingRequest, via: BrowserSocket, address: Address, now: float) -> None:
        """Answer a STUN request that names this path, if it is signed."""
        before = self.ice.credentials
        route = (via, address)
        credentials = self.ice.admit(request, route, now)
        if credentials is None:
            self._context.dropped["stun_integrity"] += 1
            return
        key = credentials.password.encode()
        if request.controlled:
            via.send(stun.role_conflict(request.transaction, key), address)
            return
        for old in before:
            if old not in self.ice.credentials:
                self._registry.by_ufrag.pop(old.ufrag, None)
        via.by_source[key_of(address)] = self
        for gone in self.ice.evict():
            self._forget(gone)
        self._consenting = True
        self._settle()
        via.send(stun.success(request.transaction, address[:2], key), address)

    def receive(self, packet: PacketBuffer, length: int, now: float) -> None:
        """Decrypt RTP or RTCP and hand it to the leg; what fails is counted and no more."""
        inbound, view = self._dtls.inbound, packet.view
        if inbound is None:
            self._context.dropped["before_keys"] += 1
            return
        rtcp = 192 <= view[1] <= 223  # noqa: PLR2004 - RFC 5761 §4
        ssrc = bytes(view[4:8] if rtcp else view[8:12])
        known = ssrc in self._ssrcs
        if not known and len(self._ssrcs) >= MAX_SSRCS:
            self._context.dropped["too_many_ssrcs"] += 1
            return
        end = inbound.unprotect_rtcp(packet, length) if rtcp else inbound.unprotect(packet, length)
        if end < 0:
            self._context.dropped["srtp"] += 1
            return
        if not known:
            self._ssrcs.add(ssrc)
        if self._leg.path is not self:
            self._context.dropped["old_path"] += 1
        elif rtcp:
            self._leg.receive_rtcp(bytes(view[:end]), now)
        else:
            self._leg.receive(packet, end, now)

    def receive_dtls(self, datagram: bytes) -> None:
        """Go on with the handshake; tell the leg when it is done, refused or closed."""
        if self.closed:
            return
        before = self._dtls.state
        self._dtls.receive(datagram)
        self._arm()
        state = self._dtls.state
        if state is before:
            return
        self._settle()
        if state is DtlsState.ESTABLISHED:
            self._leg.established(self)
        elif state is DtlsState.REFUSED:
            self._leg.failed(self, self._dtls.refusal)
        elif state is DtlsState.CLOSED:
            self._leg.left(self)

    # What goes out

    def _settle(self) -> None:
        """Let media be sent while there are keys, a route and consent (RFC 7675)."""
        outbound, route = self._dtls.outbound, self.ice.selected
        if outbound is None or route is None or not self.established or not self._consenting:
            self.outlet = None
        else:
            self.outlet = self._sender(outbound, *route)
        self._leg.settle()

    def _sender(self, outbound: SrtpContext, via: BrowserSocket, address: Address) -> Outlet:
        """Make what encrypts RTP packets where they are and sends them, all of it looked up once."""
        protect, send, dropped = outbound.protect, via.send, self._context.dropped

        def outlet(packet: PacketBuffer, start: int, end: int) -> None:
            end = protect(packet, start, end)
            if end < 0:
                dropped["srtp_out"] += 1
            else:
                send(packet.view[start:end], address)

        return outlet

    def send_rtcp(self, data: bytes) -> None:
        """Encrypt and send an RTCP packet."""
        outbound, route = self._dtls.outbound, self.ice.selected
        if outbound is None or route is None or len(data) > MAX_DATAGRAM:
            return
        packet = self._context.sending
        packet.view[: len(data)] = data
        end = outbound.protect_rtcp(packet, len(data))
        if end > 0:
            route[0].send(packet.view[:end], route[1])

    def _send_dtls(self, datagram: bytes) -> None:
        route = self.ice.selected
        if route is not None:
            route[0].send(datagram, route[1])

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seconds = self._dtls.timeout()
        if seconds is not None:
            self._timer = self._context.loop.call_later(seconds, self._retransmit)

    def _retransmit(self) -> None:
        self._timer = None
        if not self.closed:
            self._dtls.retransmit()
            self._arm()

    # Once a second, and at the end

    def maintain(self, now: float) -> None:
        """Forget sources that stopped checking and stop sending without consent."""
        for route in self.ice.expire(now):
            self._forget(route)
        checked = self.ice.checked_at
        if checked is not None and now - checked > self._context.timing.consent:
            self._consenting = False
            self._settle()

    def silent_since(self) -> float:
        """Tell when the browser last proved it is there."""
        return self.ice.checked_at if self.ice.checked_at is not None else self.begun_at

    def close(self) -> None:
        """Say goodbye and vanish from the socket's tables."""
        if self.closed:
            return
        self.closed = True
        self._dtls.close()
        self._settle()
        if self._timer is not None:
            self._timer.cancel()
        for credentials in self.ice.credentials:
            self._registry.by_ufrag.pop(credentials.ufrag, None)
        for route in self.ice.routes:
            self._forget(route)

    def _forget(self, route: Route) -> None:
        via, address = route
        key = key_of(address)
        if via.by_source.get(key) is self:
            del via.by_source[key]
