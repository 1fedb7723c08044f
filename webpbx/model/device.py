import re
from dataclasses import dataclass, field

from webpbx.model.checks import InvalidSetting, check_choice, check_id, check_text

REALM = "webpbx"
"""What a telephone's secret is hashed with; another one would make every secret void."""
CODECS = ("G722", "PCMA", "PCMU")
SRTP = ("none", "offer", "require")
_USERNAME = re.compile(r"[a-z0-9]{4}-[a-z0-9]{3,8}")


@dataclass(frozen=True)
class Device:
    """A SIP telephone's account: it registers with a user name and a secret of our making, and rings for its user."""

    id: str
    tenant_id: str
    user_id: str
    name: str
    username: str
    """Unique over the installation, such as k7f3-101."""
    ha1_md5: str = field(default="", repr=False)
    """What stands for the secret (RFC 7616 §3.4.2); the secret itself is kept nowhere."""
    ha1_sha256: str = field(default="", repr=False)
    older: bool = False
    """An older telephone: it is asked for MD5 alone, since it gives up where SHA-256 is offered."""
    codecs: tuple[str, ...] = CODECS
    srtp: str = "offer"
    """Whether its sound is encrypted where its signalling is: none, offer or require."""
    enabled: bool = True

    def __post_init__(self) -> None:
        check_id("device id", self.id)
        check_id("company id", self.tenant_id)
        check_id("user id", self.user_id)
        check_text("telephone's name", self.name, longest=60)
        check_choice("way of encrypting sound", self.srtp, SRTP)
        for codec in self.codecs:
            check_choice("codec", codec, CODECS)
        if not self.codecs or len(set(self.codecs)) != len(self.codecs):
            raise InvalidSetting(
                f"The codecs {', '.join(self.codecs)!r} cannot be used: name each once, at least one of "
                f"{', '.join(CODECS)}.",
                field="codecs",
                value=self.codecs,
            )
        if not _USERNAME.fullmatch(self.username):
            raise InvalidSetting(
                f"The telephone's user name {self.username!r} is not of our making, such as k7f3-101.",
                field="username",
                value=self.username,
            )

    def ha1(self, algorithm: str) -> str:
        """Give what a digest of this algorithm is checked with."""
        return self.ha1_sha256 if algorithm == "SHA-256" else self.ha1_md5


@dataclass(frozen=True)
class DeviceBinding:
    """Where a telephone is registered; times in UTC milliseconds."""

    username: str
    contact: str
    transport: str
    host: str
    port: int
    since_ms: int
    expires_ms: int
    call_id: str
    cseq: int
    instance: str | None = None

    @property
    def source(self) -> str:
        """Say where it registered from, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} {self.transport}"
