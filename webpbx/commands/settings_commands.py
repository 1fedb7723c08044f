"""The commands `webpbx tenant|user|extension|device|trunk|number|route add|change|list|remove`."""

import copy
import re
from typing import Any

import click

from webpbx.commands.orders import carry_out, read_file, read_secret, takes_orders
from webpbx.model.device import CODECS as DEVICE_CODECS
from webpbx.model.outbound_route import SPECIAL_TYPES
from webpbx.model.tenant import PREFIX_USES
from webpbx.model.trunk import CALLER_ID_WAYS, CODECS, DTMF, MODES, NUMBER_FORMATS, SRTP, TRANSPORTS
from webpbx.model.user import ROLES

_TENANT = click.option("--tenant", required=True, help="The company's id.")
_OF_TENANT = click.option("--tenant", help="Only this company's.")


@click.group()
def tenant() -> None:
    """Companies."""


@tenant.command("add")
@click.option("--id", required=True, help="A short word, such as acme.")
@click.option("--name", required=True, help="The company's name.")
@click.option("--country", default="DE", show_default=True, help="Two letters: how numbers are read.")
@click.option("--language", default="de", show_default=True, help="de or en.")
@click.option("--timezone", default="Europe/Berlin", show_default=True, help="The time zone's name.")
@click.option("--outside-prefix", help="The digit for an outside line, 0 or 9.  [none]")
@click.option("--outside-prefix-use", type=click.Choice(PREFIX_USES), help="0 can only be required.")
@click.option("--max-outside-calls", type=int, default=10, show_default=True, help="At once.")
@click.option("--max-outside-calls-per-user", type=int, default=2, show_default=True, help="At once.")
@click.option("--ring-time", type=int, default=20, show_default=True, help="Seconds an extension rings.")
@click.option("--emergency-number", "emergency_numbers", multiple=True, help="Beside the country's own; repeatable.")
@takes_orders
def tenant_add(**told: Any) -> None:
    """Add a company."""
    carry_out("tenant", "add", **told)


@tenant.command("list")
@takes_orders
def tenant_list(**told: Any) -> None:
    """List the companies."""
    carry_out("tenant", "list", **told)


@tenant.command("remove")
@click.option("--id", required=True, help="The company's id.")
@takes_orders
def tenant_remove(**told: Any) -> None:
    """Remove a company that has nothing any more."""
    carry_out("tenant", "remove", **told)


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("add")
@_TENANT
@click.option("--login", required=True, help="Unique over all companies.")
@click.option("--name", required=True, help="First and last name.")
@click.option("--extension", help="Three or four digits.")
@click.option("--language", help="de or en.  [the company's]")
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True)
@takes_orders
def user_add(**told: Any) -> None:
    """Add a user; the password (12 characters or more) comes on standard input."""
    carry_out("user", "add", password=read_secret("Password"), **told)


@user.command("list")
@_OF_TENANT
@takes_orders
def user_list(**told: Any) -> None:
    """List users."""
    carry_out("user", "list", **told)


@user.command("remove")
@click.option("--login", required=True)
@_OF_TENANT
@takes_orders
def user_remove(**told: Any) -> None:
    """Remove a user with extension and sessions."""
    carry_out("user", "remove", **told)


@click.group()
def extension() -> None:
    """Inside numbers."""


@extension.command("add")
@_TENANT
@click.option("--number", required=True, help="Three or four digits.")
@click.option("--destination", required=True, help="Such as echo; a person's number comes with the person.")
@takes_orders
def extension_add(**told: Any) -> None:
    """Add an inside number that leads to an application."""
    carry_out("extension", "add", **told)


@extension.command("list")
@_OF_TENANT
@takes_orders
def extension_list(**told: Any) -> None:
    """List inside numbers, those of users too."""
    carry_out("extension", "list", **told)


@extension.command("remove")
@_TENANT
@click.option("--number", required=True)
@takes_orders
def extension_remove(**told: Any) -> None:
    """Remove an inside number that is no user's."""
    carry_out("extension", "remove", **told)


@click.group()
def device() -> None:
    """SIP telephones and softphones, which ring beside their user's browser."""


