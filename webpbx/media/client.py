"""The switch's side of the media workers: one connection to each, kept up, and one method for each verb."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webpbx.media import protocol
from webpbx.media.errors import MediaError, WorkerLost, WorkerRefusedError
from webpbx.media.unix_path import reachable

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
STATUS_SECONDS = 2.0
REQUEST_SECONDS = 30.0
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class MediaEvent:
    """What a worker tells of a leg: connected, digit, play_finished, media_lost, media_back, relearned, gone.

    Of a leg with digits="none" also digit_out: a digit for its far end that has to be sent in another way.
    """

    worker: str
    leg: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker holds when it is reached; `same_process` = it is the one known before."""

    worker: str
    pid: int
    draining: bool
    addresses: tuple[tuple[str, int], ...]
    legs: tuple[str, ...]
    bridges: tuple[tuple[str, str], ...]
    players: tuple[str, ...]
    same_process: bool


@dataclass(slots=True)
class WorkerState:
    """A worker as last heard of; `status` as its `status` verb gives it."""

    name: str
    pid: int = 0
    ready: bool = False
    draining: bool = False
    legs: set[str] = field(default_factory=set)
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LegStats:
    """A leg's figures since it began; `remote_loss` is the far end's last report, 0 to 1."""

    kind: str
    codec: str | None
    connected: bool
    packets_in: int
    octets_in: int
    packets_out: int
    octets_out: int
    lost_in: int
    jitter_ms: float
    round_trip_ms: float | None
    remote_loss: float
    media_lost: bool
    muted: bool
    port: int | None = None
    srtp: str | None = None
    generation: int | None = None


