from webpbx.model.user import User
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, InUse, NotFound
from webpbx.store.extensions import check_extension_free
from webpbx.store.tenants import read_tenant

_SELECT = "SELECT users.*, extensions.number AS extension FROM users LEFT JOIN extensions ON user_id = users.id "


class AllUsers:
    """The users of every company: who signs in is known by login alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[User]:
        """Give every user, by login."""
        rows = await self._database.read(lambda connection: connection.rows(_SELECT + "ORDER BY login"))
        return [_user(row) for row in rows]

    async def by_login(self, login: str) -> User | None:
        """Give the user of a login, or None."""
        sql = _SELECT + "WHERE login = $1"
        row = await self._database.read(lambda connection: connection.row(sql, login))
        return _user(row) if row is not None else None

    async def get(self, user_id: str) -> User | None:
        """Give a user by id, or None."""
        sql = _SELECT + "WHERE users.id = $1"
        row = await self._database.read(lambda connection: connection.row(sql, user_id))
        return _user(row) if row is not None else None


class Users:
    """One company's users, each with their extension."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def all(self) -> list[User]:
        """Give the company's users, by login."""
        return await self._database.read(lambda connection: read_users(connection, self._tenant_id))

    async def get(self, user_id: str) -> User | None:
        """Give a user of this company, or None."""
        sql = _SELECT + "WHERE users.id = $1 AND users.tenant_id = $2"
        row = await self._database.read(lambda connection: connection.row(sql, user_id, self._tenant_id))
        return _user(row) if row is not None else None

    async def add(self, user: User) -> None:
        """Keep a new user and their extension; raise AlreadyThere, NumberClash or, without the company, NotFound."""

        def work(connection: Connection) -> None:
            read_tenant(connection, self._tenant_id)
            if connection.row("SELECT id FROM users WHERE login = $1", user.login):
                raise AlreadyThere(f"The login {user.login!r} is taken: choose another.", login=user.login)
            row = {name: getattr(user, name) for name in ("id", "login", "name", "password_hash", "language", "role")}
            connection.insert("users", row | {"tenant_id": self._tenant_id})
            if user.extension is not None:
                check_extension_free(connection, self._tenant_id, user.extension)
                connection.insert(
                    "extensions", {"tenant_id": self._tenant_id, "number": user.extension, "user_id": user.id}
                )

        await self._database.write(work)

    async def set_password(self, user_id: str, password_hash: str) -> None:
        """Give a user another password and end all their sessions; raise NotFound."""

        def work(connection: Connection) -> None:
            sql = "UPDATE users SET password_hash = $1 WHERE id = $2 AND tenant_id = $3"
            if not connection.run(sql, password_hash, user_id, self._tenant_id):
                raise NotFound(f"There is no user {user_id!r} in this company.", id=user_id)
            connection.run("DELETE FROM sessions WHERE user_id = $1", user_id)

        await self._database.write(work)

    async def remove(self, login: str) -> None:
        """Remove a user with extension and sessions; raise NotFound, or InUse while a number leads to them."""

        def work(connection: Connection) -> None:
            row = connection.row(_SELECT + "WHERE login = $1 AND users.tenant_id = $2", login, self._tenant_id)
            if row is None:
                raise NotFound(
                    f"There is no user {login!r} in this company: `webpbx user list` shows all.", login=login
                )
            sql = "SELECT number FROM dids WHERE tenant_id = $1 AND destination = $2"
            did = connection.row(sql, self._tenant_id, f"extension:{row['extension']}")
            if did is not None:
                raise InUse(
                    f"The number {did['number']} leads to {login!r}'s extension {row['extension']}: "
                    "remove that number first, or send it elsewhere.",
                    number=did["number"],
                )
            connection.run("DELETE FROM users WHERE id = $1", row["id"])

        await self._database.write(work)


def read_users(connection: Connection, tenant_id: str) -> list[User]:
    """Give a company's users, by login."""
    return [_user(row) for row in connection.rows(_SELECT + "WHERE users.tenant_id = $1 ORDER BY login", tenant_id)]


def _user(row: Row) -> User:
    return User(**row)
