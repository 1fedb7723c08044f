import asyncio
import struct
import wave
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media.peers import ADDRESS, Bench, Browser, Trunk, eventually, port_of, sine, tone_share
from webpbx.media import g711
from webpbx.media.client import Media
from webpbx.media.dtmf import DigitReceiver, digit_packets, inband
from webpbx.media.errors import MediaError

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def trunk_on(media: Media, leg: str, hertz: float, codec: str = "PCMA") -> Trunk:
    trunk = await Trunk(codec, hertz).open()
    offer = await media.rtp_leg(W, leg, address=ADDRESS, codecs=("PCMA", "PCMU"))
    await media.set_remote(W, leg, trunk.sdp(), answer=True)
    trunk.talk(offer)
    return trunk


async def press(trunk: Trunk, digit: str, timestamp: int) -> None:
    for packet in digit_packets(digit, 100, 8000):
        trunk.send(packet.payload, payload_type=101, timestamp=timestamp)
        await asyncio.sleep(0.02)


def digits_in(trunk: Trunk) -> str:
    receiver = DigitReceiver(8000)
    found = ""
    for packet in trunk.packets:
        if packet[1] & 0x7F == 101:
            timestamp = struct.unpack_from("!I", packet, 4)[0]
            found += "".join(done.digit for done in receiver.receive(packet[12:], timestamp, 0.0))
    return found


async def test_digits_of_a_trunk_are_told_and_reach_the_other_end_once_each(worker: Worker) -> None:
    bench, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: two.hears(440), "the bridge stands")
    for at, digit in enumerate("5#5"):
        await press(one, digit, 100_000 + at * 10_000)
    await eventually(lambda: digits_in(two) == "5#5", "the digits arrive")
    assert [event.data["digit"] for event in bench.events if event.kind == "digit" and event.leg == "1"] == [
        "5",
        "#",
        "5",
    ]
    await one.close()
    await two.close()


async def test_digits_keep_their_length_between_clocks(worker: Worker) -> None:
    bench, media = worker
    wide, narrow = await Trunk("PCMA", 440).open(), await trunk_on(media, "n", 800)
    offer = await media.rtp_leg(W, "w", address=ADDRESS, codecs=("opus",))
    assert "a=rtpmap:110 telephone-event/48000" in offer
    answer = wide.sdp().replace("AVP 8 101", "AVP 111 110").replace("rtpmap:8 PCMA/8000", "rtpmap:111 opus/48000/2")
    answer = answer.replace("101 telephone-event/8000", "110 telephone-event/48000")
    await media.set_remote(W, "w", answer, answer=True)
    await media.connect(W, "w", "n")
    wide.remote = (ADDRESS, port_of(offer))
    for at, digit in enumerate("42"):
        for packet in digit_packets(digit, 200, 48000):
            wide.send(packet.payload, payload_type=110, timestamp=1000 + at * 48000)
            await asyncio.sleep(0.02)
    await eventually(lambda: digits_in(narrow) == "42", "the digits arrive")
    events = [packet[12:] for packet in narrow.packets if packet[1] & 0x7F == 101]
    assert max(int.from_bytes(event[2:4], "big") for event in events) == 1600
    assert [event.data["duration_ms"] for event in bench.events if event.kind == "digit"] == [200, 200]
    await wide.close()
    await narrow.close()


