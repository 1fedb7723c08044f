"""Anything a call can be sent to: a union of frozen values, as JSON and as one line of text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webpbx.model.cause import Cause
from webpbx.model.checks import InvalidSetting, check_e164, check_extension

_SHORT = re.compile(r"[0-9]{2,8}")


@dataclass(frozen=True)
class ToExtension:
    """Ring the user who has this extension."""

    number: str

    def __post_init__(self) -> None:
        check_extension("extension", self.number)

    def __str__(self) -> str:
        return f"extension:{self.number}"


@dataclass(frozen=True)
class ToOutside:
    """Call the outside world: `number` in E.164, or the bare digits of an emergency number or a short one (116117)."""

    number: str
    emergency: bool = False

    def __post_init__(self) -> None:
        if not self.emergency and not _SHORT.fullmatch(self.number):
            check_e164("number", self.number)
        elif self.emergency and not _SHORT.fullmatch(self.number):
            raise InvalidSetting(
                f"The emergency number {self.number!r} cannot be used: it has two to eight digits.",
                field="number",
                value=self.number,
            )

    def __str__(self) -> str:
        return f"{'emergency' if self.emergency else 'outside'}:{self.number}"


@dataclass(frozen=True)
class ToEcho:
    """Hear oneself."""

    def __str__(self) -> str:
        return "echo"


@dataclass(frozen=True)
class ToNowhere:
    """End the call with a cause."""

    cause: Cause

    def __str__(self) -> str:
        return f"nowhere:{self.cause}"


Destination = ToExtension | ToOutside | ToEcho | ToNowhere


def to_json(destination: Destination) -> dict[str, str]:
    """Give the destination as a JSON object; `from_json` takes it back."""
    kind, _, rest = str(destination).partition(":")
    return {"kind": kind, "value": rest} if rest else {"kind": kind}


def from_json(value: Mapping[str, Any]) -> Destination:
    """Take back what `to_json` gave; raise InvalidSetting for anything else."""
    rest = value.get("value")
    return from_text(f"{value.get('kind')}:{rest}" if rest is not None else str(value.get("kind")))


def from_text(text: str) -> Destination:
    """Read `extension:101`, `outside:+49…`, `emergency:112`, `echo` or `nowhere:busy`; raise InvalidSetting else."""
    kind, colon, rest = text.partition(":")
    if kind == "extension":
        return ToExtension(rest)
    if kind in ("outside", "emergency"):
        return ToOutside(rest, emergency=kind == "emergency")
    if kind == "echo" and not colon:
        return ToEcho()
    if kind == "nowhere" and rest in {cause.value for cause in Cause}:
        return ToNowhere(Cause(rest))
    raise InvalidSetting(
        f"The destination {text!r} is not known: write extension:101 or echo.", field="destination", value=text
    )


def check_inside(field: str, destination: Destination) -> None:
    """Refuse a destination that would send an outside caller to the outside world at our cost."""
    if isinstance(destination, ToOutside):
        raise InvalidSetting(
            f"The {field} {str(destination)!r} leads outside, which is not allowed here: use an extension or echo.",
            field=field,
            value=str(destination),
        )
