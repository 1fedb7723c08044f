"""baresip as somebody's telephone: says a WAV file, keeps what it hears, obeys over its TCP control (baresip(1))."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from tests.free_ports import free_block
from tests.tone import Wave, sine, write_wav

RATE = 8000
SETTINGS = """\
poll_method epoll
net_interface {address}
sip_listen {address}:{port}
audio_player aufile,{heard}
audio_source aufile,{says}
audio_alert aufile,{alert}
audio_level no
ausrc_format s16
auplay_format s16
rtp_ports {rtp}-{rtp_last}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
module ctrl_tcp.so
module_tmp account.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"""


class Baresip:
    """One telephone; use with `async with`. `events` holds what it told, newest last."""

    def __init__(
        self,
        number: str,
        *,
        folder: Path,
        hertz: float = 1000.0,
        address: str = "127.0.0.1",
        port: int | None = None,
        account: str = "",
        settings: str = "",
        codecs: str = "PCMA,PCMU",
        rate: int = RATE,
    ) -> None:
        """Have `number` as its name and say a tone of so many hertz; `account`, `settings`, `codecs` are its words.

        `rate` is that of the codec; baresip resamples nothing.
        """
        self.number = number
        self.address = address
        self.events: list[dict[str, Any]] = []
        self._folder = folder / f"baresip-{number.removeprefix('+')}"
        self._hertz = hertz
        self._account = account or f"<sip:{number}@{address}>;regint=0"
        self._settings = settings
        self._codecs = codecs
        self._rate = rate
        self._told = asyncio.Condition()
        self._stack = contextlib.AsyncExitStack()
        self.port, self._control, self._rtp = port or free_block(1), free_block(1), free_block(20, step=2)
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        folder = self._folder
        folder.mkdir()
        says = write_wav(folder / "says.wav", sine(self._hertz, seconds=60, rate=self._rate), rate=self._rate)
        config = SETTINGS.format(
            address=self.address,
            port=self.port,
            heard=folder / "player.wav",
            says=says,
            alert=folder / "alert.wav",
            rtp=self._rtp,
            rtp_last=self._rtp + 19,
            control=self._control,
            folder=folder,
        )
        (folder / "config").write_text(config + self._settings)
        (folder / "accounts").write_text(f"{self._account};audio_codecs={self._codecs};answermode=manual\n")
        (folder / "contacts").write_text("")
        with (folder / "screen").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                "baresip",
                "-s",
                "-f",
                str(folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                cwd=folder,
            )
        self._stack.push_async_callback(self._end, process)
        try:
            reader, self._writer = await self._connect(process)
        except BaseException:
            await self._stack.aclose()
            raise
        listening = asyncio.create_task(self._listen(reader))
        self._stack.callback(listening.cancel)
        self._stack.callback(self._writer.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def dial(self, uri: str) -> None:
        """Call a SIP URI."""
        await self._command("dial", uri)

    async def answer(self) -> None:
        """Take the ringing call."""
        await self._command("accept")

    async def hang_up(self) -> None:
        """End the call, or decline it."""
        await self._command("hangup")

    async def hold(self) -> None:
        """Put the call on hold."""
        await self._command("hold")

    async def resume(self) -> None:
        """Take the call up again."""
        await self._command("resume")

    async def transfer(self, uri: str) -> None:
        """Send the far end away to a SIP URI."""
        await self._command("transfer", uri)

    async def press(self, digit: str) -> None:
        """Press a key during a call."""
        await self._command("sndcode", digit)

    async def told(self, kind: str, *, seconds: float = 15.0) -> dict[str, Any]:
        """Wait for an event such as CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED; forget it."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events if event.get("type") == kind), None)

        async with self._told:
            try:
                await asyncio.wait_for(self._told.wait_for(lambda: found() is not None), seconds)
            except TimeoutError:
                raise AssertionError(f"baresip did not tell {kind} within {seconds} s but {self.events}") from None
            event = found()
            assert event is not None
            self.events.remove(event)
        return event

    def heard(self) -> tuple[Wave, int]:
        """Return all it has heard in its calls so far, decoded, and the sampling rate."""
        files = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        assert files, "baresip has not had a call with sound"
        raw = files[-1].read_bytes()  # still being written: no reader of whole files takes it
        samples = np.frombuffer(raw[44 : len(raw) // 2 * 2], dtype="<i2")
        return samples / 32768, int.from_bytes(raw[24:28], "little") or RATE

    async def hears(self, condition: Callable[[Wave, int], bool], what: str, *, seconds: float = 10.0) -> None:
        """Wait until what it heard meets a condition."""
        for _ in range(int(seconds / 0.2)):
            await asyncio.sleep(0.2)
            if list(self._folder.glob("dump-*-dec.wav")) and condition(*self.heard()):
                return
        raise AssertionError(f"baresip did not hear within {seconds} s: {what}")

    async def _connect(self, process: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(100):
            assert process.returncode is None, (self._folder / "screen").read_text()
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", self._control)
            await asyncio.sleep(0.1)
        raise AssertionError((self._folder / "screen").read_text())

    async def _command(self, command: str, parameters: str = "") -> None:
        assert self._writer is not None
        text = json.dumps({"command": command, "params": parameters, "token": command}).encode()
        self._writer.write(b"%d:%b," % (len(text), text))  # a netstring
        await self._writer.drain()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                event = json.loads((await reader.readexactly(length + 1))[:-1])
                async with self._told:
                    self.events.append(event)
                    self._told.notify_all()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
