"""The outside world: a telephone company of one customer, on the project's own SIP and media."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from webpbx.demo import directory
from webpbx.demo.account import REALM, Account
from webpbx.demo.answering import CALLING, who_answers
from webpbx.demo.errors import DemoError
from webpbx.demo.outside_call import CODECS, OutsideCall, Script, Studio, new_leg
from webpbx.demo.worker import NAME, OutsideWorker
from webpbx.media.client import Media, MediaEvent
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import SipNetwork
from webpbx.sip.registrar import Registrar
from webpbx.sip.session_face import Session
from webpbx.sip.settings import SipSettings
from webpbx.sip.uri import SipUri, TelUri, parse_uri

logger = logging.getLogger(__name__)

# A short registration, so that a restarted outside world soon knows its customer again.
MIN_EXPIRES: Final = 10
MAX_EXPIRES: Final = 30
WORKER_S: Final = 10.0  # until the media worker is ready
FAREWELL_S: Final = 2.0  # for goodbyes when told to end
SILENCE_S: Final = 60.0  # without any sound from the company a call is over


class NotRegisteredError(DemoError):
    """The company's trunk is not registered here."""

    error_id = "outside_not_registered"


class UnknownNumberError(DemoError):
    """Nobody has that number."""

    error_id = "outside_unknown_number"


class UnknownWordsError(DemoError):
    """A caller cannot say that."""

    error_id = "outside_unknown_words"


class NoSoundError(DemoError):
    """The media worker is not there."""

    error_id = "outside_no_media"


@dataclass(frozen=True)
class CallerId:
    """Who calls: a number and a name."""

    number: str = directory.CALLER
    name: str = directory.CALLER_NAME


class OutsideWorld:
    """Answer the company's calls and call the company."""

    def __init__(self, account: Account, *, worker: OutsideWorker, sounds: Path) -> None:
        self._account = account
        self._worker = worker
        self._media = Media(
            [worker.path],
            epoch=1,
            on_event=self._take_event,
            on_lost=lambda _name, _legs: self._end_all(),
            on_ready=lambda _name, _hello: self._ready.set(),
        )
        self._ready = asyncio.Event()
        self._studio = Studio(self._media, NAME, worker.address, sounds)
        self._calls: dict[str, OutsideCall] = {}
        self._silent: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._registrar = Registrar(
            realm=REALM, lookup=self._ha1, min_expires=MIN_EXPIRES, max_expires=MAX_EXPIRES, default_expires=MAX_EXPIRES
        )
        self._network: SipNetwork | None = None

    async def open(self, listen: tuple[str, int]) -> None:
        """Listen for SIP and start the media worker; raise SipError when the address is taken."""
        self._network = await SipNetwork.open(
            listen=listen,
            settings=SipSettings(user_agent="webpbx outside world (demo)", realm=REALM),
            identify=lambda _flow, _request: None,  # whoever calls proves to be our customer, by digest
            on_invite=self._take_call,
            registrar=self._registrar,
        )
        self._worker.start()
        await self._media.start()
        try:
            await asyncio.wait_for(self._ready.wait(), WORKER_S)
        except TimeoutError:
            logger.warning("the outside world's media worker is not ready after %.0f s", WORKER_S)

    @property
    def sip_address(self) -> tuple[str, int]:
        """Where it listens for SIP."""
        return self._sip.address

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    @property
    def registered(self) -> bool:
        """Whether the company's trunk is registered."""
        return bool(self._registrar.bindings(self._account.username, asyncio.get_running_loop().time()))

    @property
    def _sip(self) -> SipNetwork:
        if self._network is None:
            raise RuntimeError("the outside world is not open")
        return self._network

    def _take_call(self, session: Session) -> None:
        """Let whoever has the dialled number answer."""
        request = session.request
        uri = request.uri if request is not None else None
        dialled = uri.user if isinstance(uri, SipUri) else uri.number if isinstance(uri, TelUri) else None
        number = directory.dialled_number(dialled or "")
        self._begin(OutsideCall(session, self._studio, leg=new_leg()), who_answers(number))

    async def call_in(self, to: str, *, caller: CallerId, say: str) -> OutsideCall:
        """Call a number of the company; the call goes on by itself. Raises DemoError when it cannot begin."""
        number = directory.dialled_number(to)
        if number not in directory.COMPANY:
            raise UnknownNumberError(f"The company has no number {to}; it has {', '.join(directory.COMPANY)}.", to=to)
        script = CALLING.get(say)
        if script is None:
            raise UnknownWordsError(f"A caller cannot say {say!r}; use one of {', '.join(CALLING)}.", say=say)
        bindings = self._registrar.bindings(self._account.username, asyncio.get_running_loop().time())
        if not bindings:
            raise NotRegisteredError("The company's trunk is not registered, so nobody can call it: try again shortly.")
        studio = self._studio
        state = studio.media.workers.get(studio.worker)
        if state is None or not state.ready:
            raise NoSoundError("The outside world's media worker is being started: try again shortly.")
        contact = parse_uri(bindings[-1].contact)
        if not isinstance(contact, SipUri):
            raise NotRegisteredError(f"The company registered {contact}, which cannot be called.")
        host, port = self.sip_address
        leg = new_leg()
        offer = await studio.media.rtp_leg(studio.worker, leg, address=studio.address, codecs=CODECS)
        session = await self._sip.invite(
            target=replace(contact, user=number),
            proxies=[bindings[-1].flow.remote],
            from_=NameAddr(SipUri(host=host, port=port, user=caller.number), display=caller.name),
            to=NameAddr(SipUri(host=host, port=port, user=number)),
            sdp=offer.encode(),
        )
        call = OutsideCall(session, studio, leg=leg)
        self._begin(call, script)
        return call

    def _take_event(self, event: MediaEvent) -> None:
        """Tell the call concerned."""
        if event.kind == "play_finished":
            playing = self._studio.playing.get(str(event.data.get("player")))
            if playing is not None:
                playing.set()
        elif event.kind == "gone":
            self._end(event.leg)
        elif event.kind == "media_lost":
            loop = asyncio.get_running_loop()
            self._silent.setdefault(event.leg, loop.call_later(SILENCE_S, self._end, event.leg))
        elif event.kind == "media_back" and (timer := self._silent.pop(event.leg, None)) is not None:
            timer.cancel()

    def _end_all(self) -> None:
        """Hang up everywhere: the media worker is gone, or we go."""
        for leg in list(self._calls):
            self._end(leg)

    async def close(self) -> None:
        """Say goodbye in every call and end."""
        if self._network is not None:
            await self._network.drain()
        self._end_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._network is not None:
            await self._network.close(linger=FAREWELL_S)
        await self._media.close()
        await self._worker.stop()

    def _ha1(self, username: str, algorithm: str) -> str | None:
        if username != self._account.username:
            return None
        credentials = Credentials(username, self._account.secret)
        return ha1(credentials, realm=REALM, algorithm=algorithm)

    def _begin(self, call: OutsideCall, script: Script) -> None:
        self._calls[call.leg] = call
        self._run(self._play_part(call, script))

    async def _play_part(self, call: OutsideCall, script: Script) -> None:
        try:
            if call.session.direction == "out" or await call.take_offer():
                await call.run(script)
        finally:
            del self._calls[call.leg]
            if (timer := self._silent.pop(call.leg, None)) is not None:
                timer.cancel()

    def _end(self, leg: str) -> None:
        call = self._calls.get(leg)
        if call is not None:
            self._run(call.hang_up())

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an outside call failed", exc_info=error)
