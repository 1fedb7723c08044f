"""SDP read (RFC 8866) within limits; the offers and answers made from it are in `browser_sdp` and `trunk_sdp`."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from webpbx.media.errors import BadSdpError, MediaError
from webpbx.media.rtp import CLOCKS, EVENT, Format

MAX_BYTES = 16 * 1024
MAX_SECTIONS = 16
MAX_FORMATS = 64
MAX_LINES = 1000
STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
NAMES = {name.lower(): name for name in (*CLOCKS, EVENT)}

_MEDIA = re.compile(r"([a-z]{1,20}) ([0-9]{1,5})(?:/[0-9]{1,3})? ([A-Z/]{1,30}) ([\x21-\x7e ]{1,1000})")
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9._+-]{1,40})/([0-9]{1,6})(?:/([0-9]))?")


@dataclass(slots=True)
class Section:
    """One m= line and what belongs to it; `attributes` holds name and value in their order."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    address: str | None = None
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """Return the first attribute of that name, "" for a bare flag, None if there is none."""
        return next((value for key, value in self.attributes if key == name), None)

    @property
    def direction(self) -> str | None:
        """Return the section's own direction, if it states one."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), None)


@dataclass(slots=True)
class Description:
    """A whole session description."""

    origin: str = ""
    address: str | None = None
    attributes: list[tuple[str, str]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def value(self, section: Section, name: str) -> str | None:
        """Return the section's attribute, else the session's."""
        own = section.value(name)
        return own if own is not None else next((value for key, value in self.attributes if key == name), None)

    def direction(self, section: Section) -> str:
        """Return the direction that holds for the section (RFC 8866 §6.7: sendrecv unless stated)."""
        session = next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")
        return section.direction or session


def parse(text: str) -> Description:
    """Read a description; raises BadSdpError for what is too large or no SDP."""
    try:
        return _parse(text)
    except MediaError:
        raise
    except Exception as error:  # hostile text may trip any conversion
        raise bad_sdp("it cannot be read") from error


def bad_sdp(why: str) -> BadSdpError:
    """Make the error for a description that cannot be used."""
    return BadSdpError(f"The session description is not usable: {why}.")


def _parse(text: str) -> Description:
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise bad_sdp("it is longer than 16 KiB")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or not lines[0].startswith("v=0"):
        raise bad_sdp("it does not begin with v=0 or has too many lines")
    description = Description()
    section: Section | None = None
    for line in lines[1:]:
        kind, value = line[:2], line[2:].strip()
        if kind == "m=":
            section = _section(value)
            description.sections.append(section)
            if len(description.sections) > MAX_SECTIONS:
                raise bad_sdp("it has more than 16 media sections")
        elif kind == "a=":
            name, _, content = value.partition(":")
            (section or description).attributes.append((name, content.strip()))
        elif kind == "c=":
            address = _connection(value)
            if section is None:
                description.address = address
            else:
                section.address = address
        elif kind == "o=":
            description.origin = value
    return description


def _section(value: str) -> Section:
    match = _MEDIA.fullmatch(value)
    if match is None:
        raise bad_sdp("a media line is malformed")
    formats = match[4].split()
    port = int(match[2])
    if len(formats) > MAX_FORMATS or port > 0xFFFF:  # noqa: PLR2004 - the last port
        raise bad_sdp("a media line has too many formats or no possible port")
    return Section(match[1], port, match[3], formats)


def _connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN":  # noqa: PLR2004 - IN, IP4, address
        raise bad_sdp("a connection line is malformed")
    return str(ipaddress.ip_address(parts[2].split("/")[0]))  # names are never looked up


def formats(section: Section) -> list[Format]:
    """List the payload types of `section` that we know, in its order of preference."""
    maps: dict[int, tuple[str, int]] = {}
    for name, value in section.attributes:
        match = _RTPMAP.fullmatch(value) if name == "rtpmap" else None
        if match is not None:
            codec = NAMES.get(match[2].lower())
            clock = int(match[3])
            right = codec == EVENT or (codec is not None and CLOCKS[codec] == clock)
            maps[int(match[1])] = (codec, clock) if codec is not None and right else ("", 0)
    found = []
    for text in section.formats:
        number = int(text) if text.isdigit() and len(text) < 4 else -1  # noqa: PLR2004 - at most 127
        codec, clock = maps.get(number) or STATIC.get(number, ("", 0))
        if codec and 0 <= number <= 127 and not 64 <= number <= 95:  # noqa: PLR2004 - RFC 5761 §4
            found.append(Format(number, codec, clock))
    return found


def choose(offered: Sequence[Format], codecs: Sequence[str]) -> list[Format]:
    """Take of the offered formats those named in `codecs`, in that order, then telephone-event at their clocks."""
    audio = []
    for codec in codecs:
        audio += [found for found in offered if found.codec == codec][:1]
    clocks = {chosen.clock for chosen in audio}
    events = []
    for clock in clocks:
        events += [found for found in offered if found.codec == EVENT and found.clock == clock][:1]
    return audio + events


def format_lines(chosen: Sequence[Format]) -> list[str]:
    """Write rtpmap and fmtp of each format; Opus asks for in-band FEC (RFC 7587 §6.1)."""
    lines = []
    for form in chosen:
        channels = "/2" if form.codec == "opus" else ""
        lines.append(f"a=rtpmap:{form.payload_type} {form.codec}/{form.clock}{channels}")
        if form.codec == "opus":
            lines.append(f"a=fmtp:{form.payload_type} minptime=10;useinbandfec=1")
        elif form.codec == EVENT:
            lines.append(f"a=fmtp:{form.payload_type} 0-15")
    return lines
