"""The outside world's own media worker: a process that ends with the process that started it."""

import asyncio
import ctypes
import logging
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

NAME: Final = "outside"
RESTART_S: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1


class OutsideWorker:
    """Keep a media worker running."""

    def __init__(self, path: Path, *, address: str, trunk_ports: str) -> None:
        self.path = path
        self.address = address
        self._trunk_ports = trunk_ports
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it running."""
        self._task = asyncio.create_task(self._keep(), name="outside worker")

    async def stop(self) -> None:
        """End it and its calls."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _keep(self) -> None:
        while True:
            self.path.unlink(missing_ok=True)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "webpbx.demo.worker", str(os.getpid()), *self._arguments()
            )
            try:
                status = await process.wait()
                logger.warning("the outside world's media worker ended with %s and is started again", status)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            await asyncio.sleep(RESTART_S)

    def _arguments(self) -> Sequence[str]:
        # It has no browsers; the port they would use is any free one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((self.address, 0))
            port = free.getsockname()[1]
        return (
            *("--socket", str(self.path), "--name", NAME, "--media-address", self.address),
            *("--media-port", str(port), "--trunk-ports", self._trunk_ports),
        )


def main() -> None:
    """Become a media worker that ends with its parent, whose process id is the first argument."""
    parent = int(sys.argv.pop(1))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() == parent:
        runpy.run_module("webpbx.media", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
