from pathlib import Path

import pytest

from tests.store.conftest import ANNA
from webpbx.model.device import Device, DeviceBinding
from webpbx.model.tenant import Tenant
from webpbx.store.errors import AlreadyThere, NotFound
from webpbx.store.store import Store

DESK = Device(
    "d1", "acme", "anna-id", "Desk", "k7f3-101", ha1_md5="wonderland", ha1_sha256="looking-glass",
    older=True, codecs=("PCMU",), srtp="require", enabled=False,
)  # fmt: skip
HERE = DeviceBinding("k7f3-101", "sip:k7f3-101@192.0.2.7", "UDP", "192.0.2.7", 5062, 5_000, 60_000, "call", 7, "urn:x")


def file_contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_a_telephone_comes_back_as_it_was(store: Store) -> None:
    await store.tenant("acme").devices.add(DESK)
    assert await store.tenant("acme").devices.all() == [DESK]
    assert (await store.snapshot("acme")).devices == {"d1": DESK}
    assert await store.tenant("other").devices.all() == []
    assert await store.tenant_of_device("k7f3-101") == "acme"
    assert await store.tenant_of_device("k7f3-102") is None


async def test_a_user_name_is_given_once_in_the_installation(store: Store) -> None:
    await store.tenant("acme").devices.add(DESK)
    with pytest.raises(AlreadyThere):
        await store.tenant("acme").devices.add(Device("d2", "acme", "anna-id", "Other", "k7f3-101"))


async def test_a_telephone_needs_a_user_of_its_company(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.tenant("other").devices.add(Device("d2", "other", "anna-id", "Desk", "k7f3-102"))


async def test_what_stands_for_its_secret_is_nowhere_in_the_data_folder(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenant("acme").users.add(ANNA)
        await store.tenant("acme").devices.add(DESK)
        for raw in file_contents(tmp_path):
            assert b"wonderland" not in raw
            assert b"looking-glass" not in raw


async def test_registrations_are_kept_for_the_next_life_of_the_switch(store: Store) -> None:
    await store.tenant("acme").devices.add(DESK)
    await store.bindings.put("k7f3-101", [HERE])
    assert await store.bindings.all() == [HERE]
    assert await store.tenant("acme").devices.bindings(now_ms=59_999) == [HERE]
    assert await store.tenant("acme").devices.bindings(now_ms=60_000) == []
    assert await store.tenant("other").devices.bindings(now_ms=0) == []
    await store.bindings.put("k7f3-101", [])
    assert await store.bindings.all() == []


async def test_registrations_go_with_their_telephone_and_it_with_its_user(store: Store) -> None:
    await store.tenant("acme").devices.add(DESK)
    await store.bindings.put("k7f3-101", [HERE])
    await store.tenant("acme").devices.remove("k7f3-101")
    assert await store.bindings.all() == []
    await store.bindings.put("k7f3-101", [HERE])  # a REGISTER that was under way
    assert await store.bindings.all() == []
    with pytest.raises(NotFound):
        await store.tenant("acme").devices.remove("k7f3-101")
    await store.tenant("acme").devices.add(DESK)
    await store.tenant("acme").users.remove("anna")
    assert await store.tenant("acme").devices.all() == []
