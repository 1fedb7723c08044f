"""Signed-in browsers. The database keeps hashes: who reads it cannot sign in."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from webpbx.model.checks import check_choice
from webpbx.store.database import Connection, Database, Row

TOKEN_BYTES = 32
KINDS = ("cookie", "bearer")
ABSOLUTE_MS = 7 * 24 * 3600 * 1000
IDLE_MS = {"user": 12 * 3600 * 1000, "admin": 30 * 60 * 1000}
TOUCH_MS = 60_000  # a session's last use is written no oftener


@dataclass(frozen=True)
class Session:
    """A signed-in browser: `token` is its secret, `csrf` goes with each of its writes; times in UTC milliseconds."""

    token: str = field(repr=False)
    user_id: str
    kind: str
    csrf: str = field(repr=False)
    created_ms: int
    expires_ms: int


class Sessions:
    """The sessions of every company's users."""

    def __init__(self, database: Database, *, clock: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def create(self, user_id: str, *, kind: str = "cookie") -> Session:
        """Sign a user in: "cookie" for a browser, "bearer" for one tab of it."""
        check_choice("kind of session", kind, KINDS)
        token, csrf = new_token(self._random), new_token(self._random)
        now = self._clock()
        row: Row = {
            "token_hash": hash_token(token),
            "user_id": user_id,
            "kind": kind,
            "csrf": csrf,
            "created_ms": now,
            "used_ms": now,
        }
        role = await self._database.write(lambda connection: _insert(connection, row))
        return Session(token, user_id, kind, csrf, now, _expires(row, role))

    async def get(self, token: str, *, kind: str = "cookie") -> Session | None:
        """Give the session of a token while it lasts, and count this as a use; else None."""
        sql = (
            "SELECT sessions.*, users.role FROM sessions JOIN users ON users.id = user_id "
            "WHERE token_hash = $1 AND kind = $2"
        )
        row = await self._database.read(lambda connection: connection.row(sql, hash_token(token), kind))
        now = self._clock()
        if row is None or _expires(row, row["role"]) <= now:
            return None
        if now - row["used_ms"] >= TOUCH_MS:
            sql = "UPDATE sessions SET used_ms = $1 WHERE token_hash = $2"
            await self._database.write(lambda connection: connection.run(sql, now, row["token_hash"]))
            row["used_ms"] = now
        return Session(token, row["user_id"], kind, row["csrf"], row["created_ms"], _expires(row, row["role"]))

    async def remove(self, token: str) -> None:
        """Sign a session out."""
        sql = "DELETE FROM sessions WHERE token_hash = $1"
        await self._database.write(lambda connection: connection.run(sql, hash_token(token)))

    async def remove_all(self, user_id: str) -> None:
        """Sign a user out everywhere."""
        sql = "DELETE FROM sessions WHERE user_id = $1"
        await self._database.write(lambda connection: connection.run(sql, user_id))

    async def sweep(self) -> None:
        """Delete sessions that are over for certain."""
        now = self._clock()
        sql = "DELETE FROM sessions WHERE created_ms <= $1 OR used_ms <= $2"
        oldest_use = now - max(IDLE_MS.values())
        await self._database.write(lambda connection: connection.run(sql, now - ABSOLUTE_MS, oldest_use))


def new_token(random: Callable[[int], bytes]) -> str:
    """Give 256 random bits as text that fits a cookie and a link."""
    return base64.urlsafe_b64encode(random(TOKEN_BYTES)).decode().rstrip("=")


def hash_token(token: str) -> str:
    """Give what is kept of a token; a plain hash will do, as nobody can guess 256 bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _insert(connection: Connection, row: Row) -> str:
    connection.insert("sessions", row)
    user = connection.row("SELECT role FROM users WHERE id = $1", row["user_id"])
    return str(user["role"]) if user is not None else "user"


def _expires(row: Row, role: str) -> int:
    return int(min(row["created_ms"] + ABSOLUTE_MS, row["used_ms"] + IDLE_MS[role]))
