"""Trunks of the product over TCP and TLS: SIPp and baresip as providers, and one of our stack that has a registrar."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conftest import Company
from tests.free_ports import free_block
from tests.pbx import ECHO_NUMBER, PASSWORD, Pbx, until
from tests.peers.baresip import Baresip
from tests.peers.sipp import EVER, Sipp
from tests.sip.authority import Authority
from tests.socket_phone import SocketPhone
from tests.tone import seconds_of_tone
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Ended, Registrar, Session, SipNetwork, SipSettings
from webpbx.sip.uri import SipUri

HERE = "127.0.0.1"
OUTSIDE = "030 12345678"
LINE = Credentials("line1", "wonderland")
MAIN = ("--tenant", "acme", "--id", "main")
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


@pytest.fixture
def company(pbx: Pbx, company_with_trunk: Company) -> Company:
    """Give the company its folder; the trunk is then changed to what the test needs, before or while it is served."""
    pbx.take(company_with_trunk.data)
    return company_with_trunk


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def trunk_is(pbx: Pbx, *, up: bool) -> str:
    """Wait until the trunk is known to be up or down, and give the reason."""
    for _ in range(200):
        state = (await pbx.status())["trunks"]["acme/main"]
        if state["up"] is up and state["reason"] != "We are registering.":
            return str(state["reason"])
        await asyncio.sleep(0.1)
    raise AssertionError(f"the trunk is not {'up' if up else 'down'}: {state}")


def sip_responses(pbx: Pbx) -> float:
    return pbx.metrics()["webpbx_sip_responses_total"]


async def calls_out(pbx: Pbx, number: str = OUTSIDE, *, keys: str = "") -> None:
    """Let Anna call outside, be answered, press keys and hang up."""
    async with SocketPhone(pbx.url, "anna", PASSWORD) as anna:
        leg = await anna.dial(number)
        await anna.until(leg, "answered")
        if keys:
            before = sip_responses(pbx)
            await anna.press(leg, keys)
            await asyncio.to_thread(until, lambda: sip_responses(pbx) >= before + len(keys), "the keys are sent")
        await anna.hang_up(leg)
        assert (await anna.until(leg, "ended"))["cause"] == "normal"


async def test_sipp_calls_in_and_is_called_over_tcp(pbx: Pbx, company: Company, tmp_path: Path) -> None:
    pbx.command("trunk", "change", *MAIN, "--transport", "tcp")
    pbx.serve()
    remote = f"{HERE}:{pbx.sip_port}"
    caller = Sipp("call_and_hang_up", folder=tmp_path, remote=remote, number=ECHO_NUMBER, calls=10, transport="tcp")
    counts = await asyncio.to_thread(caller.wait)
    assert (counts.successful, counts.failed) == (10, 0), counts.unexpected
    provider = Sipp("answer", folder=tmp_path, remote=remote, port=company.port, calls=EVER, transport="tcp")
    await calls_out(pbx)
    await provider.has_done(1)
    assert provider.stop().failed == 0


class Provider:
    """A provider of our own stack, with a registrar, an authority of its own and a line that answers."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.calls: asyncio.Queue[Session] = asyncio.Queue()
        self.registrar = Registrar(
            realm="provider", lookup=lambda user, way: ha1(LINE, realm="provider", algorithm=way) if user else None
        )

    async def open(self, transport: str) -> SipNetwork:
        self.network = await SipNetwork.open(
            listen=[(transport, HERE, free_block(1))],
            certificate=self.authority.certify("voice.provider.test"),
            identify=lambda _flow, _request: None,
            on_invite=self.calls.put_nowait,
            registrar=self.registrar,
            settings=SipSettings(realm="provider"),
        )
        return self.network

    async def call(self, number: str) -> Session:
        """Call a number of the one who is registered, over his own connection."""
        (binding,) = self.registrar.bindings(LINE.username, self.network.now())
        return await self.network.invite(
            target=SipUri(HERE, number),
            proxies=[binding.flow],
            from_=NameAddr(SipUri("provider.test", "+4915112345678")),
            to=NameAddr(SipUri(HERE, number)),
            sdp=SDP,
        )


