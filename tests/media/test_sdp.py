from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media import browser_sdp, trunk_sdp
from webpbx.media.errors import MediaError

FINGERPRINT = ":".join(["AB"] * 32)

# As Chromium 142 writes it, shortened, with a video section and a data channel.
CHROMIUM = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:4ZcD",
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlX/",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "a=msid:- 2c64ee4e",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "a=sendrecv",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:2",
        "",
    ]
)
TRUNK = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0 18 96\r\na=rtpmap:96 telephone-event/8000\r\n"
)
OURS = browser_sdp.Answering(
    "ufrag123", "p" * 24, f"sha-256 {FINGERPRINT}", 77, 1, [("192.0.2.9", 40000), ("2001:db8::9", 40000)]
)


def answer(*codecs: str) -> list[str]:
    return browser_sdp.write_answer(browser_sdp.read_offer(CHROMIUM, codecs), OURS).split("\r\n")


def test_the_answer_to_a_browser_holds_the_codecs_asked_for_and_events_at_their_clock() -> None:
    opus = answer("opus")
    assert "m=audio 40000 UDP/TLS/RTP/SAVPF 111 110" in opus
    assert "a=fmtp:111 minptime=10;useinbandfec=1" in opus
    assert "a=rtpmap:110 telephone-event/48000" in opus
    assert "m=audio 40000 UDP/TLS/RTP/SAVPF 8 0 126" in answer("PCMA", "PCMU")


def test_the_answer_is_ice_lite_passive_and_names_every_address() -> None:
    lines = answer("opus")
    assert lines.index("a=ice-lite") < lines.index("m=audio 40000 UDP/TLS/RTP/SAVPF 111 110")
    assert "a=setup:passive" in lines
    assert "a=group:BUNDLE 0" in lines
    candidates = [line.split() for line in lines if line.startswith("a=candidate:")]
    assert [candidate[4] for candidate in candidates] == ["192.0.2.9", "2001:db8::9"]
    assert int(candidates[0][3]) > int(candidates[1][3])


def test_other_sections_are_refused_in_place() -> None:
    lines = answer("opus")
    assert "m=video 0 UDP/TLS/RTP/SAVPF 96" in lines
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in lines
    assert [line for line in lines if line.startswith("a=mid:")] == ["a=mid:0", "a=mid:1", "a=mid:2"]


@pytest.mark.parametrize(
    ("change", "error_id"),
    [
        (("a=rtcp-mux", "a=x"), "bad_sdp"),
        (("a=setup:actpass", "a=setup:passive"), "bad_sdp"),
        (("a=fingerprint:sha-256", "a=fingerprint:md5"), "bad_sdp"),
        (("a=ice-ufrag:4ZcD", "a=ice-ufrag:x y"), "bad_sdp"),
        (("m=audio 9", "m=audio 0"), "bad_sdp"),
        (("v=0", "v=1"), "bad_sdp"),
        (("a=rtpmap:111 opus", "a=rtpmap:111 speex"), "no_codec"),
    ],
)
def test_an_offer_that_lacks_something_is_refused_by_name(change: tuple[str, str], error_id: str) -> None:
    with pytest.raises(MediaError) as refused:
        browser_sdp.read_offer(CHROMIUM.replace(*change), ["opus"])
    assert refused.value.error_id == error_id


@pytest.mark.parametrize(
    "text",
    [
        TRUNK + "a=x:" + "x" * 17000,
        TRUNK + "m=audio 0 RTP/AVP 0\r\n" * 16,
        TRUNK.replace("8 0 18 96", " ".join(str(number) for number in range(65))),
        TRUNK.replace("4000", "70000"),
        TRUNK.replace("c=IN IP4 192.0.2.1", "c=IN IP4 provider.example"),
        "",
    ],
)
def test_what_is_over_a_limit_or_malformed_is_refused(text: str) -> None:
    with pytest.raises(MediaError) as refused:
        trunk_sdp.read_remote(text, ["PCMA"])
    assert refused.value.error_id == "bad_sdp"


def test_a_trunks_offer_is_read_in_its_own_order_with_static_types() -> None:
    remote, _, _ = trunk_sdp.read_remote(TRUNK, ["PCMU", "PCMA"])
    assert [(form.payload_type, form.codec) for form in remote.formats] == [
        (8, "PCMA"),
        (0, "PCMU"),
        (96, "telephone-event"),
    ]
    assert (remote.address, remote.port, remote.rtcp) == ("192.0.2.1", 4000, ("192.0.2.1", 4001))


KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"


@pytest.mark.parametrize(("srtp", "port"), [("none", 4000), ("offer", 5000), ("require", 5000)])
def test_of_a_plain_and_a_protected_section_the_one_that_is_wanted_is_taken(srtp: str, port: int) -> None:
    both = TRUNK + "m=audio 5000 RTP/SAVP 8\r\n" + KEY
    remote, description, section = trunk_sdp.read_remote(both, ["PCMA"], srtp=srtp)
    assert remote.port == port
    assert bool(remote.cryptos) == (srtp != "none")
    text = trunk_sdp.write(
        remote.formats, address="192.0.2.9", port=6000, session=1, version=1, offered=description, accepted=section
    )
    taken = [line.split()[1] == "6000" for line in text.split("\r\n") if line.startswith("m=audio")]
    assert taken == [port == 4000, port == 5000]


@pytest.mark.parametrize(
    ("text", "srtp", "error_id"),
    [
        (TRUNK, "require", "srtp_required"),
        (TRUNK.replace("RTP/AVP", "RTP/SAVP"), "none", "incompatible"),
        (TRUNK.replace("RTP/AVP", "RTP/SAVP"), "offer", "incompatible"),
        (TRUNK.replace("RTP/AVP", "RTP/SAVP") + KEY, "none", "incompatible"),
        (TRUNK.replace("RTP/AVP", "UDP/TLS/RTP/SAVP"), "offer", "bad_sdp"),
    ],
)
def test_protection_that_cannot_be_agreed_is_refused_by_name(text: str, srtp: str, error_id: str) -> None:
    with pytest.raises(MediaError) as refused:
        trunk_sdp.read_remote(text, ["PCMA"], srtp=srtp)
    assert refused.value.error_id == error_id


def test_a_codec_that_is_offered_twice_is_taken_once() -> None:
    twice = TRUNK.replace("8 0 18 96", "8 97 96") + "a=rtpmap:97 PCMA/8000\r\n"
    remote, _, _ = trunk_sdp.read_remote(twice, ["PCMA"])
    assert [form.payload_type for form in remote.formats] == [8, 96]


def test_g722_has_its_static_type_and_the_clock_that_its_rfc_gives_it() -> None:
    remote, _, _ = trunk_sdp.read_remote(TRUNK.replace("8 0 18 96", "9 8 96"), ["PCMA", "G722"])
    assert [(form.payload_type, form.codec, form.clock) for form in remote.formats][:2] == [
        (9, "G722", 8000),
        (8, "PCMA", 8000),
    ]
    ours = trunk_sdp.our_formats(("opus", "G722"))
    text = trunk_sdp.write(ours, address="192.0.2.9", port=4000, session=1, version=1)
    assert "m=audio 4000 RTP/AVP 111 9 110 101\r\n" in text
    assert "a=rtpmap:9 G722/8000\r\n" in text


@pytest.mark.parametrize(
    ("line", "sends", "listens"),
    [
        ("a=sendonly", True, False),
        ("a=recvonly", False, True),
        ("a=inactive", False, False),
        ("c=IN IP4 0.0.0.0", False, False),
        ("a=sendrecv", True, True),
    ],
)
def test_a_hold_is_understood_however_it_is_said(line: str, *, sends: bool, listens: bool) -> None:
    remote, _, _ = trunk_sdp.read_remote(TRUNK + line + "\r\n", ["PCMA"])
    assert (remote.sends, remote.listens) == (sends, listens)


@given(st.text(alphabet=st.sampled_from("vmaoc=0123456789 /\r\nIN IP4:.rtpmapudio"), max_size=400))
def test_no_text_trips_the_reader(text: str) -> None:
    for whole in (text, "v=0\r\n" + text, TRUNK + text, TRUNK + KEY.strip() + text, CHROMIUM + text):
        for srtp in trunk_sdp.SRTP:
            with suppress(MediaError):
                trunk_sdp.read_remote(whole, ["PCMA"], srtp=srtp)
        with suppress(MediaError):
            browser_sdp.read_offer(whole, ["opus"])
