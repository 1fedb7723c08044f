import logging

import pytest

from webpbx.sip.attempts import LIMIT, SECONDS, FailedAttempts
from webpbx.sip.auth import Verdict

HOST, NAME = "192.0.2.7", "k7f3-101"


def guess(attempts: FailedAttempts, times: int = LIMIT, *, host: str = HOST, name: str = NAME) -> None:
    for _ in range(times):
        attempts.judge(host, name, Verdict.WRONG, 0.0)


def test_after_five_wrong_answers_the_right_one_is_wrong_for_15_minutes() -> None:
    attempts = FailedAttempts()
    guess(attempts)
    assert attempts.judge(HOST, NAME, Verdict.GOOD, SECONDS - 1) is Verdict.WRONG
    assert attempts.judge(HOST, NAME, Verdict.GOOD, SECONDS) is Verdict.GOOD


def test_a_right_answer_forgives_the_wrong_ones_before_it() -> None:
    attempts = FailedAttempts()
    guess(attempts, LIMIT - 1)
    assert attempts.judge(HOST, NAME, Verdict.GOOD, 0.0) is Verdict.GOOD
    guess(attempts, LIMIT - 1)
    assert attempts.judge(HOST, NAME, Verdict.GOOD, 0.0) is Verdict.GOOD


def test_other_sources_and_other_names_are_heard() -> None:
    attempts = FailedAttempts()
    guess(attempts)
    assert attempts.judge("192.0.2.8", NAME, Verdict.GOOD, 0.0) is Verdict.GOOD
    assert attempts.judge(HOST, "k7f3-102", Verdict.GOOD, 0.0) is Verdict.GOOD


def test_questions_without_an_answer_and_old_nonces_do_not_count() -> None:
    attempts = FailedAttempts()
    for verdict in (Verdict.MISSING, Verdict.STALE):
        for _ in range(LIMIT):
            assert attempts.judge(HOST, NAME, verdict, 0.0) is verdict
    assert attempts.judge(HOST, NAME, Verdict.GOOD, 0.0) is Verdict.GOOD


def test_the_log_says_who_is_not_heard_any_more(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        guess(FailedAttempts())
    assert [record.levelname for record in caplog.records] == ["INFO"] * 4 + ["WARNING"]
    assert HOST in caplog.text
    assert NAME in caplog.text
