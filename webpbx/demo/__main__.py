"""The demo's outside world: `python -m webpbx.demo --sip HOST:PORT --control SOCKET [--data DIR …]`."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from webpbx.demo.account import own_account
from webpbx.demo.control import Control, claimed
from webpbx.demo.errors import DemoError
from webpbx.demo.outside_world import OutsideWorld
from webpbx.demo.worker import OutsideWorker
from webpbx.errors import WebpbxError
from webpbx.sip.grammar import SipError


class NoSoundsError(DemoError):
    """The demo's sound files are missing."""

    error_id = "outside_no_sounds"


def address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(text)
    return host.strip("[]"), int(port)


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m webpbx.demo", description="Be the demo's outside world.")
    parser.add_argument("--sip", type=address, required=True, metavar="HOST:PORT", help="where it listens for SIP")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCKET", help="Unix socket it is told by")
    parser.add_argument("--data", type=Path, help="folder with the account; default: that above the control socket's")
    parser.add_argument("--trunk-ports", default="30000-30999", metavar="A-B", help="UDP ports for sound")
    parser.add_argument("--sounds", type=Path, help="folder of the sounds; default: the ones that came along")
    return parser.parse_args(arguments)


def own_sounds() -> Path:
    """Return the folder of the demo's sounds: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "static", package.parent / "static"):
        if (folder / "sounds" / "demo").is_dir():
            return folder / "sounds" / "demo"
    raise NoSoundsError(f"The demo's sounds are missing: there is no {package / 'static' / 'sounds' / 'demo'}.")


async def serve(chosen: argparse.Namespace) -> None:
    """Be the outside world until SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_signal_handler(signal.SIGINT, told.set)
    run: Path = chosen.control.absolute().parent
    with claimed(chosen.control) as listening:
        world = OutsideWorld(
            own_account(chosen.data or run.parent),
            worker=OutsideWorker(
                run / f"{chosen.control.stem}-media.sock", address=chosen.sip[0], trunk_ports=chosen.trunk_ports
            ),
            sounds=chosen.sounds or own_sounds(),
        )
        control = Control(world, listening)
        try:
            await world.open(chosen.sip)
            await control.start()
            await told.wait()
        finally:
            await control.close()
            await world.close()


def main() -> None:
    """Run; what prevents it is one plain sentence on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s outside %(levelname)s %(message)s")
    try:
        asyncio.run(serve(options(sys.argv[1:])))
    except (WebpbxError, SipError) as error:
        sys.exit(f"webpbx outside world: {error.text}")


if __name__ == "__main__":
    main()
