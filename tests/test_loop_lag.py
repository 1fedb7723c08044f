import asyncio
import gc
import logging
import time

import pytest

from webpbx.loop_lag import LoopProbe


@pytest.mark.process
async def test_a_held_up_loop_is_measured_and_its_stack_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), LoopProbe() as probe:
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251 - this is what the probe is for
        await asyncio.sleep(0.05)
        median, _, worst = probe.quantiles()
    assert worst > 0.2 > median
    assert "test_a_held_up_loop_is_measured_and_its_stack_logged (" in caplog.text


async def test_garbage_collections_are_measured() -> None:
    with LoopProbe() as probe:
        gc.collect()
    assert probe.longest_collection > 0


async def test_nothing_is_left_after_the_probe() -> None:
    callbacks = list(gc.callbacks)
    with LoopProbe():
        await asyncio.sleep(0)
    assert gc.callbacks == callbacks
