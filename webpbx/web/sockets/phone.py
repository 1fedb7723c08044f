import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from webpbx.calls.facts import Fact, PresenceChanged, TrunkChanged
from webpbx.endpoints.browser_call import BrowserCallChanged
from webpbx.endpoints.browser_errors import BadNumber
from webpbx.errors import WebpbxError
from webpbx.media.errors import MediaError
from webpbx.model.numbers import emergency_pattern, keyed
from webpbx.model.snapshot import Snapshot
from webpbx.web.errors import BadRequest, Busy, TooManyRequests, TooManyTabs, ack_of, unexpected
from webpbx.web.origins import Origins, address_key
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import Sessions, Signed
from webpbx.web.sockets import commands
from webpbx.web.sockets.commands import Answer, Attach, Command, Dial, Digits, Duty, HangUp, Hello, Mute, Quality
from webpbx.web.sockets.remembered import Ack, RememberedCommands
from webpbx.web.sockets.surface import BrowserCall, Browsers, Device
from webpbx.web.sockets.tab import Tab
from webpbx.web.sockets.wire import SocketServer
from webpbx.web.user_json import user_json

_logger = logging.getLogger(__name__)

NAMESPACE: Final = "/phone"
_TABS_PER_USER: Final = 5
_OPENING_LIMIT: Final = 1000  # sockets of which nobody knows yet whose they are
_OPENING_LIMIT_PER_ADDRESS: Final = 200
_OPENING_SECONDS: Final = 10.0
_SESSION_CHECK_SECONDS: Final = 60.0
_SWEEP_SECONDS: Final = 3600.0
_WATCH_SECONDS: Final = 2.5
_NOT_REMEMBERED: Final = frozenset({"hello", "quality"})

Key = tuple[str, str]


