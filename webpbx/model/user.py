import re
from dataclasses import dataclass, field

from webpbx.model.checks import LANGUAGES, InvalidSetting, check_choice, check_extension, check_id, check_text

ROLES = ("user", "admin")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True)
class User:
    """A person who signs in; `login` is unique over the installation."""

    id: str
    tenant_id: str
    login: str
    name: str
    extension: str | None = None
    password_hash: str = field(default="", repr=False)
    """argon2id; empty: cannot sign in by password."""
    language: str | None = None
    """None: the company's."""
    role: str = "user"

    def __post_init__(self) -> None:
        check_id("user id", self.id)
        check_id("company id", self.tenant_id)
        check_text("name", self.name)
        if not _LOGIN.fullmatch(self.login):
            raise InvalidSetting(
                f"The login {self.login!r} cannot be used: take 1 to 64 small letters, digits or . _ @ + -, "
                "beginning with a letter or digit.",
                field="login",
                value=self.login,
            )
        if self.extension is not None:
            check_extension("extension", self.extension)
        if self.language is not None:
            check_choice("language", self.language, LANGUAGES)
        check_choice("role", self.role, ROLES)
