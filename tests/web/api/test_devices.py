from tests.web.house import House
from webpbx.model.device import Device, DeviceBinding


async def test_a_user_sees_the_own_telephones_and_nobody_else_s_and_no_secret(house: House) -> None:
    devices = house.store.tenant("acme").devices
    await devices.add(Device("d1", "acme", "anna", "Desk", "k7f3-101", ha1_md5="secret", ha1_sha256="secret"))
    await devices.add(Device("d2", "acme", "bert", "Kitchen", "w4x8-102"))
    binding = DeviceBinding(
        "k7f3-101", "sip:x@192.0.2.7", "UDP", "192.0.2.7", 5060, 0, house.store.now_ms() + 1, "c", 1
    )
    await house.store.bindings.put("k7f3-101", [binding])
    assert (await house.client.get("/api/v1/devices")).status == 401
    await house.log_in("anna")
    answer = await (await house.client.get("/api/v1/devices")).json()
    assert answer == {
        "devices": [
            {
                "username": "k7f3-101",
                "name": "Desk",
                "registered": True,
                "since": "1970-01-01T00:00:00Z",
                "enabled": True,
            }
        ]
    }
