"""One process of ours, watched by its pidfd, whether this process started it or found it running."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from webpbx.processes.run_folder import ProcessRecord, RunFolder

LONGEST_LOG = 4 * 1024 * 1024  # bytes kept in DATA/run; all of it has gone to standard error before


class Output:
    """Pass on what a process writes into its log file, and remember its last lines.

    A file and not a pipe: a pipe would die with the supervisor, and the process must not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600), "rb", buffering=0)
        self._file.seek(0, os.SEEK_END)
        self._rest = b""
        self.last_lines: deque[str] = deque(maxlen=20)

    def pass_on(self) -> None:
        """Copy what is new to standard error."""
        new = self._file.read()
        if not new:
            return
        sys.stderr.buffer.write(new)
        sys.stderr.buffer.flush()
        *lines, self._rest = (self._rest + new).split(b"\n")
        self.last_lines.extend(text for line in lines if (text := line.decode(errors="replace").strip()))
        if self._file.tell() > LONGEST_LOG:
            os.truncate(self._path, 0)
            self._file.seek(0)

    def close(self) -> None:
        """Pass on the rest."""
        with contextlib.closing(self._file):
            self.pass_on()
            if self._rest.strip():
                self.last_lines.append(self._rest.decode(errors="replace").strip())


class KeptProcess:
    """A running process: signals reach it and nobody else, its end is noticed at once."""

    def __init__(self, name: str, record: ProcessRecord, pidfd: int, output: Output) -> None:
        self.name = name
        self.record = record
        self.output = output
        self.exit_text = "ended"
        self.exit_code: int | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self._pidfd = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._end)

    @classmethod
    def start(cls, name: str, argv: Sequence[str], *, version: str, folder: RunFolder) -> Self:
        """Start a process in a session of its own; it stands in the run folder before its program begins."""
        output = Output(folder.log(name))
        with folder.log(name).open("ab") as log:  # appending, so that it may be cut short underneath
            child = subprocess.Popen(  # noqa: S603 - the program is our own
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(_enter, folder, name, tuple(argv), version),  # noqa: PLW1509 - we have no threads
            )
        child.returncode = 0  # the pidfd tells how it ended; subprocess need not ask
        record = folder.read(name)
        assert record is not None and record.pid == child.pid, "written by the child before Popen returned"  # noqa: S101, PT018 - an invariant
        return cls(name, record, os.pidfd_open(child.pid), output)

    @classmethod
    def find(cls, name: str, *, folder: RunFolder) -> Self | None:
        """Take over the living process of that name, if there is one."""
        record = folder.living(name)
        if record is None:
            return None
        try:
            pidfd = os.pidfd_open(record.pid)
        except ProcessLookupError:
            return None
        if not record.alive():  # the number may have changed hands before it was held
            os.close(pidfd)
            return None
        return cls(name, record, pidfd, Output(folder.log(name)))

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that comes too late is lost."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def release(self) -> None:
        """Let go of the process without ending it."""
        if not self.ended.done():
            self._close()
            self.ended.set_result(None)

    def _end(self) -> None:
        with contextlib.suppress(ChildProcessError):  # taken over: its end is somebody else's to collect
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
            if result is not None and result.si_code == os.CLD_EXITED:
                self.exit_code = result.si_status
                self.exit_text = f"ended with exit code {result.si_status}"
            elif result is not None:
                self.exit_text = f"was ended by {signal.Signals(result.si_status).name}"
        self._close()
        self.ended.set_result(None)

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.output.close()


def _enter(folder: RunFolder, name: str, argv: tuple[str, ...], version: str) -> None:
    """Take the place in the run folder, between fork and exec."""
    folder.write(name, ProcessRecord.own(argv, version))
