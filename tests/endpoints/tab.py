"""A user's tab with sound: the page's part in the test's hands, its audio by aiortc."""

from tests.endpoints.desk import Desk
from tests.media.peers import Browser, eventually
from webpbx.endpoints.browser import BrowserEndpoint


class Tab:
    """A user's tab with a browser's audio that whistles a tone."""

    def __init__(self, desk: Desk, user: str, hertz: float, tab: str = "t1") -> None:
        self.desk = desk
        self.user = user
        self.hertz = hertz
        self.tab = tab
        self.endpoint: BrowserEndpoint = desk.open(user, tab=tab)
        self.browser = Browser(hertz)
        self.leg_id = ""
        self.generation = 0

    async def dial(self, number: str) -> None:
        self.leg_id = await self.endpoint.dial(number)
        await self.attach()

    async def take(self) -> None:
        """Attach while it rings, then answer."""
        self.leg_id = await self.desk.rings(self.user)
        await self.attach()
        await self.endpoint.answer(self.leg_id)

    async def attach(self, generation: int = 1) -> None:
        offer = await self.browser.offer()
        answer, self.generation = await self.endpoint.attach(self.leg_id, sdp=offer, generation=generation)
        await self.browser.answered(answer)
        await eventually(lambda: self.desk.calls(self.user)[0].attach == "open", "the tab's audio is connected")

    async def hears(self, hertz: float) -> None:
        await eventually(lambda: self.browser.hears(hertz), f"{self.user} hears {hertz} Hz")
