"""A test phone, a person who uses it, and the small office it hangs in."""
# ruff: noqa: ARG002 - an endpoint takes what every endpoint takes

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.silent_media import SilentMedia
from webpbx.apps.echo import echo
from webpbx.apps.extension import extension
from webpbx.apps.nowhere import nowhere
from webpbx.apps.outside_line import outside_line
from webpbx.calls.audio import MediaVerbs
from webpbx.calls.call import Applications
from webpbx.calls.exchange import Exchange, Patience, Surroundings
from webpbx.calls.exchanges import Exchanges, LegEvent
from webpbx.calls.facts import CallEnded, Fact
from webpbx.calls.leg import Leg, LegState, Party
from webpbx.calls.live_calls import LiveCall
from webpbx.media.client import Hello, Media
from webpbx.model.call_record import CallRecord
from webpbx.model.cause import Cause
from webpbx.model.destination import ToEcho, ToExtension, ToNowhere, ToOutside
from webpbx.model.dialplan import Dialplan, resolve
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.snapshot import Snapshot
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User

ANNOUNCEMENT = "use-another-telephone.wav"
APPLICATIONS: Applications = {
    ToEcho: echo,
    ToExtension: extension,
    ToOutside: outside_line,
    ToNowhere: partial(nowhere, emergency_announcements={"de": ANNOUNCEMENT, "en": ANNOUNCEMENT}),
}


class MemoryLiveCalls:
    """Live calls in a dictionary, through JSON as in a store."""

    def __init__(self, story: list[str]) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.story = story
        self.fails = False

    async def put(self, call: LiveCall) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("no space left on device")
        self.rows[call.call_id] = call.to_json()
        self.story.append("written " + " ".join(leg.state for leg in call.legs))

    async def remove(self, call_id: str) -> None:
        await asyncio.sleep(0)
        self.rows.pop(call_id, None)
        self.story.append("removed")

    async def all(self) -> Sequence[LiveCall]:
        return [LiveCall.from_json(row) for row in self.rows.values()]


class Phone:
    """A telephone whose person is the test. Only its signalling is in memory; its leg is in the media worker."""

    kind = "phone"
    codecs: tuple[str, ...] = ("opus", "PCMA", "PCMU")
    hears_tones = True
    writes = False

    def __init__(self, office: "Office", user_id: str | None, number: str = "") -> None:
        self.office = office
        self.user_id = user_id
        self.number = number
        self.leg: Leg | None = None
        self.invited = asyncio.Event()
        self.told: list[str] = []
        self.ends: list[Cause] = []
        self.answers_at_once = False

    # -- what a person does ------------------------------------------------------------------------------------

    def dial(self, number: str) -> Leg:
        exchange = self.office.exchange
        destination = resolve(number, plan=exchange.snapshot.plan)
        outside = isinstance(destination, ToOutside)
        party = Party(self.number)
        direction = "out" if outside else "inside"
        call = exchange.call_in(self, party, destination=destination, dialled=number, direction=direction)
        self.leg = call.caller
        return call.caller

    async def press(self, keys: str) -> None:
        await self.line.audio.push_digits(keys)

    def hang_up(self) -> None:
        self.line.ended(Cause.NORMAL if self.line.state is LegState.ANSWERED else Cause.CANCELLED)

    def decline(self) -> None:
        self.line.ended(Cause.DECLINED)

    def answer(self) -> bool:
        return self.line.answered()

    async def rings(self) -> Leg:
        await self.invited.wait()
        return self.line

    async def hears(self, sound: str) -> None:
        await self.office.until(lambda: self.office.heard_by(self.line) == sound)

    async def talks_to(self, other: "Phone") -> None:
        await self.hears(other.line.id)
        await other.hears(self.line.id)

    async def ended(self) -> Cause:
        await self.office.until(lambda: bool(self.ends))
        return self.ends[-1]

    @property
    def line(self) -> Leg:
        assert self.leg is not None, "the phone has no call"
        return self.leg

    # -- calls.leg.Endpoint ------------------------------------------------------------------------------------

    async def invite(self, leg: Leg, caller: Party) -> None:
        self.leg = leg
        leg.peer = caller
        await leg.audio.open_browser()
        self._tell("rings")
        leg.ringing()
        self.invited.set()
        if self.answers_at_once:
            leg.answered()

    async def ring(self, leg: Leg, *, early_media: bool) -> None:
        await leg.audio.open_browser()
        self._tell("early media" if early_media else "ringback")
        if early_media:
            await leg.audio.stop()
        else:
            await leg.audio.tone("ringback")

    async def accept(self, leg: Leg) -> None:
        await leg.audio.open_browser()
        self._tell("answered")

    async def end(self, leg: Leg, cause: Cause) -> None:
        await asyncio.sleep(0)
        self.ends.append(cause)
        self._tell(f"ended {cause}")

    def changed(self, leg: Leg) -> None:
        self.office.stir()

    def audio_event(self, leg: Leg, kind: str, reason: str) -> None:
        self.office.stir()

    def live_data(self, leg: Leg) -> dict[str, Any]:
        return {"user_id": self.user_id}

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.office.story.append(f"{self.number} {what}")
        self.office.stir()


class TestTrunk(Phone):
    """A trunk whose provider and whose called person are the test."""

    __test__ = False
    kind = "trunk"
    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    hears_tones = False

    def __init__(self, office: "Office", trunk: Trunk) -> None:
        super().__init__(office, None, trunk.id)
        self.trunk = trunk
        self.up = True
        self.refusal: tuple[Cause, int] | None = None
        self.callers: list[Party] = []

    async def invite(self, leg: Leg, caller: Party) -> None:
        self.leg = leg
        self.callers.append(caller)
        await leg.audio.open_rtp(address="127.0.0.1", advertised=None)
        self.invited.set()
        if self.refusal is not None:
            leg.ended(self.refusal[0], sip_status=self.refusal[1])


