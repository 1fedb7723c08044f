"""How a target fares under many inputs: faults, slow inputs, growth."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SLOW_S = 0.1
_PAGE = resource.getpagesize()


def resident_mib() -> float:
    """Return what this process holds in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / (1 << 20)


@dataclass
class Measured:
    """Call a target and keep count; growth is counted from the input number `settled` on."""

    target: Callable[[bytes], None]
    settled: int
    runs: int = 0
    slow: int = 0
    slowest_ms: float = 0.0
    faults: list[str] = field(default_factory=list)
    resident: float = 0.0

    def __call__(self, data: bytes) -> None:
        """Try one input; CPU time tells whether it is slow, since other processes share the machine."""
        began = time.thread_time()
        try:
            self.target(data)
        except Exception as fault:  # noqa: BLE001 - any is what is looked for
            self.faults.append(f"{fault!r} for {data[:200]!r}")
        took = time.thread_time() - began
        self.runs += 1
        self.slow += took > SLOW_S
        self.slowest_ms = max(self.slowest_ms, took * 1000)
        if self.runs == self.settled:
            self.resident = resident_mib()

    def report(self) -> dict[str, object]:
        """Return the figures."""
        return {
            "inputs": self.runs,
            "faults": self.faults[:10],
            "slow": self.slow,
            "slowest_ms": round(self.slowest_ms, 1),
            "grown_mib": round(resident_mib() - self.resident, 1),
        }
