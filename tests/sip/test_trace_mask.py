import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.sip.trace_mask import mask_number, mask_numbers, mask_secrets

HEAD = b"INFO sip:1@h SIP/2.0\r\n"


@pytest.mark.parametrize(
    ("line", "secrets"),
    [
        (
            b'Authorization: Digest username="anna", nonce="N0NCE", response="R3SP", cnonce="CN0NCE", nc=00000001',
            [b"N0NCE", b"R3SP", b"CN0NCE"],
        ),
        (b'proxy-authorization : DIGEST response=R3SP,\r\n nonce="N0N\tCE",\r\n\tcnonce=CN', [b"R3SP", b"N0N", b"=CN"]),
        (b'WWW-Authenticate: Digest realm="r", nonce="N0NCE", opaque="0PAQ"', [b"N0NCE", b"0PAQ"]),
        (b'Proxy-Authenticate: Digest realm="r",nonce="N0NCE"', [b"N0NCE"]),
        (b'Authentication-Info: nextnonce="NEXT", rspauth="RSPA"', [b"NEXT", b"RSPA"]),
        (b"Authorization: Basic dXNlcjpwYXNz", [b"dXNlcjpwYXNz"]),
        (b"Authorization: Bearer t0ken", [b"t0ken"]),
        (b'Authorization: Digest nonce="unclosed secret', [b"unclosed", b"secret"]),
        (b"From: <sip:anna:pa55@h>;tag=1", [b"pa55"]),
    ],
)
def test_headers_lose_their_secrets_and_nothing_else_changes(line: bytes, secrets: list[bytes]) -> None:
    masked = mask_secrets(HEAD + line + b"\r\nCall-ID: keep-me\r\nContent-Length: 0\r\n\r\n")
    for secret in secrets:
        assert secret not in masked
    assert masked.startswith(HEAD)
    assert masked.endswith(b"\r\nCall-ID: keep-me\r\nContent-Length: 0\r\n\r\n")


def test_of_a_digest_what_explains_a_refusal_stays() -> None:
    masked = mask_secrets(
        HEAD + b'Authorization: Digest username="anna", realm="pbx", nonce="x", qop=auth, algorithm=MD5\r\n\r\n'
    )
    for part in (b'username="anna"', b'realm="pbx"', b"qop=auth", b"algorithm=MD5", 'nonce="…"'.encode()):
        assert part in masked


@pytest.mark.parametrize(
    "line",
    [
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3CRETS3CRET|2^20|1:4",
        b"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:S3CRET|1:1;inline:S3CRET2|2:4 KDR=1",
        b"k=base64:S3CRET",
        b"a=key-mgmt:mikey S3CRET",
        b"a=ice-pwd:S3CRET",
    ],
)
def test_keys_of_the_sound_are_masked(line: bytes) -> None:
    head = HEAD + b"Content-Type: application/sdp\r\n\r\n"
    masked = mask_secrets(head + b"v=0\r\nm=audio 4000 RTP/SAVP 8\r\n" + line + b"\r\na=sendrecv\r\n")
    assert b"S3CRET" not in masked
    assert b"m=audio 4000 RTP/SAVP 8" in masked
    assert masked.endswith(b"\r\na=sendrecv\r\n")


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        (b"application/dtmf-relay", b"Signal=7\r\nDuration=160\r\n", b"7"),
        (b"application/dtmf", b"7", b"7"),
        (b"APPLICATION/DTMF", b" 7\r\n", b"7"),
        (b"application/kpml-response+xml", b'<kpml-response code="200" digits="7"/>', b"7"),
        (b"multipart/mixed;boundary=x", b"--x\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal= 7\r\n--x--", b"7"),
    ],
)
def test_pressed_digits_are_masked(kind: bytes, body: bytes, digit: bytes) -> None:
    masked = mask_secrets(HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + body)
    assert digit not in masked.partition(b"\r\n\r\n")[2]


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_masked(data: bytes) -> None:
    assert isinstance(mask_secrets(data), bytes)
    assert isinstance(mask_numbers(data.decode("latin-1")), str)


@pytest.mark.process
def test_masking_takes_no_time_that_grows_faster_than_the_message() -> None:
    for piece in (
        b"Authorization: Digest ",
        b"a=crypto:1 x inline:",
        b'nonce="',
        b"sip:a:",
        b"\r\n ",
        b"signal=",
        b"digits=",
    ):
        masked = mask_secrets(b"INFO x\r\n" + piece * (60_000 // len(piece)))
        assert masked  # the test's time limit would end what backtracks
        mask_numbers((piece * 1000).decode() + "1" * 30_000 + "<" + '"1 1' * 5000)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("INVITE sip:+4915112345678@h SIP/2.0", "INVITE sip:+49…78@h SIP/2.0"),
        ("To: <sip:030901820;phone-context=+49@h>", "To: <sip:030…20;phone-context=+49@h>"),
        ("To: <tel:+49-151-1234567>", "To: <tel:+49…67>"),
        ('From: "030 901820" <sip:030901820@h>', 'From: "030…20" <sip:030…20@h>'),
        ("From: 030901820 <sip:anna@h>", "From: 030…20 <sip:anna@h>"),
        ("To: <sip:101@h>", "To: <sip:101@h>"),
        ("Call-ID: 493012345678", "Call-ID: 493012345678"),
        ("Contact: <sip:192.0.2.100:5060>", "Contact: <sip:192.0.2.100:5060>"),
    ],
)
def test_of_numbers_beginning_and_end_are_left_and_extensions_and_addresses_stay(text: str, masked: str) -> None:
    assert mask_numbers(text) == masked


def test_short_numbers_stay() -> None:
    assert [mask_number(number) for number in ("", "101", "1010", "12345")] == ["", "101", "1010", "123…45"]
