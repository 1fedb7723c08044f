import pytest

from tests.sip.wire import other, request
from webpbx.sip.message import Response
from webpbx.sip.registrar import Registrar
from webpbx.sip.transport import Flow

FLOW = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 40000))


class House:
    """A registrar, and the changes it told."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.registrar = Registrar(realm="pbx", lookup=lambda _u, _a: None, on_change=self.changed.append)
        self.cseq = 1

    def register(self, extra: str, *, to: str = "sip:anna@pbx", user: str = "anna", now: float = 0.0) -> Response:
        self.cseq += 1
        data = other("REGISTER", cseq=self.cseq, extra=extra).replace(
            b"To: <sip:100@192.0.2.9>", f"To: <{to}>".encode()
        )
        return self.registrar.register(request(data), FLOW, user, now)

    def contacts(self, now: float = 0.0) -> list[str]:
        return [binding.contact for binding in self.registrar.bindings("anna", now)]


@pytest.fixture
def house() -> House:
    return House()


def test_a_binding_keeps_its_flow_and_ends_when_it_expires(house: House) -> None:
    response = house.register("Contact: <sip:anna@10.0.0.1>\r\nExpires: 100\r\n")
    assert response.status == 200
    assert response.values("Contact") == ["<sip:anna@10.0.0.1>;expires=100"]
    assert house.registrar.bindings("anna", 99)[0].flow == FLOW
    assert house.contacts(100) == []
    assert house.changed == ["anna"]


def test_every_binding_stands_in_the_200(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>;expires=60\r\n")
    response = house.register("Contact: <sip:anna@10.0.0.2>\r\nExpires: 90\r\n")
    assert response.values("Contact") == ["<sip:anna@10.0.0.1>;expires=60", "<sip:anna@10.0.0.2>;expires=90"]
    assert house.register("").values("Contact") == response.values("Contact")


def test_the_same_instance_replaces_its_binding(house: House) -> None:
    house.register('Contact: <sip:anna@10.0.0.1>;+sip.instance="<urn:uuid:1>"\r\n')
    house.register('Contact: <sip:anna@10.0.0.2>;+sip.instance="<urn:uuid:1>"\r\n')
    assert house.contacts() == ["sip:anna@10.0.0.2"]


def test_expires_0_takes_one_binding_away_and_a_star_all(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>, <sip:anna@10.0.0.2>\r\n")
    house.register("Contact: <sip:anna@10.0.0.1>;expires=0\r\n")
    assert house.contacts() == ["sip:anna@10.0.0.2"]
    assert house.register("Contact: *\r\nExpires: 0\r\n").status == 200
    assert house.contacts() == []


@pytest.mark.parametrize(
    ("extra", "to", "user", "status"),
    [
        ("Contact: *\r\n", "sip:anna@pbx", "anna", 400),
        ("Contact: *\r\nExpires: 60\r\n", "sip:anna@pbx", "anna", 400),
        ("Contact: <sip:anna@10.0.0.1>\r\n", "isbn:123", "anna", 400),
        ("Contact: <tel:+49>\r\n", "sip:anna@pbx", "anna", 400),
        ("Contact: <sip:anna@10.0.0.1>;expires=x\r\n", "sip:anna@pbx", "anna", 400),
        ("Contact: <sip:anna@10.0.0.1>\r\n", "sip:anna@pbx", "eve", 403),
        ("Contact: <sip:anna@10.0.0.1>\r\nExpires: 5\r\n", "sip:anna@pbx", "anna", 423),
    ],
)
def test_what_is_wrong_is_refused(house: House, extra: str, to: str, user: str, status: int) -> None:
    assert house.register(extra, to=to, user=user).status == status
    assert house.contacts() == []


def test_too_short_an_interval_names_the_least(house: House) -> None:
    assert house.register("Contact: <sip:a@b>;expires=5\r\n").get("Min-Expires") == "30"


def test_it_is_all_or_nothing(house: House) -> None:
    response = house.register("Contact: <sip:anna@10.0.0.1>, <sip:anna@10.0.0.2>;expires=3\r\n")
    assert response.status == 423
    assert house.contacts() == []


def test_a_telephone_that_forgets_its_old_contacts_has_its_ten_newest(house: House) -> None:
    for port in range(6000, 6300):
        assert house.register(f"Contact: <sip:anna@10.0.0.1:{port}>\r\n").status == 200
    assert house.contacts() == [f"sip:anna@10.0.0.1:{port}" for port in range(6290, 6300)]
    house.register("Contact: <sip:anna@10.0.0.1:6290>\r\n")  # a refreshed one is the newest
    assert house.contacts()[-2:] == ["sip:anna@10.0.0.1:6299", "sip:anna@10.0.0.1:6290"]
    assert house.register("Contact: <sip:anna@10.0.0.2>, <sip:anna@10.0.0.3>;expires=3\r\n").status == 423
    assert house.contacts()[0] == "sip:anna@10.0.0.1:6291"


def test_an_older_request_of_the_same_call_id_changes_nothing(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>\r\n")
    house.cseq -= 1
    assert house.register("Contact: <sip:anna@10.0.0.1>;expires=0\r\n").status == 500
    assert house.contacts() == ["sip:anna@10.0.0.1"]


def test_a_long_interval_is_shortened(house: House) -> None:
    assert house.register("Contact: <sip:a@b>\r\nExpires: 99999\r\n").get("Contact") == "<sip:a@b>;expires=3600"


def test_a_refreshed_binding_is_told_too(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>\r\nExpires: 100\r\n")
    house.register("Contact: <sip:anna@10.0.0.1>\r\nExpires: 100\r\n", now=50)
    assert house.changed == ["anna", "anna"]


def test_what_has_expired_is_told_and_when_the_next_will(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>\r\nExpires: 100\r\n")
    house.register("Contact: <sip:anna@10.0.0.2>\r\nExpires: 200\r\n")
    house.changed.clear()
    assert (house.registrar.expire(99), house.changed) == (100, [])
    assert (house.registrar.expire(100), house.changed) == (200, ["anna"])
    assert house.registrar.expire(200) is None


def test_a_binding_of_a_former_process_is_held_until_it_expires_or_is_forgotten(house: House) -> None:
    house.register("Contact: <sip:anna@10.0.0.1>\r\n")
    held = house.registrar.bindings("anna", 0)[0]
    house.registrar.forget("anna")
    assert (house.contacts(), house.changed) == ([], ["anna", "anna"])
    house.registrar.take_up("anna", held)
    assert house.contacts() == ["sip:anna@10.0.0.1"]
    assert house.registrar.expire(held.expires_at) is None
