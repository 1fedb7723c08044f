"""Networks on loopback that listen by every transport."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.sip.wire import ANSWER, OFFER
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import (
    Answered,
    Certificate,
    Credentials,
    Peer,
    Registrar,
    Session,
    SipNetwork,
    SipSettings,
    Way,
)
from webpbx.sip.subscription import OnSubscribe
from webpbx.sip.uri import SipUri

HERE = "127.0.0.1"
SECRET = Credentials("trunk1", "geheim")


class House:
    """A network that listens by every transport it can, and the calls that came in."""

    network: SipNetwork

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Session] = asyncio.Queue()
        self.kept: dict[str, DialogState] = {}

    async def persist(self, state: DialogState | DialogGone) -> None:
        if isinstance(state, DialogGone):
            self.kept.pop(state.id, None)
        else:
            self.kept[state.id] = state

    async def open(
        self,
        transports: tuple[str, ...] = ("UDP", "TCP"),
        *,
        certificate: Certificate | None = None,
        registrar: Registrar | None = None,
        known: bool = True,
        settings: SipSettings | None = None,
        on_subscribe: OnSubscribe | None = None,
    ) -> None:
        self.network = await SipNetwork.open(
            listen=[(transport, HERE, 0) for transport in transports],
            identify=lambda _flow, _request: Peer("peer") if known else None,
            on_invite=self.calls.put_nowait,
            persist=self.persist,
            registrar=registrar,
            trusted=lambda _: known,
            certificate=certificate,
            settings=settings,
            on_subscribe=on_subscribe,
        )

    def way(self, transport: str = "TCP", *, name: str = "", authorities: str = "") -> Way:
        return Way(HERE, self.network.addresses[transport][1], transport, name, authorities)

    async def call(self, *ways: Way, sdp: bytes = OFFER) -> Session:
        return await self.network.invite(
            target=SipUri(HERE, "100"),
            proxies=ways,
            from_=NameAddr(SipUri("example.com", "anna")),
            to=NameAddr(SipUri("example.com", "100")),
            sdp=sdp,
            timeout_100=1000.0,
        )

    async def talk(self, other: "House", way: Way) -> tuple[Session, Session]:
        ours = await self.call(way)
        theirs = await other.calls.get()
        await theirs.answer(ANSWER)
        assert await ours.next_event() == Answered(ANSWER)
        return ours, theirs


@asynccontextmanager
async def house(
    transports: tuple[str, ...] = ("UDP", "TCP"),
    *,
    certificate: Certificate | None = None,
    registrar: Registrar | None = None,
    known: bool = True,
    settings: SipSettings | None = None,
    on_subscribe: OnSubscribe | None = None,
) -> AsyncIterator[House]:
    before = asyncio.all_tasks()
    us = House()
    await us.open(
        transports,
        certificate=certificate,
        registrar=registrar,
        known=known,
        settings=settings,
        on_subscribe=on_subscribe,
    )
    try:
        yield us
    finally:
        await us.network.close()
        assert asyncio.all_tasks() - {asyncio.current_task()} <= before


async def until(truth: Callable[[], bool]) -> None:
    """Wait for something that happens soon; the test's time limit ends a vain wait."""
    while not truth():  # noqa: ASYNC110 - polls a peer's state
        await asyncio.sleep(0.005)
