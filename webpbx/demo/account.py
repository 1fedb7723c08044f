"""The company's account at the outside world: one secret per installation, known to both sides."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from webpbx.demo.errors import DemoError

REALM: Final = "outside.demo"
FILE: Final = "outside.json"


class AccountUnreadableError(DemoError):
    """The account's file is there and cannot be used."""

    error_id = "outside_account_unreadable"


@dataclass(frozen=True)
class Account:
    """What a provider gives its customer to register with."""

    username: str
    secret: str = field(repr=False)


def own_account(data: Path) -> Account:
    """Return the account kept in the data folder; the first to ask makes it, with a random secret."""
    path = data / FILE
    try:
        if not path.exists():
            _make(path)
        content = json.loads(path.read_text())
        return Account(username=str(content["username"]), secret=str(content["secret"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AccountUnreadableError(
            f"The demo's account {path} cannot be read: {error}. Remove the file and start the demo again.",
            path=str(path),
        ) from error


def _make(path: Path) -> None:
    """Write the file whole or not at all; of two that make it at once, one wins and both read that."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    account = Account(username="demo-company", secret=secrets.token_urlsafe(24))
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - born private
        json.dump(asdict(account), file)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
