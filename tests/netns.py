"""A network namespace joined to this one by a pair of virtual cables (ip-netns(8), veth(4))."""

import os
import subprocess
from pathlib import Path
from typing import Self

AS_ROOT = () if os.geteuid() == 0 else ("sudo", "-n")


class NetworkNamespace:
    """While entered: `near` is our address, `far` the one inside, both real and not loopback."""

    def __init__(self) -> None:
        # 198.18.0.0/15 is for tests between networks (RFC 2544); runs beside one another get different parts of it.
        part = os.getpid() % 16384
        self.name = f"webpbx-test-{os.getpid()}"
        self.near, self.far = (f"198.18.{part // 64}.{part % 64 * 4 + host}" for host in (1, 2))
        self._near_end, self._far_end = f"wpn{os.getpid()}", f"wpf{os.getpid()}"
        self.prefix = (*AS_ROOT, "ip", "netns", "exec", self.name)

    def __enter__(self) -> Self:
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "link", "add", self._near_end, "type", "veth", "peer", "name", self._far_end, "netns", self.name)
            run("ip", "address", "add", f"{self.near}/30", "dev", self._near_end)
            run("ip", "link", "set", self._near_end, "up")
            for words in (
                ("address", "add", f"{self.far}/30", "dev", self._far_end),
                ("link", "set", self._far_end, "up"),
                ("link", "set", "lo", "up"),
                ("route", "add", "default", "via", self.near),
            ):
                run("ip", "-netns", self.name, *words)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        run("ip", "netns", "delete", self.name)  # its end of the cable goes with it, and with that ours

    def wrapper(self, path: Path, program: str) -> Path:
        """Write a script that runs a program inside, for those who want one file to start."""
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.prefix)} {program} "$@"\n')
        path.chmod(0o755)
        return path


def run(*words: str) -> None:
    subprocess.run([*AS_ROOT, *words], check=True, timeout=20)
