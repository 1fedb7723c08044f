"""The files in DATA/run by which processes find one another again after one of them died.

`supervisor.lock` is held by flock as long as a supervisor lives. `<name>.json` names the process that has that place,
`<name>.log` is where it writes, `<name>.sock` is where it answers.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from webpbx.errors import WebpbxError
from webpbx.media.unix_path import within


class FolderInUseError(WebpbxError):
    """A living supervisor has this data folder."""

    error_id = "folder_in_use"


class FolderNotWritableError(WebpbxError):
    """The data folder cannot be made or written."""

    error_id = "folder_not_writable"


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None when it is gone or a zombie (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def command_line(pid: int) -> tuple[str, ...]:
    """Return the arguments of a process, empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(os.fsdecode(part) for part in raw.split(b"\0")[:-1])


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """Which process has a place in the run folder; `started` tells it from a later one of the same number."""

    pid: int
    started: int
    argv: tuple[str, ...]
    version: str

    @classmethod
    def own(cls, argv: Sequence[str], version: str) -> Self:
        """Describe the calling process."""
        return cls(pid=os.getpid(), started=start_time(os.getpid()) or 0, argv=tuple(argv), version=version)

    def alive(self) -> bool:
        """Say whether the process that wrote this still runs: a recycled number or a rebooted machine is no."""
        return start_time(self.pid) == self.started and command_line(self.pid) == self.argv


class RunFolder:
    """DATA/run, locked for one supervisor; the lock goes with the process, however it dies."""

    def __init__(self, data: Path) -> None:
        self.path = data / "run"
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.mkdir(exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
            self._directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise FolderNotWritableError(
                f"The data folder {data} cannot be written: {error.strerror}. "
                "Choose another with --data DIR, or give this user the right to write there.",
                path=str(data),
            ) from error

    def __enter__(self) -> Self:
        """Lock the folder, or raise FolderInUseError naming the process that has it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self.read("supervisor")
            self._close()
            who = f"process {holder.pid}" if holder else "another process"
            raise FolderInUseError(
                f"The data folder {self.path.parent} is already served by {who}. "
                "Stop that one first, or choose another folder with --data DIR.",
                path=str(self.path.parent),
                pid=holder.pid if holder else None,
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        os.close(self._lock)
        os.close(self._directory)

    def address(self, name: str) -> str:
        """Return a path to connect to `<name>.sock` that fits into a socket address, however deep the folder lies."""
        return within(self._directory, self.path / f"{name}.sock")

    def log(self, name: str) -> Path:
        """Return where the process of this name writes."""
        return self.path / f"{name}.log"

    def write(self, name: str, record: ProcessRecord) -> None:
        """Put a process in a place, whole or not at all."""
        draft = self.path / f".{name}.json"
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self.path / f"{name}.json")

    def read(self, name: str) -> ProcessRecord | None:
        """Return who has a place, or None when nobody or nothing readable is there."""
        try:
            fields = json.loads((self.path / f"{name}.json").read_text())
            return ProcessRecord(**fields | {"argv": tuple(fields["argv"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def forget(self, name: str) -> None:
        """Empty a place."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / f"{name}.json").unlink()

    def living(self, name: str) -> ProcessRecord | None:
        """Return who has a place and runs."""
        record = self.read(name)
        return record if record is not None and record.alive() else None

    def names(self) -> list[str]:
        """Return all places ever taken."""
        return sorted(path.stem for path in self.path.glob("[!.]*.json"))
