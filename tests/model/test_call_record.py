import pytest

from webpbx.model.call_record import OUTCOMES, CallRecord, LegRecord, outcome_of
from webpbx.model.cause import Cause
from webpbx.model.checks import InvalidSetting


def test_durations_come_from_the_three_times() -> None:
    record = CallRecord("c1", "acme", "in", 1_000, answered_ms=4_000, ended_ms=10_000)
    assert (record.talk_ms, record.total_ms) == (6_000, 9_000)
    assert CallRecord("c1", "acme", "in", 1_000).total_ms == 0
    assert CallRecord("c1", "acme", "in", 1_000, ended_ms=3_000).talk_ms == 0


def test_every_cause_has_an_outcome() -> None:
    for cause in Cause:
        assert outcome_of(cause, answered=False) in OUTCOMES
        assert outcome_of(cause, answered=True) in ("answered", "interrupted")


@pytest.mark.parametrize(("field", "value"), [("direction", "up"), ("outcome", "great"), ("ended_by", "fate")])
def test_a_wrong_word_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidSetting):
        CallRecord(**({"id": "c1", "tenant_id": "acme", "direction": "in", "started_ms": 1} | {field: value}))  # type: ignore[arg-type]


def test_a_leg_is_in_or_out() -> None:
    with pytest.raises(InvalidSetting):
        LegRecord("l1", "101", "browser", "sideways", 1)
