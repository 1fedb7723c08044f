import asyncio
import contextlib
import fcntl
import io
import json
import os
import pty
import re
import shlex
import sys
import termios
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.certificate import make_certificate
from webpbx.cli import main
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.control import control_app

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """A person at a shell."""

    data: Path

    async def webpbx(self, *words: str, typed: str = "") -> Said:
        """Say a command to the program, loaded already."""
        return await asyncio.to_thread(self._say, words, typed)

    async def process(self, *words: str, typed: str = "") -> Said:
        """Say a command to a process of its own, as a shell does; it takes a second to load."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "webpbx", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"WEBPBX_DATA": str(self.data)},
        )  # fmt: skip
        out, err = await child.communicate(typed.encode())
        assert child.returncode is not None
        return Said(child.returncode, out.decode(), err.decode())

    def _say(self, words: tuple[str, ...], typed: str) -> Said:
        out, err, before = io.StringIO(), io.StringIO(), sys.stdin
        sys.stdin = io.StringIO(typed)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
        finally:
            sys.stdin = before
        return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("WEBPBX_DATA", str(tmp_path / "data"))
    return Shell(tmp_path / "data")


@dataclass
class Running:
    """What the control socket of a running switch did."""

    store: Store
    changed: list[str]


@pytest.fixture
async def running(shell: Shell) -> AsyncIterator[Running]:
    """A switch's control socket at its place in the data folder; its store is elsewhere, so that one can tell."""
    async with await Store.open(None) as store:
        running = Running(store, [])

        async def on_changed(tenant_id: str) -> None:
            running.changed.append(tenant_id)

        app = control_app(store, Passwords(memory_kib=256, rounds=1, lanes=1), on_changed=on_changed, status=dict)
        runner = web.AppRunner(app)
        await runner.setup()
        (shell.data / "run").mkdir(parents=True)
        await web.UnixSite(runner, str(shell.data / "run" / "switch.sock")).start()
        yield running
        await runner.cleanup()


async def set_up_a_company(shell: Shell) -> list[Said]:
    return [
        await shell.webpbx("tenant", "add", "--id", "acme", "--name", "Acme", "--outside-prefix", "0"),
        await shell.process(
            "user", "add", "--tenant", "acme", "--login", "anna", "--name", "Anna Adler", "--extension", "101",
            typed=f"{PASSWORD}\n",
        ),
        await shell.webpbx(
            "trunk", "add", "--tenant", "acme", "--id", "main", "--proxy", "192.0.2.1:5070", "--username", "u100",
            typed="wonderland\n",
        ),
        await shell.webpbx(
            "number", "add", "--tenant", "acme", "--number", "030 23125000", "--trunk", "main",
            "--destination", "extension:101",
        ),
        await shell.webpbx("route", "add", "--tenant", "acme", "--id", "home", "--trunk", "main", "--country", "DE"),
    ]  # fmt: skip


async def check_the_company(store: Store) -> None:
    snapshot = await store.snapshot("acme")
    assert snapshot.tenant.outside_prefix_use == "required"
    anna = snapshot.user_of("101")
    assert anna is not None
    assert anna.password_hash.startswith("$argon2id$")
    trunk = snapshot.trunks["main"]
    assert (trunk.secret, trunk.proxy_addresses, trunk.codecs) == (
        "wonderland", (("192.0.2.1", 5070),), ("PCMA", "PCMU"),
    )  # fmt: skip
    assert str(snapshot.plan.dids["+493023125000"].destination) == "extension:101"
    assert [route.countries for route in snapshot.routes] == [("DE",)]


@pytest.mark.process
async def test_a_company_is_set_up_with_no_switch_running(shell: Shell) -> None:
    said = await set_up_a_company(shell)
    assert [(row.code, row.err) for row in said] == [(0, "")] * 5
    assert said[1].out == "Added user anna.\n"
    async with await Store.open(shell.data) as store:
        await check_the_company(store)


@pytest.mark.process
async def test_a_company_is_set_up_through_the_running_switch(shell: Shell, running: Running) -> None:
    said = await set_up_a_company(shell)
    assert [(row.code, row.err) for row in said] == [(0, "")] * 5
    await check_the_company(running.store)
    assert running.changed == ["acme"] * 5
    assert [path.name for path in shell.data.iterdir()] == ["run"]
    refused = await shell.webpbx("trunk", "remove", "--tenant", "acme", "--id", "main")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "The number +493023125000 comes in on trunk 'main': remove that number first.\n"


