"""What the switch measures, gathered when somebody asks."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from webpbx import __version__
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.facts import CallEnded, Fact
from webpbx.endpoints.trunks import Trunks
from webpbx.loop_lag import LoopProbe
from webpbx.media.client import Media, WorkerState
from webpbx.sip.network import SipNetwork
from webpbx.store.store import Store
from webpbx.web.api.health import LoopLag, Readings, TrunkReading, WorkerReading
from webpbx.web.sockets.phone import PhoneSockets

_DATABASE_SECONDS: Final = 2.0


class SwitchReadings:
    """Reads everything at scrape time; counts ended calls as they end."""

    def __init__(
        self,
        *,
        store: Store,
        exchanges: Exchanges,
        media: Media,
        trunks: Trunks,
        network: SipNetwork,
        sockets: PhoneSockets,
        lag: LoopProbe,
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._exchanges = exchanges
        self._media = media
        self._trunks = trunks
        self._network = network
        self._sockets = sockets
        self._lag = lag
        self._stopping = stopping
        self._since = time.monotonic()
        self._version = __version__
        self._ended: Counter[str] = Counter()

    def hear(self, fact: Fact) -> None:
        """Count calls that have ended, by cause."""
        if isinstance(fact, CallEnded):
            self._ended[str(fact.record.cause)] += 1

    async def __call__(self) -> Readings:
        """Return the values of this moment."""
        workers = self._media.workers.values()
        sip = self._network.counters
        return Readings(
            version=self._version,
            uptime=time.monotonic() - self._since,
            database_ok=await self._database_ok(),
            stopping=self._stopping(),
            workers=tuple(
                WorkerReading(one.name, ready=one.ready, draining=one.draining, legs=len(one.legs)) for one in workers
            ),
            trunks=tuple(self._trunk_readings()),
            calls={tenant_id: len(exchange.calls) for tenant_id, exchange in self._exchanges.items()},
            calls_ended=dict(self._ended),
            loop_lags={"switch": LoopLag(*self._lag.quantiles())} | {one.name: _lag_of(one) for one in workers},
            packets={(one.name, way): one.status.get(f"packets_{way}", 0) for one in workers for way in ("in", "out")},
            dropped=self._dropped(),
            sip_transactions=sip[("now", "transactions")],
            sip_dialogs=sip[("now", "dialogs")],
            sip_requests=_by_direction(sip, "request"),
            sip_responses=_by_direction(sip, "response"),
            sockets=len(self._sockets),
        )

    async def _database_ok(self) -> bool:
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                await self._store.tenants.all()
        except Exception:  # noqa: BLE001 - whatever it is, the database does not answer
            return False
        return True

    def _dropped(self) -> dict[tuple[str, str], int]:
        """Give (process, reason) → datagrams."""
        found = {("switch", what): n for (kind, what), n in self._network.counters.items() if kind == "dropped"}
        for worker in self._media.workers.values():
            found |= {(worker.name, reason): n for reason, n in worker.status.get("dropped", {}).items()}
        return found

    def _trunk_readings(self) -> list[TrunkReading]:
        calls: Counter[tuple[str, str]] = Counter()
        for exchange in self._exchanges.values():
            for trunk_id, count in exchange.outside_use(None).trunk_calls_up.items():
                calls[exchange.tenant_id, trunk_id] = count
        found = []
        for name, (up, reason) in self._trunks.states().items():
            tenant_id, _, trunk_id = name.partition("/")
            found.append(TrunkReading(tenant_id, trunk_id, up=up, calls=calls[tenant_id, trunk_id], reason=reason))
        return found


def _by_direction(counters: Mapping[tuple[str, str], int], kind: str) -> dict[tuple[str, str], int]:
    """Give (what, in or out) → how often, of the counters named kind_in and kind_out."""
    return {
        (what, name.removeprefix(f"{kind}_")): count
        for (name, what), count in counters.items()
        if name.startswith(f"{kind}_")
    }


def _lag_of(worker: WorkerState) -> LoopLag:
    lag = worker.status.get("loop_lag_ms", {})
    return LoopLag(*(float(lag.get(name, 0.0)) / 1000 for name in ("p50", "p99", "max")))
