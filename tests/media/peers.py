"""The far ends of the worker's tests: aiortc as a browser, a UDP socket as a trunk, and a worker to talk to."""

import asyncio
import contextlib
import fractions
import math
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Self

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from webpbx.media import g711, protocol
from webpbx.media.client import Hello, Media, MediaEvent

ADDRESS = "127.0.0.1"


def tone_share(pcm: NDArray[np.int16], rate: int, hertz: float) -> float:
    """Return the share of the sound's energy at `hertz` (Goertzel as one correlation)."""
    samples = pcm.astype(np.float64)
    energy = float(np.dot(samples, samples))
    if energy < 1e4 * len(samples) / 100:
        return 0.0
    angle = 2 * math.pi * hertz / rate * np.arange(len(samples))
    real, imaginary = float(np.dot(samples, np.cos(angle))), float(np.dot(samples, np.sin(angle)))
    return 2 * (real * real + imaginary * imaginary) / (len(samples) * energy)


def sine(hertz: float, rate: int, samples: int, at: int = 0) -> NDArray[np.int16]:
    """Return `samples` of a tone, beginning `at` samples after its start."""
    wave = 8000 * np.sin(2 * math.pi * hertz / rate * (at + np.arange(samples)))
    return np.asarray(wave, dtype=np.int16)


