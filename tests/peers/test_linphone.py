"""Linphone as a user's softphone. It calls with its password by SHA-256; its SDP names an address that is not ours."""

import asyncio
from pathlib import Path

from tests.conftest import Company
from tests.lean_client import LeanClient
from tests.pbx import PASSWORD, Pbx
from tests.peers.linphone import Linphone
from tests.socket_phone import SocketPhone
from tests.tone import sine, write_wav

SAYS = 1000


async def test_linphone_calls_a_tab_and_is_heard(pbx: Pbx, company_with_trunk: Company, tmp_path: Path) -> None:
    pbx.take(company_with_trunk.data)
    told = pbx.command("device", "add", "--user", "ben", "--name", "Softphone")
    pbx.serve()
    place = f"127.0.0.1:{pbx.sip_port}"
    wav = write_wav(tmp_path / "says.wav", sine(SAYS, seconds=60, rate=8000), rate=8000)
    async with (
        SocketPhone(pbx.url, "anna", PASSWORD) as anna,
        LeanClient() as sound,
        Linphone(told["username"], told["secret"], pbx=place, folder=tmp_path) as ben,
    ):
        await anna.go_on_duty()
        await ben.does("call", f"sip:101@{place}")
        call = await anna.rings()
        assert (call["number"], call["name"]) == ("102", "Ben Berger")
        leg = str(call["leg_id"])
        answer = await anna.attach(leg, await sound.browser(leg, codec="PCMA", tone_hz=600))
        await sound.accept(leg, answer)
        await anna.answer(leg)
        await ben.tells("LinphoneCallStreamsRunning")
        await ben.does("incall-player-start", str(wav))
        await hears(sound, leg)
        await anna.hang_up(leg)
        await ben.tells("LinphoneCallEnd")
        assert (await anna.until(leg, "ended"))["cause"] == "normal"


async def hears(sound: LeanClient, leg: str) -> None:
    for _ in range(100):
        heard = (await sound.report(0)).calls[leg]
        if heard.loudness > 500 and abs(heard.hears_hz - SAYS) < 20:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(heard)
