"""Live calls, so that a restarted switch can take them up. This is the port that `calls` is handed."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from webpbx.store.database import Connection, Database
from webpbx.store.errors import StaleEpoch
from webpbx.store.secrets import SecretBox

logger = logging.getLogger(__name__)


class LiveRow(Protocol):
    """What can be kept here: a live call."""

    @property
    def call_id(self) -> str: ...  # noqa: D102 - a field
    @property
    def tenant_id(self) -> str: ...  # noqa: D102 - a field
    @property
    def started_ms(self) -> int: ...  # noqa: D102 - a field
    def to_json(self) -> Mapping[str, Any]:
        """Give JSON values."""


Live = TypeVar("Live", bound=LiveRow)


async def next_epoch(database: Database, *, node: str) -> int:
    """Take a node's calls over: give an epoch above all before, whose writes are refused from now on."""

    def work(connection: Connection) -> int:
        row = connection.row("SELECT epoch FROM epochs WHERE node = $1", node)
        epoch = 1 if row is None else int(row["epoch"]) + 1
        connection.insert("epochs", {"node": node, "epoch": epoch}, replace=("node",))
        return epoch

    return await database.write(work)


class LiveCallTable(Generic[Live]):
    """One node's live calls, written under the epoch of its switch; a former switch of the node is refused."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        *,
        node: str,
        epoch: int,
        from_json: Callable[[Mapping[str, Any]], Live],
    ) -> None:
        self._database = database
        self._box = box
        self._node = node
        self._epoch = epoch
        self._from_json = from_json

    async def put(self, call: Live) -> None:
        """Write a call, in place of what was written of it before; raise StaleEpoch."""
        row = {
            "call_id": call.call_id,
            "node": self._node,
            "tenant_id": call.tenant_id,
            "epoch": self._epoch,
            "started_ms": call.started_ms,
            "body": self._box.lock(json.dumps(call.to_json()), place=_place(call.call_id)),  # it holds keys of sound
        }

        def work(connection: Connection) -> None:
            self._check(connection)
            self._check_row(connection, call.call_id)
            connection.insert("live_calls", row, replace=("call_id",))

        await self._database.write(work)

    async def remove(self, call_id: str) -> None:
        """Forget a call; one that is not there is no matter. Raise StaleEpoch."""

        def work(connection: Connection) -> None:
            self._check(connection)
            self._check_row(connection, call_id)
            connection.run("DELETE FROM live_calls WHERE call_id = $1", call_id)

        await self._database.write(work)

    async def all(self) -> Sequence[Live]:
        """Give the node's calls, the oldest first; what another version wrote and nobody can read is forgotten."""
        sql = "SELECT call_id, body FROM live_calls WHERE node = $1 ORDER BY started_ms, call_id"
        calls = []
        for row in await self._database.read(lambda connection: connection.rows(sql, self._node)):
            try:
                body = self._box.unlock(row["body"], place=_place(row["call_id"]))
                calls.append(self._from_json(json.loads(body)))
            except Exception:
                logger.exception("call %s cannot be taken up, as what was written of it cannot be read", row["call_id"])
                await self.remove(row["call_id"])
        return calls

    def _check(self, connection: Connection) -> None:
        row = connection.row("SELECT epoch FROM epochs WHERE node = $1", self._node)
        if row is not None and row["epoch"] > self._epoch:
            raise self._stale(row["epoch"])

    def _check_row(self, connection: Connection, call_id: str) -> None:
        row = connection.row("SELECT epoch FROM live_calls WHERE call_id = $1", call_id)
        if row is not None and row["epoch"] > self._epoch:
            raise self._stale(row["epoch"])

    def _stale(self, epoch: int) -> StaleEpoch:
        return StaleEpoch(
            f"A later switch (epoch {epoch}) has taken over the calls of this one (epoch {self._epoch}): end this one.",
            epoch=self._epoch,
            current=epoch,
        )


def _place(call_id: str) -> str:
    return f"live call:{call_id}"
