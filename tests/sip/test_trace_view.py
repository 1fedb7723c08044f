from tests.sip.wire import ANSWER, OFFER, answer_to, invite, other
from webpbx.sip.trace import Attempt, Recording, TracedMessage
from webpbx.sip.trace_view import one_line, plain, read, render, render_attempt

PROVIDER, PHONE = ("192.0.2.1", 5060), ("2001:db8::7", 5062)
BEGUN = 1_700_000_000_000


def message(
    after: int, data: bytes, *, sent: bool, remote: tuple[str, int] = PROVIDER, repeats: int = 0
) -> TracedMessage:
    call_id = "in" if remote == PROVIDER else "out"
    return TracedMessage(BEGUN + after, sent, "UDP", remote, call_id, data, repeats)


def a_call() -> Recording:
    came, went = invite(call_id="in"), invite(call_id="out")
    messages = (
        message(0, came, sent=False),
        message(1, answer_to(came, 100), sent=True),
        message(8, went, sent=True, remote=PHONE, repeats=2),
        message(30, answer_to(went, 180), sent=False, remote=PHONE),
        message(31, answer_to(came, 180), sent=True),
        message(2500, answer_to(went, 200, body=ANSWER), sent=False, remote=PHONE),
        message(2510, answer_to(came, 200, body=ANSWER), sent=True),
        message(9000, other("BYE", call_id="out"), sent=False, remote=PHONE),
    )
    return Recording(messages, {"in": "leg-1", "out": "leg-2"})


def ladder_of(text: str) -> list[str]:
    return text.partition("\n--- 1")[0].splitlines()


def test_the_ladder_shows_who_sent_what_to_whom_and_when() -> None:
    text = render(a_call(), title="Call x", names={"leg-1": "Carla", "leg-2": "Anna Adler"})
    lines = ladder_of(text)
    assert lines[0] == "Call x"
    heads = lines[2]
    assert heads.index("192.0.2.1:5060") < heads.index("webpbx") < heads.index("[2001:db8::7]:5062")
    assert lines[3].index("Carla") < lines[3].index("Anna Adler")
    arrows = lines[5:13]
    us = arrows[0].index(">") + 1
    assert [line[:14].split() for line in arrows[:3]] == [["1", "+0.000"], ["2", "+0.001"], ["3", "+0.008"]]
    came, trying, went, ringing, ringing_on, *_ = arrows
    assert "INVITE" in came[:us]
    assert came[us] == "|"
    assert "<" in trying[:us]
    assert "INVITE (SDP) x3" in went[us:]
    assert went.rstrip().endswith(">|")
    assert "<" in ringing[us : us + 2]
    assert "180 Whatever" in ringing_on[:us]


def test_the_ladder_fits_a_terminal_of_a_hundred_columns_however_many_far_ends_there_are() -> None:
    for count in range(1, 9):
        messages = tuple(
            TracedMessage(
                BEGUN,
                bool(number % 2),
                "UDP",
                (f"2001:db8:1234:5678:9abc:def0:1234:{number}", 5060),
                f"c{number}",
                invite(),
            )
            for number in range(count)
        )
        lines = ladder_of(render(Recording(messages), title="t"))
        assert max(len(line) for line in lines) <= 100
        assert sum(">" in line or "<" in line for line in lines) == count


def test_each_message_follows_in_full_with_its_time_and_ends() -> None:
    text = render(a_call(), title="Call x")
    heading = next(line for line in text.splitlines() if line.startswith("--- 3 "))
    assert "(+0.008 s)  webpbx -> [2001:db8::7]:5062  UDP" in heading
    assert heading.endswith("bytes, 3 times")
    assert text.count("m=audio 4000 RTP/AVP 8") == 2


def test_numbers_are_masked_unless_they_are_asked_for() -> None:
    data = invite(extra="P-Asserted-Identity: <sip:+4915112345678@h>\r\n")
    recording = Recording((message(0, data, sent=False),))
    assert "5112345678" not in render(recording, title="t")
    assert "<sip:+4915112345678@h>" in render(recording, title="t", numbers=True)


def test_secrets_are_masked_even_if_they_were_kept() -> None:
    data = invite(extra='Authorization: Digest username="a", response="5ecret"\r\n')
    assert "5ecret" not in render(Recording((message(0, data, sent=False),)), title="t", numbers=True)


def test_what_a_terminal_would_obey_is_written_out() -> None:
    data = invite(extra="X: \x1b[2J\x07 \u202eevil\u2066\x9b31m\r\n")
    text = render(Recording((message(0, data, sent=False),)), title="t")
    assert "X: \\x1b[2J\\x07 \\x202eevil\\x2066\\x9b31m" in text
    assert plain("a\r\nb\rc\td\x00é…日") == "a\nb\nc\td\\x00é…日"


def test_a_message_is_read_as_far_as_it_goes() -> None:
    ringing = read(message(0, answer_to(invite(), 486, extra='Reason: Q.850;cause=17;text="busy"\r\n'), sent=False))
    assert (ringing.label, ringing.method, ringing.status, ringing.cseq) == ("486 Whatever", "INVITE", 486, 1)
    assert ringing.why == 'Q.850;cause=17;text="busy"'
    assert read(message(0, invite(body=OFFER), sent=False)).sdp
    for data in (b"", b"SIP/2.0", b"SIP/2.0 abc", b"\xff\xfe\x00", b"SIP/2.0 " + b"9" * 5000, b"\n\n\n"):
        found = read(message(0, data, sent=False))
        assert found.status is None
        assert len(found.label) <= 60


def test_garbage_is_drawn_too() -> None:
    recording = Recording((message(0, b"\xff\xfe\x00garbage" * 100, sent=False),), left_out=7)
    text = render(recording, title="t")
    assert "7 further messages were not kept." in text


def test_a_call_without_sip_says_so() -> None:
    assert "No SIP message is kept of it." in render(Recording(()), title="t")


def test_a_refused_request_is_titled_by_its_source_and_status() -> None:
    attempt = Attempt((message(0, invite(), sent=False), message(1, answer_to(invite(), 403), sent=True)), 403)
    title = render_attempt(attempt).splitlines()[0]
    assert title.endswith("from 192.0.2.1:5060: refused with 403")


def test_one_line_says_direction_address_and_message() -> None:
    line = one_line(message(0, invite(call_id="in"), sent=False))
    assert "<- 192.0.2.1:5060 UDP  INVITE sip:100@192.0.2.9 SIP/2.0  in" in line
    assert "\n" not in one_line(message(0, b"A\nB\x1bC", sent=True))