class Media:
    """All workers of this machine; a worker is named by its `--name` once it has said hello."""

    def __init__(
        self,
        sockets: Sequence[Path],
        *,
        epoch: int,
        on_event: Callable[[MediaEvent], None],
        on_lost: Callable[[str, tuple[str, ...]], None],
        on_ready: Callable[[str, Hello], None] = lambda _name, _hello: None,
    ) -> None:
        self._states: dict[str, WorkerState] = {}
        self._links: dict[str, _Link] = {}
        self._epoch = epoch
        self._on_event = on_event
        self._on_lost = on_lost
        self._on_ready = on_ready
        self._all = [_Link(path, self) for path in sockets]

    @property
    def workers(self) -> Mapping[str, WorkerState]:
        """Give the workers heard of so far, by name."""
        return self._states

    async def start(self) -> None:
        """Begin connecting, to each socket each 0.2 s until it answers."""
        for link in self._all:
            link.start()

    async def close(self) -> None:
        """Let go of the workers; they and their legs live on."""
        await asyncio.gather(*(link.close() for link in self._all))

    def choose(self) -> str | None:
        """Name the ready worker with the fewest legs, None if there is none."""
        ready = [state for state in self._states.values() if state.ready and not state.draining]
        return min(ready, key=lambda state: len(state.legs)).name if ready else None

    # Verbs

    async def browser_leg(
        self,
        worker: str,
        leg: str,
        *,
        offer: str | None = None,
        codecs: Sequence[str] = ("opus",),
        generation: int = 0,
    ) -> str | None:
        """Make a browser's leg; with `offer`, attach that PeerConnection to it and return the answer."""
        result = await self._ask(
            worker, "browser_leg", leg=leg, offer=offer, codecs=list(codecs), generation=generation
        )
        self._states[worker].legs.add(leg)
        return _text(result.get("sdp"))

    async def rtp_leg(
        self,
        worker: str,
        leg: str,
        *,
        address: str,
        codecs: Sequence[str],
        advertised: str | None = None,
        srtp: str = "none",
        digits: str = "rfc4733",
    ) -> str:
        """Make a trunk's leg on the local `address`; return our offer. `srtp`, `digits`: see `RtpLeg`."""
        arguments = {"leg": leg, "address": address, "codecs": list(codecs), "advertised": advertised}
        result = await self._ask(worker, "rtp_leg", **arguments, srtp=srtp, digits=digits)
        self._states[worker].legs.add(leg)
        return str(result["sdp"])

    async def set_remote(self, worker: str, leg: str, sdp: str, *, answer: bool, symmetric: bool = False) -> str | None:
        """Give the far end's answer (returns None) or offer (returns ours); `symmetric`: it may be behind a NAT."""
        result = await self._ask(worker, "set_remote", leg=leg, sdp=sdp, answer=answer, symmetric=symmetric)
        return _text(result.get("sdp"))

    async def connect(self, worker: str, a: str, b: str, *, a_hears: bool = True, b_hears: bool = True) -> None:
        """Bridge two legs; again, to change who hears."""
        await self._ask(worker, "connect", a=a, b=b, a_hears=a_hears, b_hears=b_hears)

    async def disconnect(self, worker: str, a: str) -> None:
        """End the bridge, or the loop, a leg is in."""
        await self._ask(worker, "disconnect", a=a)

    async def loop_back(self, worker: str, leg: str) -> None:
        """Send back to a leg what it says."""
        await self._ask(worker, "loop_back", leg=leg)

    async def close_leg(self, worker: str, leg: str) -> None:
        """Close a leg; one that is not there is closed already."""
        await self._ask(worker, "close_leg", leg=leg)
        self._states[worker].legs.discard(leg)

    async def play(self, worker: str, leg: str, *, player: str, file: str, loop: bool = False) -> None:
        """Play a sound file to a leg instead of its peer; returns once the file is decoded."""
        await self._ask(worker, "play", leg=leg, player=player, file=file, loop=loop)

    async def tone(self, worker: str, leg: str, *, player: str, tone: str, country: str = "DE") -> None:
        """Play ringback, busy or congestion until stopped."""
        await self._ask(worker, "tone", leg=leg, player=player, tone=tone, country=country)

    async def stop(self, worker: str, leg: str, *, player: str | None = None) -> None:
        """Stop a player, or whichever there is."""
        await self._ask(worker, "stop", leg=leg, player=player)

    async def send_digits(self, worker: str, leg: str, digits: str) -> None:
        """Send digits to a leg's far end."""
        await self._ask(worker, "send_digits", leg=leg, digits=digits)

    async def push_digits(self, worker: str, leg: str, digits: str) -> None:
        """Take digits as though a leg's far end had pressed them."""
        await self._ask(worker, "push_digits", leg=leg, digits=digits)

    async def mute(self, worker: str, leg: str, on: bool) -> None:  # noqa: FBT001 - reads as it is said
        """Silence what a leg says, or no longer."""
        await self._ask(worker, "mute", leg=leg, on=on)

    async def stats(self, worker: str, leg: str) -> LegStats:
        """Return a leg's figures."""
        return LegStats(**await self._ask(worker, "stats", leg=leg))

    async def _ask(self, worker: str, verb: str, **arguments: Any) -> dict[str, Any]:
        link = self._links.get(worker)
        if link is None:
            raise _lost(worker)
        return await link.ask(verb, arguments)

    # What links tell

    def _greeted(self, link: "_Link", answer: dict[str, Any]) -> str:
        name = str(answer["name"])
        state = self._states.setdefault(name, WorkerState(name))
        same = state.pid == answer["pid"]
        if not same and state.legs:
            self._died(name)
        state.pid, state.ready, state.draining = answer["pid"], True, answer["draining"]
        state.legs = set(answer["legs"])
        self._links[name] = link
        hello = Hello(
            worker=name,
            pid=answer["pid"],
            draining=answer["draining"],
            addresses=tuple((str(address), int(port)) for address, port in answer["addresses"]),
            legs=tuple(answer["legs"]),
            bridges=tuple((str(a), str(b)) for a, b in answer["bridges"]),
            players=tuple(answer["players"]),
            same_process=same,
        )
        self._on_ready(name, hello)
        return name

    def _event(self, name: str, message: dict[str, Any]) -> None:
        state = self._states[name]
        if message["event"] == "draining":
            state.draining = True
            return
        if message["event"] == "gone":
            state.legs.discard(message["leg"])
        self._on_event(MediaEvent(name, message["leg"], message["event"], message["data"]))

    def _dropped(self, name: str) -> None:
        self._states[name].ready = False

    def _died(self, name: str) -> None:
        state = self._states[name]
        legs, state.legs, state.ready, state.pid = tuple(state.legs), set(), False, 0
        self._on_lost(name, legs)


