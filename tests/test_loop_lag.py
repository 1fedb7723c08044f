import asyncio
import gc
import logging
import time

import pytest
from prometheus_client import CollectorRegistry

from webpbx.loop_lag import LoopLag


def count(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, {"process": "switch", **labels}) or 0.0


async def test_a_held_up_loop_is_measured_and_its_stack_logged(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    with caplog.at_level(logging.WARNING), LoopLag("switch", registry=registry):
        await asyncio.sleep(0.05)
        before = count(registry, "webpbx_loop_lag_seconds_count") - count(
            registry, "webpbx_loop_lag_seconds_bucket", le="0.16"
        )
        time.sleep(0.3)  # noqa: ASYNC251 - this is what the probe is for
        await asyncio.sleep(0.05)
        late = count(registry, "webpbx_loop_lag_seconds_count") - count(
            registry, "webpbx_loop_lag_seconds_bucket", le="0.16"
        )
    assert late > before
    assert "time.sleep(0.3)" in caplog.text


async def test_garbage_collections_are_measured() -> None:
    registry = CollectorRegistry()
    with LoopLag("switch", registry=registry):
        gc.collect()
    assert count(registry, "webpbx_gc_pause_seconds_count") >= 1


async def test_nothing_is_left_after_the_probe() -> None:
    callbacks = list(gc.callbacks)
    with LoopLag("switch", registry=CollectorRegistry()):
        await asyncio.sleep(0)
    assert gc.callbacks == callbacks
