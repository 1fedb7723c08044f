import json
import re
from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

from webpbx.model.call_record import CallRecord, LegRecord
from webpbx.model.cause import Cause
from webpbx.store.database import Connection, Database, Row

LONGEST_PAGE = 201
_NO_NUMBER = re.compile(r"[^0-9*#]")
_LETTER = re.compile(r"[^\W\d_]")


class CallRecords:
    """One company's call records: opened at a call's start, written over as it goes on."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def put(self, record: CallRecord) -> None:
        """Write a record, in place of what was written of this call before."""

        def work(connection: Connection) -> None:
            connection.insert("call_records", _row(record) | {"tenant_id": self._tenant_id}, replace=("id",))
            connection.run("DELETE FROM call_record_users WHERE call_id = $1", record.id)
            for user_id in {leg.user_id for leg in record.legs if leg.user_id is not None}:
                row = {"user_id": user_id, "started_ms": record.started_ms, "call_id": record.id}
                connection.insert("call_record_users", row)

        await self._database.write(work)

    async def get(self, call_id: str) -> CallRecord | None:
        """Give a call's record, or None."""
        sql = "SELECT * FROM call_records WHERE tenant_id = $1 AND id = $2"
        row = await self._database.read(lambda connection: connection.row(sql, self._tenant_id, call_id))
        return _record(row) if row is not None else None

    async def recent(self, *, limit: int = 50, before_ms: int | None = None) -> list[CallRecord]:
        """Give the company's latest calls, the newest first, started before a time if one is given."""
        sql = (
            "SELECT * FROM call_records WHERE tenant_id = $1 AND started_ms < $2 "
            "ORDER BY started_ms DESC, id DESC LIMIT $3"
        )
        return await self._page(sql, self._tenant_id, before_ms, limit)

    async def search(
        self,
        text: str = "",
        *,
        extensions: Collection[str] = (),
        limit: int = 50,
        from_ms: int = 0,
        before_ms: int | None = None,
    ) -> list[CallRecord]:
        """Give the latest calls, the newest first, whose numbers or caller's name hold a text.

        `extensions` are taken as found too. Spaces and the like in a number make no difference, nor do small and
        capital letters in a name.
        """
        named = ", ".join(f"${number}" for number in range(8, 8 + len(extensions))) or "NULL"
        sql = (
            "SELECT * FROM call_records WHERE tenant_id = $1 AND started_ms < $2 AND started_ms >= $4 "  # noqa: S608 - $n only
            "AND ($5 = '%%' OR lower(coalesce(caller_name, '')) LIKE $5 ESCAPE '!' OR ($6 <> '' AND ("
            "coalesce(caller_number, '') LIKE $7 OR dialled LIKE $7 OR coalesce(did, '') LIKE $7 "
            "OR coalesce(answered_by, '') LIKE $7)) "
            f"OR caller_number IN ({named}) OR answered_by IN ({named}) OR dialled IN ({named})) "
            "ORDER BY started_ms DESC, id DESC LIMIT $3"
        )
        name, digits = f"%{_literal(text.lower())}%", _digits(text)
        more = (from_ms, name, digits, f"%{digits}%", *extensions)
        return await self._page(sql, self._tenant_id, before_ms, limit, *more)

    async def of_user(self, user_id: str, *, limit: int = 50, before_ms: int | None = None) -> list[CallRecord]:
        """Give the latest calls that a user had a leg in, the newest first."""
        sql = (
            "SELECT call_records.* FROM call_record_users JOIN call_records ON call_records.id = call_id "
            "WHERE user_id = $1 AND call_record_users.started_ms < $2 AND tenant_id = $4 "
            "ORDER BY call_record_users.started_ms DESC, call_id DESC LIMIT $3"
        )
        return await self._page(sql, user_id, before_ms, limit, self._tenant_id)

    async def _page(self, sql: str, whose: str, before_ms: int | None, limit: int, *more: Any) -> list[CallRecord]:
        before = before_ms if before_ms is not None else 1 << 62
        size = max(1, min(limit, LONGEST_PAGE))
        rows = await self._database.read(lambda connection: connection.rows(sql, whose, before, size, *more))
        return [_record(row) for row in rows]


async def close_interrupted(database: Database, *, now_ms: int, living: Collection[str]) -> int:
    """Close, as interrupted, the records of calls that died with a former switch; give how many.

    `living` are the ids of calls that go on.
    """

    def work(connection: Connection) -> int:
        open_ids = [row["id"] for row in connection.rows("SELECT id FROM call_records WHERE ended_ms IS NULL")]
        dead = [call_id for call_id in open_ids if call_id not in living]
        sql = (
            "UPDATE call_records SET ended_ms = $1, outcome = 'interrupted', cause = $2, ended_by = 'system' "
            "WHERE id = $3"
        )
        for call_id in dead:
            connection.run(sql, now_ms, str(Cause.RESTARTED), call_id)
        return len(dead)

    return await database.write(work)


def _literal(text: str) -> str:
    """Let a text stand for itself within LIKE."""
    return re.sub(r"([!%_])", r"!\1", text)


def _digits(text: str) -> str:
    """Give what of a search to look for in numbers: nothing of a name, no 0 or 00 before an outside number."""
    if _LETTER.search(text):
        return ""
    digits = _NO_NUMBER.sub("", text)
    return digits.removeprefix("00").removeprefix("0") or digits


def _row(record: CallRecord) -> Row:
    row = {item.name: getattr(record, item.name) for item in fields(CallRecord)}
    legs = [asdict(leg) | {"cause": _text(leg.cause)} for leg in record.legs]
    return row | {
        "cause": _text(record.cause),
        "destinations": json.dumps(record.destinations),
        "legs": json.dumps(legs),
    }


def _record(row: Row) -> CallRecord:
    legs = tuple(LegRecord(**(leg | {"cause": _cause(leg["cause"])})) for leg in json.loads(row["legs"]))
    destinations = tuple(json.loads(row["destinations"]))
    return CallRecord(**(row | {"cause": _cause(row["cause"]), "destinations": destinations, "legs": legs}))


def _text(cause: Cause | None) -> str | None:
    return str(cause) if cause is not None else None


def _cause(text: str | None) -> Cause | None:
    return Cause(text) if text is not None else None
