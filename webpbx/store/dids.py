from webpbx.model.destination import ToExtension, from_text
from webpbx.model.did import Did
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, ChangedMeanwhile, NotFound
from webpbx.store.tenants import read_tenant
from webpbx.store.trunks import check_trunk_there


class Dids:
    """One company's outside numbers; a number belongs to one company of the installation."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def all(self) -> list[Did]:
        """Give the company's numbers, in order."""
        return await self._database.read(lambda connection: read_dids(connection, self._tenant_id))

    async def add(self, did: Did) -> None:
        """Keep a new number; raise AlreadyThere, or NotFound without its trunk or extension."""

        def work(connection: Connection) -> None:
            read_tenant(connection, self._tenant_id)
            if connection.row("SELECT 1 FROM dids WHERE number = $1", did.number):
                raise AlreadyThere(f"The number {did.number} is there already: remove it first.", number=did.number)
            self._check_ends(connection, did)
            connection.insert(
                "dids",
                {
                    "number": did.number,
                    "tenant_id": self._tenant_id,
                    "trunk_id": did.trunk_id,
                    "destination": str(did.destination),
                },
            )

        await self._database.write(work)

    async def change(self, old: Did, new: Did) -> None:
        """Put `new` in the place of `old`; raise NotFound as adding does, or ChangedMeanwhile if `old` is not there."""

        def work(connection: Connection) -> None:
            if old not in read_dids(connection, self._tenant_id):
                raise ChangedMeanwhile.of(old.number)
            self._check_ends(connection, new)
            sql = "UPDATE dids SET trunk_id = $1, destination = $2 WHERE tenant_id = $3 AND number = $4"
            connection.run(sql, new.trunk_id, str(new.destination), self._tenant_id, old.number)

        await self._database.write(work)

    def _check_ends(self, connection: Connection, did: Did) -> None:
        check_trunk_there(connection, self._tenant_id, did.trunk_id)
        if isinstance(did.destination, ToExtension):
            _check_extension_there(connection, self._tenant_id, did.destination.number)

    async def remove(self, number: str) -> None:
        """Remove a number; raise NotFound."""
        sql = "DELETE FROM dids WHERE tenant_id = $1 AND number = $2"
        if not await self._database.write(lambda connection: connection.run(sql, self._tenant_id, number)):
            raise NotFound(
                f"There is no number {number!r} in this company: `webpbx number list` shows those there are.",
                number=number,
            )


def read_dids(connection: Connection, tenant_id: str) -> list[Did]:
    """Give a company's numbers, in order."""
    rows = connection.rows("SELECT * FROM dids WHERE tenant_id = $1 ORDER BY number", tenant_id)
    return [_did(row) for row in rows]


def _check_extension_there(connection: Connection, tenant_id: str, number: str) -> None:
    sql = "SELECT 1 FROM extensions WHERE tenant_id = $1 AND number = $2"
    if connection.row(sql, tenant_id, number) is None:
        raise NotFound(f"There is no extension {number!r} in this company: add its user first.", extension=number)


def _did(row: Row) -> Did:
    return Did(**(row | {"destination": from_text(row["destination"])}))
