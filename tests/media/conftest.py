from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.media.peers import ADDRESS, Bench, running
from webpbx.media.client import Media


@pytest.fixture(autouse=True)
def loopback_is_gathered() -> Iterator[None]:
    with patch("aioice.ice.get_host_addresses", lambda **_: [ADDRESS]):
        yield


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[tuple[Bench, Media]]:
    async with running(tmp_path) as both:
        yield both
