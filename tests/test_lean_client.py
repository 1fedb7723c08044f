"""The load client is itself checked: against aiortc, which shares none of its ICE and packet code."""

import asyncio
import fractions
from collections import Counter
from typing import cast

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from tests.lean_client import LeanClient, LeanError, percentile_ms

pytestmark = pytest.mark.process


class ToneTrack(MediaStreamTrack):
    """An endless tone at 8 kHz in frames of 20 ms."""

    kind = "audio"

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self._hertz = hertz
        self._sample = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        time = (self._sample + np.arange(160)) / 8000
        pcm = (8000 * np.sin(2 * np.pi * self._hertz * time)).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 8000
        frame.pts = self._sample
        frame.time_base = fractions.Fraction(1, 8000)
        self._sample += 160
        return frame


async def _heard_by_aiortc(track: MediaStreamTrack, frames: int) -> float:
    """Return the strongest frequency in Hz of a track."""
    parts = [cast("AudioFrame", await track.recv()) for _ in range(frames)]
    rate = parts[-1].sample_rate
    pcm = np.concatenate([part.to_ndarray()[0] for part in parts[frames // 2 :]]).astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))) * rate / pcm.size)


@pytest.mark.parametrize("setup", ["actpass", "active"])
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_a_lean_browser_and_aiortc_hear_each_others_tone(
    codec: str, setup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    async with LeanClient() as lean:
        offer = await lean.browser("a", codec=codec, tone_hz=1000, setup=setup)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        peer.addTrack(ToneTrack(600))
        await peer.setLocalDescription(await peer.createAnswer())
        await lean.accept("a", peer.localDescription.sdp)
        assert abs(await _heard_by_aiortc(await tracks.get(), 75) - 1000) < 15
        report = (await lean.report(0)).calls["a"]
        assert abs(report.hears_hz - 600) < 15
        assert report.sent > 50
        assert peer.connectionState == "connected"
        await lean.hang_up("a")
    await peer.close()


async def test_a_wrong_fingerprint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    async with LeanClient() as lean:
        await peer.setRemoteDescription(RTCSessionDescription(await lean.browser("a", setup="active"), "offer"))
        peer.addTrack(ToneTrack(600))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp
        start = answer.index("a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
        changed = "00" if answer[start : start + 2] != "00" else "11"
        with pytest.raises(LeanError, match="fingerprint"):
            await lean.accept("a", answer[:start] + changed + answer[start + 2 :])
    await peer.close()


async def test_two_providers_ends_count_every_packet_once_and_press_keys() -> None:
    async with LeanClient() as one, LeanClient() as two:
        first, second = await one.rtp("a", tone_hz=700), await two.rtp("c", tone_hz=900)
        await one.accept("a", second)
        await two.accept("c", first)
        for client in (one, two):
            await client.round(1)
        await one.press("a", "15#")
        await asyncio.sleep(1.5)
        for client in (one, two):
            await client.round(0)
        await asyncio.sleep(0.2)
        left, right = await one.report(1), await two.report(1)
        assert left.calls["a"].sent == right.calls["c"].received > 40
        assert right.calls["c"].sent == left.calls["a"].received > 60
        assert right.calls["c"].digits == "15#"
        assert abs(right.calls["c"].hears_hz - 700) < 15
        assert left.delays.total() == left.calls["a"].received


async def test_an_answer_without_the_codec_is_an_error() -> None:
    async with LeanClient() as lean:
        offer = await lean.browser("a", codec="opus")
        with pytest.raises(LeanError, match="no opus"):
            await lean.accept("a", offer.replace("opus", "other"))


def test_a_percentile_is_read_from_all_counts_together() -> None:
    delays = [Counter({0: 50, 10: 49}), Counter({199: 1})]
    assert percentile_ms(delays, 0.5) == 0.05
    assert percentile_ms(delays, 0.99) == 0.55
    assert percentile_ms(delays, 1.0) == 10.0
    assert percentile_ms([], 0.5) == 0.0
