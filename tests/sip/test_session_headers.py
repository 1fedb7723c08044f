from tests.sip.wire import invite, request
from webpbx.sip.session_headers import q850_of, reason_headers


def test_a_call_answered_elsewhere_is_said_in_the_words_telephones_know_first() -> None:
    assert reason_headers(26) == [
        ("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),
        ("Reason", "Q.850;cause=26"),
    ]
    assert reason_headers(16) == [("Reason", "Q.850;cause=16")]
    assert reason_headers(None) == []


def test_a_cause_is_found_behind_another_protocol_s() -> None:
    message = request(invite())
    assert q850_of(message) is None
    message.headers.extend(reason_headers(26))
    assert q850_of(message) == 26
