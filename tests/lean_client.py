"""The lean load client: many browsers' or providers' ends of calls in a process of their own.

`python -m tests.lean_client` obeys JSON lines (tests/lean/loop.py); `LeanClient` starts it and speaks for it.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.lean.loop import LeanLoop
from tests.lean.stream import BIN_US

ROOT = Path(__file__).parent.parent
LONGEST_LINE = 2**24


class LeanError(Exception):
    """What the client's process could not do."""


@dataclass(frozen=True)
class CallReport:
    """One call's counts of a round, and what it heard in its last second."""

    sent: int
    received: int
    unmarked: int
    hears_hz: float
    loudness: float
    digits: str


@dataclass(frozen=True)
class Report:
    """A process' counts of a round; `delays` counts packets per bin of `BIN_US`; `late_us` is our own worst frame."""

    calls: dict[str, CallReport]
    delays: Counter[int]
    late_us: int


class LeanClient:
    """The driver's side of one client process; use with `async with`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.lean_client",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is None or self._reader is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()  # its end of file tells the process to stop
        await self._reader
        await self._process.wait()

    @property
    def pid(self) -> int:
        """Process id of the client."""
        if self._process is None:
            raise LeanError("the lean client is not started")
        return self._process.pid

    async def browser(
        self, call: str, *, codec: str = "PCMU", tone_hz: int = 0, host: str = "127.0.0.1", setup: str = "actpass"
    ) -> str:
        """Make a browser's end and return its offer."""
        answer = await self._ask("browser", call=call, codec=codec, tone_hz=tone_hz, host=host, setup=setup)
        return str(answer["sdp"])

    async def rtp(self, call: str, *, codec: str = "PCMU", tone_hz: int = 0, host: str = "127.0.0.1") -> str:
        """Make a provider's end and return its SDP, which serves as offer and as answer."""
        return str((await self._ask("rtp", call=call, codec=codec, tone_hz=tone_hz, host=host))["sdp"])

    async def accept(self, call: str, sdp: str) -> None:
        """Give the other side's SDP; returns when connected and sending, raises LeanError when that fails."""
        await self._ask("accept", call=call, sdp=sdp)

    async def press(self, call: str, digits: str) -> None:
        """Press keys, sent as RFC 4733 events."""
        await self._ask("press", call=call, digits=digits)

    async def round(self, number: int) -> None:
        """Mark packets with this round's number from now on."""
        await self._ask("round", round=number)

    async def pause(self, *, on: bool) -> None:
        """Send nothing, or send again."""
        await self._ask("pause", on=on)

    async def report(self, number: int) -> Report:
        """Return the counts of a round."""
        answer = await self._ask("report", round=number)
        calls = {name: CallReport(**counts) for name, counts in answer["calls"].items()}
        return Report(calls, Counter(dict(answer["delays"])), answer["late_us"])

    async def hang_up(self, call: str) -> None:
        """Close one call."""
        await self._ask("hang_up", call=call)

    async def _ask(self, verb: str, **fields: Any) -> dict[str, Any]:
        if self._process is None or self._process.stdin is None:
            raise LeanError("the lean client is not started")
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._process.stdin.write(json.dumps({"id": number, "verb": verb, **fields}).encode() + b"\n")
        result = await answer
        if "error" in result:
            raise LeanError(f"{verb} {fields.get('call', '')}: {result['error']}")
        return result

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stdout = process.stdout
        while stdout is not None and (line := await stdout.readline()):
            answer = json.loads(line)
            waiting = self._waiting.pop(answer.pop("id"))
            if not waiting.done():
                waiting.set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LeanError("the lean client's process ended"))


def percentile_ms(delays: Iterable[Counter[int]], share: float) -> float:
    """Return the delay in ms that `share` (0-1) of the packets kept; 0 when there are none."""
    total = sum(delays, Counter[int]())
    wanted = share * total.total()
    seen = 0
    for delay_bin, count in sorted(total.items()):
        seen += count
        if seen >= wanted:
            return (delay_bin + 1) * BIN_US / 1000
    return 0.0


if __name__ == "__main__":
    LeanLoop().run()
