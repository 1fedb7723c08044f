import socket
from pathlib import Path

import pytest

from webpbx.media.unix_path import reachable


@pytest.mark.parametrize("folder", ["short", "long" * 40])
def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "worker.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as caller:
        with reachable(path) as name:
            listening.bind(name)
        listening.listen()
        assert path.is_socket()
        with reachable(path) as name:
            caller.connect(name)
