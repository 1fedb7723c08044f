import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from webpbx.web.routes import Access, Route

_HEALTH_SECONDS: Final = 1.0


@dataclass(frozen=True)
class LoopLag:
    """How late a process's event loop ran over the last minute, in seconds."""

    p50: float
    p99: float
    worst: float


@dataclass(frozen=True)
class WorkerReading:
    """One media worker, as the switch sees it."""

    name: str
    ready: bool
    draining: bool = False
    legs: int = 0


@dataclass(frozen=True)
class TrunkReading:
    """One trunk that is switched on."""

    tenant_id: str
    trunk_id: str
    up: bool
    calls: int = 0
    reason: str = ""
    """Why, in a plain sentence."""


@dataclass(frozen=True)
class Readings:
    """What the switch measures, at one moment. Counters only ever grow while a process lives."""

    version: str
    uptime: float
    database_ok: bool
    stopping: bool = False
    workers: tuple[WorkerReading, ...] = ()
    trunks: tuple[TrunkReading, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    """Living calls by tenant."""
    calls_ended: Mapping[str, int] = field(default_factory=dict)
    """Ended calls by cause."""
    loop_lags: Mapping[str, LoopLag] = field(default_factory=dict)
    """By process: "switch", a worker's name."""
    packets: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """RTP packets by (worker, direction: in or out)."""
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Datagrams thrown away by (process, reason)."""
    sip_transactions: int = 0
    sip_dialogs: int = 0
    sip_requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By (method, direction: in or out)."""
    sip_responses: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By (class: 1xx … 6xx, direction)."""
    sockets: int = 0
    """Signed-in Socket.IO connections."""

    def can_take_calls(self) -> bool:
        """Tell whether a new call would get media and be recorded."""
        return self.database_ok and not self.stopping and any(w.ready and not w.draining for w in self.workers)


class Measures(Protocol):
    """Reads everything at scrape time."""

    async def __call__(self) -> Readings:
        """Return the values of this moment."""


class Health:
    """`/healthz` for whoever watches the service, `/metrics` for Prometheus on the same machine."""

    def __init__(self, measures: Measures, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._measures = measures
        self._clock = clock
        self._latest: tuple[float, Readings] | None = None

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (
            Route("GET", "/healthz", self.healthz, Access.OPEN),
            Route("GET", "/metrics", self.metrics, Access.LOOPBACK),
        )

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        """Say whether calls can be taken: 200 or 503."""
        readings = await self._readings()
        well = readings.can_take_calls()
        status = "ok" if well else ("stopping" if readings.stopping else "unavailable")
        body = {
            "status": status,
            "version": readings.version,
            "uptime": round(readings.uptime, 1),
            "workers_ready": sum(worker.ready and not worker.draining for worker in readings.workers),
            "workers": len(readings.workers),
            "trunks_up": sum(trunk.up for trunk in readings.trunks),
            "trunks": len(readings.trunks),
            "database_ok": readings.database_ok,
        }
        return web.json_response(body, status=200 if well else 503)

    async def _readings(self) -> Readings:
        """Measure once a second at most: anybody may ask."""
        if self._latest is None or self._clock() - self._latest[0] >= _HEALTH_SECONDS:
            self._latest = (self._clock(), await self._measures())
        return self._latest[1]

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        """Answer in Prometheus' text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Scrape(await self._measures()))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _Scrape(Collector):
    """The metrics of one scrape."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from self._service()
        yield from self._calls()
        yield from self._media()
        yield from self._sip()

    def _service(self) -> Iterable[Metric]:
        readings = self._readings
        yield InfoMetricFamily("webpbx", "The running version", value={"version": readings.version})
        yield GaugeMetricFamily("webpbx_uptime_seconds", "Since the switch started", value=readings.uptime)
        yield GaugeMetricFamily("webpbx_database_ok", "1 while the database answers", value=int(readings.database_ok))
        yield GaugeMetricFamily("webpbx_sockets", "Signed-in browser sockets", value=readings.sockets)
        lags = GaugeMetricFamily(
            "webpbx_loop_lag_seconds", "How late a process's event loop ran", labels=("process", "quantile")
        )
        for process, lag in readings.loop_lags.items():
            for quantile, value in (("0.5", lag.p50), ("0.99", lag.p99), ("1", lag.worst)):
                lags.add_metric((process, quantile), value)
        yield lags

    def _calls(self) -> Iterable[Metric]:
        readings = self._readings
        yield _gauge("webpbx_calls", "Living calls", ("tenant",), {(name,): n for name, n in readings.calls.items()})
        yield _counter(
            "webpbx_calls_ended", "Ended calls", ("cause",), {(name,): n for name, n in readings.calls_ended.items()}
        )
        trunks = {(trunk.tenant_id, trunk.trunk_id): trunk for trunk in readings.trunks}
        labels = ("tenant", "trunk")
        yield _gauge(
            "webpbx_trunk_up", "1 while the trunk can be used", labels, {key: int(t.up) for key, t in trunks.items()}
        )
        reasons = {(*key, trunk.reason): 1 for key, trunk in trunks.items() if trunk.reason}
        yield _gauge("webpbx_trunk_reason", "1 for why the trunk can be used or not", (*labels, "reason"), reasons)
        yield _gauge("webpbx_trunk_calls", "Calls on the trunk", labels, {key: t.calls for key, t in trunks.items()})

    def _media(self) -> Iterable[Metric]:
        readings = self._readings
        workers = {(worker.name,): worker for worker in readings.workers}
        ready = {name: int(worker.ready) for name, worker in workers.items()}
        yield _gauge("webpbx_worker_ready", "1 while the media worker takes orders", ("worker",), ready)
        legs = {name: worker.legs for name, worker in workers.items()}
        yield _gauge("webpbx_legs", "Media legs", ("worker",), legs)
        yield _counter("webpbx_packets", "RTP packets", ("worker", "direction"), readings.packets)
        yield _counter("webpbx_dropped_datagrams", "Datagrams thrown away", ("process", "reason"), readings.dropped)

    def _sip(self) -> Iterable[Metric]:
        readings = self._readings
        yield GaugeMetricFamily("webpbx_sip_transactions", "Living SIP transactions", value=readings.sip_transactions)
        yield GaugeMetricFamily("webpbx_sip_dialogs", "Living SIP dialogs", value=readings.sip_dialogs)
        yield _counter("webpbx_sip_requests", "SIP requests", ("method", "direction"), readings.sip_requests)
        yield _counter("webpbx_sip_responses", "SIP responses", ("class", "direction"), readings.sip_responses)


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
