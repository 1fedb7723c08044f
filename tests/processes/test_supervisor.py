"""The supervisor with small real programs for children: real processes, sockets and signals."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certificate import make_certificate
from tests.free_ports import free_block
from webpbx.processes.preflight import BadTlsFileError, check_tls
from webpbx.processes.run_folder import ProcessRecord, RunFolder, start_time

pytestmark = pytest.mark.process

TINY = str(Path(__file__).with_name("tiny_process.py"))
PROGRAM = """
import os, sys
from pathlib import Path
from webpbx.processes import keeper
from webpbx.model.settings import ServeSettings
from webpbx.processes.supervisor import Commands, run
keeper.SILENCE = float(os.environ.get("SILENCE", keeper.SILENCE))
tiny = (sys.executable, "-S", sys.argv[1])
commands = Commands(switch=(*tiny, "switch"), worker=(*tiny, "worker"), outside=(*tiny, "outside"), version=sys.argv[2])
demo, data, http, sip, outside_sip, media_port, drain = sys.argv[3:10]
settings = ServeSettings(data=Path(data), http=http, sip=sip, outside_sip=outside_sip, media_port=int(media_port),
    media_addresses=("127.0.0.1",), workers=2, drain_seconds=int(drain), demo=demo == "demo")
sys.exit(run(settings, commands=commands))
"""


def free_ports(kind: socket.SocketKind, count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


class Site:
    """One data folder, its ports, and the supervisors started on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir()
        (http,) = free_ports(socket.SOCK_STREAM, 1)
        outside_sip, media = free_ports(socket.SOCK_DGRAM, 2)
        sip = free_block(1)
        self.http, self.sip, self.outside_sip = (f"127.0.0.1:{port}" for port in (http, sip, outside_sip))
        self.media_port = str(30000 + media % 2000 * 2)
        self.supervisors: list[subprocess.Popen[bytes]] = []

    def serve(
        self, *, version: str = "1", demo: bool = False, drain: int = 30, data: Path | None = None
    ) -> subprocess.Popen[bytes]:
        arguments = ["demo" if demo else "serve", str(data or self.data), self.http, self.sip, self.outside_sip]
        with (self.data / "stderr").open("ab") as stderr:
            supervisor = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, TINY, version, *arguments, self.media_port, str(drain)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,  # a line must not wait in a buffer that select does not see
            )
        self.supervisors.append(supervisor)
        return supervisor

    def stderr(self) -> str:
        return (self.data / "stderr").read_text()

    def record(self, name: str) -> ProcessRecord | None:
        try:
            fields = json.loads((self.data / "run" / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        record = ProcessRecord(**fields | {"argv": tuple(fields["argv"])})
        return record if record.alive() else None

    def pid(self, name: str) -> int:
        """Wait for a living process of that name, another one than of any earlier asking if it was killed."""
        until(lambda: self.record(name))
        record = self.record(name)
        assert record is not None
        return record.pid

    def starts(self, name: str) -> list[int]:
        path = self.data / f"{name}.starts"
        return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []

    def let(self, name: str, do: str) -> None:
        (self.data / f"{name}.does").write_text(do)

    def all_pids(self) -> list[int]:
        return [pid for path in self.data.glob("*.starts") for pid in self.starts(path.stem)]


def line(supervisor: subprocess.Popen[bytes], *, seconds: float = 20.0) -> str:
    assert supervisor.stdout is not None
    readable, _, _ = select.select([supervisor.stdout], [], [], seconds)
    assert readable, "the supervisor printed nothing"
    return supervisor.stdout.readline().decode().rstrip("\n")


def gone(pid: int) -> bool:
    return start_time(pid) is None


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "data")
    yield site
    for supervisor in site.supervisors:
        for _ in range(2):
            if supervisor.poll() is None:
                supervisor.terminate()
                time.sleep(0.1)
        supervisor.wait(20)
        assert supervisor.stdout is not None
        supervisor.stdout.close()
    left = [pid for pid in site.all_pids() if not gone(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
    assert "Traceback" not in site.stderr()


def test_serve_says_ready_when_everything_is_up_and_ends_everything_when_told(site: Site) -> None:
    supervisor = site.serve()
    assert line(supervisor) == f"ready http://{site.http}"
    pids = [site.pid(name) for name in ("switch", "worker-0a", "worker-1a")]
    assert all(os.getsid(pid) == pid for pid in pids), "each lives in a session of its own"
    assert "worker-1a is up" in site.stderr()
    supervisor.terminate()
    assert supervisor.wait(20) == 0
    assert all(gone(pid) for pid in pids)
    assert "switch ends" in site.stderr()


def test_demo_starts_the_outside_world_and_prints_the_link(site: Site) -> None:
    supervisor = site.serve(demo=True)
    assert line(supervisor).startswith("ready ")
    assert line(supervisor) == "open http://example/#link=once"
    assert site.pid("outside")


@pytest.mark.parametrize("name", ["switch", "worker-0a", "outside"])
def test_a_killed_process_is_started_again(site: Site, name: str) -> None:
    line(site.serve(demo=True))
    former = site.pid(name)
    others = {other: site.pid(other) for other in ("switch", "worker-0a", "worker-1a", "outside") if other != name}
    kill(former)
    until(lambda: site.record(name) and site.pid(name) != former, seconds=2.0)
    until(lambda: f"{name} was ended by SIGKILL and is started again" in site.stderr())
    assert {other: site.pid(other) for other in others} == others


def test_a_second_supervisor_on_the_folder_is_refused_by_name(site: Site) -> None:
    first = site.serve()
    line(first)
    second = site.serve()
    assert second.wait(20) == 2
    assert f"The data folder {site.data} is already served by process {first.pid}." in site.stderr()
    assert len(site.starts("switch")) == 1


def test_processes_outlive_a_killed_supervisor_and_are_taken_over(site: Site) -> None:
    first = site.serve()
    line(first)
    pids = {name: site.pid(name) for name in ("switch", "worker-0a", "worker-1a")}
    first.kill()
    first.wait(20)
    second = site.serve()
    assert line(second) == f"ready http://{site.http}"
    assert {name: site.pid(name) for name in pids} == pids
    kill(pids["switch"])  # no child of its supervisor, yet watched by it
    until(lambda: site.record("switch") and site.pid("switch") != pids["switch"], seconds=2.0)
    second.terminate()
    assert second.wait(20) == 0
    assert gone(pids["worker-0a"])
    assert gone(pids["worker-1a"])


def test_an_upgrade_replaces_the_switch_and_lets_old_workers_end_with_their_calls(site: Site) -> None:
    first = site.serve()
    line(first)
    old = {name: site.pid(name) for name in ("switch", "worker-0a", "worker-1a")}
    site.let("worker-0a", "talks")
    first.kill()
    first.wait(20)
    second = site.serve(version="2")
    line(second)
    assert site.pid("switch") != old["switch"]
    assert site.pid("worker-0b")
    assert site.pid("worker-1b")
    until(lambda: gone(old["worker-1a"]))
    assert site.pid("worker-0a") == old["worker-0a"], "its call goes on"
    (site.data / "worker-0a.does").unlink()
    until(lambda: gone(old["worker-0a"]))
    assert site.starts("worker-0a") == [old["worker-0a"]], "a worker that gave way is not started again"


def test_a_supervisor_killed_during_an_upgrade_leaves_one_worker_in_use_and_one_draining(site: Site) -> None:
    first = site.serve()
    line(first)
    old = site.pid("worker-0a")
    site.let("worker-0a", "talks")
    first.kill()
    first.wait(20)
    second = site.serve(version="2")
    line(second)
    new = site.pid("worker-0b")
    second.kill()
    second.wait(20)
    line(site.serve(version="2"))
    assert site.pid("worker-0b") == new
    assert site.pid("worker-0a") == old, "a second SIGTERM would have ended its call"


def test_workers_no_longer_wanted_are_drained(site: Site) -> None:
    first = site.serve()
    line(first)
    surplus = site.pid("worker-1a")
    first.kill()
    first.wait(20)
    (site.data / "run" / "worker-1a.json").rename(site.data / "run" / "worker-7a.json")
    line(site.serve())
    until(lambda: gone(surplus))


def test_a_stale_record_of_a_recycled_process_number_harms_nobody(site: Site) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    started = start_time(bystander.pid)
    assert started is not None
    record = ProcessRecord(pid=bystander.pid, started=started - 1, argv=("sleep", "60"), version="1")
    with RunFolder(site.data) as folder:
        folder.write("switch", record)
        folder.write("worker-5a", record)
    line(site.serve())
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait(20)


def test_calls_may_end_before_the_switch_does_and_a_second_signal_does_not_wait(site: Site) -> None:
    supervisor = site.serve()
    line(supervisor)
    site.let("switch", "talks")
    switch, worker = site.pid("switch"), site.pid("worker-0a")
    supervisor.terminate()
    until(lambda: "running calls may go on for 30 s" in site.stderr())
    kill(worker)
    until(lambda: site.record("worker-0a") and site.pid("worker-0a") != worker)
    assert not gone(switch)
    supervisor.terminate()
    assert supervisor.wait(20) == 0
    assert gone(switch)


def test_the_drain_is_over_when_its_time_is(site: Site) -> None:
    supervisor = site.serve(drain=1)
    line(supervisor)
    site.let("switch", "talks")
    supervisor.terminate()
    assert supervisor.wait(20) == 0


def test_a_process_that_never_gets_ready_is_tried_thrice_at_once_then_ever_later_with_the_reason(site: Site) -> None:
    site.let("worker-0a", "dies")
    supervisor = site.serve()
    until(lambda: "next in 2 s; the last it said: there is no sound card" in site.stderr())
    assert "worker-0a ended with exit code 1 before it was ready, try 3; next in 1 s" in site.stderr()
    (site.data / "worker-0a.does").unlink()
    assert line(supervisor).startswith("ready ")


def test_a_process_that_refuses_its_settings_ends_the_command_with_its_sentence(site: Site) -> None:
    site.let("switch", "refuses")
    supervisor = site.serve()
    assert supervisor.wait(20) == 2
    assert site.stderr().splitlines()[-1].endswith("in use by a telephone. Choose another with --sip.")
    assert all(gone(pid) for pid in site.all_pids())


def test_a_silent_process_is_killed_and_started_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILENCE", "3")
    line(site.serve())
    former = site.pid("worker-0a")
    site.let("worker-0a", "hangs")
    until(lambda: gone(former))
    assert "worker-0a has not answered for 3 s and is ended" in site.stderr()
    (site.data / "worker-0a.does").unlink()
    until(lambda: site.record("worker-0a"))


@pytest.mark.parametrize("option", ["--http", "--sip"])
def test_a_port_in_use_is_named_with_what_to_do(site: Site, option: str) -> None:
    host, port = (site.http if option == "--http" else site.sip).split(":")
    with socket.create_server((host, int(port))):
        assert site.serve().wait(20) == 2
    assert f"TCP port {port} at {host} is in use by another program." in site.stderr()
    assert option in site.stderr()
    assert not site.all_pids()


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert site.serve(data=tmp_path / "file" / "data").wait(20) == 2
    assert f"The data folder {tmp_path}/file/data cannot be written: Not a directory." in site.stderr()


def test_a_certificate_that_does_not_match_its_key_is_named_with_what_to_do(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_certificate(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", "pbx.test")
    check_tls(tmp_path / "one.pem", tmp_path / "one.key")
    with pytest.raises(BadTlsFileError, match="the key does not belong to the certificate"):
        check_tls(tmp_path / "one.pem", tmp_path / "other.key")
    with pytest.raises(
        BadTlsFileError, match=r"cannot be read: No such file or directory\. Give a PEM file with --tls-"
    ):
        check_tls(tmp_path / "absent.pem", tmp_path / "one.key")
    with pytest.raises(BadTlsFileError, match=r"SIP over TLS cannot use .* with --sip-cert and --sip-key\."):
        check_tls(tmp_path / "one.pem", tmp_path / "other.key", options="--sip", use="SIP over TLS")
