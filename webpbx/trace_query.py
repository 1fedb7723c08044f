"""Finds the calls whose SIP somebody wants to see: for the command line and the control socket."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from webpbx.model.call_record import CallRecord
from webpbx.model.checks import InvalidSetting
from webpbx.sip.trace import Attempt, Recording, TracedMessage
from webpbx.sip.trace_mask import mask_number, mask_numbers
from webpbx.sip.trace_view import far_end, one_line, plain, render, render_attempt
from webpbx.store.errors import NotFound
from webpbx.store.store import Store
from webpbx.trace_log import TraceLog
from webpbx.web.api.call_json import message_json, names_of

_MOST: Final = 100
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TraceQuery:
    """What is asked for: one call, the last ones, those of a number, or refused requests."""

    call_id: str = ""
    last: int = 0
    number: str = ""
    refused: bool = False
    numbers: bool = False
    """Show telephone numbers in full."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "TraceQuery":
        """Take it from an address's query."""
        last = given.get("last", "0")
        if not (last.isascii() and last.isdigit() and int(last[:6]) <= _MOST):
            raise InvalidSetting(f"last={last[:20]!r} cannot be used: give 1 to {_MOST}.", field="last", value=last)
        return cls(
            call_id=given.get("call_id", ""),
            last=int(last),
            number=given.get("number", ""),
            refused=given.get("refused") == "1",
            numbers=given.get("numbers") == "1",
        )

    def words(self) -> dict[str, str]:
        """Give what `read` reads."""
        flags = {"refused": self.refused, "numbers": self.numbers}
        words = {"call_id": self.call_id, "last": str(self.last or ""), "number": self.number}
        return {name: word for name, word in words.items() if word} | {name: "1" for name, on in flags.items() if on}


async def answer(store: Store, log: TraceLog | None, query: TraceQuery) -> list[Json]:
    """Give each call found, the newest last, with its messages as JSON values and as text; raise NotFound."""
    if query.refused:
        attempts = list(log.attempts()) if log is not None else []
        newest = attempts[-query.last :] if query.last else attempts
        return await asyncio.to_thread(lambda: [_attempt(attempt, query) for attempt in newest])
    records = await _records(store, query)
    if query.call_id and not records:
        raise NotFound(f"There is no call {query.call_id!r}: `webpbx sip trace --last 10` shows the latest.")
    found = []
    for record in records:
        traces = store.tenant(record.tenant_id).sip_traces
        recording = await (log.of_call(record.tenant_id, record.id) if log is not None else traces.get(record.id))
        users = await store.tenant(record.tenant_id).users.all()
        names = names_of(record, {user.id: user.name for user in users})
        found.append(await asyncio.to_thread(_call, record, recording, names, query))
    return found


async def _records(store: Store, query: TraceQuery) -> list[CallRecord]:
    records: list[CallRecord] = []
    for tenant in await store.tenants.all():
        kept = store.tenant(tenant.id).call_records
        if query.call_id:
            one = await kept.get(query.call_id)
            records += [one] if one is not None else []
        else:
            records += await kept.search(query.number, limit=query.last or 1)
    records.sort(key=lambda record: record.started_ms)
    return records[-(query.last or 1) :]


def _call(record: CallRecord, recording: Recording, names: Mapping[str, str], query: TraceQuery) -> Json:
    return {
        "call_id": record.id,
        "tenant_id": record.tenant_id,
        "started_ms": record.started_ms,
        "left_out": recording.left_out,
        "messages": _messages(recording.messages, recording.legs, query),
        "text": render(recording, title=title_of(record, numbers=query.numbers), names=names, numbers=query.numbers),
    }


def _attempt(attempt: Attempt, query: TraceQuery) -> Json:
    return {
        "status": attempt.status,
        "far_end": far_end(attempt.messages[0]),
        "started_ms": attempt.messages[0].at_ms,
        "messages": _messages(attempt.messages, {}, query),
        "text": render_attempt(attempt, numbers=query.numbers),
    }


def _messages(messages: Sequence[TracedMessage], legs: Mapping[str, str], query: TraceQuery) -> list[Json]:
    rows = [message_json(message, legs) for message in messages]
    return rows if query.numbers else [row | {"text": mask_numbers(row["text"])} for row in rows]


def title_of(record: CallRecord, *, numbers: bool = True) -> str:
    """Say in a line who called whom, when, and how it ended."""
    shown = str if numbers else mask_number
    begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started_ms // 1000))
    who = f"{shown(record.caller_number or '') or 'anonymous'} -> {shown(record.dialled or record.did or '') or '?'}"
    if record.ended_ms is None:
        end = "is up"
    else:
        code = f", SIP {record.sip_status}" if record.sip_status else ""
        end = f"{(record.outcome or '').replace('_', ' ')} ({str(record.cause).replace('_', ' ')}{code})"
        end += f", talked {record.talk_ms / 1000:.0f} s" if record.talk_ms else ""
    return plain(f"Call {record.id}  {begun}  {who}  {end}")


def add_routes(app: web.Application, store: Store, log: TraceLog) -> None:
    """Let the control socket tell what was said in SIP, and what is being said."""

    async def trace(request: web.Request) -> web.Response:
        return web.json_response({"found": await answer(store, log, TraceQuery.read(request.query))})

    async def follow(request: web.Request) -> web.StreamResponse:
        query = TraceQuery.read(request.query)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(b"\n")  # so that whoever follows knows that it has begun
        async with aclosing(log.follow()) as messages:
            async for message in messages:
                [row] = _messages([message], {}, query)
                line = row | {"line": one_line(message, numbers=query.numbers)}
                await response.write(json.dumps(line).encode() + b"\n")
        return response

    async def leave(_: web.Application) -> None:
        log.end_following()

    app.router.add_get("/sip/trace", trace)
    app.router.add_get("/sip/trace/follow", follow)
    app.on_shutdown.append(leave)
