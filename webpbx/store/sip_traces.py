import json
import zlib

from webpbx.sip.trace import Recording, TracedMessage
from webpbx.sip.trace_mask import mask_secrets
from webpbx.store.database import Connection, Database, Row

_LEVEL = 6


class SipTraces:
    """What was said in SIP in one company's calls; each life of the switch writes its own part of a call."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def put(self, call_id: str, recording: Recording, *, written_ms: int) -> None:
        """Keep what one life of the switch has heard of a call, in place of what it kept before; without secrets."""

        def work(connection: Connection) -> None:  # masks and presses on the writer's thread, not on the loop
            if connection.row("SELECT 1 FROM tenants WHERE id = $1", self._tenant_id) is None:
                return  # the company has gone meanwhile
            row = {
                "tenant_id": self._tenant_id,
                "call_id": call_id,
                "begun_ms": recording.messages[0].at_ms,
                "written_ms": written_ms,
                "body": _pressed(recording),
            }
            connection.insert("sip_traces", row, replace=("tenant_id", "call_id", "begun_ms"))

        if recording.messages:
            await self._database.write(work)

    async def get(self, call_id: str, *, but_begun_ms: int | None = None) -> Recording:
        """Give what is kept of a call, empty where there is nothing; one part can be left out."""
        sql = "SELECT begun_ms, body FROM sip_traces WHERE tenant_id = $1 AND call_id = $2 ORDER BY begun_ms"

        def work(connection: Connection) -> list[Recording]:
            rows = connection.rows(sql, self._tenant_id, call_id)
            return [_recording(row) for row in rows if row["begun_ms"] != but_begun_ms]

        return joined(await self._database.read(work))


def joined(parts: list[Recording]) -> Recording:
    """Put the parts of a call together."""
    return Recording(
        tuple(message for part in parts for message in part.messages),
        {call_id: leg for part in parts for call_id, leg in part.legs.items()},
        sum(part.left_out for part in parts),
    )


async def remove_before(database: Database, written_ms: int) -> int:
    """Delete, over all companies, what was written before a time; give how many parts."""
    sql = "DELETE FROM sip_traces WHERE written_ms < $1"
    return await database.write(lambda connection: connection.run(sql, written_ms))


def _pressed(recording: Recording) -> bytes:
    messages = [
        [one.at_ms, one.sent, one.transport, *one.remote, one.call_id, _text(mask_secrets(one.data)), one.repeats]
        for one in recording.messages
    ]
    body = {"messages": messages, "legs": recording.legs, "left_out": recording.left_out}
    return zlib.compress(json.dumps(body).encode(), _LEVEL)


def _recording(row: Row) -> Recording:
    body = json.loads(zlib.decompress(row["body"]))
    messages = tuple(
        TracedMessage(at_ms, sent, transport, (host, port), call_id, text.encode("latin-1"), repeats)
        for at_ms, sent, transport, host, port, call_id, text, repeats in body["messages"]
    )
    return Recording(messages, body["legs"], body["left_out"])


def _text(data: bytes) -> str:
    return data.decode("latin-1")  # any byte as one character
