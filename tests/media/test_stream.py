import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media.stream import InStream, OutStream

CLOCK = 8000


def test_a_relayed_stream_keeps_its_gaps() -> None:
    out = OutStream(random.Random(1))
    source = object()
    sent = [out.relay(source, seq, seq * 160, CLOCK, seq * 0.02) for seq in (10, 11, 14, 13)]
    numbers = [(one[0], one[1]) for one in sent if one is not None]
    base = numbers[0]
    assert [((seq - base[0]) & 0xFFFF, (at - base[1]) & 0xFFFFFFFF) for seq, at in numbers] == [
        (0, 0),
        (1, 160),
        (4, 640),
        (3, 480),
    ]
    assert [one[2] for one in sent if one is not None] == [True, False, False, False]


def test_a_new_source_goes_on_by_one_number_and_by_the_time_that_passed() -> None:
    out = OutStream(random.Random(2))
    first = out.relay(object(), 60000, 5, CLOCK, 1.0)
    second = out.relay(object(), 3, 4_000_000_000, CLOCK, 1.5)
    assert first is not None
    assert second is not None
    assert (second[0] - first[0]) & 0xFFFF == 1
    assert (second[1] - first[1]) & 0xFFFFFFFF == CLOCK // 2
    assert second[2]


def test_a_packet_from_before_the_change_is_left_out() -> None:
    out = OutStream(random.Random(3))
    source = object()
    out.relay(source, 100, 0, CLOCK, 0.0)
    assert out.relay(source, 99, 0, CLOCK, 0.0) is None
    assert out.relay(source, 101, 160, CLOCK, 0.02) is not None


def test_numbers_and_timestamps_wrap_on_both_sides() -> None:
    out = OutStream(random.Random(6))
    out.seq, source = 0xFFF0, object()
    sent = []
    for count in range(40):
        numbers = out.relay(source, (0xFFFA + count) & 0xFFFF, (0xFFFFFF00 + count * 160) & 0xFFFFFFFF, CLOCK, 0.0)
        assert numbers is not None
        sent.append(numbers)
    assert [one[0] for one in sent] == [(0xFFF1 + count) & 0xFFFF for count in range(40)]
    assert len({(one[1] - count * 160) & 0xFFFFFFFF for count, one in enumerate(sent)}) == 1
    assert [one[2] for one in sent] == [True] + [False] * 39


def test_a_packet_that_is_not_sent_on_leaves_no_gap() -> None:
    out = OutStream(random.Random(7))
    source, other = object(), object()
    first = out.relay(source, 10, 0, CLOCK, 0.0)
    out.pass_over(source, 11)
    out.pass_over(other, 12)
    out.pass_over(source, 10)  # late
    after = out.relay(source, 12, 8000, CLOCK, 1.0)
    lost = out.relay(source, 14, 8320, CLOCK, 1.04)
    assert first is not None
    assert after is not None
    assert lost is not None
    assert [(one[0] - first[0]) & 0xFFFF for one in (after, lost)] == [1, 3]
    assert (after[1] - first[1]) & 0xFFFFFFFF == 8000


def test_a_digits_packets_share_a_timestamp_and_sound_goes_on_at_its_place_in_time() -> None:
    out = OutStream(random.Random(4))
    player, key = object(), object()
    begun = out.advance(player, 160, CLOCK, 0.0)
    digit = [out.advance(key, 0, CLOCK, 0.02 * n) for n in range(1, 6)]
    after = out.advance(player, 160, CLOCK, 0.12)
    assert {one[1] for one in digit} == {(begun[1] + 160) & 0xFFFFFFFF}
    assert [one[0] for one in digit] == [(begun[0] + n) & 0xFFFF for n in range(1, 6)]
    assert (after[1] - begun[1]) & 0xFFFFFFFF == round(0.12 * CLOCK)


@pytest.mark.process
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), max_size=60))
def test_whatever_sources_send_no_number_of_theirs_takes_us_backwards_at_a_change(
    packets: list[tuple[int, int, int]],
) -> None:
    out = OutStream(random.Random(5))
    sources = [object(), object(), object()]
    now = 0.0
    for index, seq, timestamp in packets:
        before, now = out.seq, now + 0.02
        sent = out.relay(sources[index], seq, timestamp, CLOCK, now)
        assert 0 <= out.seq <= 0xFFFF
        if sent is not None and sent[2]:
            assert sent[0] == (before + 1) & 0xFFFF


def incoming(numbers: list[int]) -> InStream:
    stream = InStream.begin(1, numbers[0], CLOCK)
    for at, seq in enumerate(numbers):
        assert stream.take(seq, at * 160, CLOCK, at * 0.02)
    return stream


def test_lost_packets_are_counted_over_the_wrap() -> None:
    stream = incoming([65533, 65534, 0, 1, 4])
    assert (stream.expected, stream.received, stream.lost) == (8, 5, 3)
    assert stream.fraction_lost() == (3 << 8) // 8
    assert stream.fraction_lost() == 0


def test_late_packets_are_not_lost() -> None:
    assert incoming([10, 12, 11, 13]).lost == 0


def test_a_steady_stream_has_no_jitter_and_an_unsteady_one_has() -> None:
    assert incoming(list(range(100))).jitter < 0.001
    stream = InStream.begin(1, 0, CLOCK)
    for seq in range(200):
        stream.take(seq, seq * 160, CLOCK, seq * 0.02 + (0.01 if seq % 2 else 0.0))
    assert 60 < stream.jitter < 81  # 10 ms is 80 units


def test_a_jump_is_a_new_beginning() -> None:
    stream = incoming([1, 2])
    assert not stream.take(30000, 0, CLOCK, 1.0)
