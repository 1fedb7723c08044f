"""Linphone as somebody's softphone, by the commands of linphone-daemon(1). It answers SHA-256."""

import asyncio
import os
from pathlib import Path
from typing import Self

from tests.free_ports import free_block

SETTINGS = """\
[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=0
use_ipv6=0
media_encryption=none
[rtp]
audio_rtp_port={rtp}
[sound]
playback_dev_id=none
[auth_info_0]
username={username}
passwd={secret}
realm=webpbx
domain=127.0.0.1
[proxy_0]
reg_proxy=<sip:{pbx};transport=udp>
reg_identity=sip:{username}@127.0.0.1
reg_sendregister=0
publish=0
"""


class Linphone:
    """One softphone; use with `async with`. `said` is all it has written."""

    def __init__(self, username: str, secret: str, *, pbx: str, folder: Path) -> None:
        """`pbx` is the HOST:PORT of whom it belongs to."""
        self.said = ""
        self._folder = folder / f"linphone-{username}"
        self._settings = SETTINGS.format(
            username=username, secret=secret, pbx=pbx, port=free_block(1), rtp=free_block(2, step=2)
        )
        self._told = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for place in (".local/share/linphone", ".config/linphone"):
            (self._folder / place).mkdir(parents=True)
        config = self._folder / "settings"
        config.write_text(self._settings)
        self._process = await asyncio.create_subprocess_exec(
            *("linphone-daemon", "--config", str(config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env=os.environ | {"HOME": str(self._folder)},
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await self.tells("daemon-linphone>")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is None or self._reader is None:
            return
        if self._process.returncode is None:
            self._process.kill()  # it does not hear `quit` while it waits for a line
        await self._process.wait()
        await self._reader

    async def does(self, *words: str) -> None:
        """Give it a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        await self._process.stdin.drain()

    async def tells(self, what: str, *, seconds: float = 20.0) -> None:
        """Wait until it has written something."""
        async with self._told:
            try:
                await asyncio.wait_for(self._told.wait_for(lambda: what in self.said), seconds)
            except TimeoutError:
                raise AssertionError(f"Linphone did not tell {what} within {seconds} s: {self.said}") from None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(4096):
            async with self._told:
                self.said += data.decode(errors="replace")
                self._told.notify_all()
