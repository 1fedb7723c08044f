"""How a command gives its order to the switch, or to the store where none runs, and prints what came of it."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

_DONE = {"add": "Added", "change": "Changed", "remove": "Removed"}
Command = TypeVar("Command", bound=Callable[..., Any])


def takes_orders(command: Command) -> Command:
    """Give a command the options that all orders have."""
    command = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path(".data"),
        envvar="WEBPBX_DATA",
        help="The data folder [./.data, or the variable WEBPBX_DATA].",
    )(command)


def carry_out(noun: str, verb: str, *, data: Path, as_json: bool, **fields: Any) -> None:
    """Carry out an order and print what came of it; options that were not given are left to their defaults."""
    from webpbx.commands.administer import order  # noqa: PLC0415 - slow to load, and `--help` need not wait for it

    given = {name: value for name, value in fields.items() if value is not None and value != ()}
    if verb == "change":
        given = {name: () if value == ("",) else value for name, value in given.items()}
    answer = asyncio.run(order(data, noun, verb, given))
    if verb == "list":
        rows = answer["rows"]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False)) if as_json else print_table(rows)
    elif as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        if "secret" in answer:
            click.echo(f"User name {answer['username']}, password {answer['secret']}: it is shown this once.")
        keys = ("removed", "username" if noun == "device" else "login", "number", "id")
        name = next(answer[key] for key in keys if answer.get(key))
        click.echo(f"{_DONE[verb]} {noun} {name}.")


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as aligned columns, leaving out those that are empty."""
    if not rows:
        click.echo("There are none.")
        return
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    empty = [all(line[place] == "" for line in cells[1:]) for place in range(len(names))]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    for line in cells:
        shown = [cell.ljust(width) for cell, width, out in zip(line, widths, empty, strict=True) if not out]
        click.echo("  ".join(shown).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"({len(value.splitlines())} lines)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value)
    return "" if value is None else str(value)


def read_secret(what: str) -> str:
    """Take a secret from standard input: its first line, or a hidden prompt at a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.ClickException(f"The {what.lower()} is missing: write it on standard input, as its first line.")
    return line


def read_file(_: click.Context, __: click.Parameter, path: str | None) -> str | None:
    """Give what a file says; '' for no file."""
    if not path:
        return path
    try:
        return Path(path).read_text()
    except (OSError, UnicodeError) as error:
        raise click.ClickException(f"The file {path} cannot be read ({error}): give a PEM file.") from error
