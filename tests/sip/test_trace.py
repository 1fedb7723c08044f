from collections.abc import Iterator
from itertools import count

import pytest

from tests.sip.wire import Wire, answer_to, invite, other
from webpbx.sip.trace import ATTEMPTS, Recorder, TracedMessage
from webpbx.sip.transport import Flow

FAR = ("192.0.2.1", 5060)
FLOW = Flow("UDP", ("192.0.2.9", 5060), FAR)


@pytest.fixture
def ticks() -> Iterator[int]:
    return count(1000)


@pytest.fixture
def recorder(ticks: Iterator[int]) -> Recorder:
    return Recorder(clock=lambda: next(ticks), most_messages=8)


def hear(recorder: Recorder, data: bytes, *, host: str = FAR[0]) -> None:
    recorder(FLOW._replace(remote=(host, 5060)), data, False)


def say(recorder: Recorder, data: bytes, *, host: str = FAR[0]) -> None:
    recorder(FLOW._replace(remote=(host, 5060)), data, True)


def first_lines(messages: tuple[TracedMessage, ...]) -> list[str]:
    return [message.data.partition(b"\r\n")[0].decode() for message in messages]


def kept(recorder: Recorder, call: str) -> tuple[TracedMessage, ...]:
    recording = recorder.of_call(call)
    assert recording is not None
    return recording.messages


def test_a_claimed_call_has_its_messages_in_order_from_the_first(recorder: Recorder) -> None:
    hear(recorder, invite(call_id="a"))
    say(recorder, answer_to(invite(call_id="a"), 100))
    recorder.claim("a", "t1", call="our-call", leg="leg-1")
    say(recorder, answer_to(invite(call_id="a"), 200))
    hear(recorder, other("BYE", call_id="a"))
    messages = kept(recorder, "our-call")
    assert [line.split(" ")[0:2] for line in first_lines(messages)] == [
        ["INVITE", "sip:100@192.0.2.9"],
        ["SIP/2.0", "100"],
        ["SIP/2.0", "200"],
        ["BYE", "sip:100@192.0.2.9"],
    ]
    assert [message.sent for message in messages] == [False, True, True, False]
    assert [message.at_ms for message in messages] == [1000, 1001, 1002, 1003]


def test_several_legs_of_a_call_share_its_trace(recorder: Recorder) -> None:
    hear(recorder, invite(call_id="in"))
    recorder.claim("in", "t1", call="c", leg="leg-1")
    say(recorder, invite(call_id="out"))
    recorder.claim("out", "b1", call="c", leg="leg-2")
    recording = recorder.of_call("c")
    assert recording is not None
    assert recording.legs == {"in": "leg-1", "out": "leg-2"}
    assert len(recording.messages) == 2


def test_a_call_that_comes_back_under_its_call_id_is_kept_apart_from_the_one_that_went_out(recorder: Recorder) -> None:
    out = invite(call_id="x")
    back = invite(call_id="x", branch="z9hG4bKback", extra="Record-Route: <sip:192.0.2.1;lr>\r\n")
    say(recorder, out)
    hear(recorder, back)  # before either is known to be a call
    say(recorder, answer_to(back, 401, tag="asked"))
    recorder.claim("x", "b1", call="acme", leg="l")
    hear(recorder, back)
    recorder.claim("x", "t1", call="other", leg="l")
    recorder.claim("x", "b1", call="other", leg="l")  # what is taken stays whose it is
    say(recorder, answer_to(back, 180))
    hear(recorder, answer_to(out, 180))
    hear(recorder, other("CANCEL", call_id="x", branch="z9hG4bKback"))
    say(recorder, other("BYE", call_id="x", from_tag="t1", to_tag="b1"))
    hear(recorder, other("BYE", call_id="x", from_tag="t1", to_tag="b1"))
    heard = {
        call: [
            (one.sent, one.data.split(b" ")[1 if one.data[:3] == b"SIP" else 0].decode())
            for one in kept(recorder, call)
        ]
        for call in ("acme", "other")
    }
    assert heard["acme"] == [(True, "INVITE"), (False, "180"), (False, "BYE")]
    assert heard["other"] == [(False, "INVITE"), (True, "401"), (True, "180"), (False, "CANCEL"), (True, "BYE")]
    recorder.forget("acme")
    say(recorder, answer_to(back, 200))
    assert len(kept(recorder, "other")) == 6
    recorder.forget("other")
    assert (recorder.size, recorder._of_call_id) == (0, {})


