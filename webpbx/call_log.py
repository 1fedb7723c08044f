"""Writes call records as calls begin and end, in order and apart from the calls themselves."""

import asyncio
import logging

from webpbx.calls.facts import CallEnded, CallStarted, Fact
from webpbx.model.call_record import CallRecord
from webpbx.store.store import Store

logger = logging.getLogger(__name__)


class CallLog:
    """The subscriber of facts that keeps the records; the database may be slow, no call waits for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: asyncio.Queue[CallRecord | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._write(), name="call log")

    def hear(self, fact: Fact) -> None:
        """Take the record out of what has happened."""
        if isinstance(fact, (CallStarted, CallEnded)):
            self._records.put_nowait(fact.record)

    async def close(self) -> None:
        """Write what was heard so far, and end."""
        self._records.put_nowait(None)
        await self._task

    async def _write(self) -> None:
        while (record := await self._records.get()) is not None:
            try:
                await self._store.tenant(record.tenant_id).call_records.put(record)
            except Exception:
                logger.exception("the record of call %s could not be written", record.id)
