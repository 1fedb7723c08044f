"""The parent process: starts, watches and restarts the switch, the media workers and the demo's outside world.

It holds nothing else. Its children live in sessions of their own and outlive it; the next supervisor on the same data
folder takes them over, replacing those that run an older program or with other settings.
"""

import asyncio
import hashlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from webpbx.errors import WebpbxError
from webpbx.model.settings import ServeSettings, host_and_port
from webpbx.processes.keeper import Keeper, Program, Status
from webpbx.processes.preflight import Port, check_ports, check_tls, own_addresses
from webpbx.processes.run_folder import ProcessRecord, RunFolder
from webpbx.processes.status_query import ask_over_http, ask_worker

EXIT_CANNOT_START = 2
SHORT_DRAIN = 5.0  # seconds after Ctrl-C at a terminal
PATIENCE = (1.0, 10.0)  # seconds a process has to end after a first and a further SIGTERM
LINK_RETRY = 0.2  # seconds
SLOTS = "ab"  # a worker's two places, so that old and new overlap at an upgrade


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The beginnings of our children's command lines."""

    switch: tuple[str, ...] = (sys.executable, "-m", "webpbx", "switch")
    worker: tuple[str, ...] = (sys.executable, "-m", "webpbx.media")
    outside: tuple[str, ...] = (sys.executable, "-m", "webpbx.demo")
    version: str = field(default_factory=lambda: program_version(Path(__file__).parents[1]))


def program_version(package: Path) -> str:
    """Return a digest of the program's text: what runs since before a change differs from what would be started now."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def run(settings: ServeSettings, *, commands: Commands | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    try:
        check_tls(settings.tls_cert, settings.tls_key)
        check_tls(settings.sip_cert, settings.sip_key, options="--sip", use="SIP over TLS")
        with RunFolder(settings.data.absolute()) as folder:
            places = Places(settings, folder=folder, commands=commands or Commands())
            return asyncio.run(Supervisor(places, drain=float(settings.drain_seconds)).serve())
    except WebpbxError as error:
        say(error.text)
        return EXIT_CANNOT_START


def say(text: str) -> None:
    """Tell the operator."""
    print(f"webpbx: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the command speaks


class Places:
    """What runs where: the command line, socket and ports of each process, made from the settings."""

    def __init__(self, settings: ServeSettings, *, folder: RunFolder, commands: Commands) -> None:
        self.folder = folder
        self.demo = settings.demo
        self.workers = settings.workers
        self._settings = replace(
            settings,
            data=settings.data.absolute(),
            tls_cert=settings.tls_cert and settings.tls_cert.absolute(),
            tls_key=settings.tls_key and settings.tls_key.absolute(),
            media_addresses=settings.media_addresses or own_addresses(),
        )
        self._commands = commands

    def switch(self) -> Keeper:
        """Return the keeper of the switch."""
        argv = [*self._commands.switch, *self._settings.arguments(), *(["--demo"] if self.demo else [])]
        return self._keeper("switch", argv, ask_over_http)

    def switch_ports(self) -> Iterable[Port]:
        """Yield what the switch listens on."""
        yield Port(socket.SOCK_STREAM, *host_and_port(self._settings.http, option="--http"), "--http")
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            yield Port(kind, *host_and_port(self._settings.sip, option="--sip"), "--sip")
        if self._settings.sip_tls:
            yield Port(socket.SOCK_STREAM, *host_and_port(self._settings.sip_tls, option="--sip-tls"), "--sip-tls")

    def worker(self, index: int, slot: str) -> Keeper:
        """Return the keeper of a media worker's slot."""
        first, last = self._settings.trunk_ports
        argv = [*self._commands.worker, "--socket", str(self.folder.path / f"worker-{index}{slot}.sock")]
        argv += ["--name", f"{index}{slot}", *self._media_addresses()]
        argv += ["--media-port", str(self._media_port(index, slot)), "--trunk-ports", f"{first}-{last}"]
        return self._keeper(f"worker-{index}{slot}", argv, ask_worker)

    def worker_ports(self, index: int, slot: str) -> Iterable[Port]:
        """Yield what a media worker listens on from its start."""
        for address in self._settings.media_addresses:
            yield Port(socket.SOCK_DGRAM, address.partition("=")[0], self._media_port(index, slot), "--media-port")

    def outside(self) -> Keeper:
        """Return the keeper of the demo's outside world."""
        argv = [*self._commands.outside, "--sip", self._settings.outside_sip]
        argv += ["--control", str(self.folder.path / "outside.sock")]
        return self._keeper("outside", argv, ask_over_http)

    def outside_ports(self) -> Iterable[Port]:
        """Yield what the outside world listens on from its start."""
        address = host_and_port(self._settings.outside_sip, option="--outside-sip")
        yield Port(socket.SOCK_DGRAM, *address, "--outside-sip")

    def left_over(self, used: Iterable[str]) -> list[Keeper]:
        """Return keepers of all living processes in places that are no longer used."""
        names = set(self.folder.names()) - set(used) - {"supervisor"}
        return [
            self._keeper(name, (), ask_worker if name.startswith("worker") else ask_over_http) for name in sorted(names)
        ]

    def _media_port(self, index: int, slot: str) -> int:
        return self._settings.media_port + 2 * index + SLOTS.index(slot)

    def _media_addresses(self) -> list[str]:
        return [word for address in self._settings.media_addresses for word in ("--media-address", address)]

    def _keeper(self, name: str, argv: Iterable[str], ask: Callable[[str], Awaitable[Status]]) -> Keeper:
        status = partial(ask, self.folder.address(name))
        program = Program(name=name, argv=tuple(argv), version=self._commands.version, status=status)
        return Keeper(program, folder=self.folder, say=say)