async def eventually(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Wait until `condition` gives something true and return it."""
    for _ in range(round(seconds / 0.02)):
        if value := condition():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never came about: {what}")


class ToneTrack(MediaStreamTrack):
    """A microphone that whistles."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._hertz = hertz
        self._at = 0
        self._begun = asyncio.get_running_loop().time()

    async def recv(self) -> av.AudioFrame:
        due = self._begun + self._at / 48000
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        frame = av.AudioFrame.from_ndarray(
            sine(self._hertz, 48000, 960, self._at)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = 48000
        frame.pts = self._at
        frame.time_base = fractions.Fraction(1, 48000)
        self._at += 960
        return frame


class Browser:
    """An aiortc PeerConnection that whistles one tone and keeps what it hears."""

    def __init__(self, hertz: float) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[NDArray[np.int16]] = []
        self._listening: asyncio.Task[None] | None = None
        self.connection.addTrack(ToneTrack(hertz))
        self.connection.on("track", self._listen)

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._keep(track))

    async def _keep(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                pcm = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.heard.append(np.ascontiguousarray(pcm))
                self.rate = frame.sample_rate
        except MediaStreamError:
            return

    async def offer(self) -> str:
        """Make an offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def answered(self, sdp: str) -> None:
        """Take the worker's answer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def hears(self, hertz: float) -> bool:
        """Tell whether the last half second is that tone."""
        if len(self.heard) < 25:
            return False
        return tone_share(np.concatenate(self.heard[-25:]), self.rate, hertz) > 0.8

    async def close(self) -> None:
        """Hang up without a word to the worker's control socket."""
        await self.connection.close()
        if self._listening is not None:
            await self._listening


FFMPEG = {"opus": "libopus", "G722": "g722"}
RATES = {"opus": 48000, "G722": 16000, "PCMA": 8000, "PCMU": 8000}
CLOCKS = {"opus": 48000, "G722": 8000, "PCMA": 8000, "PCMU": 8000}


def ffmpeg_context(codec: str, mode: Literal["r", "w"]) -> av.AudioCodecContext:
    """Make FFmpeg's own decoder or encoder for mono."""
    context = av.CodecContext.create(FFMPEG[codec], mode)
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = RATES[codec]
    context.layout = "mono"
    if mode == "w":
        context.format = av.AudioFormat("s16")
    return context


def decoded(payloads: list[bytes], codec: str) -> NDArray[np.int16]:
    """Decode what was received."""
    if codec not in FFMPEG:
        return g711.decode(b"".join(payloads), codec)
    context = ffmpeg_context(codec, "r")
    made = []
    for payload in payloads:
        for frame in context.decode(av.Packet(payload)):
            samples = frame.to_ndarray().reshape(-1)[: frame.samples]
            made.append(samples if samples.dtype == np.int16 else (samples * 32767).astype(np.int16))
    return np.concatenate(made)


class Trunk(asyncio.DatagramProtocol):
    """A provider's or telephone's media side: sends a tone and keeps what it receives; `said` is what it sent."""

    def __init__(self, codec: str, hertz: float, *, host: str = ADDRESS) -> None:
        self.codec = codec
        self._host = host
        self.payload_type = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 111}[codec]
        self.said: list[bytes] = []
        self._encoder = ffmpeg_context(codec, "w") if codec in FFMPEG else None
        self.packets: list[bytes] = []
        self.sources: list[tuple[str, int]] = []
        self.remote: tuple[str, int] | None = None
        self._hertz = hertz
        self._ssrc, self._seq, self._at = 0x1234, 100, 0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        """Bind a free port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        self.port: int = self._transport.get_extra_info("sockname")[1]
        return self

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.append(data)
        self.sources.append(addr)

    def sdp(self, *, direction: str = "sendrecv", version: int = 1, port: int | None = None) -> str:
        """Write the provider's description."""
        family = "IP6" if ":" in self._host else "IP4"
        return (
            f"v=0\r\no=provider 1 {version} IN {family} {self._host}\r\ns=-\r\nc=IN {family} {self._host}\r\nt=0 0\r\n"
            f"m=audio {port or self.port} RTP/AVP {self.payload_type} 101\r\n"
            f"a=rtpmap:{self.payload_type} {self.codec}/{CLOCKS[self.codec]}{'/2' if self.codec == 'opus' else ''}\r\n"
            "a=rtpmap:101 telephone-event/8000\r\n"
            f"a=fmtp:101 0-15\r\na={direction}\r\n"
        )

    def talk(self, sdp: str) -> None:
        """Send the tone to where `sdp` says, until closed."""
        self.remote = (self._host, port_of(sdp))
        self._task = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            self.send(self._encoded(self._at))
            await asyncio.sleep(max(0.0, begun + self._at / CLOCKS[self.codec] - loop.time()))

    def _encoded(self, at: int) -> bytes:
        rate = RATES[self.codec]
        pcm = sine(self._hertz, rate, rate // 50, at * rate // CLOCKS[self.codec])
        if self._encoder is None:
            self.said.append(g711.encode(pcm, self.codec))
        else:
            frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, len(self.said) * len(pcm), fractions.Fraction(1, rate)
            self.said += [bytes(packet) for packet in self._encoder.encode(frame)]
        return self.said[-1]

    def send(self, payload: bytes, *, payload_type: int | None = None, timestamp: int | None = None) -> None:
        """Send one packet."""
        number = self.payload_type if payload_type is None else payload_type
        at = self._at if timestamp is None else timestamp
        self.transmit(struct.pack("!BBHII", 0x80, number, self._seq, at, self._ssrc) + payload)
        self._seq = (self._seq + 1) & 0xFFFF
        self._at += CLOCKS[self.codec] // 50 if timestamp is None else 0

    def transmit(self, packet: bytes) -> None:
        """Put a packet on the wire."""
        assert self.remote is not None
        self._transport.sendto(packet, self.remote)

    def audio(self, last: int) -> list[bytes]:
        """Return the last packets' payloads, events left out."""
        return [packet[12:] for packet in self.packets[-last:] if packet[1] & 0x7F == self.payload_type]

    def hears(self, hertz: float) -> bool:
        """Tell whether the last half second is that tone."""
        if len(self.packets) < 25:
            return False
        return tone_share(decoded(self.audio(25), self.codec), RATES[self.codec], hertz) > 0.8

    async def move(self) -> None:
        """Send and listen at another port from now on."""
        self._transport.close()
        await self.open()

    async def pause(self) -> None:
        """Stop talking for now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Fall silent."""
        await self.pause()
        self._transport.close()


async def trunk_leg(media: Media) -> tuple[Trunk, str]:
    """Give a leg "t" of worker 0a to a trunk that is to whistle 440 Hz; return the trunk and our offer."""
    trunk = await Trunk("PCMA", 440).open()
    offer = await media.rtp_leg("0a", "t", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote("0a", "t", trunk.sdp(), answer=True)
    return trunk, offer


def port_of(sdp: str) -> int:
    """Read the audio port."""
    line = next(line for line in sdp.splitlines() if line.startswith("m=audio "))
    return int(line.split()[1])


def free_range() -> str:
    """Name a range of ports that this test process most likely has for itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ADDRESS, 0))
        first = min(probe.getsockname()[1] // 2 * 2, 65000)
    return f"{first}-{first + 400}"


async def conversation(path: Path, *messages: protocol.Message) -> list[protocol.Message]:
    """Send requests on a connection of their own and return the answers."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    deframer = protocol.Deframer()
    answers: list[protocol.Message] = []
    for message in messages:
        writer.write(protocol.frame(message))
    while len(answers) < len(messages) and (data := await reader.read(65536)):
        answers += [answer for answer in deframer.feed(data) if "id" in answer]
    writer.close()
    await writer.wait_closed()
    return answers


class Bench:
    """A worker process and the switch's client to it; events and losses are kept."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "worker-0a.sock"
        self.events: list[MediaEvent] = []
        self.lost: list[tuple[str, tuple[str, ...]]] = []
        self.hellos: list[Hello] = []
        self.process: asyncio.subprocess.Process | None = None

    async def start_worker(self) -> asyncio.subprocess.Process:
        """Start the worker process."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *["-m", "webpbx.media", "--socket", str(self.path), "--name", "0a", "--media-address", ADDRESS],
            *["--media-port", "0", "--trunk-ports", free_range()],
            start_new_session=True,
        )
        return self.process

    def client(self, epoch: int = 1) -> Media:
        """Make a client that keeps what it is told."""
        return Media(
            [self.path],
            epoch=epoch,
            on_event=self.events.append,
            on_lost=lambda name, legs: self.lost.append((name, legs)),
            on_ready=lambda _name, hello: self.hellos.append(hello),
        )

    def kinds(self, leg: str) -> list[str]:
        """Return the kinds of event a leg had."""
        return [event.kind for event in self.events if event.leg == leg]

    async def end_worker(self) -> None:
        """End the worker at once."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # the first one is enough for a worker without legs
                for _ in range(2):
                    self.process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.1)
            await self.process.wait()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Bench, Media]]:
    """Run a worker and a client that reached it."""
    bench = Bench(folder)
    await bench.start_worker()
    media = bench.client()
    await media.start()
    try:
        await eventually(media.choose, "the worker is ready")
        yield bench, media
    finally:
        await media.close()
        await bench.end_worker()
