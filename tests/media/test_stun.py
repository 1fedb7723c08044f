from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media import stun

KEY = b"a-password-of-22-chars"


def request(*, controlled: bool = False, key: bytes = KEY, nominate: bool = True) -> bytes:
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLED" if controlled else "ICE-CONTROLLING"] = 7
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(key)
    return bytes(message)


def test_a_signed_request_is_read_as_another_library_wrote_it() -> None:
    found = stun.parse_request(request())
    assert found is not None
    assert (found.username, found.use_candidate, found.controlled, found.fingerprint) == (
        "ours:theirs",
        True,
        False,
        True,
    )
    assert found.signed_with(KEY)
    assert not found.signed_with(b"another")


def test_a_request_of_a_controlled_agent_is_seen() -> None:
    found = stun.parse_request(request(controlled=True, nominate=False))
    assert found is not None
    assert found.controlled
    assert not found.use_candidate


def test_an_answer_is_read_by_another_library() -> None:
    for address in (("192.0.2.7", 40000), ("2001:db8::7", 40001)):
        found = stun.parse_request(request())
        assert found is not None
        answer = reference.parse_message(stun.success(found.transaction, address, KEY))
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == address
        assert answer.check_message_integrity(KEY)


def test_a_role_conflict_is_an_error_487() -> None:
    answer = reference.parse_message(stun.role_conflict(bytes(12), KEY))
    assert answer.error_code == 487
    assert answer.check_message_integrity(KEY)


def test_every_changed_byte_is_noticed() -> None:
    good = request()
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        found = stun.parse_request(bad)
        assert found is None or not found.fingerprint  # its attribute became another one


def test_responses_are_no_requests() -> None:
    assert stun.parse_request(stun.success(bytes(12), ("192.0.2.7", 1), KEY)) is None


@given(st.binary(max_size=200))
def test_no_datagram_trips_the_reader(data: bytes) -> None:
    stun.parse_request(data)
    stun.parse_request(
        stun.BINDING_REQUEST.to_bytes(2, "big") + len(data).to_bytes(2, "big") + stun.COOKIE + bytes(12) + data
    )
