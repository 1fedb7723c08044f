"""Our stack alone with an answer to every call, and sipp to call it and to be called."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Credentials, Ended, Peer, Session, SipNetwork, Way
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.uri import SipUri

SCENARIOS = Path(__file__).parent / "scenarios"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
HERE = "127.0.0.1"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


class House:
    """Our stack with an answer to every call that comes in."""

    def __init__(self, serve: "Serve | None" = None) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended: list[Ended] = []
        self.kept: dict[str, DialogState] = {}
        self.network: SipNetwork

    async def persist(self, state: DialogState | DialogGone) -> None:
        if isinstance(state, DialogGone):
            self.kept.pop(state.id, None)
        else:
            self.kept[state.id] = state

    def take(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, session: Session) -> None:
        if self._serve is not None:
            await self._serve(self, session)
            return
        assert session.request is not None
        uri = session.request.uri
        number = uri.user if isinstance(uri, SipUri) else ""
        if number == "busy":
            await session.reject(486, q850=17)
        else:
            await session.ring(sdp=SDP if number == "media" else None)
            if number != "rings":
                await session.answer(SDP)
        await self.drain_events(session)

    async def drain_events(self, session: Session) -> list[SessionEvent]:
        events: list[SessionEvent] = []
        while not events or not isinstance(events[-1], Ended):
            events.append(await session.next_event())
        ended = events[-1]
        assert isinstance(ended, Ended)
        self.ended.append(ended)
        return events

    async def call(self, port: int, *, credentials: Credentials | None = None, transport: str = "UDP") -> Session:
        return await self.network.invite(
            target=SipUri(HERE, "100", port),
            proxies=[Way(HERE, port, transport)],
            from_=NameAddr(SipUri("example.com", "anna"), "Anna"),
            to=NameAddr(SipUri("example.com", "100")),
            sdp=SDP,
            credentials=credentials,
        )


Serve = Callable[[House, Session], Coroutine[None, None, None]]


@asynccontextmanager
async def house(serve: Serve | None = None) -> AsyncIterator[House]:
    us = House(serve)
    us.network = await SipNetwork.open(
        listen=[("UDP", HERE, 0), ("TCP", HERE, 0)],
        identify=lambda _flow, _request: Peer("provider"),
        on_invite=us.take,
        persist=us.persist,
        trusted=lambda host: host == HERE,
    )
    try:
        yield us
    finally:
        await us.network.close()
        assert us.kept == {}
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@asynccontextmanager
async def sipp(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run sipp and see that all its calls were good; the folder takes the files it writes."""
    process = await asyncio.create_subprocess_exec(
        *("sipp", "-i", HERE, "-nostdin", "-trace_err", "-error_file", "sipp.errors", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
        _, said = await process.communicate()
        errors = folder / "sipp.errors"
        told = errors.read_text(errors="replace")[-1500:] if errors.exists() else ""
        assert process.returncode == 0, said.decode(errors="replace")[-500:] + told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def wait_for_port(us: House, port: int) -> None:
    """Wait until the peer holds its port."""
    sockets = (Path("/proc/net/udp"), Path("/proc/net/tcp"))
    for _ in range(100):
        if any(f":{port:04X} " in each.read_text() for each in sockets):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing listens at {port} for {us}")
