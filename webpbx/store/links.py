from collections.abc import Callable

from webpbx.store.database import Connection, Database
from webpbx.store.sessions import hash_token, new_token

LIFE_MS = 3600 * 1000


class Links:
    """One-time links: each signs one user in, once, within the hour."""

    def __init__(self, database: Database, *, clock: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def create(self, user_id: str) -> str:
        """Give the token of a new link; those that are over go."""
        token = new_token(self._random)
        now = self._clock()

        def work(connection: Connection) -> None:
            connection.run("DELETE FROM links WHERE expires_ms <= $1", now)
            row = {"token_hash": hash_token(token), "user_id": user_id, "expires_ms": now + LIFE_MS}
            connection.insert("links", row)

        await self._database.write(work)
        return token

    async def take(self, token: str) -> str | None:
        """Use a link up and give its user's id; None if it was used, is over or never was."""
        sql = "DELETE FROM links WHERE token_hash = $1 RETURNING user_id, expires_ms"
        row = await self._database.write(lambda connection: connection.row(sql, hash_token(token)))
        return str(row["user_id"]) if row is not None and row["expires_ms"] > self._clock() else None
