import json
from dataclasses import asdict

from webpbx.model.tenant import Tenant
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, InUse, NotFound

_HOLDINGS = {"users": "users", "trunks": "trunks", "dids": "numbers", "outbound_routes": "routes"}


class Tenants:
    """The companies of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Tenant]:
        """Give every company, by id."""
        rows = await self._database.read(lambda connection: connection.rows("SELECT * FROM tenants ORDER BY id"))
        return [_tenant(row) for row in rows]

    async def get(self, tenant_id: str) -> Tenant:
        """Give a company; raise NotFound."""
        return await self._database.read(lambda connection: read_tenant(connection, tenant_id))

    async def add(self, tenant: Tenant) -> None:
        """Keep a new company; raise AlreadyThere."""

        def work(connection: Connection) -> None:
            if connection.row("SELECT id FROM tenants WHERE id = $1", tenant.id):
                raise AlreadyThere(f"The company {tenant.id!r} is there already: choose another id.", id=tenant.id)
            connection.insert("tenants", asdict(tenant) | {"emergency_numbers": json.dumps(tenant.emergency_numbers)})

        await self._database.write(work)

    async def remove(self, tenant_id: str) -> None:
        """Remove a company that has nothing any more, its call records with it; raise NotFound or InUse."""

        def work(connection: Connection) -> None:
            for table, word in _HOLDINGS.items():
                if connection.row(f"SELECT 1 FROM {table} WHERE tenant_id = $1 LIMIT 1", tenant_id):  # noqa: S608 - own names
                    raise InUse(f"The company {tenant_id!r} still has {word}: remove those first.", id=tenant_id)
            connection.run("DELETE FROM extensions WHERE tenant_id = $1", tenant_id)
            if not connection.run("DELETE FROM tenants WHERE id = $1", tenant_id):
                raise _unknown(tenant_id)

        await self._database.write(work)


def read_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """Give a company; raise NotFound."""
    row = connection.row("SELECT * FROM tenants WHERE id = $1", tenant_id)
    if row is None:
        raise _unknown(tenant_id)
    return _tenant(row)


def _unknown(tenant_id: str) -> NotFound:
    return NotFound(f"There is no company {tenant_id!r}: `webpbx tenant list` shows those there are.", id=tenant_id)


def _tenant(row: Row) -> Tenant:
    return Tenant(**(row | {"emergency_numbers": tuple(json.loads(row["emergency_numbers"]))}))
