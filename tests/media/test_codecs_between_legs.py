"""Wide-band legs: what they agree on, passed through untouched, and turned into another codec where they cannot."""

import fractions
from pathlib import Path

import av
import pytest

from tests.media.peers import ADDRESS, Bench, Browser, Trunk, eventually, sine
from webpbx.media.client import Media

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def leg(media: Media, name: str, codec: str, hertz: float) -> Trunk:
    far_end = await Trunk(codec, hertz).open()
    offer = await media.rtp_leg(W, name, address=ADDRESS, codecs=("opus", "G722", "PCMA", "PCMU"))
    await media.set_remote(W, name, far_end.sdp(), answer=True)
    far_end.talk(offer)
    return far_end


@pytest.mark.parametrize("codec", ["G722", "opus"])
async def test_two_legs_of_one_codec_hear_each_other_as_it_was_encoded(worker: Worker, codec: str) -> None:
    _, media = worker
    one, two = await leg(media, "1", codec, 440), await leg(media, "2", codec, 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800) and two.hears(440), "each hears the other")
    assert len(set(two.audio(20)) & set(one.said)) >= 15
    assert (await media.stats(W, "1")).codec == codec
    await one.close()
    await two.close()


@pytest.mark.parametrize(("first", "second"), [("G722", "PCMA"), ("G722", "opus"), ("opus", "PCMU")])
async def test_two_legs_without_a_common_codec_hear_each_other(worker: Worker, first: str, second: str) -> None:
    _, media = worker
    one, two = await leg(media, "1", first, 440), await leg(media, "2", second, 800)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800) and two.hears(440), "each hears the other")
    await one.close()
    await two.close()


async def test_tones_and_files_have_their_pitch_on_a_g722_leg(worker: Worker, tmp_path: Path) -> None:
    _, media = worker
    phone = await leg(media, "p", "G722", 440)
    await media.tone(W, "p", player="1", tone="ringback")
    await eventually(lambda: phone.hears(425), "the ringback tone is heard")
    path = tmp_path / "high.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(sine(5000, 16000, 48000)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, 0, fractions.Fraction(1, 16000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    await media.play(W, "p", player="2", file=str(path))
    await eventually(lambda: phone.hears(5000), "a sound too high for a telephone of old is heard")
    await phone.close()


async def test_a_browser_and_a_telephone_pass_g722_through(worker: Worker) -> None:
    _, media = worker
    phone, browser = await leg(media, "p", "G722", 440), Browser(600)
    answer = await media.browser_leg(W, "b", offer=await browser.offer(), codecs=("G722", "PCMA"))
    assert answer is not None
    assert " 9 8\r\n" in answer
    await browser.answered(answer)
    await media.connect(W, "p", "b")
    await eventually(lambda: phone.hears(600) and browser.hears(440), "each hears the other")
    assert (await media.stats(W, "b")).codec == "G722"
    await phone.close()
    await browser.close()


async def test_our_order_of_codecs_counts_in_an_answer_and_the_far_ends_in_its_own(worker: Worker) -> None:
    _, media = worker
    phone = await Trunk("G722", 440).open()
    both = phone.sdp().replace("RTP/AVP 9 ", "RTP/AVP 9 8 ")
    await media.rtp_leg(W, "p", address=ADDRESS, codecs=("PCMA", "G722"))
    answer = await media.set_remote(W, "p", both, answer=False)
    assert answer is not None
    assert " RTP/AVP 8 9 101\r\n" in answer
    assert (await media.stats(W, "p")).codec == "PCMA"
    await media.rtp_leg(W, "q", address=ADDRESS, codecs=("PCMA", "G722"))
    await media.set_remote(W, "q", both, answer=True)
    assert (await media.stats(W, "q")).codec == "G722"
    await phone.close()
