from aioice import stun as reference

from webpbx.media import stun
from webpbx.media.ice import MAX_SOURCES, Credentials, IceSession


def check(credentials: Credentials, *, nominate: bool = False, password: str | None = None) -> stun.BindingRequest:
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST)
    message.attributes["USERNAME"] = f"{credentials.ufrag}:{credentials.remote}"
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or credentials.password).encode())
    found = stun.parse_request(bytes(message))
    assert found is not None
    return found


def session() -> IceSession[str]:
    return IceSession("theirs", expiry=30.0)


def test_the_latest_valid_source_is_used_until_one_is_nominated() -> None:
    ice = session()
    ours = ice.credentials[0]
    for route in ("a", "b"):
        ice.admit(check(ours), route, 0.0)
    assert ice.selected == "b"
    ice.admit(check(ours, nominate=True), "a", 0.0)
    ice.admit(check(ours), "b", 0.0)
    assert ice.selected == "a"
    ice.admit(check(ours, nominate=True), "b", 0.0)
    assert ice.selected == "b"


def test_a_wrong_password_validates_nothing() -> None:
    ice = session()
    assert ice.admit(check(ice.credentials[0], password="guess"), "a", 0.0) is None
    assert ice.selected is None
    assert ice.checked_at is None


def test_there_are_at_most_eight_sources_and_they_expire() -> None:
    ice = session()
    for number in range(20):
        ice.admit(check(ice.credentials[0]), f"{number}", float(number))
        ice.evict()
    assert len(ice.routes) == MAX_SOURCES
    assert ice.selected == "19"
    assert "12" in ice.expire(100.0)
    assert ice.routes == ["19"]


def test_old_credentials_hold_until_the_new_ones_are_used() -> None:
    ice = session()
    old = ice.credentials[0]
    ice.restart("theirs2")
    new = ice.credentials[-1]
    assert new.ufrag != old.ufrag
    assert ice.admit(check(old), "a", 0.0) == old
    assert ice.admit(check(new), "a", 0.0) == new
    assert ice.admit(check(old), "a", 0.0) is None
