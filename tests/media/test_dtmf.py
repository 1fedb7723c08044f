import random
import struct

import numpy as np
import pytest

from tests.media.sound_level import RATE, heard, loudness, power
from webpbx.media.dtmf import (
    DIGITS,
    LEAD_MS,
    Digit,
    DigitPacket,
    DigitReceiver,
    UnknownDigitError,
    digit_packets,
    inband,
)
from webpbx.media.sounds import CODECS

PAIRS = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "0": (941, 1336), "*": (941, 1209), "D": (941, 1633)}


def _received(packets: list[tuple[DigitPacket, int]], clock_rate: int = 8000, *, idle: bool = True) -> list[Digit]:
    receiver = DigitReceiver(clock_rate)
    digits: list[Digit] = []
    now = 0.0
    for packet, timestamp in packets:
        now += 0.02
        digits += receiver.receive(packet.payload, timestamp, now)
    if idle and (late := receiver.expire(now + 1)):
        digits.append(late)
    return digits


@pytest.mark.parametrize("clock_rate", [8000, 48000])
@pytest.mark.parametrize("key", DIGITS)
def test_a_key_pressed_is_received_once_with_its_length(key: str, clock_rate: int) -> None:
    packets = [(packet, 1000) for packet in digit_packets(key, 160, clock_rate)]
    assert _received(packets, clock_rate) == [Digit(key, 160)]


def test_a_press_is_a_marked_packet_growing_durations_and_three_ends() -> None:
    packets = digit_packets("7", 100, 8000)
    fields = [(*struct.unpack("!BBH", packet.payload), packet.marker, packet.offset_ms) for packet in packets]
    assert fields == [
        (7, 10, 160, True, 0),
        (7, 10, 320, False, 20),
        (7, 10, 480, False, 40),
        (7, 10, 640, False, 60),
        (7, 0x8A, 800, False, 80),
        (7, 0x8A, 800, False, 100),
        (7, 0x8A, 800, False, 120),
    ]


@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_a_very_long_press_is_cut_to_the_duration_field(clock_rate: int) -> None:
    durations = [struct.unpack("!BBH", packet.payload)[2] for packet in digit_packets("1", 60_000, clock_rate)]
    assert max(durations) <= 0xFFFF
    assert durations == sorted(durations)


def test_the_same_key_pressed_twice_is_two_digits() -> None:
    packets = [(packet, timestamp) for timestamp in (1000, 4000) for packet in digit_packets("5", 100, 8000)]
    assert [digit.digit for digit in _received(packets)] == ["5", "5"]


def test_a_digit_whose_ends_are_lost_comes_before_the_next_one() -> None:
    first = [(packet, 1000) for packet in digit_packets("1", 100, 8000)[:-3]]
    second = [(packet, 4000) for packet in digit_packets("2", 100, 8000)]
    assert _received(first + second, idle=False) == [Digit("1", 80), Digit("2", 100)]


def test_a_digit_whose_ends_are_lost_comes_when_nothing_more_is_heard() -> None:
    receiver = DigitReceiver(8000)
    assert receiver.receive(digit_packets("1", 100, 8000)[0].payload, 1000, 5.0) == ()
    assert receiver.pressed
    assert receiver.expire(5.1) is None
    assert receiver.expire(5.2) == Digit("1", 20)
    assert not receiver.pressed
    assert receiver.expire(6.0) is None


def test_a_late_packet_of_a_finished_digit_is_no_new_digit() -> None:
    first = [(packet, 1000) for packet in digit_packets("1", 100, 8000)]
    second = [(packet, 4000) for packet in digit_packets("2", 100, 8000)]
    assert [d.digit for d in _received([*first[:4], second[0], *first[4:], *second[1:]])] == ["1", "2"]


def test_a_single_end_packet_is_the_whole_digit() -> None:
    assert _received([(digit_packets("8", 120, 8000)[-1], 1000)]) == [Digit("8", 120)]


@pytest.mark.parametrize("seed", range(20))
def test_digits_survive_losing_doubling_and_swapping_packets(seed: int) -> None:
    chance = random.Random(seed)
    dialled = "".join(chance.choices(DIGITS, k=20))
    packets: list[tuple[DigitPacket, int]] = []
    for index, key in enumerate(dialled):
        press = list(digit_packets(key, 100, 8000))
        kept = [packet for packet in press if chance.random() > 0.3] or [press[0]]
        kept += [packet for packet in kept if chance.random() < 0.2]
        packets += [(packet, 4_294_960_000 + index * 2000 & 0xFFFFFFFF) for packet in kept]
    for index in range(0, len(packets) - 1, 5):
        if packets[index][1] == packets[index + 1][1]:
            packets[index : index + 2] = packets[index + 1], packets[index]
    assert "".join(digit.digit for digit in _received(packets)) == dialled


def test_a_long_press_in_segments_is_one_digit() -> None:
    receiver = DigitReceiver(8000)
    digits: list[Digit] = []
    second = (1000 + 0xFFFF) & 0xFFFFFFFF
    for timestamp, flags, duration in [(1000, 0, 800), (1000, 0, 0xFFFF), (second, 0, 800), (second, 0x80, 8001)]:
        digits += receiver.receive(struct.pack("!BBH", 3, flags, duration), timestamp, 0.0)
    digits += receiver.receive(struct.pack("!BBH", 3, 0x80, 8001), second, 0.0)
    assert digits == [Digit("3", (0xFFFF + 8001) * 1000 // 8000)]


@pytest.mark.parametrize("payload", [b"", b"\x01\x80\x03", b"\x10\x80\x03\x20", b"\xff\x80\x03\x20"])
def test_what_is_no_digit_is_passed_over(payload: bytes) -> None:
    assert DigitReceiver(8000).receive(payload, 1000, 0.0) == ()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("key", "pair"), PAIRS.items())
def test_a_key_as_sound_has_its_two_tones_and_then_a_pause(key: str, pair: tuple[int, int], codec: str) -> None:
    sound = inband(key, codec)
    rate = RATE[codec]
    pcm = heard(sound)
    lead = LEAD_MS.get(codec, 0)
    press = pcm[rate * (20 + lead) // 1000 : rate * (100 + lead) // 1000]
    low, high = (power(press, rate, frequency) for frequency in pair)
    assert low + high > 0.9
    assert abs(low - high) < 0.2
    assert loudness(pcm[-rate // 25 :]) < loudness(press) / 50
    assert sound.duration_ms == 160 + lead


def test_a_small_letter_is_its_key() -> None:
    assert inband("a", "PCMA") == inband("A", "PCMA")


@pytest.mark.parametrize("key", ["", "E", "12", "+"])
def test_what_no_telephone_has_is_refused(key: str) -> None:
    with pytest.raises(UnknownDigitError):
        digit_packets(key, 100, 8000)
    with pytest.raises(UnknownDigitError):
        inband(key, "PCMA")


def test_keys_are_no_louder_than_a_line_can_carry() -> None:
    assert np.max(np.abs(heard(inband("D", "PCMU")).astype(int))) < 32000
