"""The stack alone against baresip as a telephone: it registers, calls and is called, by UDP, TCP and TLS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.sip.authority import Authority
from tests.sip.houses import HERE, until
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Certificate, Ended, Registrar, Session, SipNetwork, SipSettings
from webpbx.sip.registrar import Binding
from webpbx.sip.subscription import OnSubscribe
from webpbx.sip.uri import SipUri, parse_uri

pytestmark = pytest.mark.peer

PHONE = Credentials("100", "geheim")
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


@dataclass
class Office:
    """A registrar, a telephone that is registered there, and the calls it makes."""

    network: SipNetwork
    registrar: Registrar
    phone: Baresip
    calls: asyncio.Queue[Session]

    @property
    def binding(self) -> Binding:
        return self.registrar.bindings("100", self.network.now())[0]

    async def call(self) -> Session:
        return await self.network.invite(
            target=parse_uri(self.binding.contact),  # type: ignore[arg-type]  # the registrar takes SIP URIs only
            proxies=[self.binding.flow],
            from_=NameAddr(SipUri(HERE, "200")),
            to=NameAddr(SipUri(HERE, "100")),
            sdp=SDP,
        )


@asynccontextmanager
async def office(
    folder: Path,
    transport: str,
    *,
    account: str = "",
    modules: str = "",
    transfers: bool = False,
    on_subscribe: OnSubscribe | None = None,
) -> AsyncIterator[Office]:
    """Open an office with a telephone; `account` and `modules` are baresip's own words."""

    def lookup(username: str, algorithm: str) -> str | None:
        return ha1(PHONE, realm="office", algorithm=algorithm) if username == "100" else None

    authority = Authority(folder)
    certificate: Certificate = authority.certify(HERE)
    (folder / "ca.pem").write_text(authority.pem)
    registrar = Registrar(realm="office", lookup=lookup)
    calls: asyncio.Queue[Session] = asyncio.Queue()
    network = await SipNetwork.open(
        listen=[("UDP", HERE, 0), ("TCP", HERE, 0), ("TLS", HERE, 0)],
        certificate=certificate,
        identify=lambda _flow, _request: None,
        on_invite=calls.put_nowait,
        registrar=registrar,
        on_subscribe=on_subscribe,
        settings=SipSettings(challenge_algorithms=("MD5",), transfers=transfers),  # baresip 1.0 gives up at SHA-256
        reading=False,
    )
    port = network.addresses[transport][1]
    phone = Baresip(
        "100",
        folder=folder,
        account=f"<sip:100@{HERE}:{port};transport={transport.lower()}>;auth_pass=geheim;regint=60{account}",
        settings=f"{modules}sip_cafile {folder}/ca.pem\nsip_verify_server yes\n",
    )
    try:
        async with phone:
            await network.read()  # not before: registered in its first millisecond, mwi.so subscribes without end
            await until(lambda: bool(registrar.bindings("100", network.now())))
            yield Office(network, registrar, phone, calls)
    finally:
        await network.close()


async def ended(session: Session) -> Ended:
    while not isinstance(event := await session.next_event(), Ended):
        pass
    return event


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_a_telephone_registers_calls_and_is_called(tmp_path: Path, transport: str) -> None:
    async with office(tmp_path, transport) as place:
        phone = place.phone
        assert place.binding.flow.transport == transport
        for hangs_up in ("phone", "office"):
            await phone.dial(f"sip:200@{HERE}:{place.network.addresses[transport][1]};transport={transport.lower()}")
            theirs = await place.calls.get()
            assert theirs.request is not None
            assert theirs.request.via.transport == transport
            await theirs.ring()
            await phone.told("CALL_RINGING")
            await theirs.answer(SDP)
            await phone.told("CALL_ESTABLISHED")
            await (phone.hang_up() if hangs_up == "phone" else theirs.hang_up())
            assert (await ended(theirs)).by == ("remote" if hangs_up == "phone" else "local")
            await phone.told("CALL_CLOSED")
        for hangs_up in ("phone", "office"):
            ours = await place.call()
            await phone.told("CALL_INCOMING")
            await phone.answer()
            while not isinstance(await ours.next_event(), Answered):
                pass
            await phone.told("CALL_ESTABLISHED")
            await (phone.hang_up() if hangs_up == "phone" else ours.hang_up())
            assert (await ended(ours)).by == ("remote" if hangs_up == "phone" else "local")
            await phone.told("CALL_CLOSED")