@pytest.mark.process
async def test_what_is_there_is_listed_as_a_table_and_as_json_and_can_be_removed(shell: Shell) -> None:
    async def say(line: str, typed: str = "") -> str:
        said = await shell.webpbx(*shlex.split(line), typed=typed)
        assert (said.code, said.err) == (0, "")
        return said.out

    await say("tenant add --id acme --name Acme")
    await say("user add --tenant acme --login anna --name 'Anna Adler' --extension 101", f"{PASSWORD}\n")
    await say("trunk add --tenant acme --id main --proxy 192.0.2.1:5070 --username u", "wonderland\n")
    await say("number add --tenant acme --number +493023125000 --trunk main --destination echo")
    await say("route add --tenant acme --id home --trunk main --country DE --prefix +4420 --also uan")
    await say("trunk add --tenant acme --id door --mode address --proxy 192.0.2.9 --address 192.0.2.0/28")
    await say("trunk remove --tenant acme --id door")
    table = (await say("user list")).splitlines()
    assert table[0].split() == ["id", "tenant_id", "login", "name", "extension", "role"]
    assert "Anna Adler" in table[1]
    trunks = json.loads(await say("trunk list --json"))
    assert [(trunk["id"], trunk["proxies"]) for trunk in trunks] == [("main", ["192.0.2.1:5070"])]
    assert "wonderland" not in str(trunks)
    assert json.loads(await say("number list --tenant acme --json"))[0]["destination"] == "echo"
    assert await say("route remove --tenant acme --id home") == "Removed route home.\n"
    await say("number remove --tenant acme --number '030 23125 000'")
    await say("trunk remove --tenant acme --id main")
    assert json.loads(await say("user remove --login anna --json")) == {"removed": "anna"}
    await say("tenant remove --id acme")
    assert await say("tenant list") == "There are none.\n"
    assert json.loads(await say("tenant list --json")) == []


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "typed", "sentence"),
    [
        (("user", "add", "--tenant", "acme", "--login", "a", "--name", "A"), "short\n", "at least 12"),
        (("user", "add", "--tenant", "acme", "--login", "a", "--name", "A"), "", "missing: write it on standard input"),
        (("user", "add", "--tenant", "acme", "--login", "a", "--name", "A"), f"{PASSWORD}\n", "no company 'acme'"),
        (("tenant", "add", "--id", "x", "--name", "X", "--country", "XX"), "", "'XX' is not known"),
        (("tenant", "add", "--name", "X"), "", "--id"),
        (("tenant", "add", "--id", "x", "--name", "X", "--ring-time", "soon"), "", "'soon'"),
        (("tenant", "fly"), "", "No such command"),
        (("serve", "--http", "8080"), "", "HOST:PORT"),
        (("serve", "--trunk-ports", "5"), "", "20000-29999"),
        (("demo", "--workers", "many"), "", "'many'"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence_on_standard_error(
    shell: Shell, words: tuple[str, ...], typed: str, sentence: str
) -> None:
    said = await shell.webpbx(*words, typed=typed)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1


@pytest.mark.process
async def test_at_a_terminal_the_password_is_asked_for_twice_and_never_shown(shell: Shell) -> None:
    assert (await shell.webpbx("tenant", "add", "--id", "acme", "--name", "Acme")).code == 0
    ours, theirs = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webpbx", "user", "add", "--tenant", "acme", "--login", "anna", "--name", "Anna",
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"WEBPBX_DATA": str(shell.data)},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    loop = asyncio.get_running_loop()
    shown = ""
    for prompt in ("Password: ", "Repeat for confirmation: "):
        while not shown.endswith(prompt):
            shown += (await loop.run_in_executor(None, os.read, ours, 1024)).decode()
        os.write(ours, f"{PASSWORD}\n".encode())
    assert await child.wait() == 0
    shown += (await loop.run_in_executor(None, os.read, ours, 1024)).decode()
    os.close(ours)
    assert "Added user anna." in shown
    assert PASSWORD not in shown


@pytest.mark.process
async def test_a_damaged_database_is_one_sentence(shell: Shell) -> None:
    shell.data.mkdir()
    (shell.data / "webpbx.sqlite3").write_text("this was never a database, and it is long enough to be looked at" * 20)
    said = await shell.process("tenant", "list")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "is damaged" in said.err


async def test_a_socket_left_by_a_dead_switch_is_no_switch(shell: Shell) -> None:
    (shell.data / "run").mkdir(parents=True)
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), shell.data / "run" / "switch.sock")
    server.close()
    await server.wait_closed()
    assert (shell.data / "run" / "switch.sock").exists()
    assert (await shell.webpbx("tenant", "add", "--id", "acme", "--name", "Acme")).code == 0


async def test_a_switch_that_hangs_up_is_told_in_a_sentence_and_the_database_left_alone(shell: Shell) -> None:
    (shell.data / "run").mkdir(parents=True)
    path = shell.data / "run" / "switch.sock"
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), path):
        said = await shell.webpbx("tenant", "add", "--id", "acme", "--name", "Acme")
    assert said.code == 2
    assert "did not answer" in said.err
    assert not (shell.data / "webpbx.sqlite3").exists()