class RealMedia(Media):
    """The client of a real worker, whose events go to the office that it is given to."""

    def __init__(self, folder: Path, *, epoch: int = 1) -> None:
        self.on_event: Callable[[LegEvent], None] = lambda _event: None
        self.on_lost: Callable[[str, tuple[str, ...]], None] = lambda _worker, _legs: None
        self.hellos: dict[str, Hello] = {}
        super().__init__(
            [folder / "worker-0a.sock"],
            epoch=epoch,
            on_event=lambda event: self.on_event(event),  # noqa: PLW0108 - it is set later
            on_lost=lambda worker, legs: self.on_lost(worker, legs),  # noqa: PLW0108 - it is set later
            on_ready=self.hellos.__setitem__,
        )


class Office:
    """A company with Anna (101), Bert (102), an echo number (600) and two trunks."""

    def __init__(self, media: MediaVerbs, **tenant: Any) -> None:
        self.media = media
        self.story: list[str] = []
        """Who was told what, and when it was written, in order."""
        self.facts: list[Fact] = []
        self.live_calls = MemoryLiveCalls(self.story)
        self.exchanges = Exchanges()
        self._ids = itertools.count(1)
        self._stirred = asyncio.Event()
        self.snapshot = snapshot(**tenant)
        self.exchange = Exchange(self.snapshot, self.surroundings())
        if isinstance(media, SilentMedia | RealMedia):
            media.on_event = self.exchanges.on_media_event
        if isinstance(media, RealMedia):
            media.on_lost = self.exchanges.on_worker_lost
        self.all_phones: list[Phone] = []
        """The trunks, then the phones in the order in which they were put up."""
        self.lines = {trunk.id: TestTrunk(self, trunk) for trunk in self.snapshot.trunks.values()}

    def surroundings(self, *, epoch: int = 1) -> Surroundings:
        return Surroundings(
            media=self.media,
            applications=APPLICATIONS,
            live_calls=self.live_calls,
            emit=self.emit,
            clock=lambda: 1_700_000_000_000,
            new_id=lambda: f"id{next(self._ids)}",
            node="node1",
            epoch=epoch,
            patience=Patience(tone=0.01, attach=0.01, silence=0.1, last_silence=0.2),
            hold_sound="hold.wav",
        )

    async def open(self) -> None:
        await self.exchange.start()
        self.exchanges.add(self.exchange)
        self.exchange.lines.update(self.lines)
        self.all_phones.extend(self.lines.values())

    async def close(self) -> None:
        await self.exchange.close()

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.stir()

    def stir(self) -> None:
        self._stirred.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait, through everything that happens, until something is true."""
        async with asyncio.timeout(5):
            while not true():
                self._stirred.clear()
                try:
                    async with asyncio.timeout(0.002):
                        await self._stirred.wait()
                except TimeoutError:
                    continue

    def phone(self, extension: str, *, on_duty: bool = True) -> Phone:
        """Put a phone on the desk of the user who has an extension."""
        user = self.snapshot.user_of(extension)
        assert user is not None
        phone = Phone(self, user.id, extension)
        self.all_phones.append(phone)
        if on_duty:
            self.exchange.register(phone)
        return phone

    def heard_by(self, leg: Leg) -> str | None:
        assert isinstance(self.media, SilentMedia)
        return self.media.heard_by(leg.id)

    async def quiet(self) -> None:
        """Wait until every call has ended, and check that nothing is left of any."""
        await self.until(lambda: not self.exchange.calls)
        assert self.exchange.legs == {}
        assert self.live_calls.rows == {}
        if isinstance(self.media, SilentMedia):
            assert self.media.legs == {}

    def records(self) -> list[CallRecord]:
        return [fact.record for fact in self.facts if isinstance(fact, CallEnded)]


def snapshot(*, routed: bool = True, **tenant: Any) -> Snapshot:
    """Make the office's settings; keywords are those of Tenant."""
    company = Tenant(**{"id": "acme", "name": "Acme", "ring_time": 20, **tenant})
    users = {
        name: User(id=name, tenant_id="acme", login=name, name=name.title(), extension=number)
        for name, number in (("anna", "101"), ("bert", "102"))
    }
    extensions = {
        "101": Extension("101", "acme", user_id="anna"),
        "102": Extension("102", "acme", user_id="bert"),
        "600": Extension("600", "acme", destination=ToEcho()),
    }
    dids = {"+4930901820101": Did("+4930901820101", "acme", "main", ToExtension("101"))}
    trunks = {name: _trunk(name) for name in ("main", "spare", "unrouted")}
    route = OutboundRoute("r1", "acme", "Germany", trunk_ids=("main", "spare"), countries=("DE",))
    return Snapshot(company, Dialplan(company, extensions, dids), users, trunks, (route,) if routed else ())


def _trunk(name: str) -> Trunk:
    return Trunk(
        id=name,
        tenant_id="acme",
        name=name,
        mode="address",
        proxies=("127.0.0.1:5060",),
        addresses=("127.0.0.1",),
        caller_id_default="+4930901820",
        max_calls=2,
    )


@asynccontextmanager
async def an_office(media: MediaVerbs | None = None, **tenant: Any) -> AsyncIterator[Office]:
    """Open an office, close it, and check that no task of it goes on."""
    before = asyncio.all_tasks()
    office = Office(media if media is not None else SilentMedia(), **tenant)
    await office.open()
    try:
        yield office
    finally:
        await office.close()
    left = {task for task in asyncio.all_tasks() - before if not task.get_name().startswith("media ")}
    left -= {task for task in (asyncio.current_task(),) if task is not None}
    assert not left, "tasks are left"
