"""Who may talk to us, and how much: token buckets before parsing, the order of checks after (RFC 3261 §8.2)."""

from dataclasses import dataclass
from typing import Final

from webpbx.sip.message import Header, Request, Status
from webpbx.sip.settings import SipSettings
from webpbx.sip.uri import SipUri, TelUri

KNOWN_METHODS: Final = frozenset(
    {
        *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "REGISTER", "PRACK", "REFER", "NOTIFY"),
        *("SUBSCRIBE", "MESSAGE", "PUBLISH"),
    }
)
BODY_TYPES: Final = frozenset({"application/sdp"})
_ACCEPTABLE: Final = frozenset({"application/sdp", "application/*", "*/*"})


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    silent_until: float = 0.0


class Buckets:
    """Give each source a token bucket; an unknown one that empties its own is not heard for a while."""

    def __init__(self, settings: SipSettings) -> None:
        self._settings = settings
        self._unknown: dict[str, _Bucket] = {}
        self._known: dict[str, _Bucket] = {}

    def know(self, host: str, now: float) -> None:
        """Note that a source has proved itself; it has its own bucket from now on and is forgiven."""
        if host not in self._known:
            if len(self._known) >= self._settings.max_sources:
                self._known.pop(next(iter(self._known)))
            self._known[host] = _Bucket(self._settings.known_rate, now)
            self._unknown.pop(host, None)

    def admit(self, host: str, now: float, *, trusted: bool) -> bool:
        """Tell whether a datagram from this source may be looked at."""
        if trusted:
            self.know(host, now)
        bucket = self._known.get(host)
        if bucket is not None:
            return self._take(bucket, self._settings.known_rate, now)
        bucket = self._unknown.get(host)
        if bucket is None:
            if len(self._unknown) >= self._settings.max_sources:
                self._unknown.pop(next(iter(self._unknown)))
            bucket = self._unknown[host] = _Bucket(self._settings.unknown_rate, now)
        if now < bucket.silent_until:
            return False
        if self._take(bucket, self._settings.unknown_rate, now):
            return True
        bucket.silent_until = now + self._settings.unknown_silence
        return False

    @staticmethod
    def _take(bucket: _Bucket, rate: float, now: float) -> bool:
        bucket.tokens = min(rate, bucket.tokens + (now - bucket.filled) * rate)
        bucket.filled = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


OPTIONS: Final = frozenset({"timer", "100rel"})
"""The extensions we know by their option tags."""


def unsupported(request: Request, *, transfers: bool = False) -> list[str]:
    """Return the extensions a request requires that we do not know (§8.2.2.3)."""
    known = OPTIONS | {"replaces"} if transfers else OPTIONS
    return [each for each in request.elements("Require") if each.lower() not in known]


Refusal = tuple[int, list[Header]]


def refuse_method(request: Request, *, allow: str, registrar: bool) -> Refusal | None:
    """Return the refusal of a method that is unknown (501) or not served outside a dialog (405)."""
    if request.method not in KNOWN_METHODS:
        return Status.NOT_IMPLEMENTED, [("Allow", allow)]
    served = allow.split(", ")
    if request.method in {"INVITE", "OPTIONS"} or (registrar and request.method == "REGISTER"):
        return None
    if request.method in {"REFER", "SUBSCRIBE"} and request.method in served:
        return None
    if request.method in {"BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"} and request.method in served:
        return Status.NO_SUCH_CALL, []
    return Status.METHOD_NOT_ALLOWED, [("Allow", allow + (", REGISTER" if registrar else ""))]


def refuse_content(request: Request, *, transfers: bool = False) -> Refusal | None:
    """Return the refusal of what the request asks for or carries, in the order of §8.2; None when all is well."""
    if not isinstance(request.uri, SipUri | TelUri):
        return Status.UNSUPPORTED_URI_SCHEME, []
    required = unsupported(request, transfers=transfers)
    if required:
        return Status.BAD_EXTENSION, [("Unsupported", ", ".join(required))]
    if request.body and request.method == "INVITE":
        encoding = request.get("Content-Encoding")
        if request.content_type not in BODY_TYPES or encoding not in {None, "identity"}:
            return Status.UNSUPPORTED_MEDIA_TYPE, [("Accept", "application/sdp"), ("Accept-Encoding", "identity")]
    accepted = request.elements("Accept") if request.get("Accept") else []
    if request.method == "INVITE" and accepted:
        kinds = {element.partition(";")[0].strip().lower() for element in accepted}
        if not kinds & _ACCEPTABLE:
            return Status.NOT_ACCEPTABLE, [("Warning", '399 webpbx "only application/sdp is offered"')]
    return None
