"""What may be offered when: one offer at a time between two ends (RFC 3264 §4, RFC 3311 §5, RFC 6337 §2)."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Stage(Enum):
    """How far two ends are with their session."""

    NONE = "no offer yet"
    OURS = "our offer waits for their answer"
    THEIRS = "their offer waits for our answer"
    AGREED = "there is a session"


class Step(Enum):
    """What brings them further."""

    WE_OFFER = "we offer"
    THEY_OFFER = "they offer"
    ANSWER = "answered"
    REFUSE = "refused or withdrawn"


_MOVES: Final[Mapping[tuple[Stage, Step], Stage]] = {
    (Stage.NONE, Step.WE_OFFER): Stage.OURS,
    (Stage.NONE, Step.THEY_OFFER): Stage.THEIRS,
    (Stage.AGREED, Step.WE_OFFER): Stage.OURS,
    (Stage.AGREED, Step.THEY_OFFER): Stage.THEIRS,
    (Stage.OURS, Step.ANSWER): Stage.AGREED,
    (Stage.THEIRS, Step.ANSWER): Stage.AGREED,
}
"""REFUSE leads back to where the offer found them."""


class Collision(Enum):
    """Why an offer of theirs cannot be taken now."""

    WITH_OURS = "491"
    """Ours is under way: both try again, at different times."""
    WITH_THEIRS = "500"
    """Their last one is not settled yet: they try again later (Retry-After)."""


class OfferAnswer:
    """Keep the stage of one dialog."""

    def __init__(self, stage: Stage = Stage.NONE) -> None:
        self.stage = stage
        self._before = stage

    def step(self, step: Step) -> bool:
        """Go further; False when that is no step from here, and nothing changes."""
        if step is Step.REFUSE:
            if self.stage in {Stage.OURS, Stage.THEIRS}:
                self.stage = self._before
                return True
            return False
        stage = _MOVES.get((self.stage, step))
        if stage is None:
            return False
        if step is not Step.ANSWER:
            self._before = self.stage
        self.stage = stage
        return True

    @property
    def is_agreed(self) -> bool:
        """Tell whether there is a session, and no offer is out."""
        return self.stage is Stage.AGREED

    @property
    def is_open(self) -> bool:
        """Tell whether an offer of either side waits for its answer, so that there can be no other."""
        return self.stage in {Stage.OURS, Stage.THEIRS}

    def update_collides(self, *, early: bool, pending: bool) -> Collision | None:
        """Tell what an UPDATE with an offer runs into (RFC 3311 §5.2); `pending`: an earlier one is unanswered."""
        if self.stage is Stage.OURS or (self.stage is Stage.NONE and early):
            return Collision.WITH_OURS
        return Collision.WITH_THEIRS if self.stage is Stage.THEIRS or pending else None

    def invite_collides(self, *, ours_pending: bool, theirs_pending: bool) -> Collision | None:
        """Tell what a re-INVITE runs into (§14.2): an INVITE of either side that is not done, or an offer."""
        if ours_pending or self.stage is Stage.OURS:
            return Collision.WITH_OURS
        return Collision.WITH_THEIRS if theirs_pending or self.stage is Stage.THEIRS else None
