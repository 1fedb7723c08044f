"""Ask our own processes how they are; every failure is an OSError, EOFError or ValueError."""

import asyncio
import json
from typing import Any

import aiohttp

LONGEST_ANSWER = 1024 * 1024  # bytes, as the control protocol allows


async def ask_worker(address: str) -> dict[str, Any]:
    """Return a media worker's counters by its verb `status`, which needs no `hello`."""
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        request = json.dumps({"id": 1, "verb": "status"}).encode()
        writer.write(len(request).to_bytes(4) + request)
        length = int.from_bytes(await reader.readexactly(4))
        if length > LONGEST_ANSWER:
            raise ConnectionError(f"A status of {length} bytes is none.")
        answer = json.loads(await reader.readexactly(length))
    finally:
        writer.close()
    return _object(answer.get("ok") if isinstance(answer, dict) else answer)


async def ask_over_http(address: str, path: str = "/status") -> dict[str, Any]:
    """Return the JSON object at a path of a control socket that speaks HTTP: the switch's, the outside world's."""
    connector = aiohttp.UnixConnector(address)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, raise_for_status=True) as session,
            session.get(f"http://control{path}") as response,
        ):
            answer = await response.json()
    except aiohttp.ClientError as error:
        raise ConnectionError(str(error)) from error
    return _object(answer)


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ConnectionError(f"That is no status: {answer!r}.")
    return answer
