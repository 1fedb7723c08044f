"""Kamailio as a record-routing proxy on loopback; it tells of every request that passes."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from tests.free_ports import free_block

CONFIGURATION = """
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules:/usr/lib/kamailio/modules:/usr/lib/aarch64-linux-gnu/kamailio/modules"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "xlog.so"
modparam("rr", "enable_full_lr", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (is_method("OPTIONS") && uri == myself) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            xlog("L_ALERT", "passes $rm within\\n");
            t_relay();
            exit;
        }}
        if (is_method("ACK")) {{
            if (t_check_trans()) t_relay();
            exit;
        }}
        xlog("L_ALERT", "refuses $rm that knows no route\\n");
        sl_send_reply("404", "No Route");
        exit;
    }}
    remove_hf("Route");
    xlog("L_ALERT", "passes $rm\\n");
    record_route();
    {next_hops}
    t_relay();
}}
"""


class Kamailio:
    """A running proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.said: list[str] = []
        """What passed, such as "INVITE", and within a call "INVITE within"; refusals begin with "refused"."""

    def hear(self, line: str) -> None:
        """Take a line of its log."""
        if found := re.search(r"(passes|refuses) (.*)$", line):
            self.said.append(found[2] if found[1] == "passes" else f"refused {found[2]}")


@asynccontextmanager
async def kamailio(
    folder: Path, *, next_hop: str, port: int | None = None, returns: Mapping[int, str] = MappingProxyType({})
) -> AsyncIterator[Kamailio]:
    """Run it: calls go to `next_hop`, such as sip:127.0.0.1:5070;transport=tcp; those from a port by `returns`."""
    proxy = Kamailio(port or free_block(1))
    hops = [f'$du = "{next_hop}";', *(f'if ($sp == {at}) $du = "{uri}";' for at, uri in returns.items())]
    file = folder / f"kamailio-{proxy.port}.cfg"
    file.write_text(CONFIGURATION.format(port=proxy.port, next_hops=" ".join(hops)))
    process = await asyncio.create_subprocess_exec(
        *("/usr/sbin/kamailio", "-DD", "-E", "-m", "16", "-M", "4", "-Y", str(folder), "-f", str(file)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    log: list[str] = []
    assert process.stderr is not None
    stderr = process.stderr

    async def listen() -> None:
        while line := (await stderr.readline()).decode(errors="replace").rstrip():
            log.append(line)
            proxy.hear(line)

    listening = asyncio.create_task(listen())
    try:
        tables = (Path("/proc/net/udp"), Path("/proc/net/tcp"))
        while not all(f":{proxy.port:04X} " in table.read_text() for table in tables):
            assert process.returncode is None, "\n".join(log)
            await asyncio.sleep(0.02)
        yield proxy
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await listening
