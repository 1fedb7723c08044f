"""The lean client's process: one epoll loop, many calls, told what to do by JSON lines on standard input."""

import gc
import heapq
import json
import os
import random
import select
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiortc.rtcdtlstransport import RTCCertificate

from tests.lean.calls import BrowserCall, Call, RtpCall
from tests.lean.stream import FRAME_NS, Stream

KEEP_UP_S = 0.05
LATE_FRAMES = 5  # later than this, frames are skipped, never sent in a burst
STDIN, STDOUT = 0, 1

Command = dict[str, Any]


class LeanLoop:
    """Serve commands, sockets and the 20 ms clocks of all calls."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._by_socket: dict[int, Call] = {}
        self._due: list[tuple[int, int, str, Call]] = []  # when (ns), tie, id, call
        self._certificate = RTCCertificate.generateCertificate()
        self._round = 0
        self._late: Counter[int] = Counter()  # per round: the latest frame of ours, in us
        self._tie = 0
        self._input = b""
        self._running = True
        self._paused = False
        self._epoll = select.epoll()

    def run(self) -> None:
        """Run until told to stop or until nobody is left to tell."""
        self._epoll.register(STDIN, select.EPOLLIN)
        next_keep_up = 0.0
        gc.collect()
        gc.freeze()
        while self._running:
            now_ns = time.monotonic_ns()
            self._send_due(now_ns)
            now = now_ns / 1e9
            if now >= next_keep_up:
                next_keep_up = now + KEEP_UP_S
                for call in list(self._calls.values()):
                    call.keep_up(now)
            until = next_keep_up - now
            if self._due:
                until = min(until, (self._due[0][0] - time.monotonic_ns()) / 1e9)
            for number, _ in self._epoll.poll(max(until, 0)):
                if number == STDIN:
                    self._read_commands()
                elif (ready := self._by_socket.get(number)) is not None:
                    ready.readable(time.monotonic_ns())
        for call in self._calls.values():
            call.close()

    def _send_due(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            due, tie, name, call = heapq.heappop(self._due)
            if not call.open or self._calls.get(name) is not call:
                continue
            late = now_ns - due
            self._late[self._round] = max(self._late[self._round], late // 1000)
            if not self._paused:
                call.frame_due(time.monotonic_ns())
            skipped = late // FRAME_NS if late > LATE_FRAMES * FRAME_NS else 0
            heapq.heappush(self._due, (due + FRAME_NS * (1 + skipped), tie, name, call))

    def _read_commands(self) -> None:
        data = os.read(STDIN, 65536)
        if not data:
            self._running = False
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            command: Command = json.loads(line)
            try:
                answer = self._obey(command)
            except Exception as error:  # noqa: BLE001 - whatever fails is told to whoever asked
                answer = {"error": f"{type(error).__name__}: {error}"}
            if answer is not None:
                self._tell(command, answer)

    @staticmethod
    def _tell(command: Command, answer: Command) -> None:
        data = json.dumps({"id": command["id"], **answer}).encode() + b"\n"
        while data:
            data = data[os.write(STDOUT, data) :]

    def _obey(self, command: Command) -> Command | None:
        verb: Callable[[Command], Command | None] = getattr(self, f"_do_{command['verb']}")
        return verb(command)

    def _do_browser(self, command: Command) -> Command:
        stream = Stream(command["codec"], tone_hz=command["tone_hz"], round=self._round)
        call = BrowserCall(command["host"], stream, self._certificate, setup=command["setup"])
        self._add(command["call"], call)
        return {"sdp": call.sdp()}

    def _do_rtp(self, command: Command) -> Command:
        stream = Stream(command["codec"], tone_hz=command["tone_hz"], round=self._round)
        call = RtpCall(command["host"], stream)
        self._add(command["call"], call)
        return {"sdp": call.sdp()}

    def _add(self, name: str, call: Call) -> None:
        self._calls[name] = call
        self._by_socket[call.socket.fileno()] = call
        self._epoll.register(call.socket.fileno(), select.EPOLLIN)

    def _do_accept(self, command: Command) -> None:
        name, call = command["call"], self._calls[command["call"]]

        def done(failure: str | None) -> None:
            if failure is None:
                self._tie += 1
                phase = random.randrange(FRAME_NS)  # spreads packets over the 20 ms
                heapq.heappush(self._due, (time.monotonic_ns() + phase, self._tie, name, call))
            self._tell(command, {"error": failure} if failure else {})

        call.accept(command["sdp"], time.monotonic(), done)

    def _do_press(self, command: Command) -> Command:
        self._calls[command["call"]].stream.press(command["digits"])
        return {}

    def _do_round(self, command: Command) -> Command:
        self._round = command["round"]
        for call in self._calls.values():
            call.stream.round = self._round
        return {}

    def _do_pause(self, command: Command) -> Command:
        self._paused = command["on"]
        return {}

    def _do_report(self, command: Command) -> Command:
        asked = command["round"]
        delays: Counter[int] = Counter()
        for call in self._calls.values():
            delays.update(call.stream.delays.get(asked, {}))
        return {
            "calls": {name: call.stream.report(asked) for name, call in self._calls.items()},
            "delays": sorted(delays.items()),
            "late_us": self._late[asked],
        }

    def _do_hang_up(self, command: Command) -> Command:
        call = self._calls.pop(command["call"])
        del self._by_socket[call.socket.fileno()]
        self._epoll.unregister(call.socket.fileno())
        call.close()
        return {}

    def _do_stop(self, _: Command) -> Command:
        self._running = False
        return {}