def test_a_repeat_is_counted_and_not_kept_again(recorder: Recorder) -> None:
    for _ in range(3):
        hear(recorder, invite(call_id="a"))
    recorder.claim("a", "t1", call="c", leg="l")
    for _ in range(4):
        hear(recorder, invite(call_id="a"))
    [message] = kept(recorder, "c")
    assert message.repeats == 6


def test_of_a_call_that_talks_much_the_beginning_and_the_end_are_kept(recorder: Recorder) -> None:
    hear(recorder, invite(call_id="a"))
    recorder.claim("a", "t1", call="c", leg="l")
    for number in range(2, 50):
        hear(recorder, other("UPDATE", call_id="a", cseq=number))
    hear(recorder, other("BYE", call_id="a", cseq=50))
    recording = recorder.of_call("c")
    assert recording is not None
    lines = first_lines(recording.messages)
    assert (len(lines), lines[0].split()[0], lines[-1].split()[0]) == (8, "INVITE", "BYE")
    assert recording.left_out == 50 - 8
    assert recorder.size == sum(len(message.data) for message in recording.messages)


def test_what_goes_beyond_the_memory_is_counted_only() -> None:
    data = invite(call_id="a")
    recorder = Recorder(clock=lambda: 0, most_bytes=len(data) + 10)
    hear(recorder, data)
    recorder.claim("a", "t1", call="a", leg="l")
    hear(recorder, invite(call_id="b"))
    recorder.claim("b", "t1", call="b", leg="l")
    first, second = recorder.of_call("a"), recorder.of_call("b")
    assert first is not None
    assert second is not None
    assert (len(first.messages), len(second.messages), second.left_out) == (1, 0, 1)
    recorder.forget("a")
    hear(recorder, other("UPDATE", call_id="b"))
    assert len(kept(recorder, "b")) == 1


def test_one_call_takes_a_mebibyte_at_most() -> None:
    recorder = Recorder(clock=lambda: 0, most_messages=1000)
    recorder.claim("a", "t1", call="c", leg="l")
    for number in range(100):
        hear(recorder, other("INFO", call_id="a", cseq=number, body=b"x" * 60_000))
    recording = recorder.of_call("c")
    assert recording is not None
    assert recorder.size <= 1 << 20
    assert recording.left_out == 100 - len(recording.messages)


def test_a_flood_of_strange_requests_takes_nothing_from_a_call_and_little_memory(recorder: Recorder) -> None:
    hear(recorder, invite(call_id="ours"))
    recorder.claim("ours", "t1", call="c", leg="l")
    for number in range(3000):
        hear(
            recorder,
            invite(call_id=f"strange-{number}", extra="X: " + "y" * 30_000 + "\r\n"),
            host=f"10.0.{number % 256}.1",
        )
    hear(recorder, other("BYE", call_id="ours"))
    assert len(kept(recorder, "c")) == 2
    assert len(recorder._attempts) <= ATTEMPTS
    assert sum(attempt.size for attempt in recorder._attempts.values()) < 4 << 20


def test_one_address_that_tries_much_does_not_push_out_what_others_tried(recorder: Recorder) -> None:
    hear(recorder, other("REGISTER", call_id="a-phone"))
    say(recorder, answer_to(other("REGISTER", call_id="a-phone"), 403))
    for number in range(1000):
        request = invite(call_id=f"scan-{number}")
        hear(recorder, request, host="203.0.113.7")
        say(recorder, answer_to(request, 401), host="203.0.113.7")
    found = list(recorder.attempts())
    assert found[0].status == 403
    assert len(found) == 1 + ATTEMPTS // 10


