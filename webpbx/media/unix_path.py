import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_PATH = 100  # bytes; sun_path holds 107


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name of `path` short enough for a Unix socket's address; raise OSError where its folder is not there."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield within(folder, path)
    finally:
        os.close(folder)


def within(folder: int, path: Path) -> str:
    """Give a name of `path` short enough while `folder`, a descriptor of the folder it lies in, is open."""
    return str(path) if len(os.fsencode(path)) <= LONGEST_PATH else f"/proc/self/fd/{folder}/{path.name}"
