"""Keep one process running: start it or take it over, ask after it, start it again."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webpbx.errors import WebpbxError
from webpbx.processes.kept_process import KeptProcess
from webpbx.processes.run_folder import RunFolder

Status = dict[str, Any]

STARTING_PERIOD = 0.1  # seconds between two questions until the process is ready
HEARTBEAT_PERIOD = 1.0  # seconds between two questions afterwards
ANSWER_TIME = 2.0  # seconds a process has to answer
SILENCE = 10.0  # seconds without an answer after which a process that was ready is killed
START_TIME = 60.0  # seconds in which a process must become ready
TRIES_AT_ONCE = 3  # deaths before being ready after which restarts wait
LONGEST_WAIT = 30.0  # seconds between two starts
REFUSED_TO_START = 2  # exit code of a process that cannot start as it was told; its last line says why


class CannotStartError(WebpbxError):
    """A process cannot start with these settings; trying again would not help."""

    error_id = "cannot_start"


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to ask after it.

    `status` returns what the process says of itself, or raises OSError, TimeoutError or ValueError; it is ready when
    it answers and does not say otherwise by `"ready": false`.
    """

    name: str
    argv: tuple[str, ...]
    version: str
    status: Callable[[], Awaitable[Status]]


class Keeper:
    """Owns one place in the run folder until the process there has ended for good."""

    def __init__(self, program: Program, *, folder: RunFolder, say: Callable[[str], None]) -> None:
        self.program = program
        self.status: Status = {}
        self.ready = asyncio.Event()
        self.process: KeptProcess | None = None
        self._folder = folder
        self._say = say
        self._leaving = asyncio.Event()
        self._was_ready = False

    @property
    def name(self) -> str:
        """The place in the run folder."""
        return self.program.name

    async def take_over(self) -> bool:
        """Take the living process of this place, whatever its command line; say whether there is one."""
        self.process = KeptProcess.find(self.name, folder=self._folder)
        if self.process is None:
            return False
        self.status = await self._ask(self.process) or {}
        return True

    async def clear(self) -> None:
        """Kill an outdated process, so that `keep` starts a new one."""
        if self.process is not None:
            self.process.send(signal.SIGKILL)
            await self.process.ended
            self.process = None

    @property
    def draining(self) -> bool:
        """Say whether the process has been told to end when its calls have."""
        return bool(self.status.get("draining"))

    def is_current(self) -> bool:
        """Say whether the process runs as it would be started now, and goes on running."""
        record = self.process.record if self.process else None
        wanted = (self.program.argv, self.program.version)
        return record is not None and (record.argv, record.version) == wanted and not self.draining

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None:
            self.process.send(number)

    def leave(self, number: signal.Signals | None = signal.SIGTERM) -> None:
        """Stop keeping: the process gets the signal (None: has had it) and is not started again."""
        self._leaving.set()
        if number is not None:
            self.send(number)

    async def keep(self, *, after: Sequence[asyncio.Event] = ()) -> None:
        """Run until the process has ended after `leave`; a first start waits for all of `after`.

        Raises CannotStartError when the process refuses its settings.
        """
        if self.process is None:
            await self._wait_for(after)
        deaths = 0
        while not self._leaving.is_set() or self.process is not None:
            process = self.process
            if process is None:
                process = self.process = KeptProcess.start(
                    self.name, self.program.argv, version=self.program.version, folder=self._folder
                )
            try:
                was_ready = await self._watch(process)
            finally:
                self.ready.clear()
                process.release()
            self.process = None
            self._folder.forget(self.name)
            if not self._leaving.is_set():
                deaths = 0 if was_ready else deaths + 1
                await self._explain(process, was_ready=was_ready, deaths=deaths)

    async def _wait_for(self, events: Sequence[asyncio.Event]) -> None:
        """Wait for all events, or until there is nothing to keep any more."""
        leaving = asyncio.ensure_future(self._leaving.wait())
        for event in events:
            coming = asyncio.ensure_future(event.wait())
            await asyncio.wait([coming, leaving], return_when=asyncio.FIRST_COMPLETED)
            coming.cancel()
        leaving.cancel()

    async def _watch(self, process: KeptProcess) -> bool:
        """Wait for the end of a process, killing it when it falls silent; say whether it had become ready."""
        waited = 0.0
        while not process.ended.done():
            asked = time.monotonic()
            status = await self._ask(process)
            if process.ended.done():
                break
            process.output.pass_on()
            if status is not None:
                self.status = status
                if status.get("ready", True):
                    self._was_ready = True
                    self.ready.set()
            period = HEARTBEAT_PERIOD if self.ready.is_set() else STARTING_PERIOD
            await asyncio.wait([process.ended], timeout=max(0.0, asked + period - time.monotonic()))
            if status is not None and self.ready.is_set():
                waited = 0.0
            else:  # one turn counts little: time in which this process itself was stopped is nobody's silence
                waited += min(ANSWER_TIME, time.monotonic() - asked)
            limit = SILENCE if self.ready.is_set() else START_TIME
            if waited >= limit:
                self._say(f"{self.name} has not answered for {limit:.0f} s and is ended")
                process.send(signal.SIGKILL)
                await process.ended
        return self.ready.is_set()

    async def _ask(self, process: KeptProcess) -> Status | None:
        """Ask the process for its status; None when it does not answer in time or ends first."""
        question = asyncio.ensure_future(self.program.status())
        try:
            await asyncio.wait([question, process.ended], timeout=ANSWER_TIME, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not question.done():
                question.cancel()
        if not question.done() or isinstance(question.exception(), OSError | EOFError | ValueError):
            return None
        return question.result()

    async def _explain(self, process: KeptProcess, *, was_ready: bool, deaths: int) -> None:
        """Say why a process ended, and wait if it has ended too often before it was ready."""
        last = process.output.last_lines[-1] if process.output.last_lines else ""
        if process.exit_code == REFUSED_TO_START and not self._was_ready:
            raise CannotStartError(last.removeprefix("webpbx: ") or f"{self.name} {process.exit_text}.")
        if was_ready:
            self._say(f"{self.name} {process.exit_text} and is started again")
            return
        if deaths < TRIES_AT_ONCE:
            self._say(f"{self.name} {process.exit_text} before it was ready and is started again")
            return
        wait = min(LONGEST_WAIT, 2.0 ** (deaths - TRIES_AT_ONCE))
        reason = f"; the last it said: {last}" if last else ""
        self._say(f"{self.name} {process.exit_text} before it was ready, try {deaths}; next in {wait:.0f} s{reason}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), wait)
