from webpbx.model.user import User
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, ChangedMeanwhile, InUse, NotFound
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

    async def change(self, old: User, new: User) -> None:
        """Put `new` in the place of `old`; raise NumberClash, InUse, or ChangedMeanwhile.

        Numbers of ours that lead to the old extension lead to the new one; a new password ends all sessions.
        """

        def work(connection: Connection) -> None:
            row = connection.row(_SELECT + "WHERE users.id = $1 AND users.tenant_id = $2", old.id, self._tenant_id)
            if row is None or _user(row) != old:
                raise ChangedMeanwhile.of(old.login)
            sql = "UPDATE users SET name = $1, password_hash = $2, language = $3, role = $4 WHERE id = $5"
            connection.run(sql, new.name, new.password_hash, new.language, new.role, old.id)
            if new.password_hash != old.password_hash:
                connection.run("DELETE FROM sessions WHERE user_id = $1", old.id)
            if new.extension != old.extension:
                self._renumber(connection, old, new)

        await self._database.write(work)

    def _renumber(self, connection: Connection, old: User, new: User) -> None:
        if new.extension is None:
            self._check_no_number_leads_to(connection, old)
            connection.run("DELETE FROM extensions WHERE user_id = $1", old.id)
            return
        check_extension_free(connection, self._tenant_id, new.extension)
        if old.extension is None:
            row = {"tenant_id": self._tenant_id, "number": new.extension, "user_id": old.id}
            connection.insert("extensions", row)
            return
        connection.run("UPDATE extensions SET number = $1 WHERE user_id = $2", new.extension, old.id)
        sql = "UPDATE dids SET destination = $1 WHERE tenant_id = $2 AND destination = $3"
        connection.run(sql, f"extension:{new.extension}", self._tenant_id, f"extension:{old.extension}")

    def _check_no_number_leads_to(self, connection: Connection, user: User) -> None:
        sql = "SELECT number FROM dids WHERE tenant_id = $1 AND destination = $2"
        did = connection.row(sql, self._tenant_id, f"extension:{user.extension}")
        if did is not None:
            raise InUse(
                f"The number {did['number']} leads to {user.login!r}'s extension {user.extension}: "
                "remove that number first, or send it elsewhere.",
                number=did["number"],
            )

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
            self._check_no_number_leads_to(connection, _user(row))
            connection.run("DELETE FROM users WHERE id = $1", row["id"])

        await self._database.write(work)


def read_users(connection: Connection, tenant_id: str) -> list[User]:
    """Give a company's users, by login."""
    return [_user(row) for row in connection.rows(_SELECT + "WHERE users.tenant_id = $1 ORDER BY login", tenant_id)]


def _user(row: Row) -> User:
    return User(**row)
