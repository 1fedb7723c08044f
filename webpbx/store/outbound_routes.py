import json
from dataclasses import asdict

from webpbx.model.outbound_route import OutboundRoute
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, ChangedMeanwhile, NotFound
from webpbx.store.tenants import read_tenant

_LISTS = ("trunk_ids", "countries", "prefixes", "special_types")


class OutboundRoutes:
    """One company's outbound routes; without one no call goes outside."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def all(self) -> list[OutboundRoute]:
        """Give the company's routes, by priority."""
        return await self._database.read(lambda connection: read_routes(connection, self._tenant_id))

    async def add(self, route: OutboundRoute) -> None:
        """Keep a new route; raise AlreadyThere, or NotFound without one of its trunks."""

        def work(connection: Connection) -> None:
            read_tenant(connection, self._tenant_id)
            sql = "SELECT 1 FROM outbound_routes WHERE tenant_id = $1 AND id = $2"
            if connection.row(sql, self._tenant_id, route.id):
                raise AlreadyThere(f"The route {route.id!r} is there already: choose another id.", id=route.id)
            self._check_trunks_there(connection, route)
            connection.insert("outbound_routes", self._row(route))

        await self._database.write(work)

    async def change(self, old: OutboundRoute, new: OutboundRoute) -> None:
        """Put `new` in the place of `old`; raise NotFound or ChangedMeanwhile."""

        def work(connection: Connection) -> None:
            if old not in read_routes(connection, self._tenant_id):
                raise ChangedMeanwhile.of(old.id)
            self._check_trunks_there(connection, new)
            connection.insert("outbound_routes", self._row(new), replace=("tenant_id", "id"))

        await self._database.write(work)

    def _row(self, route: OutboundRoute) -> Row:
        lists = {name: json.dumps(getattr(route, name)) for name in _LISTS}
        return asdict(route) | lists | {"tenant_id": self._tenant_id}

    def _check_trunks_there(self, connection: Connection, route: OutboundRoute) -> None:
        rows = connection.rows("SELECT id FROM trunks WHERE tenant_id = $1", self._tenant_id)
        trunks = {row["id"] for row in rows}
        for trunk_id in route.trunk_ids:
            if trunk_id not in trunks:
                raise NotFound(
                    f"There is no trunk {trunk_id!r} in this company: `webpbx trunk list` shows those there are.",
                    id=trunk_id,
                )

    async def remove(self, route_id: str) -> None:
        """Remove a route; raise NotFound."""
        sql = "DELETE FROM outbound_routes WHERE tenant_id = $1 AND id = $2"
        if not await self._database.write(lambda connection: connection.run(sql, self._tenant_id, route_id)):
            raise NotFound(
                f"There is no route {route_id!r} in this company: `webpbx route list` shows those there are.",
                id=route_id,
            )


def read_routes(connection: Connection, tenant_id: str) -> list[OutboundRoute]:
    """Give a company's routes, by priority."""
    rows = connection.rows("SELECT * FROM outbound_routes WHERE tenant_id = $1 ORDER BY priority, id", tenant_id)
    return [_route(row) for row in rows]


def _route(row: Row) -> OutboundRoute:
    return OutboundRoute(**(row | {name: tuple(json.loads(row[name])) for name in _LISTS}))
