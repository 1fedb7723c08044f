"""The stages of offer and answer."""

import pytest

from webpbx.sip.offer_answer import Collision, OfferAnswer, Stage, Step


def at(*steps: Step) -> OfferAnswer:
    offers = OfferAnswer()
    for step in steps:
        assert offers.step(step)
    return offers


AGREED = (Step.WE_OFFER, Step.ANSWER)


@pytest.mark.parametrize("first", [Step.WE_OFFER, Step.THEY_OFFER])
def test_there_is_one_offer_at_a_time(first: Step) -> None:
    for offers in (at(first), at(*AGREED, first)):
        assert offers.is_open
        assert not offers.step(Step.WE_OFFER)
        assert not offers.step(Step.THEY_OFFER)
        assert offers.step(Step.ANSWER)
        assert offers.is_agreed


@pytest.mark.parametrize("offer", [Step.WE_OFFER, Step.THEY_OFFER])
def test_a_refusal_leads_back_to_what_was_agreed_before(offer: Step) -> None:
    assert at(offer, Step.REFUSE).stage is Stage.NONE
    assert at(*AGREED, offer, Step.REFUSE).stage is Stage.AGREED


def test_nothing_is_answered_or_refused_without_an_offer() -> None:
    for offers in (at(), at(*AGREED)):
        stage = offers.stage
        assert not offers.step(Step.ANSWER)
        assert not offers.step(Step.REFUSE)
        assert offers.stage is stage


@pytest.mark.parametrize(
    ("steps", "early", "pending", "collision"),
    [
        ((Step.WE_OFFER,), True, False, Collision.WITH_OURS),
        ((Step.THEY_OFFER,), True, False, Collision.WITH_THEIRS),
        ((), True, False, Collision.WITH_OURS),
        (AGREED, True, False, None),
        (AGREED, False, False, None),
        (AGREED, False, True, Collision.WITH_THEIRS),
        ((*AGREED, Step.WE_OFFER), False, False, Collision.WITH_OURS),
        ((*AGREED, Step.THEY_OFFER), False, False, Collision.WITH_THEIRS),
    ],
)
def test_an_update_runs_into_what_is_open(
    steps: tuple[Step, ...], collision: Collision | None, *, early: bool, pending: bool
) -> None:
    """RFC 3311 §5.2"""
    assert at(*steps).update_collides(early=early, pending=pending) is collision


@pytest.mark.parametrize(
    ("steps", "ours", "theirs", "collision"),
    [
        (AGREED, False, False, None),
        (AGREED, True, False, Collision.WITH_OURS),
        (AGREED, True, True, Collision.WITH_OURS),
        (AGREED, False, True, Collision.WITH_THEIRS),
        ((*AGREED, Step.WE_OFFER), False, False, Collision.WITH_OURS),
        ((*AGREED, Step.THEY_OFFER), False, False, Collision.WITH_THEIRS),
    ],
)
def test_a_reinvite_runs_into_invites_and_offers(
    steps: tuple[Step, ...], collision: Collision | None, *, ours: bool, theirs: bool
) -> None:
    """§14.2"""
    assert at(*steps).invite_collides(ours_pending=ours, theirs_pending=theirs) is collision
