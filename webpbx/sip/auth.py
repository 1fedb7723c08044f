"""Digest authentication, both roles (RFC 7616, RFC 8760, RFC 3261 §22)."""

import contextlib
import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from webpbx.sip.grammar import ParseError, is_token, number, quote
from webpbx.sip.headers import AuthValue
from webpbx.sip.message import Header, Message, Request, Response, Status

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("SHA-256", "MD5")
"""What we ask for and answer to, the best first."""

_NONCES_KEPT: Final = 10_000


class RealmPin:
    """Keep the first realm that was answered, so that no other is afterwards."""

    def __init__(self, on_learnt: Callable[[], None], realm: str | None = None) -> None:
        self.realm = realm
        self._on_learnt = on_learnt

    def learn(self, realm: str) -> None:
        """Hear that a challenge is answered for a realm."""
        if self.realm is None:
            self.realm = realm
            self._on_learnt()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Hold a user name and its secret; `realm` says whom they are for, None answers any realm, or what `pin` keeps."""

    username: str
    secret: str = field(repr=False)
    realm: str | None = None
    pin: RealmPin | None = field(default=None, repr=False, compare=False)

    @property
    def only_realm(self) -> str | None:
        """Give the realm that alone is answered, once there is one."""
        return self.realm or (self.pin.realm if self.pin is not None else None)


def _hash(algorithm: str, text: str) -> str:
    data = text.encode()
    if algorithm == "MD5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(data).hexdigest()


_NOBODY: Final = {algorithm: _hash(algorithm, "nobody") for algorithm in ALGORITHMS}
"""What an unknown user's answer is held against, so that it takes as long as a known one's."""


def ha1(credentials: Credentials, *, realm: str, algorithm: str) -> str:
    """Return the hash a server keeps in place of the secret."""
    return _hash(algorithm, f"{credentials.username}:{realm}:{credentials.secret}")


def _digest(algorithm: str, secret_hash: str, method: str, values: dict[str, str]) -> str:
    ha2 = _hash(algorithm, f"{method}:{values['uri']}")
    if "qop" in values:
        middle = f"{values['nonce']}:{values['nc']}:{values['cnonce']}:{values['qop']}"
    else:
        middle = values["nonce"]
    return _hash(algorithm, f"{secret_hash}:{middle}:{ha2}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold the header that answers a challenge, and what the challenge said."""

    header: Header
    realm: str
    stale: bool


def _supported(challenge: AuthValue) -> bool:
    values = challenge.parameters
    offered = [part.strip() for part in values.get("qop", "auth").lower().split(",")]
    return (
        challenge.scheme == "digest"
        and values.get("algorithm", "MD5").upper() in ALGORITHMS
        and "auth" in offered
        and "realm" in values
        and bool(values.get("nonce"))
    )


def answer(response: Response, request: Request, credentials: Credentials, *, cnonce: str) -> Answer | None:
    """Answer the first challenge we support of a 401 or 407; None when none is for these credentials."""
    proxy = response.status == Status.PROXY_AUTHENTICATION_REQUIRED
    for line in response.values("Proxy-Authenticate" if proxy else "WWW-Authenticate"):
        try:
            challenge = AuthValue.parse(line)
        except ParseError:
            continue
        values = challenge.parameters
        if not _supported(challenge):
            continue
        if values["realm"] != (credentials.only_realm or values["realm"]):
            log.warning("a challenge is not answered: %s", _foreign(values["realm"], credentials))
            continue
        algorithm = values.get("algorithm", "MD5").upper()
        said = {"username": credentials.username, "realm": values["realm"], "nonce": values["nonce"]}
        said["uri"] = request.uri_text
        bare = {"algorithm": algorithm} if "algorithm" in values else {}
        if "qop" in values:
            said["cnonce"] = cnonce
            bare |= {"qop": "auth", "nc": "00000001"}
        secret_hash = ha1(credentials, realm=values["realm"], algorithm=algorithm)
        said["response"] = _digest(algorithm, secret_hash, request.method, said | bare)
        if "opaque" in values:
            said["opaque"] = values["opaque"]
        written = [f"{key}={quote(value)}" for key, value in said.items()]
        written += [f"{key}={value}" for key, value in bare.items()]
        name = "Proxy-Authorization" if proxy else "Authorization"
        if credentials.pin is not None:
            credentials.pin.learn(values["realm"])
        return Answer(
            (name, "Digest " + ", ".join(written)), values["realm"], values.get("stale", "").lower() == "true"
        )
    return None