def test_a_refusal_is_remembered_with_its_status_and_a_success_is_not(recorder: Recorder) -> None:
    hear(recorder, other("REGISTER", call_id="good"))
    say(recorder, answer_to(other("REGISTER", call_id="good"), 401))
    hear(recorder, other("REGISTER", call_id="good", cseq=3))
    say(recorder, answer_to(other("REGISTER", call_id="good", cseq=3), 200))
    hear(recorder, invite(call_id="bad"))
    say(recorder, answer_to(invite(call_id="bad"), 488))
    [attempt] = recorder.attempts()
    assert attempt.status == 488
    assert len(attempt.messages) == 2


def test_a_registration_of_ours_that_is_refused_is_remembered(recorder: Recorder) -> None:
    say(recorder, other("REGISTER", call_id="r"))
    hear(recorder, answer_to(other("REGISTER", call_id="r"), 403))
    assert [attempt.status for attempt in recorder.attempts()] == [403]


def test_what_belongs_to_no_call_and_begins_none_leaves_no_trace(recorder: Recorder) -> None:
    for data in (
        b"",
        b"\r\n\r\n",
        b"\x00" * 50,
        b"SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n",
        other("OPTIONS"),
        other("BYE"),
    ):
        hear(recorder, data)
    assert not recorder._attempts
    assert recorder.of_call("x") is None


def test_garbage_with_a_call_id_raises_nothing(recorder: Recorder) -> None:
    for data in (b"\nCall-ID: a", b"SIP/2.0 x\nCall-ID:a", b"SIP/2.0 99\ni:a\n", b"\xff\xfe INVITE\ni: a\r\n"):
        hear(recorder, data)
    recorder.claim("a", "t1", call="c", leg="l")
    hear(recorder, b"SIP/2.0 \xb2\xb3\xb9\nCall-ID: a\n")
    assert len(kept(recorder, "c")) >= 1


def test_a_forgotten_call_leaves_nothing(recorder: Recorder) -> None:
    hear(recorder, invite(call_id="a"))
    recorder.claim("a", "t1", call="c", leg="l")
    recorder.forget("c")
    recorder.forget("c")
    hear(recorder, other("BYE", call_id="a"))
    assert recorder.of_call("c") is None
    assert (recorder.size, recorder._of_call_id, recorder._traces) == (0, {}, {})


def test_listeners_hear_what_is_kept_and_only_that(recorder: Recorder) -> None:
    heard: list[TracedMessage] = []
    recorder.listeners.append(heard.append)
    hear(recorder, invite(call_id="a"))
    hear(recorder, other("OPTIONS", call_id="o"))
    assert first_lines(tuple(heard)) == ["INVITE sip:100@192.0.2.9 SIP/2.0"]


def test_the_stack_tells_its_tap_what_it_hears_and_sends_message_by_message() -> None:
    wire = Wire()
    node = wire.node()
    heard: list[tuple[bool, bytes]] = []
    node.core.tap = lambda _flow, data, sent: heard.append((sent, data.split(b" ")[0]))
    wire.peer()
    wire.send(invite(), node)
    wire.sleep(0.3)
    assert heard[:2] == [(False, b"INVITE"), (True, b"SIP/2.0")]


def test_of_a_stream_the_tap_hears_whole_messages() -> None:
    core = Wire().node().core
    heard: list[bytes] = []
    core.tap = lambda _flow, data, sent: None if sent else heard.append(data)
    flow = Flow("TCP", ("192.0.2.9", 5060), ("192.0.2.1", 40000))
    assert core.accept(flow, 0.0)
    both = other("OPTIONS", branch="z9hG4bK1") + other("OPTIONS", branch="z9hG4bK2")
    for start in range(0, len(both), 100):
        core.receive(flow, both[start : start + 100], 0.0)
    assert [data.count(b"OPTIONS sip:") for data in heard] == [1, 1]
