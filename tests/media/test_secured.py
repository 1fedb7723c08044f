import random
import struct
from dataclasses import replace

import pytest

from webpbx.media.errors import IncompatibleError
from webpbx.media.packet import PacketBuffer
from webpbx.media.sdes import SUITES, Crypto
from webpbx.media.secured import MAX_SSRCS, KeyAgreement, Secured

SUITE = "AES_CM_128_HMAC_SHA1_80"


def key(seed: int, suite: str = SUITE) -> Crypto:
    profile = SUITES[suite]
    return Crypto(1, suite, random.Random(seed).randbytes(profile.key + profile.salt))


def pair(suite: str = SUITE) -> tuple[Secured, Secured]:
    one, two = key(1, suite), key(2, suite)
    return Secured(one, two), Secured(two, one)


def protected(by: Secured, seq: int, *, ssrc: int = 5) -> bytes:
    packet = PacketBuffer()
    data = struct.pack("!BBHII", 0x80, 8, seq & 0xFFFF, seq * 160 & 0xFFFFFFFF, ssrc) + b"sound" * 32
    packet.view[: len(data)] = data
    end = by.protect(packet, 0, len(data))
    assert end > len(data)
    return bytes(packet.view[:end])


def opened(by: Secured, data: bytes) -> bytes | None:
    packet = PacketBuffer()
    packet.view[: len(data)] = data
    end = by.unprotect(packet, len(data))
    return bytes(packet.view[12:end]) if end >= 0 else None


def report_opened(by: Secured, sender: Secured) -> bool:
    packet = PacketBuffer()
    packet.view[:8] = struct.pack("!BBHI", 0x80, 201, 1, 5)
    return by.unprotect(packet, sender.protect_rtcp(packet, 8)) == 8


@pytest.mark.parametrize("suite", SUITES)
def test_what_one_side_protects_the_other_reads_and_nobody_else_or_twice(suite: str) -> None:
    here, there = pair(suite)
    data = protected(here, 1)
    assert b"sound" not in data
    assert opened(there, data[:-1] + bytes([data[-1] ^ 1])) is None
    assert opened(there, data) == b"sound" * 32
    assert opened(there, data) is None
    assert opened(here, data) is None


@pytest.mark.parametrize("suite", SUITES)
def test_packets_that_name_their_key_are_read(suite: str) -> None:
    here, there = pair(suite)
    named = Secured(there.ours, replace(there.theirs, mki=b"\0\7"))
    profile = SUITES[suite]

    def insert(data: bytes, tag: int, mki: bytes = b"\0\7") -> bytes:
        at = len(data) - tag
        return data[:at] + mki + data[at:]

    data = protected(here, 1)
    assert opened(named, data) is None
    assert opened(named, insert(data, profile.tag, b"\0\6")) is None
    assert opened(named, insert(data, profile.tag)) == b"sound" * 32
    packet = PacketBuffer()
    packet.view[:8] = struct.pack("!BBHI", 0x80, 201, 1, 5)
    report = insert(bytes(packet.view[: here.protect_rtcp(packet, 8)]), profile.rtcp_tag)
    packet.view[: len(report)] = report
    assert named.unprotect(packet, len(report)) == 8


@pytest.mark.parametrize("suite", SUITES)
def test_reports_are_protected_as_well(suite: str) -> None:
    here, there = pair(suite)
    report = struct.pack("!BBHI", 0x80, 201, 1, 5)
    packet = PacketBuffer()
    packet.view[:8] = report
    end = here.protect_rtcp(packet, 8)
    data = bytes(packet.view[:end])
    packet.view[:end] = data
    assert there.unprotect(packet, end) == 8
    packet.view[:end] = data
    assert there.unprotect(packet, end) < 0


def test_sequence_numbers_may_roll_over_again_and_again() -> None:
    here, there = pair()
    for seq in range(65000, 65000 + 3 * 65536, 500):
        assert opened(there, protected(here, seq)) == b"sound" * 32