class Supervisor:
    """Keeps the processes of one data folder."""

    def __init__(self, places: Places, *, drain: float) -> None:
        self._places = places
        self._drain = drain
        self._ports: list[Port] = []
        self._outdated: list[Keeper] = []
        self._tasks: dict[Keeper, asyncio.Task[None]] = {}
        self._orders: asyncio.Queue[float | BaseException] = asyncio.Queue()

    async def serve(self) -> int:
        """Bring everything up, say so, keep it up until a signal, take it down."""
        folder = self._places.folder
        folder.write("supervisor", ProcessRecord.own((), ""))
        self._listen_to_signals()
        switch, others, old = await self._take_over()
        check_ports(self._ports)
        for keeper in self._outdated:
            await keeper.clear()
        try:
            for keeper in (*others, *old):
                self._keep(keeper)
            # The switch registers at the outside world as soon as it is up, and later tries are far apart.
            self._keep(switch, after=[keeper for keeper in others if keeper.name == "outside"])
            announcing = asyncio.create_task(self._announce(switch, others, old))
            announcing.add_done_callback(self._kept)
            try:
                drain = await self._order()
            finally:
                announcing.cancel()
            say(f"stopping; running calls may go on for {drain:.0f} s, a second signal ends them now")
            switch.leave()
            await self._wait_for_end(switch, within=drain)
        finally:
            await self._end_now([switch])
            await self._end_now(list(self._tasks))
            folder.forget("supervisor")
            self._ignore_signals()
        return 0

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        at_terminal = sys.stdin is not None and sys.stdin.isatty()
        short = min(self._drain, SHORT_DRAIN) if at_terminal else self._drain
        loop.add_signal_handler(signal.SIGTERM, self._orders.put_nowait, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._orders.put_nowait, short)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # the terminal is gone; under nohup, go on
            loop.add_signal_handler(signal.SIGHUP, self._orders.put_nowait, short)

    def _ignore_signals(self) -> None:
        """Let a signal that comes when all is over change nothing about how it ended."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    async def _order(self) -> float:
        """Wait until told to stop; return the seconds of draining, or raise what made a keeper give up."""
        order = await self._orders.get()
        if isinstance(order, BaseException):
            raise order
        return order

    async def _take_over(self) -> tuple[Keeper, list[Keeper], list[Keeper]]:
        """Find what runs already; return the keepers of the switch, of the others, and of what gives way."""
        places = self._places
        switch = await self._take(places.switch(), places.switch_ports())
        others = [await self._take(places.outside(), places.outside_ports())] if places.demo else []
        old = []
        for index in range(places.workers):
            worker, former = await self._choose_slot(index)
            others.append(worker)
            old += former
        for keeper in places.left_over({keeper.name for keeper in (switch, *others, *old)}):
            if await keeper.take_over():
                keeper.leave(None if keeper.draining else signal.SIGTERM)
                old.append(keeper)
        return switch, others, old

    async def _take(self, keeper: Keeper, ports: Iterable[Port]) -> Keeper:
        """Take over a process there is only one of; an outdated one is ended, and started again by its keeper."""
        if not await keeper.take_over():
            self._ports += ports
        elif not keeper.is_current():  # calls go on without the switch, which takes them up again
            self._outdated.append(keeper)
        return keeper

    async def _choose_slot(self, index: int) -> tuple[Keeper, list[Keeper]]:
        """Return the keeper of a media worker and of those that give way to it once it is ready."""
        keepers = [self._places.worker(index, slot) for slot in SLOTS]
        living = [keeper for keeper in keepers if await keeper.take_over()]
        current = [keeper for keeper in living if keeper.is_current()]
        free = [keeper for keeper in keepers if keeper not in living]
        if current:
            chosen = current[0]
        elif free:
            chosen = free[0]
            self._ports += self._places.worker_ports(index, SLOTS[keepers.index(chosen)])
        else:  # a second upgrade within the length of a call
            chosen = next((keeper for keeper in living if keeper.draining), living[0])
            self._outdated.append(chosen)
        old = [keeper for keeper in living if keeper is not chosen]
        for keeper in old:
            keeper.leave(None)
        return chosen, old

    def _keep(self, keeper: Keeper, *, after: Sequence[Keeper] = ()) -> None:
        task = asyncio.create_task(keeper.keep(after=[first.ready for first in after]), name=keeper.name)
        task.add_done_callback(self._kept)
        self._tasks[keeper] = task

    def _kept(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._orders.put_nowait(error)

    async def _announce(self, switch: Keeper, others: list[Keeper], old: list[Keeper]) -> None:
        """Say the address when everything is up, and let what was replaced end with its calls."""
        for keeper in (*others, switch):
            await keeper.ready.wait()
        print(f"ready {switch.status['url']}", flush=True)  # noqa: T201 - the command's answer
        if self._places.demo:
            print(f"open {await self._demo_link()}", flush=True)  # noqa: T201 - the command's answer
        for keeper in old:
            if not keeper.draining:
                keeper.leave()

    async def _demo_link(self) -> str:
        """Have the switch make the newcomer's link; one that dies in this moment is soon back."""
        while True:
            try:
                answer = await ask_over_http(self._places.folder.address("switch"), "/demo/link")
                return str(answer["link"])
            except (OSError, EOFError, ValueError):
                await asyncio.sleep(LINK_RETRY)

    async def _wait_for_end(self, keeper: Keeper, *, within: float) -> None:
        """Wait until a process has ended, the time is over, or a further order comes."""
        order = asyncio.ensure_future(self._orders.get())
        await asyncio.wait([self._tasks[keeper], order], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        order.cancel()

    async def _end_now(self, keepers: Iterable[Keeper]) -> None:
        """End processes without further waiting for their calls; the first SIGTERM may only begin a drain."""
        left = [keeper for keeper in keepers if not self._tasks[keeper].done()]
        for patience in PATIENCE:
            for keeper in left:
                keeper.leave()
            left = await self._still_running(left, timeout=patience)
        for keeper in left:
            say(f"{keeper.name} does not end and is killed")
            keeper.send(signal.SIGKILL)
        await self._still_running(left, timeout=None)

    async def _still_running(self, keepers: list[Keeper], *, timeout: float | None) -> list[Keeper]:  # noqa: ASYNC109 - asyncio.wait's own
        if keepers:
            await asyncio.wait([self._tasks[keeper] for keeper in keepers], timeout=timeout)
        return [keeper for keeper in keepers if not self._tasks[keeper].done()]
