"""Phones of an office, where a test opens tabs."""

from tests.phone import Office
from tests.silent_media import SilentMedia
from webpbx.endpoints.browser import BrowserEndpoint
from webpbx.endpoints.browser_call import BrowserCall, BrowserCallChanged
from webpbx.endpoints.browsers import Browsers


class Desk:
    """Phones of an office, where a test opens tabs."""

    def __init__(self, office: Office, *, grace: float = 60.0) -> None:
        self.office = office
        self.phones = Browsers(office.exchanges, office.emit, grace=grace)

    @property
    def media(self) -> SilentMedia:
        assert isinstance(self.office.media, SilentMedia)
        return self.office.media

    def open(self, user: str, device: str = "laptop", tab: str = "t1", *, duty: bool = True) -> BrowserEndpoint:
        endpoint = self.phones.hello(
            tenant_id="acme", user_id=user, device_id=device, tab_id=tab, socket_id=f"{user}/{device}/{tab}", owner=True
        )
        if duty:
            endpoint.duty(True)
        return endpoint

    def close(self, user: str, device: str = "laptop", tab: str = "t1") -> None:
        self.phones.goodbye(f"{user}/{device}/{tab}")

    def calls(self, user: str) -> tuple[BrowserCall, ...]:
        return self.phones.calls("acme", user)

    def shown(self, user: str) -> list[BrowserCall]:
        """Give what the user's pages were told, in order."""
        changes = [fact.call for fact in self.office.facts if isinstance(fact, BrowserCallChanged)]
        return [call for call in changes if call.user_id == user]

    async def rings(self, user: str) -> str:
        """Wait until a user's page rings, and give the leg."""
        await self.office.until(lambda: any(call.state == "ringing" for call in self.calls(user)))
        return self.calls(user)[0].leg_id

    async def sees(self, user: str, state: str) -> BrowserCall:
        """Wait until the last thing a user's pages were told is a call in a state."""
        await self.office.until(lambda: bool(self.shown(user)) and self.shown(user)[-1].state == state)
        return self.shown(user)[-1]

    async def connected(self) -> tuple[BrowserEndpoint, str, BrowserEndpoint, str]:
        """Let Anna call Bert, who answers."""
        anna, bert = self.open("anna"), self.open("bert")
        calling = await anna.dial("102")
        ringing = await self.rings("bert")
        await bert.answer(ringing)
        await self.office.until(lambda: self.media.heard_by(calling) == ringing)
        return anna, calling, bert, ringing
