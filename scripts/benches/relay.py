"""What a relayed browser-to-trunk call costs a media worker: real ICE, DTLS, SRTP; PCMU both ways; RTP on the trunk.

The load runs in other processes, its packets spread over the 20 ms. CPU is the worker's process time over all threads.
With --peer, another server carries the same calls in rounds that alternate with ours.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from scripts.benches.relays.rtpengine import Rtpengine
from scripts.benches.relays.server import RelayServer
from scripts.benches.relays.worker import Webpbx
from tests.lean_client import LeanClient, percentile_ms

CALLS_PER_CLIENT = 60
SETTLE_S = 3.0  # packets under way at a round's end still count for so long
BUSY_MS = 20.0  # a load whose own packets are later than this measures itself
WARM_UP_S = 2.0
RESUME_S = 0.5  # after a pause for the other server's round


@dataclass
class Side:
    """One server with its load and its figures, one CPU figure a round."""

    server: RelayServer
    browsers: list[LeanClient]
    trunks: list[LeanClient]
    cpu: list[float] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    delays: Counter[int] = field(default_factory=Counter)
    late_us: int = 0

    async def connect(self, calls: int) -> None:
        """Set up all calls; every one must carry sound both ways before rounds begin."""
        await self.server.start()
        for number in range(calls):
            name = f"call{number}"
            browser = self.browsers[number // CALLS_PER_CLIENT]
            trunk = self.trunks[number // CALLS_PER_CLIENT]
            offer = await browser.browser(name, tone_hz=600)
            browser_answer, trunk_remote = await self.server.join(name, offer, await trunk.rtp(name, tone_hz=900))
            await trunk.accept(name, trunk_remote)
            await browser.accept(name, browser_answer)
        await asyncio.sleep(WARM_UP_S)
        await self.pause(on=True)

    async def mark(self, number: int) -> None:
        """Let the load's packets carry this round's number."""
        for client in (*self.browsers, *self.trunks):
            await client.round(number)

    async def pause(self, *, on: bool) -> None:
        """Stop or start the load's packets."""
        for client in (*self.browsers, *self.trunks):
            await client.pause(on=on)

    async def run_round(self, number: int, seconds: float, calls: int) -> None:
        """Measure one round; outside it the load is silent, so that another server's round is its own."""
        await self.pause(on=False)
        await asyncio.sleep(RESUME_S)
        await self.mark(number)
        loop = asyncio.get_running_loop()
        cpu, began = self.server.cpu_ns(), loop.time()
        await asyncio.sleep(seconds)
        spent, lasted = self.server.cpu_ns() - cpu, loop.time() - began
        await self.mark(0)
        self.cpu.append(spent / 1e6 / lasted / calls)
        await self._count(number)
        await self.pause(on=True)

    async def _count(self, number: int) -> None:
        """Count a round's packets once all have come, or as many as come."""
        until = asyncio.get_running_loop().time() + SETTLE_S
        while True:
            reports = [await client.report(number) for client in (*self.browsers, *self.trunks)]
            calls = [call for report in reports for call in report.calls.values()]
            sent, received = sum(call.sent for call in calls), sum(call.received for call in calls)
            if received == sent or asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(SETTLE_S / 10)
        silent = sum(not call.received for call in calls)
        if silent:
            raise RuntimeError(f"{self.server.name}: nothing was heard at {silent} of {len(calls)} ends")
        self.sent += sent
        self.received += received
        for report in reports:
            self.delays += report.delays
            self.late_us = max(self.late_us, report.late_us)

    async def stop(self) -> None:
        """End the server."""
        await self.server.stop()

    def result(self, calls: int) -> dict[str, Any]:
        """Return the figures in the bench's own words."""
        return {
            "calls": calls,
            "rounds": len(self.cpu),
            "cpu_ms_per_s_per_call": round(statistics.median(self.cpu), 3),
            "loss": round(1 - self.received / self.sent, 6),
            "delay_ms": {
                "p50": round(percentile_ms([self.delays], 0.5), 2),
                "p99": round(percentile_ms([self.delays], 0.99), 2),
            },
            "spread": {"min": round(min(self.cpu), 3), "max": round(max(self.cpu), 3)},
            "load_late_ms": round(self.late_us / 1000, 1),
        }


async def _measure(calls: int, rounds: int, seconds: float, servers: list[RelayServer]) -> list[Side]:
    clients = -(-calls // CALLS_PER_CLIENT)
    async with AsyncExitStack() as stack:
        sides = []
        for server in servers:
            browsers = [await stack.enter_async_context(LeanClient()) for _ in range(clients)]
            trunks = [await stack.enter_async_context(LeanClient()) for _ in range(clients)]
            side = Side(server, browsers, trunks)
            stack.push_async_callback(side.stop)
            sides.append(side)
        for side in sides:
            await side.connect(calls)
        for number in range(1, rounds + 1):
            for side in sides:
                await side.run_round(number, seconds, calls)
    return sides


def main() -> None:
    """Measure and print the figures, the last line as one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench relay", description=__doc__)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--peer", choices=["rtpengine"], help="measure this server too, in alternating rounds")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options = parser.parse_args()
    servers: list[RelayServer] = [Webpbx(options.calls)]
    if options.peer == "rtpengine":
        servers.append(Rtpengine(options.calls))
    sides = asyncio.run(_measure(options.calls, options.rounds, options.seconds, servers))
    result: dict[str, Any] = {"bench": "relay", **sides[0].result(options.calls)}
    if options.peer:
        result["peer"] = {"name": options.peer, **sides[1].result(options.calls)}
    if not options.json:
        for side in sides:
            rounds = ", ".join(f"{cpu:.2f}" for cpu in side.cpu)
            print(f"{side.server.name}: {rounds} ms of CPU per second and call in the rounds")
    late_ms = max(side.late_us for side in sides) / 1000
    if late_ms > BUSY_MS:
        print(f"the load's own packets were up to {late_ms:.0f} ms late: this machine is too busy", file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