async def answered(session: Session) -> None:
    async with asyncio.timeout(20):
        while not isinstance(event := await session.next_event(), Answered):
            assert not isinstance(event, Ended), event


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
async def test_a_registering_trunk_calls_and_is_called_over_one_connection(
    pbx: Pbx, company: Company, tmp_path: Path, stack: AsyncExitStack, transport: str
) -> None:
    del company
    provider = Provider(tmp_path)
    network = await provider.open(transport)
    stack.push_async_callback(network.close)
    proxy = f"{HERE}:{network.address[1]}"
    words = ["--mode", "register", "--transport", transport.lower(), "--proxy", proxy, "--username", LINE.username]
    if transport == "TLS":
        (tmp_path / "ca.pem").write_text(provider.authority.pem)
        words += ["--tls-ca", str(tmp_path / "ca.pem"), "--tls-name", "voice.provider.test"]
    pbx.command("trunk", "change", *MAIN, *words, "--secret", secret=LINE.secret)
    pbx.serve()
    assert await trunk_is(pbx, up=True) == "Registered."
    session = await provider.call(ECHO_NUMBER)
    await answered(session)
    await session.hang_up()

    async def take() -> None:
        theirs = await provider.calls.get()
        assert theirs.request is not None
        assert theirs.request.via.transport == transport
        await theirs.answer(SDP)
        while not isinstance(await theirs.next_event(), Ended):
            pass

    taking = asyncio.create_task(take())
    await calls_out(pbx)
    await asyncio.wait_for(taking, 10)


async def test_a_provider_with_a_certificate_of_another_authority_is_refused_and_why_is_told(
    pbx: Pbx, company: Company, tmp_path: Path, stack: AsyncExitStack
) -> None:
    del company
    provider = Provider(tmp_path)
    network = await provider.open("TLS")
    stack.push_async_callback(network.close)
    (tmp_path / "other.pem").write_text(Authority(tmp_path).pem)
    proxy = f"{HERE}:{network.address[1]}"
    pbx.command(
        *("trunk", "change", *MAIN, "--mode", "register", "--transport", "tls", "--proxy", proxy),
        *("--tls-ca", str(tmp_path / "other.pem"), "--tls-name", "voice.provider.test"),
        *("--username", LINE.username, "--secret"),
        secret=LINE.secret,
    )
    pbx.serve()
    reason = await trunk_is(pbx, up=False)
    assert reason.startswith(f"No TLS connection to {proxy}: its certificate is not believed (")
    (row,) = await asyncio.to_thread(pbx.command, "trunk", "list")
    assert (row["up"], row["reason"]) == (False, reason)
    async with SocketPhone(pbx.url, "anna", PASSWORD) as anna:
        ended = await anna.until(await anna.dial(OUTSIDE), "ended")
        assert ended["cause"] == "trunk_down"
        assert provider.calls.empty()


@pytest.fixture
def tls(pbx: Pbx, tmp_path: Path) -> tuple[Authority, int, str]:
    """Have the switch listen for TLS; give the authority both sides believe, our port, and baresip's certificate."""
    authority = Authority(tmp_path)
    port, certificate = free_block(1), authority.certify(HERE)
    pbx.more = ("--sip-tls", f"{HERE}:{port}", "--sip-cert", str(certificate.chain), "--sip-key", str(certificate.key))
    theirs = authority.certify(HERE)
    both = tmp_path / "baresip.pem"
    both.write_bytes(theirs.chain.read_bytes() + theirs.key.read_bytes())
    (tmp_path / "ca.pem").write_text(authority.pem)
    return authority, port, str(both)


