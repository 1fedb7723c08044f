"""Offers and answers (RFC 3264) for trunks and SIP phones, over RTP or SRTP with keys in the SDP (RFC 4568)."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from webpbx.media import sdes, sdp
from webpbx.media.errors import IncompatibleError, NoCodecError, SrtpRequiredError
from webpbx.media.rtp import CLOCKS, EVENT, Format

PLAIN = ("RTP/AVP", "RTP/AVPF")
SECURE = ("RTP/SAVP", "RTP/SAVPF")
SRTP = ("none", "offer", "require")
OUR_NUMBERS = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 111}
OUR_EVENTS = {8000: 101, 48000: 110}


@dataclass(frozen=True, slots=True)
class RemoteAudio:
    """What the other side's description says: where it listens, what it takes, and which way sound may go."""

    address: str
    port: int
    rtcp: tuple[str, int] | None  # None = multiplexed with RTP
    formats: tuple[Format, ...]
    sends: bool  # it will send to us
    listens: bool  # it wants to hear us
    cryptos: tuple[sdes.Crypto, ...] = ()  # its keys; none = plain RTP


def our_formats(codecs: Sequence[str], *, events: bool = True) -> tuple[Format, ...]:
    """Make the formats we offer: `codecs` in their order, then, with `events`, telephone-event at each clock."""
    audio = [Format(OUR_NUMBERS[codec], codec, CLOCKS[codec]) for codec in codecs if codec in OUR_NUMBERS]
    if not audio:
        raise NoCodecError(f"None of {', '.join(codecs)} can be sent on a trunk.", codecs=list(codecs))
    clocks = dict.fromkeys(form.clock for form in audio) if events else {}
    return (*audio, *(Format(OUR_EVENTS[clock], EVENT, clock) for clock in clocks))


def read_remote(
    text: str, codecs: Sequence[str], *, srtp: str = "none", events: bool = True, ours_first: bool = False
) -> tuple[RemoteAudio, sdp.Description, sdp.Section]:
    """Read an offer or answer; its formats in its own order of preference, or, with `ours_first`, in that of `codecs`.

    Raises BadSdpError, NoCodecError when no codec of ours is left, IncompatibleError or SrtpRequiredError when it and
    `srtp` (one of `SRTP`) cannot be met together.
    """
    description = sdp.parse(text)
    section, cryptos = _section(description, srtp)
    address = section.address or description.address
    if address is None:
        raise sdp.bad_sdp("it has no connection address")
    offered = [form for form in sdp.formats(section) if (events if form.codec == EVENT else form.codec in codecs)]
    names = list(dict.fromkeys(form.codec for form in offered if form.codec != EVENT))
    if ours_first:
        names.sort(key=list(codecs).index)
    if not names:
        raise NoCodecError(f"The far end takes none of {', '.join(codecs)}.", codecs=list(codecs))
    direction = description.direction(section)
    held = ipaddress.ip_address(address).is_unspecified
    remote = RemoteAudio(
        address=address,
        port=section.port,
        rtcp=None if description.value(section, "rtcp-mux") is not None else _rtcp(section, address),
        formats=tuple(sdp.choose(offered, names)),
        sends=direction in ("sendrecv", "sendonly") and not held,
        listens=direction in ("sendrecv", "recvonly") and not held,
        cryptos=cryptos,
    )
    return remote, description, section


def _section(description: sdp.Description, srtp: str) -> tuple[sdp.Section, tuple[sdes.Crypto, ...]]:
    """Choose the audio section, a protected one before a plain one where both are allowed."""
    sections = [
        (found, sdes.read(value for name, value in found.attributes if name == "crypto"))
        for found in description.sections
        if found.kind == "audio" and found.port and found.protocol in (*PLAIN, *SECURE)
    ]
    if not sections:
        raise sdp.bad_sdp("it has no audio section over RTP")
    if srtp != "none":
        protected = next((each for each in sections if each[1]), None)
        if protected is not None:
            return protected
        if srtp == "require":
            raise SrtpRequiredError("The far end has no key that we can use, and plain sound is not allowed here.")
    plain = next((found for found, _ in sections if found.protocol in PLAIN), None)
    if plain is None:
        what = "protected sound (SRTP), which is turned off here" if srtp == "none" else "protection we do not have"
        raise IncompatibleError(f"The far end insists on {what}.")
    return plain, ()


def write(
    formats: Sequence[Format],
    *,
    address: str,
    port: int,
    session: int,
    version: int,
    direction: str = "sendrecv",
    protocol: str = "RTP/AVP",
    cryptos: Sequence[sdes.Crypto] = (),
    offered: sdp.Description | None = None,
    accepted: sdp.Section | None = None,
) -> str:
    """Write our description; as an answer to `offered`, its other sections are refused in place."""
    family = f"IP{ipaddress.ip_address(address).version}"
    lines = ["v=0", f"o=- {session} {version} IN {family} {address}", "s=-", f"c=IN {family} {address}", "t=0 0"]
    protocol = accepted.protocol if accepted is not None else protocol
    numbers = " ".join(str(form.payload_type) for form in formats)
    ours = [f"m=audio {port} {protocol} {numbers}", *sdp.format_lines(formats)]
    ours += [*(crypto.line() for crypto in cryptos), "a=ptime:20", f"a={direction}"]
    if accepted is not None and accepted.value("rtcp-mux") is not None:
        ours.append("a=rtcp-mux")
    if offered is None:
        lines += ours
    else:
        for section in offered.sections:
            if section is accepted:
                lines += ours
            else:
                lines.append(f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}")
    return "\r\n".join(lines) + "\r\n"


def _rtcp(section: sdp.Section, address: str) -> tuple[str, int]:
    value = section.value("rtcp")  # RFC 3605
    if value:
        parts = value.split()
        if parts[0].isdigit() and 0 < int(parts[0]) <= 0xFFFF:  # noqa: PLR2004 - the last port
            return address, int(parts[0])
    return address, min(section.port + 1, 0xFFFF)
