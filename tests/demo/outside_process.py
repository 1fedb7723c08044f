"""The outside world as the demo starts it: a process of its own, on ports of its own."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from webpbx.demo.account import Account, own_account

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
START_S = 20.0


@dataclass
class Outside:
    """A running outside world: where it listens, what it was started with."""

    sip: tuple[str, int]
    control: Path
    account: Account
    process: subprocess.Popen[bytes]

    async def status(self) -> dict[str, Any]:
        """Ask how it is."""
        async with self._session() as session, session.get("http://outside/status") as response:
            status: dict[str, Any] = await response.json()
            return status

    async def call(self, **body: str) -> tuple[int, dict[str, Any]]:
        """Have someone call the company; return the HTTP status and the answer."""
        async with self._session() as session, session.post("http://outside/call", json=body) as response:
            return response.status, await response.json()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.control)))


def free_port() -> int:
    """Return a UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        tried.bind((HOST, 0))
        return int(tried.getsockname()[1])


@contextmanager
def outside_world(data: Path, *, sip: tuple[str, int] | None = None) -> Iterator[Outside]:
    """Start an outside world on a data folder, wait until it is ready, and end it."""
    sip = sip or (HOST, free_port())
    control = data / "run" / "outside.sock"
    control.parent.mkdir(exist_ok=True)
    first = random.randrange(12000, 19000, 2)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "webpbx.demo", "--sip", f"{sip[0]}:{sip[1]}", "--control", str(control)),
            *("--data", str(data), "--trunk-ports", f"{first}-{first + 400}"),
        ],
        cwd=ROOT,
    ) as process:
        try:
            _wait_until_ready(process, control)
            yield Outside(sip, control, own_account(data), process)
        finally:
            process.terminate()


def _wait_until_ready(process: subprocess.Popen[bytes], control: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            if tried.connect_ex(str(control)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the outside world did not begin; exit code {process.poll()}")


async def eventually(is_so: Callable[[], bool], *, within: float = 10.0) -> None:
    """Wait until something has become true; TimeoutError when it does not."""
    async with asyncio.timeout(within):
        while not is_so():  # noqa: ASYNC110 - other processes do not set our events
            await asyncio.sleep(0.05)


def children(pid: int) -> list[int]:
    """Return the process ids of a process' children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(pid: int) -> None:
    """End a process the hard way."""
    os.kill(pid, signal.SIGKILL)