def why_unanswered(response: Response, credentials: Credentials | None) -> str:
    """Say in plain words why a challenge has no answer."""
    if credentials is None:
        return "no secret is set"
    for line in (*response.values("WWW-Authenticate"), *response.values("Proxy-Authenticate")):
        with contextlib.suppress(ParseError):
            challenge = AuthValue.parse(line)
            if _supported(challenge):
                return _foreign(challenge.parameters["realm"], credentials)
    return "no challenge for our methods"


def _foreign(realm: str, credentials: Credentials) -> str:
    return f"the realm {realm[:80]!r} asks for the secret, which is for {credentials.only_realm!r} alone"


class Verdict(Enum):
    """What a server thinks of a request's credentials."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"


Lookup = Callable[[str, str], str | None]
"""(user name, algorithm) → HA1, None for an unknown user."""


class Authenticator:
    """Challenge requests and judge the answers; nonces are signed, so that a challenge costs no memory."""

    def __init__(
        self,
        *,
        key: bytes,
        token: Callable[[], str],
        algorithms: Sequence[str] = ALGORITHMS,
        nonce_seconds: int = 60,
    ) -> None:
        self._seconds = nonce_seconds
        self._algorithms = algorithms
        self._key = key
        self._token = token
        self._counts: dict[str, tuple[float, int]] = {}

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:24]

    def challenge(
        self, realm: str, now: float, *, source: str, stale: bool = False, algorithms: Sequence[str] | None = None
    ) -> list[Header]:
        """Return the challenges of a 401 to a host, in the order of the algorithms: ours, unless others are named."""
        text = f"{int(now)}.{self._token()}"
        rest = f'realm={quote(realm)}, nonce="{text}.{self._sign(f"{text} {source}")}", qop="auth"' + (
            ", stale=true" if stale else ""
        )
        return [
            ("WWW-Authenticate", f"Digest {rest}, algorithm={algorithm}")
            for algorithm in algorithms or self._algorithms
        ]

    def _nonce_is_fresh(self, nonce: str, source: str, now: float) -> bool:
        """Tell whether a nonce was given to that very host just now: then it hears what we say to its address."""
        text, _, signature = nonce.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(f"{text} {source}").encode()):
            return False
        return now - int(text.partition(".")[0]) <= self._seconds

    def _count_rises(self, nonce: str, count: int, now: float) -> bool:
        if len(self._counts) >= _NONCES_KEPT:
            self._counts = {key: held for key, held in self._counts.items() if now - held[0] <= self._seconds}
        if len(self._counts) >= _NONCES_KEPT or count <= self._counts.get(nonce, (0.0, 0))[1]:
            return False
        self._counts[nonce] = (self._counts.get(nonce, (now, 0))[0], count)
        return True

    def judge(
        self, request: Message, method: str, *, source: str, realm: str, lookup: Lookup, now: float
    ) -> tuple[Verdict, str]:
        """Return the verdict on the request's credentials for this realm and the user name they claim.

        Nothing is wrong of what bears no fresh nonce given to its source: anybody may have written that address.
        """
        for line in request.values("Authorization"):
            try:
                value = AuthValue.parse(line)
            except ParseError:
                continue
            if value.scheme == "digest" and value.parameters.get("realm") == realm:
                if not self._nonce_is_fresh(value.parameters.get("nonce", ""), source, now):
                    return Verdict.STALE, value.parameters.get("username", "")
                return self._judge(value.parameters, request, method, lookup, now)
        return Verdict.MISSING, ""

    def _judge(
        self, values: dict[str, str], request: Message, method: str, lookup: Lookup, now: float
    ) -> tuple[Verdict, str]:
        username = values.get("username", "")
        algorithm = values.get("algorithm", "MD5").upper()
        wanted = {"uri", "nonce", "response", "cnonce", "nc"}
        if algorithm not in ALGORITHMS or not wanted <= values.keys() or values.get("qop", "").lower() != "auth":
            return Verdict.WRONG, username
        secret_hash = lookup(username, algorithm)
        expected = _digest(algorithm, secret_hash or _NOBODY[algorithm], method, values)
        matches = hmac.compare_digest(expected.encode(), values["response"].lower().encode())
        uri_matches = isinstance(request, Request) and values["uri"] == request.uri_text
        if secret_hash is None or not matches or not uri_matches or not is_token(values["nc"]):
            return Verdict.WRONG, username
        try:
            count = number(str(int(values["nc"], 16)), what="nonce count")
        except ValueError:
            return Verdict.WRONG, username
        if not self._count_rises(values["nonce"], count, now):
            return Verdict.STALE, username
        return Verdict.GOOD, username
