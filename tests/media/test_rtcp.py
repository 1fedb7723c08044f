import random

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media import rtcp
from webpbx.media.figures import Figures
from webpbx.media.stream import OutStream


def streams() -> tuple[OutStream, Figures]:
    out = OutStream(random.Random(1))
    out.relay(object(), 1, 1000, 8000, 10.0)
    out.packets, out.octets = 7, 1120
    figures = Figures()
    incoming = figures.begin(99, 5, 8000)
    for seq in (5, 6, 9):
        incoming.take(seq, seq * 160, 8000, seq * 0.02)
    return out, figures


def test_our_reports_are_read_by_another_library() -> None:
    out, figures = streams()
    data = rtcp.build(out, figures.incoming, clock=8000, now=10.5, wall=1_700_000_000.25, bye=True)
    report, described, bye = RtcpPacket.parse(data)
    assert isinstance(report, RtcpSrPacket)
    assert isinstance(described, RtcpSdesPacket)
    assert isinstance(bye, RtcpByePacket)
    assert report.sender_info.rtp_timestamp == (out.timestamp + 4000) & 0xFFFFFFFF
    assert report.sender_info.ntp_timestamp == (1_700_000_000 + rtcp.NTP_UNIX << 32) + (1 << 30)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (7, 1120)
    assert [(block.ssrc, block.packets_lost, block.highest_sequence) for block in report.reports] == [(99, 2, 9)]
    assert report.reports[0].fraction_lost == (2 << 8) // 5
    assert described.chunks[0].items == [(1, b"webpbx")]
    assert bye.sources == [out.ssrc]


def test_before_anything_is_sent_the_report_is_a_receivers() -> None:
    _, figures = streams()
    out = OutStream(random.Random(2))
    report = RtcpPacket.parse(rtcp.build(out, figures.incoming, clock=8000, now=1.0, wall=0.0))[0]
    assert isinstance(report, RtcpRrPacket)


def block(last_sr: int) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(
        ssrc=5, fraction_lost=64, packets_lost=3, highest_sequence=9, jitter=1, lsr=last_sr, dlsr=65536
    )


def test_the_far_ends_report_gives_loss_and_its_sender_times_are_remembered() -> None:
    _, figures = streams()
    info = RtcpSenderInfo(ntp_timestamp=0x1234567890ABCDEF, rtp_timestamp=1, packet_count=1, octet_count=1)
    report = RtcpSrPacket(ssrc=99, sender_info=info, reports=[block(0)])
    figures.take_rtcp(bytes(report), 5, 3.0)
    assert figures.remote_loss == 0.25
    assert figures.round_trip is None
    assert figures.incoming is not None
    assert (figures.incoming.sr_middle, figures.incoming.sr_at) == (0x567890AB, 3.0)


def test_reports_on_other_streams_are_nothing_to_us() -> None:
    figures = Figures()
    figures.take_rtcp(bytes(RtcpRrPacket(ssrc=1, reports=[block(1)])), 6, 0.0)
    assert figures.remote_loss == 0.0


@given(st.binary(max_size=120), st.integers(0, 0xFF), st.sampled_from([200, 201, 202, 203, 205]))
def test_no_packet_trips_the_reader(data: bytes, first: int, kind: int) -> None:
    list(rtcp.read(data))
    list(rtcp.read(bytes([0x80 | first & 0x1F, kind, 0, len(data) // 4]) + data))
