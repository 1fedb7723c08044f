"""A company whose provider stands behind Kamailio: calls out and in, ended from either side."""

import asyncio
from pathlib import Path

from tests.conftest import Company
from tests.pbx import ECHO_NUMBER, PASSWORD, Pbx
from tests.peers.kamailio import kamailio
from tests.peers.sipp import EVER, Sipp
from tests.socket_phone import SocketPhone

OUTSIDE = "030 12345678"
WITHIN = ["ACK within", "BYE within", "INVITE"]


async def test_calls_of_a_trunk_pass_its_proxy_both_ways(tmp_path: Path, pbx: Pbx, company_with_trunk: Company) -> None:
    pbx.take(company_with_trunk.data)
    pbx.serve()
    own = f"127.0.0.1:{pbx.sip_port}"
    provider = Sipp("answer", folder=tmp_path, remote=own, calls=EVER)
    async with kamailio(
        tmp_path,
        port=company_with_trunk.port,
        next_hop=f"sip:{own}",
        returns={pbx.sip_port: f"sip:127.0.0.1:{provider.port}"},
    ) as proxy:
        async with SocketPhone(pbx.url, "anna", PASSWORD) as anna:
            leg = await anna.dial(OUTSIDE)
            await anna.until(leg, "answered")
            await anna.hang_up(leg)
            assert (await anna.until(leg, "ended"))["cause"] == "normal"
            await provider.has_done(1)
            assert sorted(proxy.said) == WITHIN
            proxy.said.clear()

            await anna.go_on_duty()
            remote = f"127.0.0.1:{proxy.port}"
            caller = Sipp("call_and_be_hung_up", folder=tmp_path, remote=remote, number="+4930555101")
            leg = (await anna.rings())["leg_id"]
            await anna.answer(leg)
            await anna.until(leg, "answered")
            await asyncio.sleep(0.5)  # nobody hangs up before a word was said
            await anna.hang_up(leg)
            counts = await asyncio.to_thread(caller.wait)
            assert (counts.successful, counts.failed) == (1, 0), counts.unexpected
            assert sorted(proxy.said) == WITHIN
            proxy.said.clear()

        caller = Sipp("call_and_hang_up", folder=tmp_path, remote=remote, number=ECHO_NUMBER)
        counts = await asyncio.to_thread(caller.wait)
        assert (counts.successful, counts.failed) == (1, 0), counts.unexpected
        assert sorted(proxy.said) == WITHIN
    assert provider.stop().failed == 0
