"""The ICE-lite side of one PeerConnection (RFC 8445 §2.5): always controlled, checks are answered, never sent."""

import secrets
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from webpbx.media import stun

MAX_SOURCES = 8
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

Route = TypeVar("Route")


def token(length: int) -> str:
    """Make a random user name or password of ICE's characters (6 bits each)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password of one ICE generation; `remote` is the browser's user name."""

    remote: str
    ufrag: str = field(default_factory=lambda: token(8))
    password: str = field(default_factory=lambda: token(24))


class IceSession(Generic[Route]):
    """Which sources have proved themselves, and where to send; a route is any hashable pair of socket and address."""

    def __init__(self, remote_ufrag: str, *, expiry: float) -> None:
        self.credentials = [Credentials(remote_ufrag)]
        self.selected: Route | None = None
        self.checked_at: float | None = None
        self._expiry = expiry
        self._nominated = False
        self._sources: dict[Route, float] = {}

    def restart(self, remote_ufrag: str) -> None:
        """Make new credentials (RFC 8445 §9); the old ones hold until the new are used."""
        self.credentials = [self.credentials[-1], Credentials(remote_ufrag)]

    def admit(self, request: stun.BindingRequest, route: Route, now: float) -> Credentials | None:
        """Check the request's name, FINGERPRINT and signature; return the credentials it was made with, or None."""
        ours, _, theirs = (request.username or "").partition(":")
        if not request.fingerprint:
            return None
        for index, credentials in enumerate(self.credentials):
            if credentials.ufrag == ours and credentials.remote == theirs:
                if not request.signed_with(credentials.password.encode()):
                    return None
                if not request.controlled:
                    del self.credentials[:index]
                    self._validate(route, now, nominated=request.use_candidate)
                return credentials
        return None

    def expire(self, now: float) -> list[Route]:
        """Forget and return the sources that stopped checking, save the one in use."""
        old = [route for route, at in self._sources.items() if now - at > self._expiry and route != self.selected]
        for route in old:
            del self._sources[route]
        return old

    @property
    def routes(self) -> list[Route]:
        """List the validated sources."""
        return list(self._sources)

    def _validate(self, route: Route, now: float, *, nominated: bool) -> None:
        self.checked_at = now
        self._sources[route] = now
        # The newest nomination wins; until there is one, the latest valid source.
        if nominated or not self._nominated:
            self.selected = route
        self._nominated = self._nominated or nominated

    def evict(self) -> list[Route]:
        """Forget and return the sources beyond the most allowed, the longest unchecked first."""
        spare = sorted((at, index) for index, (route, at) in enumerate(self._sources.items()) if route != self.selected)
        routes = list(self._sources)
        out = [routes[index] for _, index in spare[: max(0, len(routes) - MAX_SOURCES)]]
        for route in out:
            del self._sources[route]
        return out
