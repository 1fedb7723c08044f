"""What a tab may send: one schema per event, nothing beside it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from webpbx.web.errors import BadRequest

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
_SDP_LIMIT: Final = 16 * 1024


class Command(BaseModel):
    """Every command carries an id that the tab made, so that a repeat after reconnecting acts once."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: _Id


class Hello(Command):
    """The tab tells which device it is; `owner`: it rings and carries the sound."""

    device_id: _Id
    tab_id: _Id
    owner: bool
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$")]


class Duty(Command):
    """Ring here from now on, or no more."""

    on: bool


class Dial(Command):
    """Call a number, as it was typed."""

    number: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class OfLeg(Command):
    """What concerns this end of one call."""

    leg_id: _Id


class Answer(OfLeg):
    """Take a ringing call."""


class HangUp(OfLeg):
    """End a call, or decline it while it rings."""


class Attach(OfLeg):
    """Put a fresh peer connection onto the leg."""

    sdp: Annotated[str, StringConstraints(min_length=1, max_length=_SDP_LIMIT)]
    generation: Annotated[int, Field(ge=0, le=2**31)]


class Mute(OfLeg):
    """Silence this end, or no more."""

    on: bool


class Digits(OfLeg):
    """Keys pressed during a call."""

    keys: Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]{1,32}$")]


class Quality(OfLeg):
    """What the browser measured: loss as a fraction, times in ms."""

    mos: Annotated[float, Field(ge=1, le=5, strict=False)]
    loss: Annotated[float, Field(ge=0, le=1, strict=False)]
    jitter_ms: Annotated[float, Field(ge=0, le=60_000, strict=False)]
    rtt_ms: Annotated[float, Field(ge=0, le=60_000, strict=False)]


COMMANDS: Final[Mapping[str, type[Command]]] = {
    "hello": Hello,
    "duty": Duty,
    "dial": Dial,
    "answer": Answer,
    "hang_up": HangUp,
    "attach": Attach,
    "mute": Mute,
    "digits": Digits,
    "quality": Quality,
}


class Auth(BaseModel):
    """What the page hands over when its socket opens: a bearer token, or the token of its cookie session."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    token: Annotated[str, StringConstraints(max_length=128)] | None = None
    csrf: Annotated[str, StringConstraints(max_length=128)] | None = None


def read_command(event: str, arguments: tuple[Any, ...]) -> Command:
    """Check one event against its schema; raise BadRequest that names the fields, never their values."""
    if len(arguments) != 1:
        raise BadRequest(f"The event {event} takes one object.")
    try:
        return COMMANDS[event].model_validate(arguments[0])
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in row["loc"])[:64] or event for row in error.errors()})
        raise BadRequest(
            f"The event {event} has fields that cannot be used: {', '.join(fields)}.", fields=fields
        ) from None


def read_auth(value: Any) -> Auth:
    """Check what came with a socket's opening."""
    try:
        return Auth.model_validate({} if value is None else value)
    except ValidationError:
        raise BadRequest("The socket's opening carries something that cannot be used. Reload the page.") from None
