"""SIPp as a provider: one run of one of the scenarios in tests/peers/scenarios/ (sipp(1))."""

import asyncio
import csv
import os
import signal
import string
import subprocess
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.free_ports import free_block
from tests.pbx import until

SCENARIOS = Path(__file__).parent / "scenarios"
CALLER = "+4930999001"
EVER = 1_000_000  # calls of a provider that goes on until it is stopped; questions whether it is there count too


@dataclass(frozen=True)
class Counts:
    """How the calls of a run went; `unexpected` is what SIPp wrote of messages it did not expect."""

    successful: int
    failed: int
    current: int
    unexpected: str


class Sipp:
    """A running SIPp. Use `wait` for one that ends after its calls, `stop` for one that would go on."""

    def __init__(
        self,
        scenario: str,
        *,
        folder: Path,
        remote: str,
        number: str = "",
        port: int | None = None,
        calls: int = 1,
        rate: float = 10.0,
        at_once: int = 1000,
        words: Mapping[str, str] = MappingProxyType({}),
        transport: str = "udp",
    ) -> None:
        """`remote` is the HOST:PORT to speak to; `words` fill the scenario's $names."""
        self.port = port or free_block(1)
        self._scenario = scenario
        self._counts = folder / f"{scenario}-{self.port}.csv"
        self._errors = folder / f"{scenario}-{self.port}.errors"
        text = string.Template((SCENARIOS / f"{scenario}.xml").read_text())
        path = folder / f"{scenario}-{self.port}.xml"
        path.write_text(text.safe_substitute({"hold": "200", "caller": CALLER, **words}))
        with (folder / f"{scenario}-{self.port}.screen").open("wb") as screen:
            self._process = subprocess.Popen(
                [
                    *("sipp", remote, "-sf", str(path), "-i", "127.0.0.1", "-p", str(self.port), "-mi", "127.0.0.1"),
                    *("-mp", str(free_block(4)), "-t", "t1" if transport == "tcp" else "u1"),
                    *("-m", str(calls), "-r", f"{rate:g}", "-l", str(at_once), "-aa", "-nostdin"),
                    *("-trace_stat", "-stf", str(self._counts), "-fd", "1"),
                    *("-trace_err", "-error_file", str(self._errors)),
                    *(("-s", number, "-auth_uri", f"{number}@{remote}") if number else ()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                cwd=folder,
            )

        weakref.finalize(self, end, self._process)  # a test that fails does not stop it
        until(lambda: self._process.poll() is not None or is_bound(self.port, transport), "SIPp listens")

    def wait(self, *, seconds: float = 30.0) -> Counts:
        """Wait until all calls are over; a run that takes longer is ended, and what is then up counts as current."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.stop()

    async def has_done(self, calls: int, *, seconds: float = 15.0) -> None:
        """Wait until so many calls were successful."""
        for _ in range(int(seconds / 0.1)):
            if self.counts().successful >= calls:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"not {calls} successful calls within {seconds} s: {self.counts()}")

    def stop(self) -> Counts:
        """End it and count."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)  # finish the calls that are up, then end
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
        return self.counts()

    def counts(self) -> Counts:
        """Return how the calls went so far, at most a second old while it runs."""
        lines = self._counts.read_text().splitlines() if self._counts.exists() else []
        last: dict[str, str] = next(reversed(list(csv.DictReader(lines, delimiter=";"))), {})
        return Counts(
            successful=int(last.get("SuccessfulCall(C)") or 0),
            failed=int(last.get("FailedCall(C)") or 0),
            current=int(last.get("CurrentCall") or 0),
            unexpected=self._errors.read_text(errors="replace") if self._errors.exists() else "",
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a run at once, if it goes on."""
    if process.poll() is None:
        process.kill()
        process.wait(10)


def is_bound(port: int, transport: str = "udp") -> bool:
    """Say whether a port at loopback is somebody's (proc(5), /proc/net/udp)."""
    return f" 0100007F:{port:04X} " in Path(f"/proc/net/{transport}").read_text()
