import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media.rtp import payload_bounds


def bounds(data: bytes) -> tuple[int, int] | None:
    return payload_bounds(memoryview(bytearray(data)), len(data))


@pytest.mark.process
@given(
    st.binary(max_size=40),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15),
    st.integers(0, 30),
    st.binary(max_size=12),
)
def test_the_payload_is_found_past_everything_another_library_writes(
    payload: bytes, sources: list[int], padding: int, level: bytes
) -> None:
    packet = RtpPacket(payload_type=8, sequence_number=1, timestamp=2, ssrc=3, payload=payload)
    packet.csrc = sources
    packet.padding_size = padding
    extensions = HeaderExtensionsMap()
    if level:
        packet.extensions.mid = level.hex()
        mid = RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid")
        extensions.configure(RTCRtpParameters(headerExtensions=[mid]))
    data = packet.serialize(extensions)
    found = bounds(data)
    assert found is not None
    assert data[found[0] : found[1]] == payload


@given(st.binary(min_size=12, max_size=80))
def test_no_packet_trips_the_reader(data: bytes) -> None:
    found = bounds(bytes([0x80 | data[0] & 0x3F]) + data[1:])
    assert found is None or 12 <= found[0] <= found[1] <= len(data)
