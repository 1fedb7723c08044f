"""What the sockets need of the telephone side; webpbx/endpoints/browser.py is it."""

from collections.abc import Awaitable, Mapping
from typing import Protocol


class BrowserCall(Protocol):
    """One user's end of a call, as it is shown."""

    @property
    def tenant_id(self) -> str:
        """Whose exchange the call is in."""

    @property
    def user_id(self) -> str:
        """Whose end this is."""

    def to_json(self, *, device_id: str) -> dict[str, object]:
        """Give what a tab of this device shows."""


class Device(Protocol):
    """One user's browser: every tab of it commands the same endpoint."""

    @property
    def on_duty(self) -> bool:
        """Whether it rings."""

    def duty(self, on: bool) -> None:  # noqa: FBT001 - the endpoint's own signature
        """Ring from now on, or no more."""

    async def dial(self, number: str) -> str:
        """Call a number; the leg's id."""

    async def answer(self, leg_id: str) -> None:
        """Take a ringing call."""

    async def hang_up(self, leg_id: str) -> None:
        """End or decline a call."""

    async def attach(self, leg_id: str, *, sdp: str, generation: int) -> tuple[str, int]:
        """Put a fresh peer connection onto the leg: the answer's SDP and the generation."""

    async def mute(self, leg_id: str, on: bool) -> None:  # noqa: FBT001 - the endpoint's own signature
        """Silence this end, or no more."""

    async def digits(self, leg_id: str, keys: str) -> None:
        """Press keys."""

    def quality(self, leg_id: str, *, mos: float, loss: float, jitter_ms: float, rtt_ms: float) -> None:
        """Note what the browser measured."""


class Browsers(Protocol):
    """Every user's browsers."""

    def hello(
        self, *, tenant_id: str, user_id: str, device_id: str, tab_id: str, socket_id: str, owner: bool
    ) -> Device:
        """Know that a tab is here, or here again."""

    def goodbye(self, socket_id: str) -> None:
        """Know that a tab's socket is gone."""

    def calls(self, tenant_id: str, user_id: str) -> tuple[BrowserCall, ...]:
        """All living calls of a user."""

    def presence(self, tenant_id: str) -> Mapping[str, str]:
        """Extension number to presence."""

    def leave(self, tenant_id: str, user_id: str) -> Awaitable[None]:
        """End the user's calls: he signed out."""