@pytest.mark.parametrize("srtp", ["none", "require"])
async def test_baresip_calls_and_is_called_over_tls(
    pbx: Pbx, company: Company, tmp_path: Path, tls: tuple[Authority, int, str], srtp: str
) -> None:
    del company
    _, port, certificate = tls
    theirs = free_block(2)
    words = ("--transport", "tls", "--proxy", f"{HERE}:{theirs + 1}", "--tls-ca", str(tmp_path / "ca.pem"))
    pbx.command("trunk", "change", *MAIN, *words, "--srtp", srtp)
    pbx.serve()
    settings = f"sip_certificate {certificate}\nsip_cafile {tmp_path}/ca.pem\nsip_verify_server yes\n"
    account = f"<sip:+493012345678@{HERE};transport=tls>;regint=0"
    if srtp == "require":
        settings, account = settings + "module srtp.so\n", account + ";mediaenc=srtp-mand"
    phone = Baresip("+493012345678", folder=tmp_path, port=theirs, account=account, settings=settings)
    async with phone:
        await phone.dial(f"sip:{ECHO_NUMBER}@{HERE}:{port};transport=tls")
        await phone.told("CALL_ESTABLISHED")
        await phone.hears(lambda wave, rate: seconds_of_tone(wave, 1000, rate=rate) > 1, "its own tone, echoed")
        await phone.hang_up()
        await phone.told("CALL_CLOSED")
        async with SocketPhone(pbx.url, "anna", PASSWORD) as anna:
            leg = await anna.dial(OUTSIDE)
            await phone.told("CALL_INCOMING")
            await phone.answer()
            await anna.until(leg, "answered")
            await phone.hang_up()
            assert (await anna.until(leg, "ended"))["cause"] == "normal"


@pytest.mark.parametrize("first", ["refuses", "is silent"])
async def test_the_next_proxy_is_used_when_the_first_refuses_or_is_silent(
    pbx: Pbx, company: Company, tmp_path: Path, stack: AsyncExitStack, first: str
) -> None:
    port = free_block(1)
    if first == "refuses":
        remote = f"{HERE}:{pbx.sip_port}"
        words = {"status": "503", "reason": "Service Unavailable"}
        refusing = Sipp("refuse", folder=tmp_path, remote=remote, port=port, calls=EVER, words=words)
        stack.callback(refusing.stop)
    else:
        silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind((HERE, port))
    second = f"{HERE}:{company.port}"
    pbx.command("trunk", "change", *MAIN, "--proxy", f"{HERE}:{port}", "--proxy", second)
    pbx.serve()
    provider = Sipp("answer", folder=tmp_path, remote=f"{HERE}:{pbx.sip_port}", port=company.port, calls=EVER)
    await calls_out(pbx)
    await provider.has_done(1)
    assert provider.stop().failed == 0


async def test_keys_go_to_a_provider_by_info_and_its_short_numbers_are_called_as_they_are(
    pbx: Pbx, company: Company, tmp_path: Path
) -> None:
    pbx.command("trunk", "change", *MAIN, "--dtmf", "info")
    pbx.serve()
    remote = f"{HERE}:{pbx.sip_port}"
    provider = Sipp("answer_and_take_keys", folder=tmp_path, remote=remote, port=company.port, calls=EVER)
    await calls_out(pbx, "116 117", keys="4*")
    await provider.has_done(1)
    counts = provider.stop()
    assert counts.failed == 0, counts.unexpected


@pytest.mark.parametrize("codec", ["G722", "opus"])
async def test_baresip_talks_to_the_echo_in_a_codec_that_the_trunk_names(
    pbx: Pbx, company: Company, tmp_path: Path, codec: str
) -> None:
    del company
    pbx.command("trunk", "change", *MAIN, "--codec", codec, "--codec", "PCMA")
    pbx.serve()
    settings = f"module {codec.lower()}.so\nausrc_srate 8000\nausrc_channels 1\n"
    phone = Baresip("+493012345678", folder=tmp_path, settings=settings, codecs=CODECS_OF_BARESIP[codec])
    async with phone:
        await phone.dial(f"sip:{ECHO_NUMBER}@{HERE}:{pbx.sip_port}")
        await phone.told("CALL_ESTABLISHED")
        channels = int(CODECS_OF_BARESIP[codec][-1])
        await phone.hears(
            lambda wave, rate: seconds_of_tone(wave[::channels], 1000, rate=rate) > 1, "its own tone, echoed"
        )
        await phone.hang_up()
        await phone.told("CALL_CLOSED")


CODECS_OF_BARESIP = {"G722": "G722/16000/1", "opus": "opus/48000/2"}
