"""A steady rate, and counts of what was sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

_STEP_S = 0.01


async def paced(rate: float, *, until: float, send: Callable[[], None]) -> None:
    """Call `send` so many times a second until a time of the monotonic clock; what was missed is not made up for."""
    credit = 0.0
    last = time.monotonic()
    while (now := time.monotonic()) < until:
        credit = min(credit + (now - last) * rate, rate / 2)
        last = now
        while credit >= 1:
            credit -= 1
            send()
        await asyncio.sleep(_STEP_S)


class Counts(Counter[str]):
    """How often each kind was sent and what came back."""
