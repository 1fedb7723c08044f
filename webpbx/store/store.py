import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar

from webpbx.model.dialplan import Dialplan
from webpbx.model.snapshot import Snapshot
from webpbx.store.call_records import CallRecords, close_interrupted
from webpbx.store.database import Connection, Database
from webpbx.store.devices import Bindings, Devices, read_devices, tenant_of_device
from webpbx.store.dids import Dids, read_dids
from webpbx.store.extensions import Extensions, read_extensions
from webpbx.store.links import Links
from webpbx.store.live_calls import LiveCallTable, LiveRow, next_epoch
from webpbx.store.outbound_routes import OutboundRoutes, read_routes
from webpbx.store.secrets import SecretBox
from webpbx.store.sessions import Sessions
from webpbx.store.sip_traces import SipTraces, remove_before
from webpbx.store.tenants import Tenants, read_tenant
from webpbx.store.trunks import Trunks, read_trunks
from webpbx.store.users import AllUsers, Users, read_users

Live = TypeVar("Live", bound=LiveRow)


def wall_clock_ms() -> int:
    """Give the time in UTC milliseconds."""
    return time.time_ns() // 1_000_000


class TenantStore:
    """What the store keeps of one company."""

    def __init__(self, database: Database, tenant_id: str, box: SecretBox) -> None:
        self.users = Users(database, tenant_id)
        self.extensions = Extensions(database, tenant_id)
        self.trunks = Trunks(database, tenant_id, box)
        self.dids = Dids(database, tenant_id)
        self.outbound_routes = OutboundRoutes(database, tenant_id)
        self.devices = Devices(database, tenant_id, box)
        self.call_records = CallRecords(database, tenant_id)
        self.sip_traces = SipTraces(database, tenant_id)


class Store:
    """The installation's database with its key; everything of a company is reached by `tenant`."""

    def __init__(
        self, database: Database, box: SecretBox, *, clock: Callable[[], int], random: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self.bindings = Bindings(database)
        self.tenants = Tenants(database)
        self.users = AllUsers(database)
        self.sessions = Sessions(database, clock=clock, random=random)
        self.links = Links(database, clock=clock, random=random)

    @classmethod
    async def open(
        cls,
        folder: Path | None,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> Self:
        """Open the data folder, made and migrated if need be, or a store in memory; raise StoreUnusable."""
        database = await Database.open(folder)
        try:
            if folder is None:
                box = SecretBox.in_memory()
            else:
                box = await asyncio.get_running_loop().run_in_executor(None, SecretBox.in_folder, folder)
        except BaseException:
            await database.close()
            raise
        return cls(database, box, clock=clock, random=random)

    async def close(self) -> None:
        """Finish what was ordered and close the files."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def tenant(self, tenant_id: str) -> TenantStore:
        """Give one company's part."""
        return TenantStore(self._database, tenant_id, self._box)

    def derived_key(self, purpose: str) -> bytes:
        """Give a key that is this installation's alone, the same at every start."""
        return self._box.derived_key(purpose)

    async def tenant_of_device(self, username: str) -> str | None:
        """Give the company that has a telephone of this user name, or None."""
        return await tenant_of_device(self._database, username)

    def now_ms(self) -> int:
        """Give the store's time."""
        return self._clock()

    async def next_epoch(self, *, node: str) -> int:
        """Begin a new life of a node's switch; what a former one still writes of its calls is refused from now on."""
        return await next_epoch(self._database, node=node)

    def live_calls(
        self, *, node: str, epoch: int, from_json: Callable[[Mapping[str, Any]], Live]
    ) -> LiveCallTable[Live]:
        """Give the node's live calls for a switch of this epoch; the epoch is one that `next_epoch` gave."""
        return LiveCallTable(self._database, self._box, node=node, epoch=epoch, from_json=from_json)

    async def snapshot(self, tenant_id: str) -> Snapshot:
        """Give a company's settings as of one moment; raise NotFound or SecretUnreadable."""

        def work(connection: Connection) -> Snapshot:
            extensions = {row.number: row for row in read_extensions(connection, tenant_id)}
            dids = {row.number: row for row in read_dids(connection, tenant_id)}
            tenant = read_tenant(connection, tenant_id)
            return Snapshot(
                tenant=tenant,
                plan=Dialplan(tenant, MappingProxyType(extensions), MappingProxyType(dids)),
                users=MappingProxyType({row.id: row for row in read_users(connection, tenant_id)}),
                trunks=MappingProxyType({row.id: row for row in read_trunks(connection, tenant_id, self._box)}),
                routes=tuple(read_routes(connection, tenant_id)),
                devices=MappingProxyType({row.id: row for row in read_devices(connection, tenant_id, self._box)}),
            )

        return await self._database.read(work)

    async def close_interrupted(self, *, living: Collection[str] = ()) -> int:
        """Close the records of calls that died with a former switch, all but the `living`; give how many."""
        return await close_interrupted(self._database, now_ms=self._clock(), living=living)

    async def sweep_sip_traces(self, *, keep_ms: int) -> int:
        """Delete what was said in SIP so long ago; give how many parts of calls."""
        return await remove_before(self._database, self._clock() - keep_ms)
