"""The command `webpbx sip trace`: what was said in SIP in a call, or what is being said now."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webpbx.errors import WebpbxError

if TYPE_CHECKING:
    from webpbx.trace_query import TraceQuery

_LONGEST_LINE = 1 << 20  # bytes; a SIP message has 64 KiB at most


class NobodyToFollow(WebpbxError):  # noqa: N818 - the name says what is wrong
    """No switch runs, so nothing is said."""

    error_id = "nobody_to_follow"


@click.group()
def sip() -> None:
    """Look at what is said with providers and telephones."""


@sip.command("trace")
@click.argument("call_id", required=False, default="")
@click.option("--last", type=click.IntRange(1, 100), default=None, help="The latest so many calls.  [1]")
@click.option("--number", default="", help="Of calls from or to a number, or a part of it.")
@click.option("--refused", is_flag=True, help="Requests that were refused and became no call, with the reason.")
@click.option("--follow", is_flag=True, help="Show each message as it comes and goes, until Ctrl-C.")
@click.option("--numbers", is_flag=True, help="Show telephone numbers in full; else they are masked.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".data"),
    envvar="WEBPBX_DATA",
    help="The data folder [./.data, or the variable WEBPBX_DATA].",
)
def trace(*, data: Path, follow: bool, as_json: bool, last: int | None, **told: Any) -> None:
    """Show the SIP messages of calls as a ladder and in full, without secrets; CALL_ID is that of the call's page."""
    from webpbx.trace_query import TraceQuery  # noqa: PLC0415 - slow to load, and `--help` need not wait for it

    query = TraceQuery(last=last or 0, **told)
    if follow:
        asyncio.run(_follow(data, query, as_json=as_json))
        return
    found = asyncio.run(_find(data, query))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif not found:
        click.echo("There are none.")
    else:
        click.echo(("\n" + "=" * 100 + "\n\n").join(one["text"] for one in found), nl=False)


async def _find(data: Path, query: "TraceQuery") -> list[dict[str, Any]]:
    """Ask the running switch, which knows the calls that are up too, else look into the database."""
    from webpbx.commands.administer import ask_switch, switch_socket  # noqa: PLC0415 - each way loads what it needs
    from webpbx.store.store import Store  # noqa: PLC0415
    from webpbx.trace_query import answer  # noqa: PLC0415

    with switch_socket(data / "run") as path:
        if path is not None:
            found: list[dict[str, Any]] = (await ask_switch(path, "/sip/trace", query.words()))["found"]
            return found
    async with await Store.open(data) as store:
        return await answer(store, None, query)


async def _follow(data: Path, query: "TraceQuery", *, as_json: bool) -> None:
    import aiohttp  # noqa: PLC0415 - each way loads only what it needs

    from webpbx.commands.administer import SwitchSilent, switch_socket  # noqa: PLC0415

    with switch_socket(data / "run") as path:
        if path is None:
            raise NobodyToFollow(f"No switch runs on {data}: start it with `webpbx serve --data {data}`.")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(path), timeout=timeout, read_bufsize=_LONGEST_LINE
                ) as session,
                session.get("http://switch/sip/trace/follow", params=query.words()) as response,
            ):
                async for line in response.content:
                    if line.strip():
                        click.echo(line.decode().rstrip("\n") if as_json else json.loads(line)["line"])
        except (aiohttp.ClientError, ValueError) as error:
            raise SwitchSilent(f"The running switch broke off ({type(error).__name__}): see its log.") from error
    click.echo("The switch has stopped.", err=True)
