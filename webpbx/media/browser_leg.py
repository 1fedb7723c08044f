from collections.abc import Sequence
from typing import Any

from webpbx.media.browser_path import BrowserPath
from webpbx.media.browser_sdp import Answering, read_offer, write_answer
from webpbx.media.browser_socket import BrowserSocket, Registry
from webpbx.media.context import Context
from webpbx.media.dtls import DtlsIdentity
from webpbx.media.leg import Leg


class BrowserLeg(Leg):
    """A browser's audio; PeerConnections come and go, the leg and all it is in stay."""

    kind = "browser"

    def __init__(
        self,
        leg_id: str,
        context: Context,
        *,
        registry: Registry,
        sockets: Sequence[BrowserSocket],
        identity: DtlsIdentity,
        likely_codec: str,
    ) -> None:
        super().__init__(leg_id, context)
        self.path: BrowserPath | None = None
        self.pending: BrowserPath | None = None
        self.gone = False
        self.likely_codec = likely_codec
        self._registry = registry
        self._sockets = sockets
        self._identity = identity

    def attach(self, text: str, codecs: Sequence[str], generation: int) -> str:
        """Take an offer and return the answer; a new PeerConnection takes over once its DTLS is done.

        Raises BadSdpError or NoCodecError, and then the leg is as before.
        """
        offer = read_offer(text, codecs)
        path = self._same(offer.session, offer.fingerprints)
        if path is None:
            path = BrowserPath(self, offer, generation=generation, registry=self._registry, identity=self._identity)
            if self.pending is not None:
                self.pending.close()
            self.pending = path
        else:
            path.generation = generation
            path.renegotiate(offer)
            if path is self.path:
                self._apply(path)
        credentials = path.ice.credentials[-1]
        return write_answer(
            offer,
            Answering(
                ufrag=credentials.ufrag,
                password=credentials.password,
                fingerprint=self._identity.fingerprint,
                ssrc=self.out.ssrc,
                version=path.version,
                addresses=[(each.advertised, each.port) for each in self._sockets],
            ),
        )

    def _same(self, session: str, fingerprints: tuple[tuple[str, str], ...]) -> BrowserPath | None:
        """Find the path this offer's PeerConnection already has: same SDP session, same certificate."""
        for path in (self.pending, self.path):
            if path is not None and path.offer.session == session and path.offer.fingerprints == fingerprints:
                return path
        return None

    def _apply(self, path: BrowserPath) -> None:
        self.set_formats(path.offer.formats, path.offer.formats)
        self.expects_media = path.offer.direction in ("sendrecv", "sendonly")

    # What paths tell

    def settle(self) -> None:
        """Send over the path in use from now on, if it has keys, route and consent."""
        self.outlet = self.path.outlet if self.path is not None else None

    def established(self, path: BrowserPath) -> None:
        """Change over to the path whose handshake is done."""
        if path is not self.pending:
            return
        old, self.path, self.pending = self.path, path, None
        self.settle()
        self._apply(path)
        self.out.restart()
        if old is not None:
            old.close()
        self.context.emit(self.id, "connected", {"generation": path.generation})

    def failed(self, path: BrowserPath, reason: str) -> None:
        """Give up a path; the leg is gone with it unless another one carries it."""
        path.close()
        if path is self.pending:
            self.pending = None
        if path is self.path:
            self.path = None
            self.settle()
        if self.path is None and self.pending is None:
            self._end(reason)

    def left(self, path: BrowserPath) -> None:
        """Notice that the browser closed its PeerConnection: a page that reloads attaches again."""
        if path is self.path and not self.lost and self.heard_at is not None:
            self.lost = True
            self.context.emit(self.id, "media_lost", {"seconds": 0.0})

    def _end(self, reason: str) -> None:
        if not self.gone:
            self.gone = True
            self.context.emit(self.id, "gone", {"reason": reason})

    # What a leg does

    def transmit_rtcp(self, data: bytes) -> None:
        """Send an RTCP packet over the path in use."""
        if self.path is not None:
            self.path.send_rtcp(data)

    def maintain(self, now: float) -> None:
        """Do the second's work and end what is half open or has lost consent for good."""
        timing = self.context.timing
        super().maintain(now)
        if self.pending is not None:
            self.pending.maintain(now)
            if now - self.pending.begun_at > timing.half_open:
                self.failed(self.pending, "half_open")
        if self.path is not None:
            self.path.maintain(now)
            if self.pending is None and now - self.path.silent_since() > timing.consent_grace:
                self.failed(self.path, "consent_lost")

    def stats(self) -> dict[str, Any]:
        """Return the leg's figures and its generation."""
        return {**super().stats(), "generation": self.path.generation if self.path is not None else None}

    def close(self) -> None:
        """Say BYE and close the paths."""
        if self.sendable:
            self.report(self.context.loop.clock(), bye=True)
        super().close()
        for path in (self.pending, self.path):
            if path is not None:
                path.close()
        self.path = self.pending = self.outlet = None
