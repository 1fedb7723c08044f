"""The early dialogs of a call of ours: one with each of those who ring (RFC 3261 §12.1.2, RFC 3262, RFC 3311)."""

from dataclasses import dataclass, replace

from webpbx.sip.dialog import DialogState, calling_dialog, renewed
from webpbx.sip.message import Response
from webpbx.sip.offer_answer import OfferAnswer, Stage, Step


@dataclass(slots=True)
class Fork:
    """Hold an early dialog, and how far its ends are with their session."""

    dialog: DialogState
    offers: OfferAnswer
    sdp: bytes | None
    """What our INVITE offered."""

    def answered_early(self, response: Response) -> None:
        """Take the answer that a reliable 1xx bears."""
        if response.sdp is not None and self.offers.step(Step.ANSWER):
            self.dialog = replace(self.dialog, local_sdp=self.sdp, remote_sdp=response.sdp)

    def confirmed(self, dialog: DialogState, response: Response) -> tuple[DialogState, bytes | None]:
        """Return the answered dialog, and the description of theirs that is to be taken up now.

        Where a reliable 1xx bore the answer already, what the 200 repeats of it is passed over (§13.2.1).
        """
        early = self.dialog
        dialog = replace(dialog, remote_seq=early.remote_seq)
        if early.remote_sdp is not None:
            dialog = replace(dialog, local_sdp=early.local_sdp, remote_sdp=early.remote_sdp)
            return dialog, early.remote_sdp if early.local_sdp == self.sdp else None
        if response.sdp is not None:
            self.offers.step(Step.THEY_OFFER if self.offers.stage is Stage.NONE else Step.ANSWER)
        elif self.sdp is not None:
            self.offers.step(Step.REFUSE)
        return dialog, response.sdp


class Forks:
    """Hold them by the tags of the far ends."""

    def __init__(self, sdp: bytes | None) -> None:
        self._sdp = sdp
        self._forks: dict[str, Fork] = {}

    def __contains__(self, tag: str) -> bool:
        return tag in self._forks

    def of(self, dialog: DialogState, response: Response) -> Fork:
        """Return the early dialog of a tagged response, a new one for a new tag; a known one takes its new Contact."""
        fork = self._forks.get(response.to.tag)
        if fork is None:
            offers = OfferAnswer()
            if self._sdp is not None:
                offers.step(Step.WE_OFFER)
            fork = self._forks[response.to.tag] = Fork(calling_dialog(dialog, response), offers, self._sdp)
        else:
            fork.dialog = renewed(fork.dialog, response)
        return fork

    def dialog_of(self, tag: str) -> DialogState | None:
        """Return the dialog with the far end of this tag."""
        fork = self._forks.get(tag)
        return None if fork is None else fork.dialog

    def renew(self, dialog: DialogState) -> None:
        """Keep a changed dialog."""
        if dialog.remote_tag in self._forks:
            self._forks[dialog.remote_tag].dialog = dialog

    def offers(self, tag: str) -> OfferAnswer | None:
        """Return how far we are with the far end of this tag."""
        fork = self._forks.get(tag)
        return None if fork is None else fork.offers

    def agreed(self) -> DialogState | None:
        """Return the first early dialog in which there is a session."""
        return next((each.dialog for each in self._forks.values() if each.offers.stage is Stage.AGREED), None)
