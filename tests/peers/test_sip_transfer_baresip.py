"""REFER and waiting messages with baresip: it transfers, is transferred, and asks for its messages."""

from pathlib import Path

import pytest

from tests.peers.test_sip_stack_baresip import SDP, Office, ended, office
from tests.sip.houses import HERE, until
from webpbx.sip.network import ReferProgress, Referred, Session
from webpbx.sip.session_events import OwnerEvent
from webpbx.sip.subscription import Subscriber, message_summary
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer


async def hears(session: Session, kind: type[OwnerEvent]) -> OwnerEvent:
    while not isinstance(event := await session.next_event(), kind):
        pass
    return event


async def talk(place: Office, transport: str) -> Session:
    """Have the telephone call us, and answer."""
    port = place.network.addresses[transport][1]
    await place.phone.dial(f"sip:200@{HERE}:{port};transport={transport.lower()}")
    session = await place.calls.get()
    await session.answer(SDP)
    await place.phone.told("CALL_ESTABLISHED")
    return session


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_telephone_refers_after_proving_who_it_is_and_is_told_the_end(tmp_path: Path, transport: str) -> None:
    async with office(tmp_path, transport, transfers=True) as place:
        session = await talk(place, transport)
        challenged = place.network.counters["response_out", "4xx"]
        await place.phone.transfer(f"sip:300@{HERE}")
        referred = await hears(session, Referred)
        assert isinstance(referred, Referred)
        assert referred.refer_to.uri == SipUri(HERE, "300")
        assert place.network.counters["response_out", "4xx"] == challenged + 1
        await session.accept_refer()
        await session.notify_refer(200, "OK", final=True)
        await ended(session)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_telephone_calls_whom_it_is_referred_to_and_tells_how_it_goes(tmp_path: Path, transport: str) -> None:
    async with office(tmp_path, transport, transfers=True) as place:
        session = await talk(place, transport)
        port = place.network.addresses[transport][1]
        target = SipUri(HERE, "400", port, parameters=(("transport", transport.lower()),))
        await session.refer(target)
        assert isinstance(await hears(session, ReferProgress), ReferProgress)
        new = await place.calls.get()
        assert new.request is not None
        assert isinstance(new.request.uri, SipUri)
        assert new.request.uri.user == "400"
        await new.answer(SDP)
        progress = await hears(session, ReferProgress)
        while isinstance(progress, ReferProgress) and not progress.final:
            progress = await hears(session, ReferProgress)
        assert progress == ReferProgress(200, "OK", final=True)
        await session.hang_up()
        await new.hang_up()
        await ended(new)


async def test_a_telephone_subscribes_to_its_mailbox_and_is_told_of_messages(tmp_path: Path) -> None:
    asked: list[Subscriber] = []

    def present(subscriber: Subscriber) -> bytes:
        asked.append(subscriber)
        return message_summary(new=0, old=1)

    def shows(what: str) -> bool:
        """Tell whether baresip has shown a summary, which it tells on its screen alone."""
        screen = (tmp_path / "baresip-100" / "screen").read_text(errors="replace")
        return any(each.lstrip().startswith(what) for each in screen.split("-----\n")[1:])

    async with office(
        tmp_path, "UDP", account=";mwi=yes", modules="module_app mwi.so\n", on_subscribe=present
    ) as place:
        await until(lambda: shows("Messages-Waiting: no\nVoice-Message: 0/1 (0/0)"))
        assert [(each.aor, each.peer.id) for each in asked] == [("100", "100")]
        place.network.notify("100", message_summary(new=2, old=1))
        await until(lambda: shows("Messages-Waiting: yes\nVoice-Message: 2/1 (0/0)"))
    assert len(place.network.core.subscriptions) == 0
