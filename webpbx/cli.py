"""The command line: serve and demo here, the settings of companies in settings_commands.py."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from webpbx import __version__
from webpbx.commands.orders import print_table
from webpbx.commands.settings_commands import GROUPS
from webpbx.commands.sip_commands import sip
from webpbx.errors import WebpbxError
from webpbx.model.settings import ServeSettings, Setting, markdown_table, read_port_range, settings

FAULT = 2  # the exit code of every failure that a sentence explains
STOPPED = 130  # that of Ctrl-C (128 + SIGINT)

Command = TypeVar("Command", bound=Callable[..., Any])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; a failure is one sentence on standard error."""
    try:
        result = program.main(arguments, prog_name="webpbx", standalone_mode=False)
    except click.Abort:
        return STOPPED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return FAULT
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = f" `{context.command_path} --help` shows how." if context is not None else ""
        click.echo(error.format_message().replace("\n", " ").rstrip() + where, err=True)
        return FAULT
    except WebpbxError as error:
        click.echo(error.text, err=True)
        return FAULT
    return result if isinstance(result, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=False)
@click.version_option(__version__)
def program() -> None:
    """Run a company's telephone system in a browser tab."""


def _with_settings(*, demo: bool) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for row in reversed(list(settings())):
            if demo or not row.demo_only:
                command = _option(row)(command)
        return command

    return decorate


def _option(row: Setting) -> Callable[[Command], Command]:
    shown = f"{row.help} [{row.shown}]" if row.shown else row.help
    kind: Any = Path if isinstance(row.default, Path) or row.unit == "file" else type(row.default)
    if row.many or row.name == "trunk_ports":
        kind = str
    default = row.shown if row.name == "trunk_ports" else row.default
    return click.option(
        row.option,
        row.name,
        type=click.Path(path_type=Path) if kind is Path else kind,
        multiple=row.many,
        default=() if row.many else default,
        envvar="WEBPBX_DATA" if row.name == "data" else None,
        metavar=row.unit,
        help=shown,
    )


def _settings(told: Mapping[str, Any], *, demo: bool) -> ServeSettings:
    return ServeSettings(**{**told, "trunk_ports": read_port_range(told["trunk_ports"]), "demo": demo})


@program.command()
@_with_settings(demo=False)
def serve(**told: Any) -> int:
    """Run the telephone system until told to stop; prints `ready URL` when it serves."""
    from webpbx.processes import supervisor  # noqa: PLC0415 - only this command needs it, and it is slow to load

    return int(supervisor.run(_settings(told, demo=False)))


@program.command()
@_with_settings(demo=True)
def demo(**told: Any) -> int:
    """Run it with a demo company and an outside world of its own; prints a link that signs in."""
    from webpbx.processes import supervisor  # noqa: PLC0415 - only this command needs it, and it is slow to load

    return int(supervisor.run(_settings(told, demo=True)))


@program.command(hidden=True)
@_with_settings(demo=True)
@click.option("--demo", "is_demo", is_flag=True, help="Bring the demo company along.")
def switch(*, is_demo: bool, **told: Any) -> int:
    """Run the switch alone; `serve` starts it."""
    from webpbx import app  # noqa: PLC0415 - only this command needs it, and it is slow to load

    return int(app.run_switch(_settings(told, demo=is_demo)) or 0)


@program.command("settings")
@click.option("--markdown", is_flag=True, help="Print the table of the README.")
def show_settings(*, markdown: bool) -> None:
    """Show the options of `serve` with their defaults and units."""
    if markdown:
        click.echo(markdown_table(), nl=False)
        return
    print_table(
        [{"option": row.option, "default": row.shown, "unit": row.unit, "what": row.help} for row in settings()]
    )


for group in (*GROUPS, sip):
    program.add_command(group)
