"""baresip as a user's telephone beside browser tabs: registers, calls, is called, holds, sends keys; sound by tone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Company
from tests.free_ports import free_block
from tests.lean_client import CallReport, LeanClient
from tests.pbx import PASSWORD, Pbx
from tests.peers.baresip import Baresip
from tests.sip.authority import Authority
from tests.socket_phone import SocketPhone
from tests.tone import Wave, loudest_windows, seconds_of_tone

HERE = "127.0.0.1"
ANNA_SAYS, BEN_SAYS, FAR_SAYS = 600, 1000, 440
OUTSIDE = "+493012345678"
DIALLED = {"telephone": "101", "provider": OUTSIDE}
WINDOWS = 5


@dataclass
class Office:
    """Anna at a tab with sound, and Ben with a telephone of his own."""

    pbx: Pbx
    anna: SocketPhone
    sound: LeanClient
    ben: Baresip
    username: str
    number_of_anna: str
    folder: Path

    async def is_registered(self) -> None:
        for _ in range(150):
            if (await self.pbx.status())["telephones"].get(self.username):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"the telephone did not register: {self.pbx.said()}")

    async def calls_ben(self) -> str:
        """Let Anna call Ben, who answers."""
        leg = await self.anna.dial("102")
        await self.speak(leg)
        await self.ben.told("CALL_INCOMING")
        await self.anna.until(leg, "ringing")
        await self.ben.answer()
        await self.anna.until(leg, "answered")
        return leg

    async def is_called_by_ben(self) -> str:
        """Let Ben call Anna, who answers."""
        await self.ben.dial(self.number_of_anna)
        call = await self.anna.rings()
        assert (call["number"], call["name"], call["outside"]) == ("102", "Ben Berger", False)
        leg = str(call["leg_id"])
        await self.speak(leg)
        await self.ben.told("CALL_RINGING")
        await self.anna.answer(leg)
        await self.ben.told("CALL_ESTABLISHED")
        return leg

    async def speak(self, leg: str) -> None:
        """Bring Anna's sound to a call."""
        answer = await self.anna.attach(leg, await self.sound.browser(leg, codec="PCMA", tone_hz=ANNA_SAYS))
        await self.sound.accept(leg, answer)

    async def both_hear(self, leg: str) -> None:
        await self.anna_hears(leg, BEN_SAYS)
        await self.ben.hears(anna_is_heard, f"{ANNA_SAYS} Hz for a second")

    async def anna_hears(self, leg: str, hertz: int) -> None:
        """Wait until a second of new sound is this tone."""
        before = (await self._report(leg)).unmarked
        for _ in range(100):
            await asyncio.sleep(0.1)
            heard = await self._report(leg)
            if heard.unmarked >= before + 50 and heard.loudness > 500 and abs(heard.hears_hz - hertz) < 20:
                return
        raise AssertionError(f"Anna hears {heard}, not {hertz} Hz, and heard {before} packets before")

    async def anna_hears_nothing(self, leg: str) -> None:
        """Wait until no more packets come."""
        for _ in range(30):
            before = (await self._report(leg)).unmarked
            await asyncio.sleep(0.5)
            if (await self._report(leg)).unmarked == before:
                return
        raise AssertionError("Anna hears Ben still")

    async def _report(self, leg: str) -> CallReport:
        return (await self.sound.report(0)).calls[leg]

    async def anna_gets(self, leg: str, keys: str) -> None:
        for _ in range(50):
            digits = (await self._report(leg)).digits
            if digits == keys:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"Anna got {digits!r}, not {keys!r}")

    async def ends(self, leg: str, *, cause: str = "normal") -> None:
        assert (await self.anna.until(leg, "ended"))["cause"] == cause
        await self.ben.told("CALL_CLOSED")
        await self.pbx.is_empty()


def anna_is_heard(wave: Wave, rate: int) -> bool:
    """Tell whether the last second is Anna's tone, which the marks in her packets roughen."""
    tones = loudest_windows(wave[-rate:], ANNA_SAYS, rate=rate)
    return len(tones) == WINDOWS and all(tone.share > 0.4 and tone.rms > 0.02 for tone in tones)


