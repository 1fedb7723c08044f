from collections.abc import AsyncIterator, Iterator
from unittest.mock import patch

import pytest

from tests.endpoints.switchboard import Switchboard, a_switchboard
from tests.media.peers import ADDRESS


@pytest.fixture(autouse=True)
def loopback_is_gathered() -> Iterator[None]:
    """Let aiortc, as the browser, use loopback."""
    with patch("aioice.ice.get_host_addresses", lambda **_: [ADDRESS]):
        yield


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    async with a_switchboard() as board:
        yield board
