"""SIPp against SIPp: the scenarios themselves are right."""

import socket
import time
from pathlib import Path

import pytest

from tests.pbx import until
from tests.peers.sipp import Sipp


@pytest.mark.parametrize(
    ("calling", "called", "words"),
    [
        ("call_and_hang_up", "answer", {}),
        ("call_and_be_refused", "refuse", {"status": "486", "reason": "Busy Here"}),
        ("call_and_cancel", "ring_until_cancelled", {}),
    ],
)
def test_a_scenario_and_its_counterpart_understand_each_other(
    calling: str, called: str, words: dict[str, str], tmp_path: Path
) -> None:
    provider = Sipp(called, folder=tmp_path, remote="127.0.0.1:9", calls=3, words=words)
    caller = Sipp(
        calling,
        folder=tmp_path,
        remote=f"127.0.0.1:{provider.port}",
        number="+4930555143",
        calls=3,
        rate=3,
        words=words,
    )
    for counts in (caller.wait(), provider.wait()):
        assert (counts.successful, counts.failed, counts.current) == (3, 0, 0), counts.unexpected


def test_a_run_against_nobody_is_counted_as_failed(tmp_path: Path) -> None:
    provider = Sipp("answer", folder=tmp_path, remote="127.0.0.1:9")
    refused = Sipp(
        "call_and_be_refused", folder=tmp_path, remote=f"127.0.0.1:{provider.port}", number="1", words={"status": "486"}
    )
    assert refused.wait().failed == 1
    provider.stop()


def test_a_provider_answers_the_question_whether_it_is_there(tmp_path: Path) -> None:
    provider = Sipp("answer", folder=tmp_path, remote="127.0.0.1:9", calls=100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind(("127.0.0.1", 0))
        asking.settimeout(0.5)
        port = asking.getsockname()[1]
        until(lambda: "200 OK" in question(asking, port, provider.port), "it answers OPTIONS")
    caller = Sipp("call_and_hang_up", folder=tmp_path, remote=f"127.0.0.1:{provider.port}", number="1")
    assert caller.wait().successful == 1
    assert provider.stop().failed == 0


def question(asking: socket.socket, port: int, provider: int) -> str:
    lines = (
        f"OPTIONS sip:127.0.0.1:{provider} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{time.monotonic_ns()}",
        f"From: <sip:127.0.0.1:{port}>;tag=1",
        f"To: <sip:127.0.0.1:{provider}>",
        f"Call-ID: {time.monotonic_ns()}@127.0.0.1",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    asking.sendto("\r\n".join((*lines, "", "")).encode(), ("127.0.0.1", provider))
    try:
        return asking.recv(4096).decode()
    except TimeoutError:
        return ""
