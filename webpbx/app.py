"""The switch, wired: the only place that sees everything."""

import asyncio
import contextlib
import functools
import gc
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from webpbx.apps.echo import echo
from webpbx.apps.extension import extension
from webpbx.apps.nowhere import nowhere
from webpbx.apps.outside_line import outside_line
from webpbx.call_log import CallLog
from webpbx.calls.exchange import Exchange, Surroundings
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.facts import Fact, TrunkChanged
from webpbx.calls.live_calls import LiveCall
from webpbx.calls.restore import Reviver
from webpbx.demo import company as demo_company
from webpbx.demo import directory
from webpbx.demo.account import own_account
from webpbx.endpoints.browsers import Browsers
from webpbx.endpoints.trunk_reason import state_of
from webpbx.errors import WebpbxError
from webpbx.former_life import FormerLife
from webpbx.loop_lag import LoopProbe
from webpbx.media.client import Media
from webpbx.media.unix_path import reachable
from webpbx.model.destination import ToEcho, ToExtension, ToNowhere, ToOutside
from webpbx.model.settings import ServeSettings, host_and_port
from webpbx.readings import SwitchReadings
from webpbx.sip.grammar import SipError
from webpbx.sip_side import SipSide
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store, wall_clock_ms
from webpbx.trace_log import TraceLog
from webpbx.trace_query import add_routes as add_trace_routes
from webpbx.web import server
from webpbx.web.api.call_details import CallDetailsApi
from webpbx.web.api.calls import CallsApi
from webpbx.web.api.csp import CspReports
from webpbx.web.api.demo import DemoApi
from webpbx.web.api.devices import DevicesApi
from webpbx.web.api.health import Health
from webpbx.web.api.session import SessionApi
from webpbx.web.api.settings import SettingsApi
from webpbx.web.assets import Assets, static_folder
from webpbx.web.control import control_app
from webpbx.web.origins import Origins
from webpbx.web.sessions import Sessions
from webpbx.web.sockets.phone import PhoneSockets

logger = logging.getLogger(__name__)

NODE: Final = "local"
"""This machine's name among several; one machine needs no other."""
CANNOT_START: Final = 2
_SLOTS: Final = "ab"


