"""Who sent a request: known by address, or by the answer to a challenge (RFC 3261 §22)."""

from collections.abc import Callable

from webpbx.sip.auth import Authenticator, Verdict
from webpbx.sip.message import Header, Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

Identify = Callable[[Flow, Request], Peer | None]


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
        if peer is not None:
            return peer, None
        registrar, source = self._registrar, flow.remote[0]
        if registrar is None:
            return None, self._authenticator.challenge(self._settings.realm, now, source=source)
        realm = registrar.realm
        verdict, username = self._authenticator.judge(
            request, request.method, source=source, realm=realm, lookup=registrar.lookup, now=now
        )
        verdict = registrar.attempts.judge(source, username, verdict, now)
        if verdict is Verdict.GOOD:
            return Peer(username, registered=True), None
        stale, algorithms = verdict is Verdict.STALE, registrar.algorithms(account or account_of(request))
        return None, self._authenticator.challenge(realm, now, source=source, stale=stale, algorithms=algorithms)


def account_of(request: Request) -> str:
    """Return the account a request names before its sender has proved anything."""
    address = request.to if request.method == "REGISTER" else request.from_
    return (address.uri.user or "") if isinstance(address.uri, SipUri) else ""