def add_telephone(pbx: Pbx, *words: str, user: str = "ben") -> tuple[str, str]:
    """Give somebody a telephone that is asked for MD5 alone, as baresip 1.0 wants it; return user name and password."""
    told = pbx.command("device", "add", "--user", user, "--name", "Desk", "--older", *words)
    return str(told["username"]), str(told["secret"])


@asynccontextmanager
async def an_office(
    pbx: Pbx, company: Company, folder: Path, *words: str, transport: str = "udp", account: str = "", **baresip: Any
) -> AsyncIterator[Office]:
    """Serve a company whose Ben has a baresip; `words` are our settings of it, `account` and `baresip` its own."""
    pbx.take(company.data)
    username, secret = add_telephone(pbx, *words)
    port, settings = pbx.sip_port, baresip.pop("settings", "")
    if transport == "tls":
        authority, port = Authority(folder), free_block(1)
        certificate = authority.certify(HERE)
        (folder / "ca.pem").write_text(authority.pem)
        pbx.more = (
            *("--sip-tls", f"{HERE}:{port}"),
            *("--sip-cert", str(certificate.chain), "--sip-key", str(certificate.key)),
        )
        settings += f"sip_cafile {folder}/ca.pem\nsip_verify_server yes\n"
    pbx.serve()
    address = f"<sip:{username}@{HERE}:{port};transport={transport}>;auth_pass={secret};regint=60{account}"
    async with (
        SocketPhone(pbx.url, "anna", PASSWORD) as anna,
        LeanClient() as sound,
        Baresip(username, folder=folder, hertz=BEN_SAYS, account=address, settings=settings, **baresip) as ben,
    ):
        await anna.go_on_duty()
        office = Office(pbx, anna, sound, ben, username, f"sip:101@{HERE}:{port};transport={transport}", folder)
        await office.is_registered()
        yield office


