"""A media worker: `python -m webpbx.media --socket PATH --name NAME --media-address A[=ADVERTISED] …`."""

import argparse
import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from webpbx.media.context import Timing
from webpbx.media.control import ControlServer, listen
from webpbx.media.errors import MediaError
from webpbx.media.loop import Loop
from webpbx.media.sound_store import SoundRequest
from webpbx.media.worker import Worker

LAST_PORT = 0xFFFF


def address_pair(text: str) -> tuple[str, str]:
    """Read `ADDRESS` or `ADDRESS=ADVERTISED`."""
    address, _, advertised = text.partition("=")
    return str(ipaddress.ip_address(address)), str(ipaddress.ip_address(advertised or address))


def port_range(text: str) -> tuple[int, int]:
    """Read `FIRST-LAST`."""
    first, _, last = text.partition("-")
    if not 0 < int(first) < int(last) <= LAST_PORT:
        raise ValueError(text)
    return int(first), int(last)


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m webpbx.media", description="Carry the audio of calls.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket the switch speaks to")
    parser.add_argument("--name", required=True, help="the worker's name, told to the switch")
    parser.add_argument("--media-address", type=address_pair, action="append", required=True, metavar="A[=ADVERTISED]")
    parser.add_argument("--media-port", type=int, required=True, help="UDP port for browsers")
    parser.add_argument("--trunk-ports", type=port_range, required=True, metavar="A-B", help="UDP ports for trunks")
    return parser.parse_args(arguments)


def hasten() -> None:
    """Run before other processes where the system allows it, children not included."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def serve(chosen: argparse.Namespace) -> None:
    """Run until told to end: the first SIGTERM drains, the second ends."""
    loop = Loop()
    timing = Timing()
    listening = listen(chosen.socket)
    control = ControlServer(loop, listening, orphaned=timing.orphaned)
    try:
        worker = Worker(
            loop,
            name=chosen.name,
            addresses=chosen.media_address,
            media_port=chosen.media_port,
            trunk_ports=chosen.trunk_ports,
            emit=control.emit,
            timing=timing,
        )
    except MediaError:
        chosen.socket.unlink(missing_ok=True)
        raise
    control.worker = worker

    def terminate() -> None:
        woken.recv(1)
        if worker.draining:
            loop.stop()
        else:
            control.emit("", "draining", {})
            worker.drain()

    # The signal arrives as a byte on the loop, never in the middle of a packet.
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    loop.add_reader(woken.fileno(), terminate)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the supervisor's affair
    for codec in ("opus", "G722", "PCMA"):
        worker.context.sounds.get(SoundRequest("tone", "ringback", "DE", codec), lambda _: None)
    hasten()
    gc.collect()
    gc.freeze()
    try:
        loop.run()
    finally:
        signal.set_wakeup_fd(-1)
        worker.close()
        control.close()
        chosen.socket.unlink(missing_ok=True)
        loop.close()
        woken.close()
        waker.close()


def main() -> None:
    """Start a worker; what prevents it is one plain sentence on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s media %(levelname)s %(message)s")
    try:
        serve(options(sys.argv[1:]))
    except MediaError as error:
        sys.exit(f"webpbx media: {error.text}")


if __name__ == "__main__":
    main()