def test_a_new_key_of_theirs_takes_over_with_its_first_packet() -> None:
    here, there = pair("AEAD_AES_128_GCM")
    before = [protected(here, seq) for seq in (1, 2)]
    ours, renewed = key(2, "AEAD_AES_128_GCM"), key(3, "AEAD_AES_128_GCM")
    assert not there.rekey(ours, renewed)
    assert opened(there, before[0]) == b"sound" * 32
    assert here.rekey(renewed, ours)
    assert opened(there, protected(here, 3)) == b"sound" * 32
    assert opened(there, before[1]) is None


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("goes_on", [False, True], ids=["from zero", "on"])
def test_under_a_new_key_rollovers_are_counted_from_zero_or_on_as_the_far_end_likes(
    suite: str, *, goes_on: bool
) -> None:
    here, there = pair(suite)
    end = 65000 + 3 * 65536
    for seq in range(65000, end, 500):
        assert opened(there, protected(here, seq)) is not None
    ours, renewed = key(2, suite), key(3, suite)
    there.rekey(ours, renewed, ssrc=5, index=seq)
    sender = Secured(renewed, ours)
    for at in range(0, end, 500) if goes_on else ():
        protected(sender, at)
    assert report_opened(there, sender)
    for at in range(end, end + 5):
        assert opened(there, protected(here, at)) == b"sound" * 32  # still under way with the old key
    after = [protected(sender, at) for at in range(end + 5, end + 2 * 65536, 700)]
    assert [opened(there, data) for data in after] == [b"sound" * 32] * len(after)
    assert opened(there, after[-1]) is None


def test_keys_that_stay_keep_what_is_known_of_replays() -> None:
    here, there = pair()
    data = protected(here, 1)
    assert opened(there, data) is not None
    assert not there.rekey(key(2), key(1))
    assert opened(there, data) is None


def test_a_flood_of_sources_is_refused_beyond_a_limit() -> None:
    here, there = pair()
    taken = [opened(there, protected(here, 1, ssrc=ssrc)) is not None for ssrc in range(MAX_SSRCS + 5)]
    assert taken.count(True) == MAX_SSRCS


def test_our_keys_stay_the_same_in_every_offer_and_the_suite_in_use_comes_first() -> None:
    agreement = KeyAgreement(random.Random(1))
    offer = agreement.offer()
    assert agreement.offer() == offer
    assert len({crypto.master for crypto in offer}) == len(offer)
    keys = agreement.answered([key(9)])
    assert keys is not None
    assert keys[0] in offer
    agreement.settle(keys)
    assert agreement.offer()[0].same_key(keys[0])


def test_an_answer_with_a_suite_that_was_not_offered_is_refused() -> None:
    with pytest.raises(IncompatibleError):
        KeyAgreement(random.Random(1)).answered([key(9, "AEAD_AES_256_GCM")])


def test_a_repeated_offer_is_answered_with_the_same_key_and_a_new_one_with_another() -> None:
    agreement = KeyAgreement(random.Random(1))
    first = agreement.answering([key(1), key(5)])
    assert not agreement.settle(first)
    again = agreement.answering([key(5), key(1)])
    assert again == first
    assert not agreement.settle(again)
    other = agreement.answering([key(6)])
    assert first is not None
    assert other is not None
    assert not other[0].same_key(first[0])
    assert agreement.settle(other)


def test_after_plain_sound_a_key_is_taken_up_where_it_was_left() -> None:
    agreement, theirs = KeyAgreement(random.Random(1)), key(1)
    first = agreement.answering([theirs])
    assert first is not None
    agreement.settle(first)
    there = Secured(first[1], first[0])
    data = protected(there, 7)
    assert agreement.secured is not None
    assert opened(agreement.secured, data) is not None
    agreement.settle(agreement.answering([]))
    assert agreement.secured is None
    assert any(crypto.same_key(first[0]) for crypto in agreement.offer())
    again = agreement.answering([theirs])
    assert again == first
    assert not agreement.settle(again)
    assert opened(agreement.secured, data) is None


def test_a_plain_early_answer_leaves_the_keys_of_our_offer_as_they_are() -> None:
    agreement = KeyAgreement(random.Random(1))
    offer = agreement.offer()
    agreement.settle(agreement.answered([]))
    keys = agreement.answered([key(9)])
    assert keys is not None
    assert keys[0] in offer
