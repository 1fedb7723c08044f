"""Carry out an administrator's order: by the running switch if one answers, else on the database itself."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from webpbx.errors import WebpbxError
from webpbx.media.unix_path import reachable

PATIENCE = 30.0  # seconds for the switch's answer


class Refused(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The switch refused the order; text and details are its own."""

    error_id = "refused"


class SwitchSilent(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A switch is there and does not answer as it should."""

    error_id = "switch_silent"


async def order(data: Path, noun: str, verb: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Do `verb` to `noun` and give the answer; raise WebpbxError in plain words."""
    with switch_socket(data / "run") as path:
        if path is not None:
            return await _by_switch(path, f"/settings/{noun}/{verb}", fields)
    return await _by_ourselves(data, noun, verb, fields)


@contextmanager
def switch_socket(run: Path) -> Iterator[str | None]:
    """Give the path at which the running switch listens, or None where there is none."""
    if not run.is_dir():
        yield None
        return
    with reachable(run / "switch.sock") as path:
        yield path if _somebody_listens(path) else None


def _somebody_listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5.0)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise SwitchSilent(
                f"The running switch cannot be reached at {path} ({error.strerror or error}): "
                "use the user that runs it, or restart it."
            ) from error
    return True


async def _by_ourselves(data: Path, noun: str, verb: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    from webpbx.store.passwords import Passwords  # noqa: PLC0415 - each way loads only what it needs
    from webpbx.store.settings import perform  # noqa: PLC0415
    from webpbx.store.store import Store  # noqa: PLC0415

    passwords = Passwords()
    try:
        async with await Store.open(data) as store:
            return (await perform(store, passwords, noun, verb, fields)).answer
    finally:
        await passwords.close()


async def ask_switch(path: str, route: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Ask the switch at a path something that changes nothing; raise WebpbxError in plain words."""
    return await _exchange(path, "GET", route, params=dict(query))


async def _by_switch(path: str, route: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return await _exchange(path, "POST", route, json=dict(fields))


async def _exchange(path: str, method: str, route: str, **told: Any) -> dict[str, Any]:
    import aiohttp  # noqa: PLC0415 - each way loads only what it needs

    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path), timeout=aiohttp.ClientTimeout(total=PATIENCE)
            ) as session,
            session.request(method, f"http://switch{route}", **told) as response,
        ):
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SwitchSilent(
            f"The running switch did not answer ({type(error).__name__}): see its log, "
            "then look with `list` whether the change was made.",
        ) from error
    if not response.ok:
        raise Refused(str(answer.get("text", "The running switch refused the order: see its log.")), answer=answer)
    return dict(answer)
