"""Whose a message within a dialog is: calls by their dialogs, and by the INVITE a CANCEL means (RFC 3261 §12.2)."""

from collections import Counter

from webpbx.sip.dialog import DialogKey, DialogState
from webpbx.sip.headers import Replaces
from webpbx.sip.message import Request, Response
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage


class Dialogs:
    """Hold every call and the dialogs it has; a forked call of ours has several."""

    def __init__(self) -> None:
        self.usages: dict[str, InviteUsage] = {}
        self.call_ids: Counter[str] = Counter()
        self._by_key: dict[DialogKey, InviteUsage] = {}
        self._keys: dict[str, list[DialogKey]] = {}
        self._called: dict[tuple[object, ...], InviteUsage] = {}

    def __len__(self) -> int:
        return len(self.usages)

    def hold(self, usage: InviteUsage) -> None:
        """Hold a call, which may have no dialog yet."""
        self.usages[usage.id] = usage
        if isinstance(usage, CalledUsage):
            self._called[usage.transaction.key] = usage

    def know(self, usage: InviteUsage, state: DialogState) -> None:
        """Let requests within a dialog find the call."""
        self.hold(usage)
        if state.key not in self._by_key:
            self._by_key[state.key] = usage
            self.call_ids[state.key[0]] += 1
            self._keys.setdefault(usage.id, []).append(state.key)

    def forget(self, usage: InviteUsage) -> None:
        """Let go of a finished call."""
        self.usages.pop(usage.id, None)
        if isinstance(usage, CalledUsage):
            self._called.pop(usage.transaction.key, None)
        for key in self._keys.pop(usage.id, ()):
            self._by_key.pop(key, None)
            self.call_ids[key[0]] -= 1
            if not self.call_ids[key[0]]:
                del self.call_ids[key[0]]

    def of_request(self, request: Request) -> InviteUsage | None:
        """Find the call a peer's request belongs to by the tags of both sides."""
        if not request.to.tag:
            return None
        return self._by_key.get((request.call_id, request.to.tag, request.from_.tag))

    def of_response(self, response: Response) -> InviteUsage | None:
        """Find the call of a response to a request of ours."""
        return self._by_key.get((response.call_id, response.from_.tag, response.to.tag))

    def replaced(self, replaces: Replaces) -> InviteUsage | None:
        """Find the call that a new one is to take the place of (RFC 3891 §3): its `to-tag` is ours."""
        return self._by_key.get((replaces.call_id, replaces.to_tag, replaces.from_tag))

    def of_invite(self, key: tuple[object, ...]) -> InviteUsage | None:
        """Find the call that an INVITE's transaction began."""
        return self._called.get(key)