class PhoneSockets:
    """The page's live line: events of signed-in tabs become commands to the browsers, facts events to the tabs."""

    def __init__(
        self,
        *,
        browsers: Browsers,
        sessions: Sessions,
        origins: Origins,
        company: Callable[[str], Snapshot],
        epoch: int,
        clock: Callable[[], float],
        demo_numbers: Iterable[Mapping[str, str]] | None = None,
        outside_is_down: Callable[[str], bool] = lambda _tenant_id: False,
    ) -> None:
        """`company` gives a tenant's settings now, `epoch` is ours; `demo_numbers` is None outside the demo.

        `outside_is_down` tells whether no trunk of a tenant's calls outside can be reached.
        """
        self._browsers = browsers
        self._sessions = sessions
        self._origins = origins
        self._company = company
        self._epoch = epoch
        self._clock = clock
        self._outside_is_down = outside_is_down
        self._told_down: dict[str, bool] = {}
        self._demo_numbers = None if demo_numbers is None else [dict(row) for row in demo_numbers]
        self._server = SocketServer(
            namespace=NAMESPACE,
            events=frozenset(commands.COMMANDS),
            connected=self._connected,
            disconnected=self._disconnected,
            command=self._command,
            clock=clock,
        )
        self._tabs: dict[str, Tab] = {}
        self._opening: dict[int, tuple[web.Request, float, str]] = {}
        self._remembered: dict[Key, RememberedCommands] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        sessions.on_ended(self._session_ended)

    def __len__(self) -> int:
        return len(self._tabs)

    # --- the HTTP side -----------------------------------------------------------------------------------------

    def routes(self) -> tuple[Route, ...]:
        """Give the one address of Socket.IO."""
        return (Route("GET", "/socket.io/", self._open, Access.OPEN),)

    async def start(self, _app: web.Application) -> None:
        """Begin to watch: sockets that never sign in, sessions that end."""
        self._spawn(self._watch())

    async def close(self, _app: web.Application) -> None:
        """End every socket."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.close()
        for tab in list(self._tabs.values()):
            await self._forget(tab)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        self._origins.check(request)
        address = address_key(request)
        same_address = sum(other == address for _, _, other in self._opening.values())
        if len(self._opening) >= _OPENING_LIMIT or same_address >= _OPENING_LIMIT_PER_ADDRESS:
            raise Busy("Too many pages connect at once. The page tries again by itself.")
        self._opening[id(request)] = (request, self._clock(), address)
        try:
            return await self._server.open(request)
        finally:
            self._opening.pop(id(request), None)

    # --- signing in and out ------------------------------------------------------------------------------------

    async def _connected(self, socket_id: str, engine_id: str, request: web.Request, auth: Any) -> None:
        """Let a socket in; raise WebpbxError with the reason else."""
        told = commands.read_auth(auth)
        signed = await self._sessions.of_socket(request, token=told.token, csrf=told.csrf)
        if sum(tab.signed.user_key == signed.user_key for tab in self._tabs.values()) >= _TABS_PER_USER:
            raise TooManyTabs("You have the page open too often: close a tab on this or another device.")
        self._opening.pop(id(request), None)
        self._tabs[socket_id] = Tab(socket_id, engine_id, signed, emit=self._emit, clock=self._clock)

    async def _disconnected(self, socket_id: str) -> None:
        """Forget a socket that is gone."""
        tab = self._tabs.get(socket_id)
        if tab is not None:
            await self._forget(tab)
            self._spawn(self._server.cut_off(tab.engine_id))

    async def _forget(self, tab: Tab) -> None:
        self._tabs.pop(tab.socket_id, None)
        if tab.device_id:
            self._browsers.goodbye(tab.socket_id)
        await tab.close()

    def _session_ended(self, signed: Signed, stays: bool) -> None:  # noqa: FBT001 - the callback's signature
        self._spawn(self._sign_out(signed, stays=stays))

    async def _sign_out(self, signed: Signed, *, stays: bool = False) -> None:
        ended = [tab for tab in self._tabs.values() if tab.signed.session_id == signed.session_id]
        for tab in ended:
            tab.send("notice", {"kind": "signed_out", "text": "You are signed out."})
            await tab.quiet()
            await self._server.cut_off(tab.engine_id)
        if not stays and not any(tab.signed.user_key == signed.user_key for tab in self._tabs.values()):
            await self._browsers.leave(signed.user.tenant_id, signed.user.id)

    async def _watch(self) -> None:
        checked = swept = self._clock()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self._end_silent_openings()
            for tab in [tab for tab in self._tabs.values() if tab.overrun]:
                await self._server.cut_off(tab.engine_id)
            now = self._clock()
            self._forget_commands()
            if now - checked >= _SESSION_CHECK_SECONDS:
                checked = now
                await self._check_sessions()
            if now - swept >= _SWEEP_SECONDS:
                swept = now
                await self._sweep()

    def _end_silent_openings(self) -> None:
        now = self._clock()
        for request, since, _ in self._opening.values():
            if now - since > _OPENING_SECONDS and isinstance(request.transport, asyncio.Transport):
                request.transport.abort()

    def _forget_commands(self) -> None:
        for user_key, remembered in list(self._remembered.items()):
            remembered.forget_old()
            if not len(remembered):
                del self._remembered[user_key]

    async def _sweep(self) -> None:
        try:
            await self._sessions.sweep()
        except Exception as error:  # noqa: BLE001 - a busy database must not end the watch
            unexpected(error, where="deleting old sessions")

    async def _check_sessions(self) -> None:
        """Count an open page as use of its session, and end the sockets of sessions that are over."""
        for signed in {tab.signed.session_id: tab.signed for tab in self._tabs.values()}.values():
            try:
                alive = await self._sessions.keep(signed)
            except Exception as error:  # noqa: BLE001 - a busy database must not end the watch
                unexpected(error, where="checking a session")
                continue
            if not alive:
                await self._sign_out(signed)

    # --- commands ----------------------------------------------------------------------------------------------

    async def _command(self, socket_id: str, event: str, arguments: tuple[Any, ...]) -> Ack:
        """Carry out one event of a tab and give its acknowledgement; never raises for what a client can send."""
        tab = self._tabs.get(socket_id)
        if tab is None:
            return {"error_id": "login_required", "text": "Sign in first."}
        try:
            if not tab.bucket.take():
                raise TooManyRequests("Too many commands at once. Wait a second and try again.", retry_after=1)
            command = commands.read_command(event, arguments)
        except WebpbxError as error:
            return ack_of(error)
        if event in _NOT_REMEMBERED:
            return await self._act(tab, command)
        remembered = self._remembered.setdefault(tab.signed.user_key, RememberedCommands(clock=self._clock))
        return await remembered.once((event, command.id), lambda: self._act(tab, command))

    async def _act(self, tab: Tab, command: Command) -> Ack:
        try:
            if isinstance(command, Hello):
                return {"ok": True, **await self._hello(tab, command)}
            return {"ok": True, **await _do(tab.device, command)}
        except (WebpbxError, MediaError) as error:
            return ack_of(error)
        except Exception as error:  # noqa: BLE001 - the one place where an unknown fault becomes an acknowledgement
            return ack_of(unexpected(error, where=f"command {type(command).__name__}"))

    async def _hello(self, tab: Tab, hello: Hello) -> dict[str, Any]:
        await tab.quiet()
        tab.device_id, tab.tab_id = hello.device_id, hello.tab_id
        user = tab.signed.user
        device = self._browsers.hello(
            tenant_id=user.tenant_id,
            user_id=user.id,
            device_id=hello.device_id,
            tab_id=hello.tab_id,
            socket_id=tab.socket_id,
            owner=hello.owner,
        )
        for other in self._tabs.values():
            if other is not tab and _same_tab(other, tab, hello):
                self._spawn(self._server.cut_off(other.engine_id))
        # From here to the acknowledgement nothing may wait: later events must follow this snapshot without a gap.
        tab.listen(device)
        return self._snapshot(tab)

    def _snapshot(self, tab: Tab) -> dict[str, Any]:
        user = tab.signed.user
        company = self._company(user.tenant_id)
        user = company.users.get(user.id, user)
        tenant = company.tenant
        presence = self._browsers.presence(user.tenant_id)
        colleagues = [
            {"extension": one.extension, "name": one.name, "presence": presence.get(one.extension, "offline")}
            for one in sorted(company.users.values(), key=lambda one: (one.name, one.id))
            if one.extension is not None and one.id != user.id
        ]
        settings: dict[str, Any] = {
            "outside_prefix": tenant.outside_prefix,
            "outside_prefix_use": tenant.outside_prefix_use,
            "ring_time": tenant.ring_time,
            "outside_down": self._outside_is_down(tenant.id),
            "emergency_pattern": emergency_pattern(tenant.country, tenant.emergency_numbers),
        }
        if self._demo_numbers is not None:
            settings["demo_numbers"] = self._demo_numbers
        return {
            "seq": tab.seq,
            "epoch": self._epoch,
            "user": user_json(user),
            "tenant": {"name": tenant.name, "country": tenant.country, "language": tenant.language},
            "demo": self._demo_numbers is not None,
            "duty": tab.device.on_duty,
            "calls": [call.to_json(device_id=tab.device_id) for call in self._browsers.calls(user.tenant_id, user.id)],
            "colleagues": colleagues,
            "settings": settings,
        }

    # --- facts -------------------------------------------------------------------------------------------------

    def tell(self, fact: Fact) -> None:
        """Show what has happened; other facts than those shown are left alone."""
        if isinstance(fact, BrowserCallChanged):
            self.call_changed(fact.call)
        elif isinstance(fact, PresenceChanged):
            self.presence_changed(tenant_id=fact.tenant_id, extension=fact.extension, presence=fact.presence)
        elif isinstance(fact, TrunkChanged):
            self.lines_changed(fact.tenant_id)

    def call_changed(self, call: BrowserCall) -> None:
        """Show one changed call in every tab of its user."""
        for tab in self._tabs_of(call.tenant_id, call.user_id):
            tab.send("call", {"call": call.to_json(device_id=tab.device_id)})

    def presence_changed(self, *, tenant_id: str, extension: str, presence: str) -> None:
        """Show a colleague's presence in every tab of the company."""
        for tab in self._tabs.values():
            if tab.signed.user.tenant_id == tenant_id:
                tab.send("presence", {"extension": extension, "presence": presence})

    def settings_changed(self, tenant_id: str) -> None:
        """Give every tab of a company a new snapshot."""
        for tab in self._tabs.values():
            if tab.signed.user.tenant_id == tenant_id and tab.device_id:
                snapshot = self._snapshot(tab)
                snapshot.pop("seq")
                tab.send("snapshot", snapshot)

    def lines_changed(self, tenant_id: str) -> None:
        """Tell every tab of a company when calls outside begin to fail, or work again."""
        down = self._outside_is_down(tenant_id)
        if self._told_down.get(tenant_id, False) != down:
            self._told_down[tenant_id] = down
            self.settings_changed(tenant_id)

    def _tabs_of(self, tenant_id: str, user_id: str) -> list[Tab]:
        return [tab for tab in self._tabs.values() if tab.signed.user_key == (tenant_id, user_id)]

    async def _emit(self, event: str, payload: dict[str, Any], socket_id: str) -> None:
        await self._server.tell(socket_id, event, payload)

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            unexpected(error, where="a task of the sockets")