def run_switch(settings: ServeSettings) -> int:
    """Be the switch until told to stop; give the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    try:
        return asyncio.run(_run(settings))
    except (WebpbxError, SipError) as error:
        print(error.text, file=sys.stderr, flush=True)  # noqa: T201 - the supervisor reads the last line
        return CANNOT_START


async def _run(settings: ServeSettings) -> int:
    orders: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, orders.put_nowait, None)
    async with contextlib.AsyncExitStack() as stack:
        switch = Switch(settings, stack)
        await switch.open()
        gc.collect()
        gc.freeze()
        switch.watch_loop()
        await orders.get()
        await switch.drain(orders)
    return 0


class Switch:
    """Opens every floor from below, and closes them from above through the exit stack it is given."""

    def __init__(self, settings: ServeSettings, stack: contextlib.AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._exchanges = Exchanges()
        self._listeners: list[Callable[[Fact], None]] = []
        self._url = ""
        self._stopping = False
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Bring everything up, take up the calls of a former life, and only then say that it is ready."""
        data = self._settings.data.absolute()
        self._store = await self._stack.enter_async_context(await Store.open(data))
        if self._settings.demo:
            await demo_company.settle(self._store, own_account(data), proxy=self._settings.outside_sip)
        self._epoch = await self._store.next_epoch(node=NODE)
        self._live_calls = self._store.live_calls(node=NODE, epoch=self._epoch, from_json=LiveCall.from_json)
        self._former_life = FormerLife(self._exchanges, self._live_calls)
        self._lag = LoopProbe()
        await self._open_media(data / "run")
        await self._open_calls()
        await self._former_life.hear_workers()
        await self._open_sip()
        await self._open_web()
        revivers: dict[str, Reviver] = {"browser": self._browsers, "trunk": self._sip.trunks, "phone": self._sip.phones}
        await self._former_life.take_up(revivers=revivers, media=self._media, store=self._store)
        await self._sip.read()  # only now is a BYE or a re-INVITE within such a call found to belong to it,
        await self._site.accept()  # and only now does a page see its call in the first snapshot
        await self._open_control(data / "run")

    def watch_loop(self) -> None:
        """Measure from now on how late the loop is; what belongs to starting does not count."""
        self._stack.enter_context(self._lag)

    # -- from below to above -----------------------------------------------------------------------------------

    async def _open_media(self, run: Path) -> None:
        self._media = Media(
            _worker_sockets(run, self._settings.workers),
            epoch=self._epoch,
            on_event=self._exchanges.on_media_event,
            on_lost=self._exchanges.on_worker_lost,
            on_ready=self._former_life.worker_ready,
        )
        await self._media.start()
        self._stack.push_async_callback(self._media.close)

    async def _open_calls(self) -> None:
        log = CallLog(self._store)
        self._stack.push_async_callback(log.close)
        self._listeners.append(log.hear)
        self._traces = TraceLog.as_set(self._settings, self._store, clock=wall_clock_ms)
        self._stack.push_async_callback(self._traces.close)
        self._listeners.append(self._traces.hear)
        announcements = _announcements(static_folder() / "sounds" / "prompts")
        self._surroundings = Surroundings(
            media=self._media,
            applications=MappingProxyType(
                {
                    ToExtension: extension,
                    ToOutside: outside_line,
                    ToEcho: echo,
                    ToNowhere: functools.partial(nowhere, emergency_announcements=announcements),
                }
            ),
            live_calls=self._live_calls,
            emit=self._emit,
            clock=wall_clock_ms,
            new_id=_new_id,
            node=NODE,
            epoch=self._epoch,
            hold_sound=str(static_folder() / "sounds" / "demo" / "music.ogg"),
        )
        self._browsers = Browsers(self._exchanges, self._emit)
        for tenant in await self._store.tenants.all():
            try:
                await self._open_exchange(tenant.id)
            except WebpbxError as error:  # one company's fault is not another's
                logger.error("company %s is not served: %s", tenant.id, error.text)  # noqa: TRY400 - the sentence says it

    async def _open_exchange(self, tenant_id: str) -> Exchange:
        exchange = Exchange(await self._store.snapshot(tenant_id), self._surroundings)
        await exchange.start()
        self._exchanges.add(exchange)
        return exchange

    async def _open_sip(self) -> None:
        self._sip = SipSide(self._settings, self._store, self._exchanges, self._emit)
        await self._sip.open(self._traces.tap)
        self._stack.push_async_callback(self._sip.close)
        self._stack.push_async_callback(self._close_exchanges)  # while there is a network to end their calls over

    async def _open_web(self) -> None:
        settings = self._settings
        host, port = host_and_port(settings.http, option="--http")
        tls = None
        if settings.tls_cert is not None and settings.tls_key is not None:
            tls = server.tls_context(settings.tls_cert, settings.tls_key)
        self._passwords = Passwords()
        self._stack.push_async_callback(self._passwords.close)
        sessions = Sessions(self._store, self._passwords, tls=tls is not None, clock=time.monotonic)
        origins = Origins(tls=tls is not None)
        sockets = PhoneSockets(
            browsers=self._browsers,
            sessions=sessions,
            origins=origins,
            company=lambda tenant_id: self._exchanges[tenant_id].snapshot,
            epoch=self._epoch,
            clock=time.monotonic,
            demo_numbers=directory.NUMBERS_TO_TRY if settings.demo else None,
            outside_is_down=lambda tenant_id: self._sip.trunks.all_are_down(self._exchanges[tenant_id]),
        )
        self._sockets = sockets
        self._readings = SwitchReadings(
            store=self._store,
            exchanges=self._exchanges,
            media=self._media,
            trunks=self._sip.trunks,
            network=self._sip.network,
            sockets=sockets,
            lag=self._lag,
            stopping=lambda: self._stopping,
        )
        self._listeners += [self._readings.hear, sockets.tell, self._pin_realm]
        csp = CspReports(clock=time.monotonic)
        settings_api = SettingsApi(
            self._store,
            self._passwords,
            on_changed=self._settings_changed,
            live={"trunk": self._trunk_states},
            ask_trunk=self._sip.trunks.ask,
            sip_port=self._sip.network.address[1],
        )
        health = Health(self._readings, clock=time.monotonic)
        records = (CallsApi(self._store), CallDetailsApi(self._store, self._traces.of_call))
        nouns = (SessionApi(sessions), *records, DevicesApi(self._store), settings_api, health, csp)
        routes = [route for noun in nouns for route in noun.routes()]
        if settings.demo:
            outside = settings.data.absolute() / "run" / "outside.sock"
            demo = DemoApi(self._store, sessions, outside=outside, colleague=demo_company.COLLEAGUE)
            routes += demo.routes()
        app = server.application(
            assets=Assets(static_folder()),
            sessions=sessions,
            origins=origins,
            phone=sockets,
            routes=routes,
            clock=time.monotonic,
        )
        self._site = await server.serve(app, host=host, port=port, tls=tls, accepting=False)
        self._stack.push_async_callback(self._site.close)
        self._url = self._site.url.rstrip("/")

    async def _open_control(self, run: Path) -> None:
        app = control_app(
            self._store,
            self._passwords,
            on_changed=self._settings_changed,
            status=self._status,
            live={"trunk": self._trunk_states},
        )
        add_trace_routes(app, self._store, self._traces)
        if self._settings.demo:
            app.router.add_get("/demo/link", self._demo_link)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        with reachable(run / "switch.sock") as address:
            await web.UnixSite(runner, address).start()
        (run / "switch.sock").chmod(0o600)

    # -- while it runs -----------------------------------------------------------------------------------------

    def _emit(self, fact: Fact) -> None:
        for hear in self._listeners:
            try:
                hear(fact)
            except Exception:
                logger.exception("%s was not heard", type(fact).__name__)

    def _pin_realm(self, fact: Fact) -> None:
        match fact:
            case TrunkChanged(tenant_id=tenant_id, trunk_id=trunk_id, learnt_realm=str(realm)):
                pinned = self._store.tenant(tenant_id).trunks.pin_realm(trunk_id, realm)
                self._exchanges[tenant_id].spawn(pinned, name=f"realm of trunk {trunk_id}")

    async def _settings_changed(self, tenant_id: str) -> None:
        """Use a company's new settings for the calls to come; one change after another."""
        async with self._changing:
            await self._use_settings(tenant_id)

    async def _use_settings(self, tenant_id: str) -> None:
        known = {tenant.id for tenant in await self._store.tenants.all()}
        exchange = self._exchanges.get(tenant_id)
        if tenant_id not in known:
            if exchange is not None:
                await self._sip.leave(exchange)
                self._exchanges.remove(tenant_id)
                await exchange.close()
            return
        if exchange is None:
            exchange = await self._open_exchange(tenant_id)
        else:
            exchange.use(await self._store.snapshot(tenant_id))
        await self._sip.use(exchange)
        self._sockets.settings_changed(tenant_id)

    def _trunk_states(self, tenant_id: str) -> Mapping[str, Mapping[str, object]]:
        """Tell of a company's trunks that are on whether they are up, and why."""
        states = {name.partition("/"): state for name, state in self._sip.trunks.states().items()}
        return {
            trunk_id: state_of(up, reason)
            for (company, _, trunk_id), (up, reason) in states.items()
            if company == tenant_id
        }

    def _status(self) -> Mapping[str, object]:
        exchanges = self._exchanges.values()
        return {
            "url": self._url,
            "pid": os.getpid(),
            "epoch": self._epoch,
            "draining": self._stopping,
            "calls": sum(len(exchange.calls) for exchange in exchanges),
            "legs": sum(len(exchange.legs) for exchange in exchanges),
            "tasks": len(asyncio.all_tasks()),
            "transactions": self._sip.network.counters[("now", "transactions")],
            "dialogs": self._sip.network.counters[("now", "dialogs")],
            "timers": self._sip.network.counters[("now", "timers")],
            "sockets": len(self._sockets),
            "telephones": self._sip.phones.states(),
            "trunks": {name: {"up": up, "reason": reason} for name, (up, reason) in self._sip.trunks.states().items()},
        }

    async def _demo_link(self, _: web.Request) -> web.Response:
        users = await self._store.tenant(demo_company.TENANT_ID).users.all()
        user = next(user for user in users if user.extension == demo_company.NEWCOMER)
        return web.json_response({"link": f"{self._url}/#link={await self._store.links.create(user.id)}"})

    # -- the end -----------------------------------------------------------------------------------------------

    async def drain(self, orders: asyncio.Queue[None]) -> None:
        """Take no new calls, let the running ones end for the set time or until a further order."""
        self._stopping = True
        for exchange in self._exchanges.values():
            exchange.drain()
        await self._sip.network.drain()
        logger.info("stopping: %d calls are up", sum(len(exchange.calls) for exchange in self._exchanges.values()))
        idle = asyncio.create_task(self._idle())
        order = asyncio.create_task(orders.get())
        ends: list[asyncio.Future[Any]] = [idle, order]
        await asyncio.wait(ends, timeout=self._settings.drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in (idle, order):
            one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one
        await self._close_exchanges()  # pages and trunks are told why before the sockets go

    async def _idle(self) -> None:
        """Wait until no company has a call; while one waits for another, someone may dial an emergency number."""
        while busy := [exchange for exchange in self._exchanges.values() if exchange.calls]:
            await asyncio.gather(*(exchange.idle() for exchange in busy))

    async def _close_exchanges(self) -> None:
        await asyncio.gather(*(exchange.close() for exchange in self._exchanges.values()))


def _worker_sockets(run: Path, workers: int) -> list[Path]:
    """Give where workers listen: today's, and those of a time with more, which may still be busy with calls."""
    today = {run / f"worker-{index}{slot}.sock" for index in range(workers) for slot in _SLOTS}
    return sorted(today | set(run.glob("worker-*.sock")))


def _new_id() -> str:
    return secrets.token_urlsafe(12)


def _announcements(folder: Path) -> Mapping[str, str]:
    """Give the files that tell an emergency caller what to do, by language."""
    return {path.stem.rpartition("-")[2]: str(path) for path in sorted(folder.glob("emergency-no-trunk-*.ogg"))}
