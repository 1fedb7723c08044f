"""Who calls, what of it may be shown, and how often the call was sent on.

    read_identity(request, *, trusted=False) -> Identity
    identity_headers(way, address, *, anonymous=False) -> (from_, headers)     way: "from" | "pai" | "ppi" | "rpid"
    diverted(identity, by, *, reason="unknown", limit=5) -> Identity                    raises HopsSpentError (483)
    diversion_headers(identity, *, target=None, ways=("diversion",)) -> headers     ways: "diversion", "history"
    forwards_left(request) -> int                                              raises HopsSpentError (483)
    hops_of(request, *, limit=5) -> (forwards left, hops)                      raises HopsSpentError (483)
    onward_headers(hops) -> headers     for a call that is passed on as it came: the count alone

`headers` is what `SipNetwork.invite(headers=…)` takes; `forwards_left` goes into its `max_forwards`. A `HopsSpentError`
has the `status` that the caller is refused with.

P-Asserted-Identity (RFC 3325) and Remote-Party-ID (draft-ietf-sip-privacy-04) are believed from peers alone that are
said to be `trusted`; Privacy (RFC 3323), Diversion (RFC 5806) and History-Info (RFC 7044) are heeded from everyone:
whoever asks for privacy gets it, and whoever counts hops ends a loop. What cannot be read is passed over, lest a
malformed header of a provider's cost a call.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from webpbx.sip.grammar import ParseError, SipError, format_parameters, number
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Request, Status
from webpbx.sip.uri import SipUri, TelUri, Uri

HOP_LIMIT: Final = 5
"""How often a call may be sent on before it is taken for a loop."""
HOPS_HEADER: Final = "X-Webpbx-Hops"
"""Our own count, for peers that drop Diversion and History-Info."""
MAX_FORWARDS: Final = 70
_MANY: Final = 1 << 16
_ENTRIES: Final = 32
_ANONYMOUS_USERS: Final = frozenset({"anonymous", "restricted", "unavailable"})
_HIDING: Final = frozenset({"id", "user"})
ANONYMOUS: Final = NameAddr(SipUri("anonymous.invalid", "anonymous"), "Anonymous")
"""What From says of a caller who is not to be known (RFC 3323 §4.1.1.3)."""
_REASON_OF_CAUSE: Final = {
    "302": "unconditional",
    "404": "unknown",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
}
_UNKNOWN_CAUSE: Final = 404
_CAUSE_OF_REASON: Final = {
    "unconditional": 302,
    "no-answer": 408,
    "deflection": 480,
    "user-busy": 486,
    "unavailable": 503,
}

Way = Literal["from", "pai", "ppi", "rpid"]
DiversionWay = Literal["diversion", "history"]


class HopsSpentError(SipError):
    """Say that a call was sent on too often (§16.3)."""

    error_id = "sip_hops_spent"
    status: Final = 483


@dataclass(frozen=True, slots=True)
class Diversion:
    """Hold who sent a call on, and why (RFC 5806 §4)."""

    uri: Uri
    display: str = ""
    reason: str = "unknown"
    counter: int = 1
    private: bool = False
    """Whoever is called now is not to learn it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Hold who calls. `diversions` begins with the latest."""

    number_uri: Uri
    display: str
    asserted: bool = False
    """A trusted peer vouches for it."""
    privacy: frozenset[str] = frozenset()
    diversions: tuple[Diversion, ...] = ()
    hops: int = 0
    preferred: NameAddr | None = None
    """Which of its identities a telephone would like to be seen as (P-Preferred-Identity)."""

    @property
    def anonymous(self) -> bool:
        """Tell whether the caller's number and name are not to be shown to whoever is called."""
        return bool(self.privacy & _HIDING) or _is_anonymous(self.number_uri)


def _is_anonymous(uri: Uri) -> bool:
    if not isinstance(uri, SipUri):
        return False
    return uri.host.lower() == "anonymous.invalid" or (uri.user or "").lower() in _ANONYMOUS_USERS


# -- reading -----------------------------------------------------------------------------------------------------


def _elements(request: Request, name: str) -> list[str]:
    try:
        return request.elements(name)[:_ENTRIES]
    except ParseError:
        return []