async def test_a_far_end_without_events_hears_digits_as_tones(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await Trunk("PCMA", 800).open()
    offer = await media.rtp_leg(W, "2", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "2", two.sdp().replace("AVP 8 101", "AVP 8"), answer=True)
    two.talk(offer)
    await media.connect(W, "1", "2")
    await eventually(lambda: two.hears(440), "the bridge stands")
    before = len(two.packets)
    await press(one, "5", 100_000)
    await eventually(
        lambda: any(
            tone_share(pcm, 8000, 770) > 0.3 and tone_share(pcm, 8000, 1336) > 0.3
            for pcm in (g711.decode(packet[12:], "PCMA") for packet in two.packets[before:])
        ),
        "the tones of the key are heard",
    )
    await one.close()
    await two.close()


def keys_heard(trunk: Trunk, low: float, high: float, before: int) -> bool:
    """Tell whether a packet since `before` is those two tones."""
    return any(
        tone_share(pcm, 8000, low) > 0.3 and tone_share(pcm, 8000, high) > 0.3
        for pcm in (g711.decode(packet[12:], "PCMA") for packet in trunk.packets[before:])
    )


async def test_digits_for_a_leg_that_has_them_as_tones_are_tones_and_events_are_not_offered(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await Trunk("PCMA", 800).open()
    offer = await media.rtp_leg(W, "2", address=ADDRESS, codecs=("PCMA",), digits="inband")
    assert "telephone-event" not in offer
    answer = await media.set_remote(W, "2", two.sdp(), answer=False)
    assert answer is not None
    assert "telephone-event" not in answer
    two.talk(offer)
    await media.send_digits(W, "2", "5")
    await eventually(lambda: keys_heard(two, 770, 1336, 0), "the tones of the key that was sent are heard")
    await media.connect(W, "1", "2")
    before = len(two.packets)
    await press(one, "9", 100_000)
    await eventually(lambda: keys_heard(two, 852, 1477, before), "the tones of the key that was pressed are heard")
    await one.close()
    await two.close()


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
async def test_keys_heard_as_tones_are_told_go_on_as_sound_and_reach_a_far_end_that_wants_events(
    worker: Worker, codec: str
) -> None:
    bench, media = worker
    one, two = await Trunk(codec, 440).open(), await trunk_on(media, "2", 800)
    offer = await media.rtp_leg(W, "1", address=ADDRESS, codecs=(codec,), digits="inband")
    await media.set_remote(W, "1", one.sdp(), answer=True)
    await media.connect(W, "1", "2")
    one.remote = (ADDRESS, port_of(offer))
    for digit in "4#":
        for payload in inband(digit, codec).payloads:
            one.send(payload)
            await asyncio.sleep(0.02)
    await eventually(lambda: digits_in(two) == "4#", "the digits arrive as events")
    told = [event.data for event in bench.events if event.kind == "digit" and event.leg == "1"]
    assert [data["digit"] for data in told] == ["4", "#"]
    assert all(80 <= data["duration_ms"] <= 120 for data in told)
    assert keys_heard(two, 770, 1209, 0)
    await one.close()
    await two.close()


async def test_a_key_whose_tones_end_with_the_packets_is_told(worker: Worker) -> None:
    bench, media = worker
    trunk = await Trunk("PCMA", 440).open()
    offer = await media.rtp_leg(W, "1", address=ADDRESS, codecs=("PCMA",), digits="inband")
    await media.set_remote(W, "1", trunk.sdp(), answer=True)
    trunk.remote = (ADDRESS, port_of(offer))
    for payload in inband("6", "PCMA").payloads[:5]:
        trunk.send(payload)
    await eventually(lambda: "digit" in bench.kinds("1"), "the digit is told")
    await trunk.close()


async def test_digits_for_a_leg_without_digits_in_its_sound_are_told_to_the_switch(worker: Worker) -> None:
    bench, media = worker
    one, two = await trunk_on(media, "1", 440), await Trunk("PCMA", 800).open()
    offer = await media.rtp_leg(W, "2", address=ADDRESS, codecs=("PCMA",), digits="none")
    assert "telephone-event" not in offer
    await media.set_remote(W, "2", two.sdp(), answer=True)
    two.talk(offer)
    await media.connect(W, "1", "2")
    await eventually(lambda: two.hears(440), "the bridge stands")
    await press(one, "5", 100_000)
    await media.send_digits(W, "2", "7")

    def told() -> list[str]:
        return [event.data["digit"] for event in bench.events if event.kind == "digit_out" and event.leg == "2"]

    await eventually(lambda: told() == ["5", "7"], "the digits are told")
    assert two.hears(440)
    assert digits_in(two) == ""
    await one.close()
    await two.close()


async def test_digits_pushed_for_a_leg_are_an_event_and_go_to_its_peer(worker: Worker) -> None:
    bench, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await media.push_digits(W, "1", "12")
    await eventually(lambda: digits_in(two) == "12", "the digits arrive")
    assert [event.data["digit"] for event in bench.events if event.leg == "1" and event.kind == "digit"] == ["1", "2"]
    await eventually(lambda: two.hears(440), "sound goes on after them")
    await one.close()
    await two.close()


async def test_digits_sent_to_a_leg_reach_its_far_end(worker: Worker) -> None:
    _, media = worker
    trunk = await trunk_on(media, "t", 440)
    await media.send_digits(W, "t", "0*9")
    await eventually(lambda: digits_in(trunk) == "0*9", "the digits arrive")
    await trunk.close()


async def test_the_stream_a_far_end_hears_has_one_ssrc_and_no_gap_however_sources_change(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800), "the bridge stands")
    await media.tone(W, "1", player="p", tone="busy")
    await asyncio.sleep(0.3)
    await media.send_digits(W, "1", "7")
    await asyncio.sleep(0.3)
    await media.stop(W, "1")
    await asyncio.sleep(0.3)
    headers = [struct.unpack_from("!BBHII", packet) for packet in one.packets]
    numbers = [header[2] for header in headers]
    assert len({header[4] for header in headers}) == 1
    assert numbers == [(numbers[0] + index) & 0xFFFF for index in range(len(numbers))]
    steps = [(b[3] - a[3]) & 0xFFFFFFFF for a, b in pairwise(headers)]
    assert max(steps) < 8000
    await one.close()
    await two.close()


async def test_a_muted_leg_is_silence_to_its_peer(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: two.hears(440), "the bridge stands")
    await media.mute(W, "1", True)
    await eventually(lambda: set(b"".join(two.audio(20))) == {0xD5}, "silence arrives")
    await media.mute(W, "1", False)
    await eventually(lambda: two.hears(440), "sound is back")
    await one.close()
    await two.close()


async def test_a_file_is_played_and_its_end_is_told(worker: Worker, tmp_path: Path) -> None:
    bench, media = worker
    path = tmp_path / "prompt.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(sine(600, 16000, 16000).tobytes())
    trunk = await trunk_on(media, "t", 440)
    await media.play(W, "t", player="prompt", file=str(path))
    await eventually(lambda: trunk.hears(600), "the file is heard")
    finished = await eventually(
        lambda: [event.data for event in bench.events if event.kind == "play_finished"], "the end is told"
    )
    assert finished == [{"player": "prompt", "reason": "ended"}]
    await trunk.close()


async def test_a_file_that_is_no_sound_is_refused_in_words(worker: Worker, tmp_path: Path) -> None:
    _, media = worker
    trunk = await trunk_on(media, "t", 440)
    (tmp_path / "noise.wav").write_bytes(b"this is no sound")
    with pytest.raises(MediaError) as refused:
        await media.play(W, "t", player="p", file=str(tmp_path / "noise.wav"))
    assert refused.value.error_id == "sound_unreadable"
    await trunk.close()


async def test_lost_media_is_told_and_so_is_its_return(worker: Worker) -> None:
    bench, media = worker
    trunk = await trunk_on(media, "t", 440)
    await eventually(lambda: "connected" in bench.kinds("t"), "sound comes")
    assert trunk._task is not None
    trunk._task.cancel()
    await eventually(lambda: "media_lost" in bench.kinds("t"), "the silence is noticed")
    trunk.send(b"\xd5" * 160)
    await eventually(lambda: "media_back" in bench.kinds("t"), "the return is noticed")
    await trunk.close()


async def test_an_attached_connection_takes_over_while_the_bridge_stays(worker: Worker) -> None:
    bench, media = worker
    trunk = await trunk_on(media, "t", 440)
    old = Browser(700)
    await old.answered(await media.browser_leg(W, "b", offer=await old.offer(), codecs=("PCMA",)) or "")
    await media.connect(W, "b", "t")
    await eventually(lambda: trunk.hears(700), "the first connection is heard")
    new = Browser(900)
    await new.answered(await media.browser_leg(W, "b", offer=await new.offer(), codecs=("PCMA",), generation=2) or "")
    await eventually(lambda: trunk.hears(900), "the second connection is heard")
    await eventually(lambda: new.hears(440), "the second connection hears")
    generations = [event.data["generation"] for event in bench.events if event.kind == "connected" and event.leg == "b"]
    assert generations == [0, 2]
    assert len({packet[8:12] for packet in trunk.packets}) == 1
    await old.close()
    await new.close()
    await trunk.close()


async def test_a_browser_with_another_certificate_than_it_offered_is_gone_before_any_sound(worker: Worker) -> None:
    bench, media = worker
    browser = Browser(700)
    lines = [
        line[:-2] + ("00" if line[-2:] != "00" else "11") if line.startswith("a=fingerprint:") else line
        for line in (await browser.offer()).splitlines()
    ]
    answer = await media.browser_leg(W, "b", offer="\r\n".join(lines) + "\r\n", codecs=("PCMA",))
    await browser.answered(answer or "")
    gone = await eventually(lambda: [event for event in bench.events if event.kind == "gone"], "the leg is gone")
    assert gone[0].data == {"reason": "fingerprint_mismatch"}
    assert "connected" not in bench.kinds("b")
    with pytest.raises(MediaError) as unknown:
        await media.stats(W, "b")
    assert unknown.value.error_id == "unknown_leg"
    await browser.close()


async def test_a_trunk_that_holds_hears_nothing_until_it_resumes(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800), "the bridge stands")
    held = await media.set_remote(W, "1", one.sdp(direction="sendonly", version=2), answer=False)
    assert held is not None
    assert "a=recvonly" in held
    await asyncio.sleep(0.1)
    before = len(one.packets)
    await asyncio.sleep(0.2)
    assert len(one.packets) == before
    resumed = await media.set_remote(W, "1", one.sdp(version=3), answer=False)
    assert resumed is not None
    assert port_of(resumed) == port_of(held)
    versions = [int(text.splitlines()[1].split()[2]) for text in (held, resumed)]
    assert versions[1] == versions[0] + 1
    await eventually(lambda: len(one.packets) > before + 25 and one.hears(800), "sound is back")
    await one.close()
    await two.close()


async def test_figures_of_a_leg_are_those_of_its_packets(worker: Worker) -> None:
    _, media = worker
    one, two = await trunk_on(media, "1", 440), await trunk_on(media, "2", 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800), "the bridge stands")
    stats = await media.stats(W, "1")
    assert (stats.kind, stats.codec, stats.connected, stats.lost_in) == ("rtp", "PCMA", True, 0)
    assert stats.packets_in >= 25
    assert stats.packets_out >= 25
    await one.close()
    await two.close()