class _Link:
    """The connection to one socket, made again and again; a pidfd tells a dead worker from a dropped connection."""

    def __init__(self, path: Path, media: Media) -> None:
        self._path = path
        self._media = media
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._serial = 0
        self._name = ""
        self._pidfd = -1
        self._acknowledged = 0
        self._pid = 0
        self._early: list[dict[str, Any]] | None = []  # events that overtook our reading of hello's answer

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"media {self._path.name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._forget_process()

    async def ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer; raises MediaError with the worker's error_id, or WorkerLost."""
        writer = self._writer
        if writer is None or writer.is_closing():
            raise _lost(self._name)
        self._serial += 1
        number = self._serial
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        try:
            writer.write(protocol.frame({**arguments, "id": number, "verb": verb}))
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await future
        except (TimeoutError, OSError) as error:
            raise _lost(self._name) from error
        finally:
            self._answers.pop(number, None)
        if "error" in answer:
            raise WorkerRefusedError(answer["error"]["error_id"], answer["error"]["text"])
        return dict(answer["ok"])

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError, MediaError, ValueError, KeyError):
                await self._converse()
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self) -> None:
        with reachable(self._path) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        self._writer = writer
        self._early = []
        reading = asyncio.create_task(self._read(reader), name=f"media {self._path.name} reader")
        try:
            answer = await self.ask("hello", {"protocol": protocol.VERSION, "epoch": self._media._epoch})  # noqa: SLF001
            self._watch_process(answer["pid"])
            self._name = self._media._greeted(self, answer)  # noqa: SLF001 - one class in two
            early, self._early = self._early, None
            for event in [*answer["events"], *(early or [])]:
                self._take_event(event)
            await self._poll_status(reading)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(_lost(self._name))
            if self._name:
                self._media._dropped(self._name)  # noqa: SLF001

    async def _poll_status(self, reading: asyncio.Task[None]) -> None:
        """Ask for the status until the connection ends."""
        while not reading.done():
            self._media._states[self._name].status = await self.ask("status", {})  # noqa: SLF001
            await asyncio.wait([reading], timeout=STATUS_SECONDS)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        deframer = protocol.Deframer()
        while data := await reader.read(CHUNK):
            for message in deframer.feed(data):
                if "event" in message:
                    self._take_event(message) if self._early is None else self._early.append(message)
                elif (future := self._answers.get(message.get("id", -1))) is not None and not future.done():
                    future.set_result(message)
        for future in self._answers.values():
            if not future.done():
                future.set_exception(_lost(self._name))

    def _take_event(self, message: dict[str, Any]) -> None:
        if message["seq"] <= self._acknowledged:
            return
        self._acknowledged = message["seq"]
        try:
            self._media._event(self._name, message)  # noqa: SLF001
        except Exception:
            logger.exception("an event of media worker %s could not be taken", self._name)
        if self._writer is not None:
            self._writer.write(protocol.frame({"ack": message["seq"]}))

    # Whether the process lives

    def _watch_process(self, pid: int) -> None:
        self._forget_process()
        if pid != self._pid:
            self._acknowledged = 0
        self._pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            return
        asyncio.get_running_loop().add_reader(self._pidfd, self._exited)

    def _forget_process(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _exited(self) -> None:
        self._forget_process()
        if self._name:
            self._media._died(self._name)  # noqa: SLF001


def _lost(worker: str) -> WorkerLost:
    return WorkerLost(f"The media worker {worker or 'chosen'} is not reachable.", worker=worker)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