def _addresses(request: Request, name: str) -> list[NameAddr]:
    found: list[NameAddr] = []
    for element in _elements(request, name):
        try:
            found.append(NameAddr.parse(element))
        except ParseError:
            continue
    return found


def _word(address: NameAddr, name: str) -> str:
    return (address.parameters.get(name) or "").strip('"').lower()


def _privacy(request: Request) -> frozenset[str]:
    """Read Privacy; `none` asks that nothing be hidden, whatever else is said (RFC 3323 §4.2)."""
    words = {word.strip().lower() for value in request.values("Privacy") for word in value.replace(",", ";").split(";")}
    words.discard("")
    return frozenset({"none"} if "none" in words else words)


def _asserted(request: Request) -> tuple[NameAddr, frozenset[str], bool] | None:
    """Return what a trusted peer says of the caller: PAI, of two the one with a name, else Remote-Party-ID."""
    claims = [each for each in _addresses(request, "P-Asserted-Identity") if isinstance(each.uri, SipUri | TelUri)][:2]
    if claims:
        first = claims[0]
        display = next((each.display for each in claims if each.display), "")
        return replace(first, display=display), frozenset(), True
    for party in _addresses(request, "Remote-Party-ID"):
        if _word(party, "party") in {"", "calling"}:
            hidden = frozenset({"id"}) if _word(party, "privacy") in {"full", "uri"} else frozenset[str]()
            display = "" if _word(party, "privacy") in {"full", "name"} else party.display
            return replace(party, display=display), hidden, _word(party, "screen") != "no"
    return None


def _count(text: str | None, default: int) -> int:
    try:
        return number(text or "", what="counter", below=_MANY)
    except ParseError:
        return default


def _diversions(request: Request) -> tuple[Diversion, ...]:
    found = []
    for each in _addresses(request, "Diversion"):
        counter = max(_count(each.parameters.get("counter"), 1), 1)
        private = _word(each, "privacy") in {"full", "uri", "name"}
        found.append(Diversion(each.uri, each.display, _word(each, "reason") or "unknown", counter, private))
    return tuple(found)


def _history(request: Request) -> tuple[Diversion, ...]:
    """Read History-Info: an entry whose successor was mapped to another target sent the call on (RFC 7044 §5)."""
    found: list[Diversion] = []
    entries = [each for each in _addresses(request, "History-Info") if isinstance(each.uri, SipUri | TelUri)]
    for before, after in pairwise(entries):
        cause = _cause(after.uri)
        told = {name.lower(): value for name, value in before.uri.headers} if isinstance(before.uri, SipUri) else {}
        if cause is None and "mp" not in after.parameters and "reason" not in told:
            continue
        hidden = "privacy" in told and told["privacy"].lower() != "none"
        found.append(
            Diversion(_bare(before.uri), before.display, _REASON_OF_CAUSE.get(cause or "", "unknown"), 1, hidden)
        )
    return tuple(reversed(found))


def _bare(uri: Uri) -> Uri:
    """Return a URI without what History-Info adds to it."""
    if isinstance(uri, SipUri):
        return replace(uri, headers=(), parameters=tuple(pair for pair in uri.parameters if pair[0] != "cause"))
    return uri


def _cause(uri: Uri) -> str | None:
    if isinstance(uri, SipUri | TelUri):
        return next((value for name, value in uri.parameters if name == "cause"), None)
    return None


def read_identity(request: Request, *, trusted: bool = False) -> Identity:
    """Read who calls; `trusted` tells that what the peer asserts is believed."""
    from_, privacy = request.from_, _privacy(request)
    shown, asserted = from_, False
    claim = _asserted(request) if trusted else None
    if claim is not None:
        shown, hidden, asserted = claim
        privacy = privacy if "none" in privacy else privacy | hidden
        if _is_anonymous(from_.uri) and "none" not in privacy:
            privacy |= {"id"}
    diversions, history = _diversions(request), _history(request)
    own = _count(request.get(HOPS_HEADER), 0)
    hops = max(sum(each.counter for each in diversions), len(history), own)
    preferred = next(iter(_addresses(request, "P-Preferred-Identity")), None)
    return Identity(
        number_uri=shown.uri,
        display=shown.display,
        asserted=asserted,
        privacy=privacy,
        diversions=diversions or history,
        hops=hops,
        preferred=preferred,
    )


