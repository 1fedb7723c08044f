"""Calls to a provider that is known by name, with the name server there and gone."""

import asyncio

from tests.sip.name_server import name_server
from tests.sip.wire import ANSWER, OFFER
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Peer, Session, SipNetwork, Way
from webpbx.sip.uri import SipUri

HERE = "127.0.0.1"


async def test_a_provider_known_by_name_is_called_through_srv_and_still_when_the_name_server_is_gone() -> None:
    called: asyncio.Queue[Session] = asyncio.Queue()
    async with name_server() as names:
        us, them = [
            await SipNetwork.open(
                listen=(HERE, 0),
                identify=lambda _flow, _request: Peer("peer"),
                on_invite=called.put_nowait,
                trusted=lambda _: True,
                name_servers=names.servers(),
            )
            for _ in range(2)
        ]
        port = them.address[1]
        names.zone = [f"_sip._udp.prov.example 5 SRV 1 1 {port} a.prov.example.", "a.prov.example 5 A 127.0.0.1"]
        for _ in range(3):
            ours = await us.invite(
                target=SipUri("prov.example", "100"),
                proxies=[Way("prov.example")],
                from_=NameAddr(SipUri("example.com", "anna")),
                to=NameAddr(SipUri("prov.example", "100")),
                sdp=OFFER,
            )
            await (await called.get()).answer(ANSWER)
            while not isinstance(await ours.next_event(), Answered):
                pass
            await ours.hang_up()
            names.kill()
        await us.close()
        await them.close()
