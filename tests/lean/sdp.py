"""As much SDP as the lean client speaks: one audio line."""

from dataclasses import dataclass

from tests.lean.stream import PAYLOAD_TYPES

RTPMAP = {"PCMU": "PCMU/8000", "PCMA": "PCMA/8000", "opus": "opus/48000/2"}
EVENT_TYPE = {"PCMU": 126, "PCMA": 126, "opus": 110}


@dataclass(frozen=True)
class Remote:
    """What the other side's SDP says."""

    address: tuple[str, int]
    payload_type: int
    event_type: int
    ufrag: str
    password: str
    fingerprint: str
    setup: str
    candidates: tuple[tuple[str, int], ...]


def parse(sdp: str, codec: str) -> Remote:
    """Read an offer or answer; raise ValueError when it lacks `codec` or refuses the audio."""
    lines = [line.strip() for line in sdp.splitlines()]
    media = next(line for line in lines if line.startswith("m=audio")).split()
    host = next(line.split()[2] for line in reversed(lines) if line.startswith("c="))
    values: dict[str, str] = {}
    candidates: list[tuple[str, int]] = []
    types = {name: str(number) for name, number in PAYLOAD_TYPES.items() if name != "opus" and str(number) in media[3:]}
    for line in lines:
        name, _, value = line.removeprefix("a=").partition(":")
        values.setdefault(name, value)
        if name == "rtpmap":
            number, _, encoding = value.partition(" ")
            types[encoding.split("/")[0]] = number
        elif name == "candidate":
            parts = value.split()
            if parts[1] == "1" and parts[2].lower() == "udp" and ":" not in parts[4]:
                candidates.append((parts[4], int(parts[5])))
    if media[1] == "0":
        raise ValueError("the audio line is refused")
    if codec not in types:
        raise ValueError(f"no {codec} in {media}")
    return Remote(
        address=(host, int(media[1])),
        payload_type=int(types[codec]),
        event_type=int(types.get("telephone-event", EVENT_TYPE[codec])),
        ufrag=values.get("ice-ufrag", ""),
        password=values.get("ice-pwd", ""),
        fingerprint=values.get("fingerprint", "").removeprefix("sha-256 ").strip(),
        setup=values.get("setup", ""),
        candidates=tuple(candidates),
    )


def write(address: tuple[str, int], codec: str, *, dtls: dict[str, str] | None = None) -> str:
    """Return our SDP: of a browser with `dtls` (ufrag, password, fingerprint, setup), else of plain RTP."""
    host, port = address
    number, event = PAYLOAD_TYPES[codec], EVENT_TYPE[codec]
    profile = "UDP/TLS/RTP/SAVPF" if dtls else "RTP/AVP"
    lines = [
        "v=0",
        f"o=- {port} 2 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        *(["a=group:BUNDLE 0"] if dtls else []),
        f"m=audio {port} {profile} {number} {event}",
        f"a=rtpmap:{number} {RTPMAP[codec]}",
        f"a=rtpmap:{event} telephone-event/{48000 if codec == 'opus' else 8000}",
        f"a=fmtp:{event} 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    if dtls:
        lines += [
            "a=mid:0",
            "a=rtcp-mux",
            f"a=ice-ufrag:{dtls['ufrag']}",
            f"a=ice-pwd:{dtls['password']}",
            f"a=fingerprint:sha-256 {dtls['fingerprint']}",
            f"a=setup:{dtls['setup']}",
            f"a=candidate:1 1 udp 2130706431 {host} {port} typ host",
            "a=end-of-candidates",
        ]
    return "\r\n".join(lines) + "\r\n"
