"""A provider whose calls carry sound: our own SIP stack for the signalling, the lean client for the packets.

It makes load; that SIP is right is proved by sipp and baresip.
"""

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.lean_client import LeanClient
from webpbx.sip.network import Ended, Peer, Session, SipNetwork

CODEC = "PCMA"


class SoundingProvider:
    """Takes every call and says `tone_hz`; use with `async with`."""

    def __init__(self, port: int, sound: LeanClient, *, tone_hz: int = 900) -> None:
        self.sessions: dict[str, Session] = {}
        self.failures: list[str] = []
        self._port = port
        self._sound = sound
        self._tone_hz = tone_hz
        self._names = (f"provider-{number}" for number in itertools.count())
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        peer = Peer(id="pbx")
        self._network = await SipNetwork.open(
            listen=("127.0.0.1", self._port),
            identify=lambda _flow, _request: peer,
            on_invite=self._on_invite,
            trusted=lambda _address: True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._network.close()

    def _on_invite(self, session: Session) -> None:
        task = asyncio.create_task(self._take(session, next(self._names)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, session: Session, name: str) -> None:
        if session.remote_sdp is None:
            self.failures.append("an INVITE came without an offer")
            await session.reject(488)
            return
        answer = await self._sound.rtp(name, codec=CODEC, tone_hz=self._tone_hz)
        await self._sound.accept(name, session.remote_sdp.decode())
        await session.answer(answer.encode())
        self.sessions[name] = session
        try:
            while not isinstance(await session.next_event(), Ended):
                pass
        finally:
            self.sessions.pop(name, None)
            with suppress(Exception):  # at the end of a test the sound's process may be gone first
                await self._sound.hang_up(name)


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_mb(pid: int) -> float:
    """Return the memory a process has in use, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) / 1024
