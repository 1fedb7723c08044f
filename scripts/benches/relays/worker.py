"""Our own media worker, as `serve` starts it."""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from scripts.benches.relays.server import HOST, port_range, process_cpu_ns
from webpbx.media.client import Media

NAME = "0a"
SIGNALS_APART_S = 0.3  # nearer together they are one signal


class Webpbx:
    """One media worker process, driven over its control socket."""

    name = "webpbx"

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._folder = tempfile.TemporaryDirectory(prefix="bench")
        self._process: asyncio.subprocess.Process | None = None
        self._media: Media | None = None

    async def start(self) -> None:
        """Start the worker and wait until it is ready."""
        path = Path(self._folder.name) / f"worker-{NAME}.sock"
        ports = 4 * self._calls + 20
        first = port_range(ports + 2)
        arguments = ["--socket", str(path), "--name", NAME, "--media-address", HOST, "--media-port", str(first)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "webpbx.media", *arguments, "--trunk-ports", f"{first + 2}-{first + 2 + ports - 1}"
        )
        ready = asyncio.Event()
        self._media = Media(
            [path],
            epoch=1,
            on_event=lambda _: None,
            on_lost=lambda name, _: print(f"worker {name} is lost", file=sys.stderr),
            on_ready=lambda *_: ready.set(),
        )
        await self._media.start()
        async with asyncio.timeout(10):
            await ready.wait()

    async def join(self, call: str, browser_offer: str, trunk_sdp: str) -> tuple[str, str]:
        """Make both legs and connect them."""
        if self._media is None:
            raise RuntimeError("the worker is not started")
        browser, trunk = f"{call}-browser", f"{call}-trunk"
        answer = await self._media.browser_leg(NAME, browser, offer=browser_offer, codecs=("PCMU",))
        if answer is None:
            raise RuntimeError(f"no answer for {browser}")
        offer = await self._media.rtp_leg(NAME, trunk, address=HOST, codecs=("PCMU",))
        await self._media.set_remote(NAME, trunk, trunk_sdp, answer=True)
        await self._media.connect(NAME, browser, trunk)
        return answer, offer

    def cpu_ns(self) -> int:
        """Return CPU time used so far by the worker."""
        return process_cpu_ns(self._process.pid) if self._process else 0

    async def stop(self) -> None:
        """End the worker; the first SIGTERM asks it to wait for its calls, the second ends them."""
        if self._media is not None:
            await self._media.close()
        while self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), SIGNALS_APART_S)
        self._folder.cleanup()
