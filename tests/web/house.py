"""A small installation for the tests of the edge: real store, real server, a telephone side that takes notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import CookieJar, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer

from webpbx.model.snapshot import Snapshot
from webpbx.model.tenant import Tenant
from webpbx.model.user import User
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.api.call_details import CallDetailsApi
from webpbx.web.api.calls import CallsApi
from webpbx.web.api.csp import CspReports
from webpbx.web.api.devices import DevicesApi
from webpbx.web.api.health import Health, Readings, WorkerReading
from webpbx.web.api.session import SessionApi
from webpbx.web.assets import Assets
from webpbx.web.origins import Origins
from webpbx.web.routes import Route
from webpbx.web.server import application
from webpbx.web.sessions import Sessions
from webpbx.web.sockets.phone import PhoneSockets
from webpbx.web.sockets.surface import Browsers

Client = TestClient[web.Request, web.Application]
PASSWORD = "correct horse battery"


class Clock:
    """Seconds that a test turns on by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def milliseconds(self) -> int:
        return int(self.now * 1000)


@dataclass
class ScriptedCall:
    tenant_id: str
    user_id: str
    leg_id: str
    state: str = "ringing"

    def to_json(self, *, device_id: str) -> dict[str, object]:
        return {"leg_id": self.leg_id, "state": self.state, "here": device_id == "d1"}


@dataclass
class ScriptedDevice:
    """An endpoint that notes its orders and fails as it is told to."""

    name: str
    on_duty: bool = False
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    fails: BaseException | None = None

    def _note(self, *order: Any) -> None:
        self.orders.append(order)
        if self.fails is not None:
            raise self.fails

    def duty(self, on: bool) -> None:
        self._note("duty", on)
        self.on_duty = on

    async def dial(self, number: str) -> str:
        self._note("dial", number)
        return f"leg-{len(self.orders)}"

    async def answer(self, leg_id: str) -> None:
        self._note("answer", leg_id)

    async def hang_up(self, leg_id: str) -> None:
        self._note("hang_up", leg_id)

    async def attach(self, leg_id: str, *, sdp: str, generation: int) -> tuple[str, int]:
        self._note("attach", leg_id, sdp, generation)
        return f"answer to {sdp}", generation

    async def mute(self, leg_id: str, on: bool) -> None:
        self._note("mute", leg_id, on)

    async def digits(self, leg_id: str, keys: str) -> None:
        self._note("digits", leg_id, keys)

    def quality(self, leg_id: str, *, mos: float, loss: float, jitter_ms: float, rtt_ms: float) -> None:
        self._note("quality", leg_id, mos, loss, jitter_ms, rtt_ms)


class ScriptedPhones:
    """The telephone side as the sockets see it."""

    def __init__(self) -> None:
        self.devices: dict[tuple[str, str, str], ScriptedDevice] = {}
        self.sockets: dict[str, tuple[str, str, str]] = {}
        self.living: list[ScriptedCall] = []
        self.left: list[tuple[str, str]] = []
        self.owners: list[tuple[str, bool]] = []

    def hello(
        self, *, tenant_id: str, user_id: str, device_id: str, tab_id: str, socket_id: str, owner: bool
    ) -> ScriptedDevice:
        key = (tenant_id, user_id, device_id)
        self.sockets[socket_id] = key
        self.owners.append((tab_id, owner))
        return self.devices.setdefault(key, ScriptedDevice(device_id))

    def goodbye(self, socket_id: str) -> None:
        del self.sockets[socket_id]

    def calls(self, tenant_id: str, user_id: str) -> tuple[ScriptedCall, ...]:
        return tuple(call for call in self.living if (call.tenant_id, call.user_id) == (tenant_id, user_id))

    def presence(self, tenant_id: str) -> Mapping[str, str]:
        return {"101": "free", "102": "busy"} if tenant_id == "acme" else {}

    async def leave(self, tenant_id: str, user_id: str) -> None:
        self.left.append((tenant_id, user_id))


@dataclass
class House:
    """What a test reaches for."""

    store: Store
    sessions: Sessions
    phones: ScriptedPhones
    phone: PhoneSockets
    clock: Clock
    assets: Assets
    app: web.Application
    server: TestServer
    client: Client

    @property
    def origin(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    async def post(self, path: str, body: Any = None, *, origin: str | None = "", **headers: str) -> Any:
        """Send a write as the page does; `origin=None` leaves the header out, "" is our own."""
        told = dict(headers)
        if origin is not None:
            told["Origin"] = origin or self.origin
        return await self.client.post(path, json={} if body is None else body, headers=told)

    async def log_in(self, login: str = "anna", password: str = PASSWORD) -> Any:
        return await self.post("/api/v1/session", {"login": login, "password": password})


async def measure() -> Readings:
    return Readings(version="1.2.3", uptime=5.0, database_ok=True, workers=(WorkerReading("0a", ready=True),))


async def furnish(store: Store, passwords: Passwords) -> None:
    """Keep two companies: acme with Anna 101 and Bert 102, beta with Zoe 101."""
    secret = await passwords.hash(PASSWORD)
    for tenant_id, name in (("acme", "Acme"), ("beta", "Beta")):
        await store.tenants.add(Tenant(tenant_id, name))
    for user in (
        User("anna", "acme", "anna", "Anna Adler", extension="101", password_hash=secret, role="user", language="de"),
        User("bert", "acme", "bert", "Bert Bauer", extension="102", password_hash=secret),
        User("zoe", "beta", "zoe", "Zoe Zapp", extension="101", password_hash=secret),
    ):
        await store.tenant(user.tenant_id).users.add(user)


def parts(
    store: Store,
    passwords: Passwords,
    snapshots: Mapping[str, Snapshot],
    assets: Assets,
    clock: Clock,
    *,
    phones: Browsers,
    tls: bool = False,
) -> tuple[Sessions, PhoneSockets, web.Application]:
    """Wire the edge as app.py does."""
    sessions = Sessions(store, passwords, tls=tls, clock=clock)
    origins = Origins(tls=tls)
    phone = PhoneSockets(
        browsers=phones,
        sessions=sessions,
        origins=origins,
        company=snapshots.__getitem__,
        epoch=7,
        clock=clock,
        demo_numbers=None,
    )
    routes: list[Route] = [
        *SessionApi(sessions).routes(),
        *CallsApi(store).routes(),
        *DevicesApi(store).routes(),
        *CallDetailsApi(store, lambda tenant_id, call_id: store.tenant(tenant_id).sip_traces.get(call_id)).routes(),
        *CspReports(clock=clock).routes(),
        *Health(measure, clock=clock).routes(),
    ]
    app = application(assets=assets, sessions=sessions, origins=origins, phone=phone, routes=routes, clock=clock)
    return sessions, phone, app


def client_of(server: TestServer) -> Client:
    """Make a browser: its cookies live also under an IP address."""
    return TestClient(server, cookie_jar=CookieJar(unsafe=True), connector=TCPConnector(force_close=True))
