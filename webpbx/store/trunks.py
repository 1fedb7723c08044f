import json
from dataclasses import asdict, replace

from webpbx.model.trunk import Trunk
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, ChangedMeanwhile, InUse, NotFound
from webpbx.store.outbound_routes import read_routes
from webpbx.store.secrets import SecretBox
from webpbx.store.tenants import read_tenant

_LISTS = ("proxies", "addresses", "codecs")
_FLAGS = ("hide_caller_id", "trust_caller_id", "enabled")


class Trunks:
    """One company's trunks; their secrets lie encrypted."""

    def __init__(self, database: Database, tenant_id: str, box: SecretBox) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._box = box

    async def all(self) -> list[Trunk]:
        """Give the company's trunks with their secrets, by id; raise SecretUnreadable with a wrong key file."""
        return await self._database.read(lambda connection: read_trunks(connection, self._tenant_id, self._box))

    async def add(self, trunk: Trunk) -> None:
        """Keep a new trunk; raise AlreadyThere or, without the company, NotFound."""
        row = self._row(trunk)

        def work(connection: Connection) -> None:
            read_tenant(connection, self._tenant_id)
            if _there(connection, self._tenant_id, trunk.id):
                raise AlreadyThere(f"The trunk {trunk.id!r} is there already: choose another id.", id=trunk.id)
            connection.insert("trunks", row)

        await self._database.write(work)

    async def change(self, old: Trunk, new: Trunk) -> None:
        """Put `new` in the place of `old`; raise ChangedMeanwhile if that is not there any more.

        A realm learnt since `old` was read is no change of anybody's, and stays.
        """

        def work(connection: Connection) -> None:
            here = next((one for one in read_trunks(connection, self._tenant_id, self._box) if one.id == old.id), None)
            if here is None or replace(here, realm=old.realm) != old:
                raise ChangedMeanwhile.of(old.id)
            kept = replace(new, realm=here.realm) if new.realm == old.realm else new
            connection.insert("trunks", self._row(kept), replace=("tenant_id", "id"))

        await self._database.write(work)

    async def pin_realm(self, trunk_id: str, realm: str) -> None:
        """Keep the realm learnt from the provider's first challenge; one that is set already stays."""
        sql = "UPDATE trunks SET realm = $1 WHERE tenant_id = $2 AND id = $3 AND realm = ''"
        await self._database.write(lambda connection: connection.run(sql, realm, self._tenant_id, trunk_id))

    async def remove(self, trunk_id: str) -> None:
        """Remove a trunk; raise NotFound, or InUse while a number or route needs it."""

        def work(connection: Connection) -> None:
            sql = "SELECT number FROM dids WHERE tenant_id = $1 AND trunk_id = $2"
            did = connection.row(sql, self._tenant_id, trunk_id)
            if did is not None:
                raise InUse(
                    f"The number {did['number']} comes in on trunk {trunk_id!r}: remove that number first.", id=trunk_id
                )
            for route in read_routes(connection, self._tenant_id):
                if trunk_id in route.trunk_ids:
                    raise InUse(f"The route {route.id!r} uses trunk {trunk_id!r}: remove it first.", id=trunk_id)
            sql = "DELETE FROM trunks WHERE tenant_id = $1 AND id = $2"
            if not connection.run(sql, self._tenant_id, trunk_id):
                raise unknown_trunk(trunk_id)

        await self._database.write(work)

    def _row(self, trunk: Trunk) -> Row:
        lists = {name: json.dumps(getattr(trunk, name)) for name in _LISTS}
        secret = self._box.lock(trunk.secret, place=_place(self._tenant_id, trunk.id))
        flags = {name: int(getattr(trunk, name)) for name in _FLAGS}
        return asdict(trunk) | lists | flags | {"secret": secret, "tenant_id": self._tenant_id}


def read_trunks(connection: Connection, tenant_id: str, box: SecretBox) -> list[Trunk]:
    """Give a company's trunks with their secrets, by id."""
    rows = connection.rows("SELECT * FROM trunks WHERE tenant_id = $1 ORDER BY id", tenant_id)
    return [_trunk(row, box) for row in rows]


def check_trunk_there(connection: Connection, tenant_id: str, trunk_id: str) -> None:
    """Raise NotFound unless the company has this trunk."""
    if not _there(connection, tenant_id, trunk_id):
        raise unknown_trunk(trunk_id)


def unknown_trunk(trunk_id: str) -> NotFound:
    """Say that there is no such trunk."""
    return NotFound(
        f"There is no trunk {trunk_id!r} in this company: `webpbx trunk list` shows those there are.", id=trunk_id
    )


def _there(connection: Connection, tenant_id: str, trunk_id: str) -> bool:
    return connection.row("SELECT 1 FROM trunks WHERE tenant_id = $1 AND id = $2", tenant_id, trunk_id) is not None


def _place(tenant_id: str, trunk_id: str) -> str:
    return f"trunk:{tenant_id}:{trunk_id}"


def _trunk(row: Row, box: SecretBox) -> Trunk:
    lists = {name: tuple(json.loads(row[name])) for name in _LISTS}
    secret = box.unlock(row["secret"], place=_place(row["tenant_id"], row["id"]))
    flags = {name: bool(row[name]) for name in _FLAGS}
    return Trunk(**(row | lists | flags | {"secret": secret}))
