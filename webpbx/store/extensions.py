from webpbx.model.destination import from_text
from webpbx.model.dialplan import Dialplan
from webpbx.model.extension import Extension
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import ChangedMeanwhile, InUse, NotFound
from webpbx.store.tenants import read_tenant


class Extensions:
    """One company's inside numbers; a user's comes and goes with the user."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def all(self) -> list[Extension]:
        """Give the company's extensions, by number."""
        return await self._database.read(lambda connection: read_extensions(connection, self._tenant_id))

    async def add(self, extension: Extension) -> None:
        """Keep an extension; raise NumberClash when its number means something already."""

        def work(connection: Connection) -> None:
            check_extension_free(connection, self._tenant_id, extension.number)
            connection.insert(
                "extensions",
                {
                    "tenant_id": self._tenant_id,
                    "number": extension.number,
                    "user_id": extension.user_id,
                    "destination": str(extension.destination) if extension.destination is not None else None,
                },
            )

        await self._database.write(work)

    async def change(self, old: Extension, new: Extension) -> None:
        """Lead an extension elsewhere; raise ChangedMeanwhile if `old` is not there any more."""

        def work(connection: Connection) -> None:
            if old not in read_extensions(connection, self._tenant_id):
                raise ChangedMeanwhile.of(old.number)
            sql = "UPDATE extensions SET destination = $1 WHERE tenant_id = $2 AND number = $3"
            connection.run(sql, str(new.destination), self._tenant_id, old.number)

        await self._database.write(work)

    async def remove(self, number: str) -> None:
        """Remove an extension; raise NotFound, or InUse while one of our numbers leads to it."""

        def work(connection: Connection) -> None:
            sql = "SELECT number FROM dids WHERE tenant_id = $1 AND destination = $2"
            did = connection.row(sql, self._tenant_id, f"extension:{number}")
            if did is not None:
                raise InUse(
                    f"The number {did['number']} leads to extension {number}: remove that number first.", number=number
                )
            sql = "DELETE FROM extensions WHERE tenant_id = $1 AND number = $2"
            if not connection.run(sql, self._tenant_id, number):
                raise NotFound(f"There is no extension {number!r} in this company.", number=number)

        await self._database.write(work)


def read_extensions(connection: Connection, tenant_id: str) -> list[Extension]:
    """Give a company's extensions, by number."""
    rows = connection.rows("SELECT * FROM extensions WHERE tenant_id = $1 ORDER BY number", tenant_id)
    return [_extension(row) for row in rows]


def check_extension_free(connection: Connection, tenant_id: str, number: str) -> None:
    """Refuse, by NumberClash, an extension number that means something already in this company."""
    extensions = {row.number: row for row in read_extensions(connection, tenant_id)}
    Dialplan(read_tenant(connection, tenant_id), extensions).check_free(number)


def _extension(row: Row) -> Extension:
    return Extension(**(row | {"destination": from_text(row["destination"]) if row["destination"] else None}))
