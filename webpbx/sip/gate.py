"""Who sent a request: known by address, or by the answer to a challenge (RFC 3261 §22)."""

from collections.abc import Callable
from functools import partial

from webpbx.sip.auth import Authenticator, Credentials, Lookup, Verdict, ha1
from webpbx.sip.message import Header, Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

Identify = Callable[[Flow, Request], Peer | None]


def _peer_hash(credentials: Credentials, realm: str, username: str, algorithm: str) -> str | None:
    return ha1(credentials, realm=realm, algorithm=algorithm) if username == credentials.username else None


class Gate:
    """Tell peers, registered users and strangers apart; `identify` names the peer of a request."""

    def __init__(
        self,
        *,
        settings: SipSettings,
        identify: Identify,
        registrar: Registrar | None,
        key: bytes,
        token: Callable[[], str],
    ) -> None:
        self.identify = identify
        self._settings = settings
        self._registrar = registrar
        self._authenticator = Authenticator(
            key=key, token=token, algorithms=settings.challenge_algorithms, nonce_seconds=settings.nonce_seconds
        )

    def authenticate(
        self, request: Request, flow: Flow, now: float, *, account: str | None = None
    ) -> tuple[Peer | None, list[Header] | None]:
        """Return who sent a request, or the challenge to prove it; `account` is who should have, if that is known."""
        peer = self.identify(flow, request)
        if peer is not None and peer.credentials is None:
            return peer, None
        registrar, source = self._registrar, flow.remote[0]
        if peer is not None and peer.credentials is not None:
            realm = peer.realm or self._settings.realm
            lookup: Lookup = partial(_peer_hash, peer.credentials, realm)
        elif registrar is not None:
            realm, lookup = registrar.realm, registrar.lookup
        else:
            return None, self._authenticator.challenge(self._settings.realm, now, source=source)
        guarded = registrar if peer is None else None
        verdict, username = self._authenticator.judge(
            request, request.method, source=source, realm=realm, lookup=lookup, now=now
        )
        if guarded is not None:
            verdict = guarded.attempts.judge(source, username, verdict, now)
        if verdict is Verdict.GOOD:
            return peer or Peer(username, realm, registered=True), None
        algorithms = guarded.algorithms(account or account_of(request)) if guarded is not None else None
        stale = verdict is Verdict.STALE
        return None, self._authenticator.challenge(realm, now, source=source, stale=stale, algorithms=algorithms)


def account_of(request: Request) -> str:
    """Return the account a request names before its sender has proved anything."""
    address = request.to if request.method == "REGISTER" else request.from_
    return (address.uri.user or "") if isinstance(address.uri, SipUri) else ""
