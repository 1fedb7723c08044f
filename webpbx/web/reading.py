"""Request bodies: JSON objects of a known shape, read within a time."""

import asyncio
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from webpbx.web.errors import BadRequest, UnsupportedMediaType

_READ_SECONDS: Final = 10.0


class Body(BaseModel):
    """The shape of one request body; nothing beside its fields is taken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnyBody = TypeVar("AnyBody", bound=Body)


async def read_body(request: web.Request, shape: type[AnyBody]) -> AnyBody:
    """Read a JSON body; raise errors that name the fields at fault, never their values."""
    if request.content_type != "application/json":
        raise UnsupportedMediaType("The request must be JSON: send Content-Type: application/json.")
    try:
        async with asyncio.timeout(_READ_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise BadRequest("The request came too slowly.") from None
    try:
        return shape.model_validate_json(body or b"{}")
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in row["loc"])[:64] or "body" for row in error.errors()})
        raise BadRequest(f"The request has fields that cannot be used: {', '.join(fields)}.", fields=fields) from None
