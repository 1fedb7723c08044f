import pytest

from webpbx.model.cause import Cause


def test_every_cause_has_a_q850_value_a_refusing_status_and_someone_at_fault() -> None:
    for cause in Cause:
        assert 1 <= cause.q850 <= 127
        assert cause is Cause.NORMAL or 400 <= cause.sip < 700
        assert cause.fault in ("nobody", "caller", "callee", "provider", "network", "us")
        assert Cause(str(cause)) is cause


@pytest.mark.parametrize(
    ("status", "q850", "cause"),
    [
        (200, None, Cause.NORMAL),
        (486, None, Cause.BUSY),
        (600, None, Cause.BUSY),
        (603, None, Cause.DECLINED),
        (404, None, Cause.UNKNOWN_NUMBER),
        (480, None, Cause.UNREACHABLE),
        (480, 19, Cause.NO_ANSWER),
        (480, 17, Cause.BUSY),
        (486, 16, Cause.BUSY),
        (403, None, Cause.TRUNK_REFUSED),
        (401, None, Cause.TRUNK_REFUSED),
        (407, None, Cause.TRUNK_REFUSED),
        (408, None, Cause.TIMEOUT),
        (487, None, Cause.CANCELLED),
        (488, None, Cause.INCOMPATIBLE_MEDIA),
        (503, None, Cause.TRUNK_DOWN),
        (503, 34, Cause.TRUNK_BUSY),
        (500, 999, Cause.FAILED),
        (302, None, Cause.TRUNK_REFUSED),
        (499, None, Cause.FAILED),
    ],
)
def test_a_far_ends_status_is_named(status: int, q850: int | None, cause: Cause) -> None:
    assert Cause.from_sip(status, q850=q850) is cause


def test_the_ends_a_caller_meets_survive_the_way_over_sip() -> None:
    for cause in (Cause.BUSY, Cause.NO_ANSWER, Cause.DECLINED, Cause.UNKNOWN_NUMBER, Cause.NOT_REGISTERED):
        assert Cause.from_sip(cause.sip, q850=cause.q850) is cause


def test_a_reason_of_a_bye_is_named() -> None:
    assert Cause.from_q850(16) is Cause.NORMAL
    assert Cause.from_q850(17) is Cause.BUSY
    assert Cause.from_q850(126) is Cause.FAILED