@device.command("add")
@click.option("--user", required=True, help="The login of the user for whom it rings.")
@click.option("--name", required=True, help="Such as Desk or Kitchen.")
@click.option("--older/--newer", default=None, help="An older telephone gives up where SHA-256 is asked for.  [newer]")
@click.option("--codec", "codecs", multiple=True, type=click.Choice(DEVICE_CODECS), help="Repeatable, in order.  [all]")
@click.option("--srtp", type=click.Choice(SRTP), default="offer", show_default=True, help="Encrypt its sound over TLS.")
@click.option("--enabled/--disabled", default=None, help="Let it register.  [enabled]")
@_OF_TENANT
@takes_orders
def device_add(**told: Any) -> None:
    """Add a telephone; prints the user name and password to type into it."""
    carry_out("device", "add", **told)


@device.command("list")
@_OF_TENANT
@takes_orders
def device_list(**told: Any) -> None:
    """List telephones: whether they are registered, from where, since when."""
    carry_out("device", "list", **told)


@device.command("remove")
@click.option("--username", required=True, help="Such as k7f3-101.")
@_OF_TENANT
@takes_orders
def device_remove(**told: Any) -> None:
    """Remove a telephone; it can register no more."""
    carry_out("device", "remove", **told)


@click.group()
def trunk() -> None:
    """Lines to providers."""


@trunk.command("add")
@_TENANT
@click.option("--id", required=True, help="A short word, such as main.")
@click.option("--name", help="[the id]")
@click.option("--mode", type=click.Choice(MODES), default="register", show_default=True)
@click.option("--proxy", "proxies", multiple=True, required=True, help="HOST or HOST:PORT; repeatable, in order.")
@click.option("--transport", type=click.Choice(TRANSPORTS), default="udp", show_default=True)
@click.option("--tls-name", help="Whom its certificate must name.  [the domain, else the proxy's host]")
@click.option(
    "--tls-ca", "tls_authorities", metavar="FILE", callback=read_file, help="Its authorities (PEM).  [the system's]"
)
@click.option("--address", "addresses", multiple=True, help="IP, network or name the provider calls from; repeatable.")
@click.option("--username", help="What we are called there; the secret then comes on standard input.")
@click.option("--auth-username", help="[the user name]")
@click.option("--domain", help="[the first proxy's host]")
@click.option("--realm", help="[learnt once, then kept]")
@click.option("--codec", "codecs", multiple=True, type=click.Choice(CODECS), help="Repeatable, in order.  [PCMA PCMU]")
@click.option("--srtp", type=click.Choice(SRTP), default="none", show_default=True, help="Encrypted sound; over TLS.")
@click.option("--dtmf", type=click.Choice(DTMF), default="rfc4733", show_default=True)
@click.option("--number-format", type=click.Choice(NUMBER_FORMATS), default="e164", show_default=True)
@click.option("--country", help="Where its national numbers belong.  [the company's]")
@click.option("--caller-id", "caller_id_default", help="The number shown when a user has none.")
@click.option("--caller-id-way", type=click.Choice(CALLER_ID_WAYS), default="from", show_default=True)
@click.option("--hide-caller-id/--show-caller-id", default=None, help="Show our number outside.  [show]")
@click.option("--trust-caller-id/--distrust-caller-id", default=None, help="Believe asserted callers.  [distrust]")
@click.option("--max-calls", type=int, default=30, show_default=True, help="At once.")
@click.option("--ring-limit", type=int, default=180, show_default=True, help="Seconds, 10 to 180.")
@click.option("--qualify-interval", type=int, default=30, show_default=True, help="Seconds; 0: never.")
@click.option("--register-expires", type=int, default=300, show_default=True, help="Seconds.")
@click.option("--enabled/--disabled", default=None, help="Use it.  [enabled]")
@takes_orders
def trunk_add(**told: Any) -> None:
    """Add a trunk; with a user name, the secret comes on standard input."""
    secret = read_secret("Secret") if told["username"] else None
    carry_out("trunk", "add", secret=secret, **told)


@trunk.command("list")
@_OF_TENANT
@takes_orders
def trunk_list(**told: Any) -> None:
    """List trunks, without their secrets."""
    carry_out("trunk", "list", **told)


