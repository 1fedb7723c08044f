import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from webpbx.model.device import Device, DeviceBinding
from webpbx.store.database import Connection, Database, Row
from webpbx.store.errors import AlreadyThere, ChangedMeanwhile, NotFound
from webpbx.store.secrets import SecretBox

_HASHES = ("ha1_md5", "ha1_sha256")


class Devices:
    """One company's SIP telephones; what stands for their secrets lies encrypted."""

    def __init__(self, database: Database, tenant_id: str, box: SecretBox) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._box = box

    async def all(self) -> list[Device]:
        """Give the company's telephones, by user name; raise SecretUnreadable with a wrong key file."""
        return await self._database.read(lambda connection: read_devices(connection, self._tenant_id, self._box))

    async def add(self, device: Device) -> None:
        """Keep a new telephone; raise AlreadyThere, or NotFound without its user."""
        row = self._row(device)

        def work(connection: Connection) -> None:
            sql = "SELECT 1 FROM users WHERE id = $1 AND tenant_id = $2"
            if connection.row(sql, device.user_id, self._tenant_id) is None:
                raise NotFound("There is no such user in this company: `webpbx user list` shows all.")
            if connection.row("SELECT 1 FROM devices WHERE username = $1", device.username) is not None:
                raise AlreadyThere(f"The user name {device.username!r} is taken: try again.", username=device.username)
            connection.insert("devices", row)

        await self._database.write(work)

    async def change(self, old: Device, new: Device) -> None:
        """Put `new` in the place of `old`; raise ChangedMeanwhile if that is not there any more."""

        def work(connection: Connection) -> None:
            there = {device.id: device for device in read_devices(connection, self._tenant_id, self._box)}
            if there.get(old.id) != old:
                raise ChangedMeanwhile.of(old.username)
            connection.insert("devices", self._row(new), replace=("id",))

        await self._database.write(work)

    async def remove(self, username: str) -> None:
        """Remove a telephone with its registrations; raise NotFound."""
        sql = "DELETE FROM devices WHERE username = $1 AND tenant_id = $2"
        if not await self._database.write(lambda connection: connection.run(sql, username, self._tenant_id)):
            raise unknown_device(username)

    async def bindings(self, *, now_ms: int) -> list[DeviceBinding]:
        """Give where the company's telephones are registered now, the oldest first."""
        sql = """SELECT device_bindings.* FROM device_bindings JOIN devices USING (username)
            WHERE tenant_id = $1 AND expires_ms > $2 ORDER BY since_ms"""
        rows = await self._database.read(lambda connection: connection.rows(sql, self._tenant_id, now_ms))
        return [DeviceBinding(**row) for row in rows]

    def _row(self, device: Device) -> Row:
        hashes = {name: self._box.lock(getattr(device, name), place=_place(device)) for name in _HASHES}
        flags = {"older": int(device.older), "enabled": int(device.enabled)}
        return asdict(device) | hashes | flags | {"codecs": json.dumps(device.codecs), "tenant_id": self._tenant_id}


class Bindings:
    """Where the telephones of every company are registered: what the switch takes up after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[DeviceBinding]:
        """Give every registration, the oldest first."""
        sql = "SELECT * FROM device_bindings ORDER BY since_ms"
        rows = await self._database.read(lambda connection: connection.rows(sql))
        return [DeviceBinding(**row) for row in rows]

    async def put(self, username: str, bindings: Sequence[DeviceBinding]) -> None:
        """Write where a telephone is registered now, in place of what was written before."""

        def work(connection: Connection) -> None:
            connection.run("DELETE FROM device_bindings WHERE username = $1", username)
            if connection.row("SELECT 1 FROM devices WHERE username = $1", username) is not None:
                for binding in bindings:
                    connection.insert("device_bindings", asdict(replace(binding, username=username)))

        await self._database.write(work)


async def tenant_of_device(database: Database, username: str) -> str | None:
    """Give the company that has a telephone of this user name, or None."""
    sql = "SELECT tenant_id FROM devices WHERE username = $1"
    row = await database.read(lambda connection: connection.row(sql, username))
    return str(row["tenant_id"]) if row is not None else None


def read_devices(connection: Connection, tenant_id: str, box: SecretBox) -> list[Device]:
    """Give a company's telephones, by user name."""
    rows = connection.rows("SELECT * FROM devices WHERE tenant_id = $1 ORDER BY username", tenant_id)
    return [_device(row, box) for row in rows]


def unknown_device(username: str) -> NotFound:
    """Say that there is no such telephone."""
    return NotFound(f"There is no telephone {username!r}: `webpbx device list` shows all.", username=username)


def _place(device: Device) -> str:
    return f"device:{device.username}"


def _device(row: Row, box: SecretBox) -> Device:
    read = {"codecs": tuple(json.loads(row["codecs"])), "older": bool(row["older"]), "enabled": bool(row["enabled"])}
    bare = Device(**(row | read | dict.fromkeys(_HASHES, "")))
    place = _place(bare)
    return replace(
        bare,
        ha1_md5=box.unlock(row["ha1_md5"], place=place),
        ha1_sha256=box.unlock(row["ha1_sha256"], place=place),
    )
