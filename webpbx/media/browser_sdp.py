"""A browser's offer (RFC 8829) and the ICE-lite answer to it."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from webpbx.media import sdp
from webpbx.media.errors import NoCodecError
from webpbx.media.rtp import EVENT, Format

PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF")
HOST_PRIORITY = 126 << 24  # type preference of a host candidate, RFC 8445 §5.1.2.1

_FINGERPRINT = re.compile(r"(sha-[0-9]{3}) ((?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2})")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_MID = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class BrowserOffer:
    """What matters of an offer: one audio section with ICE, DTLS and the formats both sides know."""

    session: str  # the o= line's session id: the same for all offers of one RTCPeerConnection
    description: sdp.Description
    section: sdp.Section
    ufrag: str
    fingerprints: tuple[tuple[str, str], ...]
    formats: tuple[Format, ...]
    direction: str


@dataclass(frozen=True, slots=True)
class Answering:
    """What our side puts into an answer; `addresses` are pairs of advertised IP and port."""

    ufrag: str
    password: str
    fingerprint: str
    ssrc: int
    version: int
    addresses: Sequence[tuple[str, int]]


def read_offer(text: str, codecs: Sequence[str]) -> BrowserOffer:
    """Read an offer; raises BadSdpError, or NoCodecError when none of `codecs` is in it."""
    description = sdp.parse(text)
    for section in description.sections:
        if section.kind != "audio" or section.port == 0 or section.protocol not in PROTOCOLS:
            continue
        if description.value(section, "rtcp-mux") is None:
            raise sdp.bad_sdp("the audio section does not offer rtcp-mux")
        if description.value(section, "setup") not in ("actpass", "active"):
            raise sdp.bad_sdp("the audio section does not offer to be the active DTLS side")
        ufrag = description.value(section, "ice-ufrag")
        if ufrag is None or _UFRAG.fullmatch(ufrag) is None:
            raise sdp.bad_sdp("the audio section has no ICE user name")
        fingerprints = _fingerprints(section.attributes) or _fingerprints(description.attributes)
        if not fingerprints:
            raise sdp.bad_sdp("the audio section has no certificate fingerprint")
        formats = sdp.choose(sdp.formats(section), codecs)
        if not any(form.codec != EVENT for form in formats):
            raise NoCodecError(f"The browser offers none of {', '.join(codecs)}.", codecs=list(codecs))
        origin = description.origin.split()
        return BrowserOffer(
            session=origin[1] if len(origin) > 1 else "",
            description=description,
            section=section,
            ufrag=ufrag,
            fingerprints=fingerprints,
            formats=tuple(formats),
            direction=description.direction(section),
        )
    raise sdp.bad_sdp("it has no audio section over DTLS-SRTP")


def write_answer(offer: BrowserOffer, ours: Answering) -> str:
    """Write the answer: the audio section accepted, every other refused with port 0 (RFC 3264 §6)."""
    mid = offer.section.value("mid")
    mid = mid if mid is not None and _MID.fullmatch(mid) else None
    first = ours.addresses[0][0]
    lines = [
        "v=0",
        f"o=- {ours.ssrc} {ours.version} IN {_family(first)} {first}",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        *([f"a=group:BUNDLE {mid}"] if mid is not None and _bundled(offer, mid) else []),
        "a=msid-semantic: WMS webpbx",
    ]
    for section in offer.description.sections:
        if section is offer.section:
            lines += _accepted(offer, ours, mid)
        else:
            lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
            other = section.value("mid")
            if other is not None and _MID.fullmatch(other):
                lines.append(f"a=mid:{other}")
            lines.append("a=inactive")
    return "\r\n".join(lines) + "\r\n"


def _accepted(offer: BrowserOffer, ours: Answering, mid: str | None) -> list[str]:
    ip, port = ours.addresses[0]
    numbers = " ".join(str(form.payload_type) for form in offer.formats)
    direction = sdp.REVERSED[offer.direction]
    lines = [f"m=audio {port} {offer.section.protocol} {numbers}", f"c=IN {_family(ip)} {ip}"]
    lines += [f"a=mid:{mid}"] if mid is not None else []
    lines += [f"a={direction}", "a=rtcp-mux"]
    lines += sdp.format_lines(offer.formats)
    lines += ["a=ptime:20", f"a=ice-ufrag:{ours.ufrag}", f"a=ice-pwd:{ours.password}"]
    lines += [f"a=fingerprint:{ours.fingerprint}", "a=setup:passive"]
    if direction in ("sendrecv", "sendonly"):
        lines += ["a=msid:webpbx audio", f"a=ssrc:{ours.ssrc} cname:webpbx"]
    for index, (address, number) in enumerate(ours.addresses):
        priority = HOST_PRIORITY + ((65535 - index) << 8) + 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {address} {number} typ host")
    lines.append("a=end-of-candidates")
    return lines


def _fingerprints(attributes: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in attributes:
        match = _FINGERPRINT.fullmatch(value) if name == "fingerprint" else None
        if match is not None:
            found.append((match[1], match[2].upper()))
    return tuple(found)


def _bundled(offer: BrowserOffer, mid: str) -> bool:
    groups = [value.split() for name, value in offer.description.attributes if name == "group"]
    return any(group[:1] == ["BUNDLE"] and mid in group[1:] for group in groups)


def _family(address: str) -> str:
    return f"IP{ipaddress.ip_address(address).version}"