@trunk.command("remove")
@_TENANT
@click.option("--id", required=True)
@takes_orders
def trunk_remove(**told: Any) -> None:
    """Remove a trunk that no number or route needs."""
    carry_out("trunk", "remove", **told)


@click.group()
def number() -> None:
    """Outside numbers of ours."""


@number.command("add")
@_TENANT
@click.option("--number", required=True, help="As people write it.")
@click.option("--trunk", required=True, help="The trunk it comes in on.")
@click.option("--destination", required=True, help="extension:101 or echo.")
@takes_orders
def number_add(**told: Any) -> None:
    """Add an outside number of ours."""
    carry_out("number", "add", **told)


@number.command("list")
@_OF_TENANT
@takes_orders
def number_list(**told: Any) -> None:
    """List outside numbers of ours."""
    carry_out("number", "list", **told)


@number.command("remove")
@_TENANT
@click.option("--number", required=True)
@takes_orders
def number_remove(**told: Any) -> None:
    """Remove an outside number of ours."""
    carry_out("number", "remove", **told)


@click.group()
def route() -> None:
    """Outside calls that are allowed, and their trunks."""


@route.command("add")
@_TENANT
@click.option("--id", required=True, help="A short word, such as home.")
@click.option("--name", help="[the id]")
@click.option("--trunk", "trunks", multiple=True, required=True, help="Repeatable, in order of trial.")
@click.option("--country", "countries", multiple=True, help="Two letters; repeatable.")
@click.option("--prefix", "prefixes", multiple=True, help="A number's beginning, such as +4930; repeatable.")
@click.option("--also", "special_types", multiple=True, type=click.Choice(SPECIAL_TYPES), help="Dear or odd kinds.")
@click.option("--priority", type=int, default=0, show_default=True, help="Lower is tried first.")
@takes_orders
def route_add(**told: Any) -> None:
    """Allow outside calls to countries or prefixes."""
    carry_out("route", "add", **told)


@route.command("list")
@_OF_TENANT
@takes_orders
def route_list(**told: Any) -> None:
    """List outbound routes."""
    carry_out("route", "list", **told)


@route.command("remove")
@_TENANT
@click.option("--id", required=True)
@takes_orders
def route_remove(**told: Any) -> None:
    """Remove an outbound route."""
    carry_out("route", "remove", **told)


def _change_of(group: click.Group, *keys: str, secret: str | None = None) -> click.Command:
    """Give the command that changes what `add` makes: the same options, of which only the keys must be given."""
    noun = str(group.name)
    options = [_changeable(option, key=option.name in keys) for option in group.commands["add"].params]
    known = {option.name for option in options}
    options += [click.Option([f"--{key}"], required=True) for key in keys if key not in known]
    if secret is not None:
        text = f"Take another {secret} from standard input."
        options.append(click.Option([f"--{secret}", "asked"], is_flag=True, help=text))

    def change(*, asked: bool = False, **told: Any) -> None:
        if asked and secret is not None:
            told[secret] = read_secret(secret.title())
        carry_out(noun, "change", **told)

    text = f"Change a {noun}: what is not given stays. Give '' to empty what may be empty."
    return click.Command("change", params=options, callback=change, help=text)


def _changeable(option: click.Parameter, *, key: bool) -> click.Parameter:
    if option.name in ("as_json", "data"):
        return option
    changed = copy.copy(option)
    changed.required = key
    if not key:
        changed.default = None
    if isinstance(changed, click.Option):
        changed.show_default = False
        if isinstance(changed.type, click.Choice) and changed.multiple:
            changed.type = click.Choice([*changed.type.choices, ""])
        changed.help = re.sub(r"\s*\[.*\]$", "", changed.help or "") or None  # the default of `add`
    return changed


GROUPS: tuple[click.Group, ...] = (tenant, user, extension, device, trunk, number, route)
for _group, _keys, _word in (
    (user, ("tenant", "login"), "password"),
    (extension, ("tenant", "number"), None),
    (device, ("tenant", "username"), None),
    (trunk, ("tenant", "id"), "secret"),
    (number, ("tenant", "number"), None),
    (route, ("tenant", "id"), None),
):
    _group.add_command(_change_of(_group, *_keys, secret=_word))