async def test_a_data_folder_may_lie_deep(tmp_path: Path) -> None:
    deep = Shell(tmp_path / ("d" * 60) / ("e" * 60))
    (deep.data / "run").mkdir(parents=True)
    descriptor = os.open(deep.data / "run", os.O_RDONLY)
    async with await Store.open(None) as store:

        async def on_changed(_: str) -> None:
            return

        runner = web.AppRunner(control_app(store, Passwords(), on_changed=on_changed, status=dict))
        await runner.setup()
        await web.UnixSite(runner, f"/proc/self/fd/{descriptor}/switch.sock").start()
        said = await deep.webpbx("tenant", "add", "--id", "acme", "--name", "Acme", "--data", str(deep.data))
        assert said.code == 0
        assert [tenant.id for tenant in await store.tenants.all()] == ["acme"]
        await runner.cleanup()
    os.close(descriptor)


async def test_the_settings_table_is_printed(shell: Shell) -> None:
    said = await shell.webpbx("settings", "--markdown")
    assert "|`--drain-seconds`|`300`|s|" in said.out
    assert said.code == 0


async def test_help_names_the_commands_for_people_only(shell: Shell) -> None:
    said = await shell.webpbx("--help")
    for command in ("serve", "demo", "tenant", "user", "extension", "trunk", "number", "route", "settings"):
        assert f"  {command} " in said.out
    assert "switch" not in said.out


@pytest.mark.process
async def test_a_trunk_is_changed_and_only_what_is_given(shell: Shell) -> None:
    await set_up_a_company(shell)
    make_certificate(shell.data / "ca.pem", shell.data / "key.pem", "sip.example.com")
    said = await shell.webpbx(
        "trunk", "change", "--tenant", "acme", "--id", "main", "--transport", "tls", "--tls-ca",
        str(shell.data / "ca.pem"), "--codec", "PCMU", "--secret", "--disabled", typed="looking glass\n",
    )  # fmt: skip
    assert (said.code, said.out, said.err) == (0, "Changed trunk main.\n", "")
    async with await Store.open(shell.data) as store:
        trunk = (await store.snapshot("acme")).trunks["main"]
    assert (trunk.transport, trunk.codecs, trunk.secret, trunk.enabled) == ("tls", ("PCMU",), "looking glass", False)
    assert (trunk.proxies, trunk.username) == (("192.0.2.1:5070",), "u100")
    assert trunk.tls_authorities == (shell.data / "ca.pem").read_text()
    listed = await shell.webpbx("trunk", "list")
    assert "BEGIN CERTIFICATE" not in listed.out
    said = await shell.webpbx("trunk", "change", "--tenant", "acme", "--id", "main", "--tls-ca", "", "--enabled")
    assert said.code == 0, said.err
    async with await Store.open(shell.data) as store:
        trunk = (await store.snapshot("acme")).trunks["main"]
    assert (trunk.tls_authorities, trunk.enabled, trunk.transport) == ("", True, "tls")


async def test_a_file_of_authorities_that_is_not_there_is_told(shell: Shell) -> None:
    words = ("trunk", "change", "--tenant", "acme", "--id", "main", "--tls-ca", str(shell.data / "none.pem"))
    said = await shell.webpbx(*words)
    assert said.code == 2
    assert "none.pem cannot be read" in said.err


@pytest.mark.parametrize("noun", ["user", "extension", "device", "trunk", "number", "route"])
async def test_every_noun_can_be_changed_and_says_what_it_needs(shell: Shell, noun: str) -> None:
    said = await shell.webpbx(noun, "change")
    assert said.code == 2
    assert "Missing option" in said.err


@pytest.mark.process
async def test_a_telephone_is_added_with_a_password_that_is_printed_once(shell: Shell) -> None:
    await shell.webpbx("tenant", "add", "--id", "acme", "--name", "Acme")
    words = ("--tenant", "acme", "--login", "anna", "--name", "Anna", "--extension", "101")
    await shell.webpbx("user", "add", *words, typed=PASSWORD)
    added = await shell.webpbx("device", "add", "--user", "anna", "--name", "Desk", "--codec", "PCMA", "--older")
    assert added.code == 0, added.err
    told = re.match(r"User name (\S+-101), password (\w{24}): it is shown this once\.\nAdded device \1\.", added.out)
    assert told is not None, added.out
    (row,) = (await shell.webpbx("device", "list", "--json")).json
    assert (row["username"], row["older"], row["codecs"], row["registered"]) == (told[1], True, ["PCMA"], False)
    assert told[2] not in (await shell.webpbx("device", "list")).out
    said = await shell.webpbx("device", "change", "--tenant", "acme", "--username", told[1], "--newer", "--disabled")
    assert said.out == f"Changed device {told[1]}.\n", said.err
    (row,) = (await shell.webpbx("device", "list", "--json")).json
    assert (row["older"], row["enabled"], row["codecs"]) == (False, False, ["PCMA"])
    assert (await shell.webpbx("device", "remove", "--username", told[1])).out == f"Removed device {told[1]}.\n"
    assert (await shell.webpbx("device", "list")).out == "There are none.\n"
