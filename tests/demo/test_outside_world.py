"""The outside world as a process: called with our own stack and with sipp, and calling in."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.demo.company_side import Company, company_of
from tests.demo.digest import ask, authorization
from tests.demo.outside_process import HOST, Outside, children, eventually, free_port, is_running, kill, outside_world
from webpbx.demo import directory
from webpbx.sip.registration import RegistrationState
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.session_events import Answered, Progress
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer
SIPP = Path(__file__).parent / "sipp"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside_world(tmp_path_factory.mktemp("outside")) as running:
        yield running


@pytest.fixture
async def company(outside: Outside) -> AsyncIterator[Company]:
    async with company_of(outside) as made:
        yield made


async def _no_call_is_left(outside: Outside) -> None:
    async with asyncio.timeout(5):
        while True:
            if (await outside.status())["calls"] == 0:
                return
            await asyncio.sleep(0.05)


async def test_the_echo_number_sends_back_what_it_hears(company: Company) -> None:
    call = await company.dial(directory.ECHO)
    await call.is_answered()
    await call.hears_itself()
    await call.hang_up()
    await _no_call_is_left(company.outside)


async def test_a_changed_session_is_taken_and_the_sound_follows(company: Company) -> None:
    call = await company.dial(directory.ECHO)
    await call.is_answered()
    elsewhere = await company.sound.rtp("elsewhere", codec="PCMA", tone_hz=700)
    answer = await call.session.reinvite(elsewhere.encode())
    await company.sound.accept("elsewhere", answer.decode())
    await company.sound.hang_up(call.name)
    call.name = "elsewhere"
    await call.hears_itself()
    await call.hang_up()


@pytest.mark.parametrize("number", [directory.SPEECH_GERMAN, directory.SPEECH_ENGLISH, directory.MUSIC])
async def test_a_number_that_speaks_or_plays_is_heard(company: Company, number: str) -> None:
    call = await company.dial(number)
    await call.is_answered()
    await call.hears(at_least=300)
    await call.hang_up()
    await _no_call_is_left(company.outside)


@pytest.mark.parametrize(
    ("number", "status"), [(directory.BUSY, 486), (directory.DECLINES, 603), (f"{directory.BLOCK}999", 404)]
)
async def test_a_number_that_refuses_says_how(company: Company, number: str, status: int) -> None:
    call = await company.dial(number)
    ended = await call.ends()
    assert (ended.status, ended.by) == (status, "remote")


async def test_the_number_that_never_answers_rings_until_the_caller_gives_up(company: Company) -> None:
    call = await company.dial(directory.NEVER_ANSWERS)
    progress = await call.until(Progress)
    assert isinstance(progress, Progress)
    assert (progress.status, progress.sdp) == (180, None)
    await call.hang_up()
    await _no_call_is_left(company.outside)


async def test_early_media_is_heard_before_the_answer(company: Company) -> None:
    call = await company.dial(directory.EARLY_MEDIA)
    progress = await call.until(Progress)
    assert isinstance(progress, Progress)
    assert progress.status == 183
    await company.sound.accept(call.name, (progress.sdp or b"").decode())
    await call.hears(at_least=300)
    await call.until(Answered)
    await call.hears(at_least=300)
    await call.hang_up()


async def test_the_number_not_in_service_says_so_and_then_refuses(company: Company) -> None:
    call = await company.dial(directory.NOT_IN_SERVICE)
    progress = await call.until(Progress)
    assert isinstance(progress, Progress)
    await company.sound.accept(call.name, (progress.sdp or b"").decode())
    await call.hears(at_least=300)
    assert (await call.ends()).status == 404


@pytest.mark.parametrize("number", ["112", "110"])
async def test_an_emergency_call_is_answered_by_an_announcement(company: Company, number: str) -> None:
    call = await company.dial(number)
    await call.is_answered()
    await call.hears(at_least=300)
    await call.hang_up()


async def test_a_call_with_a_wrong_secret_is_refused(company: Company) -> None:
    call = await company.dial(directory.ECHO, secret="wrong")
    assert (await call.ends()).status == 401


async def test_a_registration_with_a_wrong_secret_is_refused(company: Company) -> None:
    handle = await company.register(secret="wrong")
    await eventually(lambda: handle.state is not RegistrationState.TRYING)
    assert handle.state is RegistrationState.FAILED
    assert handle.reason.startswith("401")
    await handle.close()


async def test_a_caller_comes_in_speaks_and_then_sends_back_what_it_hears(company: Company) -> None:
    handle = await _registered(company)
    asking = asyncio.create_task(company.outside.call(to=directory.COMPANY_ANNA, name="Zoé Zander", say="en"))
    call = await company.take()
    status, answer = await asking
    assert (status, answer["sip_status"]) == (202, None)
    assert answer["state"] in {"ringing", "answered"}
    request = call.session.request
    assert request is not None
    assert isinstance(request.uri, SipUri)
    assert request.uri.user == directory.COMPANY_ANNA
    assert request.from_.display == "Zoé Zander"
    await call.hears(at_least=300)
    await call.hears_itself()
    await call.hang_up()
    await handle.close()
    await _no_call_is_left(company.outside)


async def test_the_control_tells_how_a_call_that_comes_in_began(company: Company) -> None:
    handle = await _registered(company)
    asking = asyncio.create_task(company.outside.call(to="030 23125-102", say="echo"))
    session = await asyncio.wait_for(company.incoming.get(), 10)
    await session.reject(486)
    status, answer = await asking
    assert (status, answer["state"], answer["sip_status"]) == (202, "ended", 486)
    await handle.close()


async def _registered(company: Company) -> RegistrationHandle:
    handle = await company.register()
    await eventually(lambda: handle.state is RegistrationState.REGISTERED)
    return handle


async def test_a_trunk_is_registered_until_it_takes_leave_and_then_nobody_can_call_it(tmp_path: Path) -> None:
    with outside_world(tmp_path) as outside:
        async with company_of(outside) as company:
            handle = await _registered(company)
            assert (await outside.status())["registered"]
            await handle.close()
            assert not (await outside.status())["registered"]
            status, answer = await outside.call(to=directory.COMPANY_ANNA)
    assert (status, answer["error_id"]) == (503, "outside_not_registered")


@pytest.mark.parametrize(
    ("body", "status", "error_id"),
    [
        ({"to": directory.ECHO}, 404, "outside_unknown_number"),
        ({}, 404, "outside_unknown_number"),
        ({"to": directory.COMPANY_ANNA, "say": "moo"}, 400, "outside_unknown_words"),
        ({"to": directory.COMPANY_ANNA, "name": "a\r\nb"}, 400, "outside_bad_request"),
    ],
)
async def test_a_call_that_cannot_begin_says_why(
    outside: Outside, body: dict[str, str], status: int, error_id: str
) -> None:
    answered, answer = await outside.call(**body)
    assert (answered, answer["error_id"]) == (status, error_id)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_sipp_registers_and_calls_the_echo_number(outside: Outside, algorithm: str) -> None:
    account = outside.account
    uri = f"sip:{HOST}:{outside.sip[1]}"
    for scenario, method, user, request_uri in (
        ("register", "REGISTER", account.username, uri),
        ("call", "INVITE", directory.ECHO, f"sip:{directory.ECHO}@{HOST}:{outside.sip[1]}"),
    ):
        challenged = await asyncio.to_thread(ask, outside.sip, method, user)
        assert challenged.startswith("SIP/2.0 401")
        proof = authorization(
            challenged, method, request_uri, username=account.username, secret=account.secret, algorithm=algorithm
        )
        await _sipp(outside, scenario, proof)
    assert (await outside.status())["registered"]
    await _no_call_is_left(outside)


async def _sipp(outside: Outside, scenario: str, proof: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("sipp", f"{HOST}:{outside.sip[1]}", "-sf", str(SIPP / f"{scenario}.xml"), "-m", "1", "-nostdin"),
        *("-i", HOST, "-p", str(free_port()), "-s", directory.ECHO, "-key", "authorization", proof),
        *("-timeout", "20", "-timeout_error"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", output).decode("utf-8", "replace")[-3000:]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_wrong_secret_is_refused_by_an_independent_digest_too(outside: Outside, algorithm: str) -> None:
    username = outside.account.username
    challenged = await asyncio.to_thread(ask, outside.sip, "REGISTER", username)
    uri = f"sip:{username}@{HOST}:{outside.sip[1]}"
    wrong = authorization(challenged, "REGISTER", uri, username=username, secret="wrong", algorithm=algorithm)
    answer = await asyncio.to_thread(ask, outside.sip, "REGISTER", username, authorization=wrong)
    assert answer.startswith("SIP/2.0 401")


async def test_calls_end_with_a_goodbye_when_it_is_told_to_end(tmp_path: Path) -> None:
    with outside_world(tmp_path) as outside:
        async with company_of(outside) as company:
            call = await company.dial(directory.MUSIC)
            await call.is_answered()
            outside.process.terminate()
            assert (await call.ends()).by == "remote"
            await eventually(lambda: outside.process.poll() is not None)
    assert outside.process.returncode == 0


async def test_it_comes_back_on_the_same_ports_after_being_killed(tmp_path: Path) -> None:
    with outside_world(tmp_path) as first:
        workers = children(first.process.pid)
        kill(first.process.pid)
        await eventually(lambda: not any(map(is_running, workers)))
    assert workers
    with outside_world(tmp_path, sip=first.sip) as second:
        async with company_of(second) as company:
            call = await company.dial(directory.ECHO)
            await call.is_answered()
            await call.hears_itself()
            await call.hang_up()


async def test_a_dead_media_worker_ends_its_calls_and_the_next_call_has_sound(company: Company) -> None:
    call = await company.dial(directory.MUSIC)
    await call.is_answered()
    (worker,) = children(company.outside.process.pid)
    kill(worker)
    assert (await call.ends()).by == "remote"
    async with asyncio.timeout(20):
        while True:
            again = await company.dial(directory.ECHO)
            try:
                await again.is_answered()
            except AssertionError:
                await asyncio.sleep(0.2)
            else:
                break
    await again.hears_itself()
    await again.hang_up()


async def test_a_second_one_at_the_same_socket_is_refused(outside: Outside) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webpbx.demo", "--sip", f"{HOST}:{free_port()}", "--control", str(outside.control)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"Another outside world listens" in said
    assert (await outside.status())["pid"] == outside.process.pid
