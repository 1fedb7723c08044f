"""A source of garbage in a process of its own: `python -m tests.accept.garbage.source` reads its order from stdin.

The order is one JSON object: kind, seed, seconds, rate and what the kind needs. It prints its counts as JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.accept.garbage.media_source import MediaSource
from tests.accept.garbage.pace import Counts, paced
from tests.accept.garbage.sip_source import SipSource
from tests.accept.garbage.web_source import WebSource

ROOT = Path(__file__).parents[3]


async def _sip(order: dict[str, Any]) -> Counts:
    host, port = order["target"]
    source = SipSource((host, port), number=order["number"], unknown=order["unknown"], seed=order["seed"])
    source.start()
    await paced(order["rate"], until=time.monotonic() + order["seconds"], send=source.send)
    await source.close()
    return source.counts


async def _media(order: dict[str, Any]) -> Counts:
    source = MediaSource(
        order["host"],
        browser_ports=order["browser_ports"],
        trunk_ports=tuple(order["trunk_ports"]),
        fragments=order["fragments"],
        seed=order["seed"],
    )
    await paced(order["rate"], until=time.monotonic() + order["seconds"], send=source.send)
    source.close()
    return source.counts


async def _web(order: dict[str, Any]) -> Counts:
    source = WebSource(order["url"], login=order["login"], password=order["password"], seed=order["seed"])
    await source.start()
    until = asyncio.get_running_loop().time() + order["seconds"]
    await asyncio.gather(
        paced(order["rate"], until=until, send=source.send_http),
        source.slow(until=until),
        source.sockets(order["rate"], until=until, signed=True),
        source.sockets(order["rate"], until=until, signed=False),
    )
    await source.close()
    return source.counts


_KINDS = {"sip": _sip, "media": _media, "web": _web}


async def sent(kind: str, **order: Any) -> dict[str, int]:
    """Have a process of its own send garbage; return its counts when it is through."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.accept.garbage.source"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        told, _ = await process.communicate(json.dumps({"kind": kind, **order}).encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, f"the source of {kind} garbage failed"
    counts: dict[str, int] = json.loads(told)
    return counts


def main() -> None:
    order = json.loads(sys.stdin.read())
    counts = asyncio.run(_KINDS[order["kind"]](order))
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