def _same_tab(other: Tab, tab: Tab, hello: Hello) -> bool:
    """Tell whether a socket is what this tab left behind when its network changed."""
    ids = (other.signed.user_key, other.device_id, other.tab_id)
    return ids == (tab.signed.user_key, hello.device_id, hello.tab_id)


async def _do(device: Device, command: Command) -> dict[str, Any]:
    match command:
        case Duty(on=on):
            device.duty(on)
        case Dial(number=number):
            keys = keyed(number)
            if keys is None:
                raise BadNumber(f"{number!r} is no number that can be dialled: use digits, * # and a leading +.")
            return {"leg_id": await device.dial(keys)}
        case Answer(leg_id=leg_id):
            await device.answer(leg_id)
        case HangUp(leg_id=leg_id):
            await device.hang_up(leg_id)
        case Attach(leg_id=leg_id, sdp=sdp, generation=generation):
            answer, answered_generation = await device.attach(leg_id, sdp=sdp, generation=generation)
            return {"sdp": answer, "generation": answered_generation}
        case Mute(leg_id=leg_id, on=on):
            await device.mute(leg_id, on)
        case Digits(leg_id=leg_id, keys=keys):
            await device.digits(leg_id, keys)
        case Quality(leg_id=leg_id, mos=mos, loss=loss, jitter_ms=jitter_ms, rtt_ms=rtt_ms):
            device.quality(leg_id, mos=mos, loss=loss, jitter_ms=jitter_ms, rtt_ms=rtt_ms)
        case _:
            raise BadRequest("There is no such command.")
    return {}
