"""Whose a SIP request is: a telephone's, which proves it, or a provider's, which is known by its address."""

from webpbx.endpoints.phones import Phones
from webpbx.endpoints.trunks import Trunks
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.message import Request
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow


class SipCallers:
    """What the SIP network is given: telephones and trunks, which may share an address."""

    def __init__(self, phones: Phones, trunks: Trunks) -> None:
        self._phones = phones
        self._trunks = trunks

    def identify(self, flow: Flow, request: Request) -> Peer | None:
        """Name the trunk that a request comes over; None lets whoever sent it prove to be a telephone."""
        return None if self._phones.claims(request) else self._trunks.identify(flow, request)

    def on_invite(self, session: Session) -> None:
        """Hand a call to the telephone or the trunk that makes it."""
        if not self._phones.on_invite(session):
            self._trunks.on_invite(session)

    async def persist(self, state: DialogState | DialogGone) -> None:
        """Have a dialog written with its call."""
        await self._phones.persist(state)
        await self._trunks.persist(state)
