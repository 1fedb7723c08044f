"""A real webpbx for a test: its own data folder and ports, set up by its own commands, gone without a trace after."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.free_ports import free_block, is_free
from webpbx.processes.run_folder import command_line, start_time
from webpbx.processes.status_query import ask_over_http, ask_worker

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse battery staple"
RESERVED, TRUNK_PORTS = 20, 2000


T = TypeVar("T")


def until(condition: Callable[[], T], what: str, *, seconds: float = 20.0) -> T:
    """Wait for something that must come to pass."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return result


class Pbx:
    """One installation. `command` may be used before and after `serve`."""

    def __init__(self, data: Path, *, address: str = "127.0.0.1", workers: int = 1, prefix: Sequence[str] = ()) -> None:
        """`prefix` goes before each command line, as to enter a network namespace."""
        self.data = data
        self.address = address
        self.workers = workers
        self.prefix = tuple(prefix)
        first = free_block(RESERVED + TRUNK_PORTS)
        self.http_port, self.sip_port, self.outside_port = range(first, first + 3)
        self.media_port = first + 4
        self.trunk_ports = first + RESERVED
        self.more: tuple[str, ...] = ()  # further options of serve
        self.supervisor: subprocess.Popen[str] | None = None
        self.ready_line = self.open_line = ""
        self.stderr = data.with_suffix(".stderr")
        self.stdout = data.with_suffix(".stdout")
        self._said = 0

    @property
    def url(self) -> str:
        """Where the page is, as `serve` printed it."""
        return self.ready_line.removeprefix("ready ").strip()

    def options(self) -> list[str]:
        """The options of serve."""
        return [
            *("--data", str(self.data), "--http", f"{self.address}:{self.http_port}"),
            *("--sip", f"{self.address}:{self.sip_port}", "--media-address", self.address),
            *("--media-port", str(self.media_port), "--workers", str(self.workers)),
            *("--trunk-ports", f"{self.trunk_ports}-{self.trunk_ports + TRUNK_PORTS - 1}"),
            *self.more,
        ]

    def take(self, data: Path) -> None:
        """Begin with a copy of another installation's data folder."""
        shutil.copytree(data, self.data)

    def command(self, *words: str, secret: str | None = None) -> Any:
        """Run `webpbx WORDS --data … --json`; return its answer, or fail with what it said."""
        result = subprocess.run(
            [*self.prefix, sys.executable, "-m", "webpbx", *words, "--data", str(self.data), "--json"],
            input=(secret or "") + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            check=False,
        )
        assert result.returncode == 0, f"webpbx {' '.join(words)}: {result.stderr}{result.stdout}"
        return json.loads(result.stdout) if result.stdout.strip() else None

    def serve(self, *, verb: str = "serve", seconds: float = 30.0) -> None:
        """Start, and wait for the line `ready URL` (of the demo: and `open LINK`)."""
        outside = ["--outside-sip", f"{self.address}:{self.outside_port}"] if verb == "demo" else []
        self._said = len(self.said())
        with self.stderr.open("ab") as stderr, self.stdout.open("wb") as stdout:
            self.supervisor = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "webpbx", verb, *self.options(), *outside],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                cwd=ROOT,
            )
        expected = 2 if verb == "demo" else 1

        def lines() -> list[str]:
            assert self.supervisor is None or self.supervisor.poll() is None, f"it ended: {self.said()}"
            return self.stdout.read_text().splitlines()

        until(lambda: len(lines()) >= expected, f"{verb} is ready: {self.said()}", seconds=seconds)
        self.ready_line, self.open_line = [*lines(), ""][:2]

    def said(self) -> str:
        """Return all it has written to standard error."""
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def pid(self, name: str) -> int:
        """Return the process id of `switch`, `worker-0a`, `outside` …, once it is there."""
        until(lambda: self._living(name), f"{name} runs")
        pid = self._living(name)
        assert pid is not None
        return pid

    def _living(self, name: str) -> int | None:
        try:
            record = json.loads((self.data / "run" / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return int(record["pid"]) if start_time(record["pid"]) == record["started"] else None

    def kill(self, name: str) -> None:
        """End a process as a crash would, and wait until it is gone; of `supervisor`, collect it."""
        if name == "supervisor":
            assert self.supervisor is not None
            self.supervisor.kill()
            self.supervisor.wait(20)
            return
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        until(lambda: start_time(pid) is None, f"{name} is gone")

    def processes(self) -> list[int]:
        """Return all processes that were started with this data folder, other than commands of the test."""
        own = str(self.data)
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [
            pid
            for pid in numbers
            if pid != os.getpid() and any(own in word for word in command_line(pid)) and start_time(pid) is not None
        ]

    async def status(self) -> dict[str, Any]:
        """Return what the switch says of itself on its control socket."""
        return await ask_over_http(self._socket("switch"))

    async def worker_status(self, name: str = "worker-0a") -> dict[str, Any]:
        """Return a media worker's counters."""
        return await ask_worker(self._socket(name))

    async def left_over(self) -> int:
        """Return how many legs and calls there are in all processes."""
        workers = [await self.worker_status(f"worker-{index}a") for index in range(self.workers)]
        switch = await self.status()
        return sum(sum(worker["legs"].values()) for worker in workers) + int(switch["legs"]) + int(switch["calls"])

    async def is_empty(self) -> None:
        """Wait until no call and no leg is left."""
        for _ in range(200):
            if (left := await self.left_over()) == 0:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{left} calls and legs are left")

    def _socket(self, name: str) -> str:
        return str(self.data / "run" / f"{name}.sock")

    def metrics(self) -> dict[str, float]:
        """Return the sum of each metric over its labels, by the name without them."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                sums[name.split("{")[0]] = sums.get(name.split("{")[0], 0.0) + float(value)
        return sums

    def stop(self, *, now: bool = True) -> None:
        """End it and see that nothing is left: no process, no port, no traceback."""
        if self.supervisor is not None:
            if self.supervisor.poll() is None:
                self.supervisor.send_signal(signal.SIGTERM)
                if now:
                    time.sleep(0.2)
                    self.supervisor.send_signal(signal.SIGTERM)
            code = self.supervisor.wait(60)
            self.supervisor = None
            assert code == 0, f"serve ended with {code}: {self.said()}"
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"{len(left)} processes were left: {self.said()}"
        if not self.prefix:
            ports = [self.http_port, self.sip_port, *range(self.media_port, self.media_port + 2 * self.workers)]
            assert [port for port in ports if not is_free(port, address=self.address)] == []
        assert "Traceback" not in self.said(), self.said()


def add_company(pbx: Pbx, *, outside_calls: int = 10) -> None:
    """Make the company of the tests: Anna at 101, Ben at 102, both with PASSWORD, and 199 that echoes."""
    calls = str(outside_calls)
    pbx.command(
        *("tenant", "add", "--id", "acme", "--name", "Acme", "--country", "DE", "--language", "en"),
        *("--max-outside-calls", calls, "--max-outside-calls-per-user", calls),
    )
    for login, name, extension in (("anna", "Anna Adler", "101"), ("ben", "Ben Berger", "102")):
        words = ("--tenant", "acme", "--login", login, "--name", name, "--extension", extension)
        pbx.command("user", "add", *words, secret=PASSWORD)


def add_address_trunk(pbx: Pbx, *, port: int, max_calls: int = 30) -> None:
    """Connect a provider at loopback that is known by its address: numbers +4930555… to users and an echo."""
    pbx.command(
        *("trunk", "add", "--tenant", "acme", "--id", "main", "--name", "Provider", "--mode", "address"),
        *("--proxy", f"127.0.0.1:{port}", "--address", "127.0.0.1", "--domain", "127.0.0.1"),
        *("--caller-id", "+4930555000", "--max-calls", str(max_calls)),
        *("--qualify-interval", "0"),  # a provider that comes later in a test must not be known as down
    )
    for number, destination in NUMBERS.items():
        words = ("--tenant", "acme", "--number", number, "--trunk", "main", "--destination", destination)
        pbx.command("number", "add", *words)
    pbx.command("route", "add", "--tenant", "acme", "--id", "out", "--trunk", "main", "--country", "DE")


NUMBERS = {"+4930555101": "extension:101", "+4930555102": "extension:102", "+4930555143": "echo"}
ECHO_NUMBER = "+4930555143"
