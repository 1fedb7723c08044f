import pytest

from webpbx.sip.glance import belongs

BRANCHES, CALL_IDS = {"z9hG4bKours"}, {"our-call@here"}


@pytest.mark.parametrize(
    "data",
    [
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKours\r\n\r\n",
        b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours;received=192.0.2.2\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nCall-ID: our-call@here\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\ni:our-call@here\r\n\r\n",
        b"ACK sip:a@b SIP/2.0\r\ncall-id :\tour-call@here \r\n\r\n",
    ],
)
def test_answers_to_us_and_requests_of_our_calls_are_known_at_a_glance(data: bytes) -> None:
    assert belongs(data, branches=BRANCHES, call_ids=CALL_IDS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother\r\n\r\n",
        b"SIP/2.0 200 OK\r\nCall-ID: our-call@here\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKours\r\nCall-ID: another\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nCall-ID: \xff\xfe\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 2000 + b"Call-ID: our-call@here\r\n\r\n",
    ],
)
def test_anything_else_is_not(data: bytes) -> None:
    assert not belongs(data, branches=BRANCHES, call_ids=CALL_IDS)