@pytest.fixture
async def office(pbx: Pbx, company_with_trunk: Company, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(pbx, company_with_trunk, tmp_path) as office:
        yield office


async def test_a_telephone_is_listed_with_where_it_is_registered(office: Office) -> None:
    (row,) = await asyncio.to_thread(office.pbx.command, "device", "list")
    assert (row["username"], row["user"], row["registered"]) == (office.username, "ben", True)
    assert row["from"] == [f"{HERE}:{office.ben.port} UDP"]
    assert row["since"]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_tab_and_a_telephone_call_each_other_and_hear_each_other(
    pbx: Pbx, company_with_trunk: Company, tmp_path: Path, transport: str
) -> None:
    async with an_office(pbx, company_with_trunk, tmp_path, transport=transport) as office:
        (place,) = (await pbx.status())["telephones"][office.username]
        assert place.endswith(transport.upper())
        leg = await office.calls_ben()
        await office.both_hear(leg)
        await office.ben.hang_up()
        await office.ends(leg)
        leg = await office.is_called_by_ben()
        await office.both_hear(leg)
        await office.anna.hang_up(leg)
        await office.ends(leg)


@pytest.mark.parametrize(("theirs", "ours"), [("srtp", "offer"), ("srtp-mand", "require")])
async def test_sound_is_encrypted_where_the_signalling_is(
    pbx: Pbx, company_with_trunk: Company, tmp_path: Path, theirs: str, ours: str
) -> None:
    encrypts = {"account": f";mediaenc={theirs}", "settings": "module srtp.so\n"}
    async with an_office(pbx, company_with_trunk, tmp_path, "--srtp", ours, transport="tls", **encrypts) as office:
        for begin in (office.is_called_by_ben, office.calls_ben):
            leg = await begin()
            assert "AES" in (await office.ben.told("CALL_MENC"))["param"]
            await office.both_hear(leg)
            await office.anna.hang_up(leg)
            await office.ends(leg)


async def test_a_telephone_holds_and_resumes(office: Office) -> None:
    leg = await office.calls_ben()
    await office.both_hear(leg)
    await office.ben.hold()
    await office.anna_hears_nothing(leg)
    await office.ben.resume()
    await office.both_hear(leg)
    await office.anna.hang_up(leg)
    await office.ends(leg)


async def test_keys_pressed_on_the_telephone_reach_the_tab_as_sound_s_events(office: Office) -> None:
    leg = await office.calls_ben()
    await office.both_hear(leg)
    for key in "42#":
        await office.ben.press(key)
        await asyncio.sleep(0.4)
    await office.anna_gets(leg, "42#")
    await office.anna.hang_up(leg)
    await office.ends(leg)


async def test_keys_sent_by_info_reach_the_tab(pbx: Pbx, company_with_trunk: Company, tmp_path: Path) -> None:
    async with an_office(pbx, company_with_trunk, tmp_path, account=";dtmfmode=info") as office:
        leg = await office.is_called_by_ben()
        await office.both_hear(leg)
        for key in "17":
            await office.ben.press(key)
            await asyncio.sleep(0.4)
        await office.anna_gets(leg, "17")
        await office.ben.hang_up()
        await office.ends(leg)


async def test_declining_on_the_telephone_is_told_to_the_tab(office: Office) -> None:
    leg = await office.anna.dial("102")
    await office.ben.told("CALL_INCOMING")
    await office.ben.hang_up()
    await office.ends(leg, cause="busy")


async def test_a_telephone_can_be_called_at_once_after_the_switch_was_killed(office: Office) -> None:
    office.pbx.kill("switch")
    await back(office)
    async with SocketPhone(office.pbx.url, "anna", PASSWORD) as anna:
        again = replace(office, anna=anna)
        leg = await again.calls_ben()
        await again.both_hear(leg)
        await anna.hang_up(leg)
        await again.ends(leg)


async def test_a_call_of_a_telephone_outlives_the_switch(office: Office) -> None:
    leg = await office.is_called_by_ben()
    await office.both_hear(leg)
    office.pbx.kill("switch")
    await back(office)
    await office.anna_hears(leg, BEN_SAYS)
    async with SocketPhone(office.pbx.url, "anna", PASSWORD) as anna:
        again = replace(office, anna=anna)
        await anna.until(leg, "answered")
        await office.ben.hold()
        await office.anna_hears_nothing(leg)
        await office.ben.resume()
        await again.both_hear(leg)
        await office.ben.hang_up()
        await again.ends(leg)


@pytest.mark.parametrize("other_is", ["telephone", "provider"])
async def test_a_call_of_a_telephone_with_another_or_with_the_outside_outlives_the_switch(
    pbx: Pbx, company_with_trunk: Company, tmp_path: Path, other_is: str
) -> None:
    async with (
        an_office(pbx, company_with_trunk, tmp_path) as office,
        another(office, company_with_trunk, other_is) as far,
    ):
        await office.ben.dial(f"sip:{DIALLED[other_is]}@{HERE}:{pbx.sip_port}")
        await far.told("CALL_INCOMING")
        await far.answer()
        for one in (office.ben, far):
            await one.told("CALL_ESTABLISHED")
        await they_hear_each_other(office.ben, far)
        pbx.kill("switch")
        await back(office)
        await they_hear_each_other(office.ben, far)
        await far.hang_up()
        for one in (office.ben, far):
            await one.told("CALL_CLOSED")
        await office.pbx.is_empty()


@asynccontextmanager
async def another(office: Office, company: Company, what: str) -> AsyncIterator[Baresip]:
    """Give a telephone of Anna's, or somebody outside."""
    if what == "provider":
        async with Baresip(OUTSIDE, folder=office.folder, hertz=FAR_SAYS, port=company.port) as far:
            yield far
        return
    username, secret = add_telephone(office.pbx, user="anna")
    account = f"<sip:{username}@{HERE}:{office.pbx.sip_port}>;auth_pass={secret};regint=60"
    async with Baresip(username, folder=office.folder, hertz=FAR_SAYS, account=account) as far:
        await replace(office, username=username).is_registered()
        yield far


async def they_hear_each_other(ben: Baresip, far: Baresip) -> None:
    await ben.hears(lambda wave, rate: seconds_of_tone(wave[-2 * rate :], FAR_SAYS, rate=rate) > 1, "the far side")
    await far.hears(lambda wave, rate: seconds_of_tone(wave[-2 * rate :], BEN_SAYS, rate=rate) > 1, "Ben")


async def back(office: Office) -> None:
    """Wait until a new switch serves."""
    for _ in range(150):
        try:
            await office.pbx.status()
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"no new switch: {office.pbx.said()}")
