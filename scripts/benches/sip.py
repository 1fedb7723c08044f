"""What a call costs the SIP stack: sipp drives a process of its own that holds the stack and nothing else, no store.

The figure is the stack as called end: INVITE, 180, 200, ACK, BYE, 200 at a fixed rate; CPU is that process's time over
all threads, user and system. The other loads, under "loads": calls it makes, registrations with digest, OPTIONS.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).parent / "sip_loads"
WARM_UP = 50
SETTLE_S = 0.5
OUT_SECONDS_LIMIT = 60.0


class Load:
    """One kind of load; `one` is what is counted."""

    def __init__(self, name: str, one: str) -> None:
        self.name = name
        self.one = one
        self.cpu: list[float] = []
        self.failed = 0

    def result(self, count: int) -> dict[str, Any]:
        """Return its figures."""
        return {
            f"{self.one}s": count,
            "rounds": len(self.cpu),
            f"cpu_ms_per_{self.one}": round(statistics.median(self.cpu), 3),
            "spread": {"min": round(min(self.cpu), 3), "max": round(max(self.cpu), 3)},
            "failed": self.failed,
        }


class Stack:
    """The measured process and the orders it takes, one JSON line each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int(self._answer()["port"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the stack's process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and return the answer."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def cpu_ms(self) -> float:
        """Return the CPU it has used so far."""
        return float(self.ask(do="cpu")["ms"])


@contextmanager
def stack() -> Iterator[Stack]:
    """Run the measured process."""
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.benches.sip_loads.stack"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Stack(process)
        finally:
            process.kill()


def sipp(folder: Path, *arguments: str) -> int:
    """Run sipp to its end; return how many calls failed."""
    done = subprocess.run(
        ["sipp", "-i", "127.0.0.1", "-nostdin", "-trace_stat", "-stf", "counts.csv", "-fd", "60", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"sipp ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    head, *_, last = (folder / "counts.csv").read_text().splitlines()
    return int(dict(zip(head.split(";"), last.split(";"), strict=False))["FailedCall(C)"])


def drive(stack: Stack, folder: Path, scenario: str, count: int, rate: float) -> int:
    """Have sipp send so many of a scenario at a rate; return how many failed."""
    file = str(SCENARIOS / f"{scenario}.xml")
    place = f"127.0.0.1:{stack.port}"
    return sipp(folder, "-sf", file, "-s", "100", "-m", str(count), "-r", f"{rate:g}", "-l", "5000", place)


def drive_out(stack: Stack, folder: Path, count: int, rate: float) -> int:
    """Have the stack call a sipp that answers; return how many failed."""
    port = int(stack.ask(do="port")["port"])
    arguments = ["-sf", str(SCENARIOS / "answer.xml"), "-p", str(port), "-m", str(count)]
    process = subprocess.Popen(
        ["sipp", "-i", "127.0.0.1", "-nostdin", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while f":{port:04X} " not in Path("/proc/net/udp").read_text():
            time.sleep(0.02)
        failed = int(stack.ask(do="call", port=port, count=count, rate=rate)["failed"])
        process.wait(OUT_SECONDS_LIMIT)
    finally:
        process.kill()
        process.wait()
    return failed


def measure(
    stack: Stack, loads: Sequence[tuple[Load, Callable[[int, float], int]]], calls: int, rounds: int, rate: float
) -> None:
    """Warm each load up, then measure its rounds in turn with the others'."""
    for _, run in loads:
        run(WARM_UP, rate)
    for _ in range(rounds):
        for load, run in loads:
            time.sleep(SETTLE_S)
            before = stack.cpu_ms()
            load.failed += run(calls, rate)
            time.sleep(SETTLE_S)
            load.cpu.append((stack.cpu_ms() - before) / calls)


def main() -> None:
    """Measure and print the figures, the last line as one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench sip", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--only", action="store_true", help="measure calls in, and no other load")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options = parser.parse_args()
    with stack() as measured, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls_in = Load("calls in", "call")
        loads: list[tuple[Load, Callable[[int, float], int]]] = [
            (calls_in, lambda count, rate: drive(measured, folder, "call", count, rate)),
        ]
        if not options.only:
            loads += [
                (Load("calls out", "call"), lambda count, rate: drive_out(measured, folder, count, rate)),
                (
                    Load("registrations", "registration"),
                    lambda count, rate: drive(measured, folder, "register", count, rate),
                ),
                (Load("options", "request"), lambda count, rate: drive(measured, folder, "options", count, rate)),
            ]
        measure(measured, loads, options.calls, options.rounds, options.rate)
    result: dict[str, Any] = {"bench": "sip", "rate": options.rate, **calls_in.result(options.calls)}
    result["loads"] = {load.name: load.result(options.calls) for load, _ in loads[1:]}
    result["cores"] = os.cpu_count()
    if not options.json:
        for load, _ in loads:
            rounds = ", ".join(f"{cpu:.2f}" for cpu in load.cpu)
            print(f"{load.name}: {rounds} ms of CPU per {load.one} in the rounds, {load.failed} failed")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