def forwards_left(request: Request) -> int:
    """Return the Max-Forwards of the next leg; raise HopsSpentError when there can be none."""
    value = request.get("Max-Forwards")
    left = MAX_FORWARDS if value is None else min(number(value, what="Max-Forwards", below=256), MAX_FORWARDS)
    if not left:
        raise HopsSpentError("the call has no hop left", status=Status.TOO_MANY_HOPS)
    return left - 1


def hops_of(request: Request, *, limit: int = HOP_LIMIT) -> tuple[int, int]:
    """Return the Max-Forwards of the next leg and how often the call was sent on; raise HopsSpentError."""
    hops = read_identity(request).hops
    if hops > limit:
        raise HopsSpentError("the call was sent on too often", status=Status.TOO_MANY_HOPS, hops=hops)
    return forwards_left(request), hops


# -- writing -----------------------------------------------------------------------------------------------------


def identity_headers(way: Way, address: NameAddr, *, anonymous: bool = False) -> tuple[NameAddr, dict[str, str]]:
    """Return the From and the headers that show `address` as the caller, or hide it from whoever is called."""
    shown = NameAddr(address.uri, address.display)
    from_ = ANONYMOUS if anonymous else shown
    headers: dict[str, str] = {}
    if way == "rpid":
        hidden = "full" if anonymous else "off"
        headers["Remote-Party-ID"] = f"{shown};party=calling;screen=yes;privacy={hidden}"
    elif way != "from":
        headers["P-Asserted-Identity" if way == "pai" else "P-Preferred-Identity"] = str(shown)
    if anonymous:
        headers["Privacy"] = "id"
    return from_, headers


def diverted(identity: Identity, by: NameAddr, *, reason: str = "unknown", limit: int = HOP_LIMIT) -> Identity:
    """Return the identity of a call that `by` sends on; raise HopsSpentError when it has been sent on too often."""
    if identity.hops >= limit:
        raise HopsSpentError("the call was sent on too often", status=Status.TOO_MANY_HOPS, hops=identity.hops)
    latest = Diversion(by.uri, by.display, reason)
    return replace(identity, diversions=(latest, *identity.diversions), hops=identity.hops + 1)


def diversion_headers(
    identity: Identity, *, target: Uri | None = None, ways: Iterable[DiversionWay] = ("diversion",)
) -> dict[str, str]:
    """Return the headers that tell the next leg who sent the call on, how often, and where to: `target`."""
    headers: dict[str, str] = {}
    if not identity.hops:
        return headers
    headers[HOPS_HEADER] = str(identity.hops)
    if identity.diversions:
        for way in ways:
            if way == "diversion":
                headers["Diversion"] = ", ".join(map(_diversion, identity.diversions))
            else:
                headers["History-Info"] = ", ".join(_entries(identity.diversions, target))
    return headers


def onward_headers(hops: int) -> dict[str, str]:
    """Return the headers that tell the next leg how often the call was sent on, and not by whom."""
    somebody = Diversion(ANONYMOUS.uri, counter=hops, private=True)
    return diversion_headers(Identity(ANONYMOUS.uri, "", diversions=(somebody,), hops=hops))


def _diversion(each: Diversion) -> str:
    said: dict[str, str | None] = {"reason": each.reason, "counter": str(each.counter)}
    said["privacy"] = "full" if each.private else "off"
    return str(NameAddr(each.uri, each.display)) + format_parameters(said)


def _entries(diversions: tuple[Diversion, ...], target: Uri | None) -> list[str]:
    """Write History-Info, the first target first; each entry after it names the cause that led there."""
    written: list[str] = []
    index, cause = "", 0
    last = () if target is None else (Diversion(target),)
    for each in (*reversed(diversions), *last):
        uri = _bare(each.uri)
        mapped = f";mp={index}" if index else ""
        index = f"{index}.1" if index else "1"
        if isinstance(uri, SipUri):
            caused = (("cause", str(cause)),) if cause else ()
            hidden = (("Privacy", "history"),) if each.private else ()
            uri = replace(uri, parameters=(*uri.parameters, *caused), headers=hidden)
        written.append(f"{NameAddr(uri, each.display)};index={index}{mapped}")
        cause = _CAUSE_OF_REASON.get(each.reason, _UNKNOWN_CAUSE)
    return written
