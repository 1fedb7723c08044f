"""What an order to the settings may tell, noun by noun; what is left out has the default of the model."""

from pydantic import BaseModel, ConfigDict

from webpbx.model.device import CODECS as DEVICE_CODECS
from webpbx.model.trunk import USUAL_CODECS


class Fields(BaseModel):
    """Known fields alone."""

    model_config = ConfigDict(extra="forbid")


class NoFields(Fields):
    """Nothing needs to be told."""


class TenantAdd(Fields):
    """A new company; what is left out has the default of model/tenant.py."""

    id: str
    name: str
    country: str = "DE"
    language: str = "de"
    timezone: str = "Europe/Berlin"
    outside_prefix: str = ""
    outside_prefix_use: str | None = None
    max_outside_calls: int = 10
    max_outside_calls_per_user: int = 2
    ring_time: int = 20
    emergency_numbers: tuple[str, ...] = ()


class OfTenant(Fields):
    """All rows, or those of one company."""

    tenant: str | None = None


class ById(Fields):
    """A company by its id."""

    id: str


class UserAdd(Fields):
    """A new user with a password in clear."""

    tenant: str
    login: str
    name: str
    password: str
    extension: str | None = None
    language: str | None = None
    role: str = "user"


class ByLogin(Fields):
    """A user; the login is unique, so the company need not be told."""

    login: str
    tenant: str | None = None


class ExtensionAdd(Fields):
    """A new inside number that is no user's: it leads to an application such as echo."""

    tenant: str
    number: str
    destination: str


class TrunkAdd(Fields):
    """A new trunk; what is left out has the default of model/trunk.py, the country that of the company."""

    tenant: str
    id: str
    name: str = ""
    mode: str = "register"
    proxies: tuple[str, ...] = ()
    transport: str = "udp"
    tls_name: str = ""
    tls_authorities: str = ""
    addresses: tuple[str, ...] = ()
    username: str = ""
    auth_username: str = ""
    secret: str = ""
    domain: str = ""
    realm: str = ""
    codecs: tuple[str, ...] = USUAL_CODECS
    srtp: str = "none"
    dtmf: str = "rfc4733"
    number_format: str = "e164"
    country: str | None = None
    caller_id_default: str = ""
    caller_id_way: str = "from"
    hide_caller_id: bool = False
    trust_caller_id: bool = False
    max_calls: int = 30
    ring_limit: int = 180
    qualify_interval: int = 30
    register_expires: int = 300
    enabled: bool = True


class InTenant(Fields):
    """A trunk or route of one company."""

    tenant: str
    id: str


class NumberAdd(Fields):
    """A new outside number of ours."""

    tenant: str
    number: str
    trunk: str
    destination: str


class ByNumber(Fields):
    """An inside number, or an outside number of ours."""

    tenant: str
    number: str


class RouteAdd(Fields):
    """A new outbound route."""

    tenant: str
    id: str
    name: str = ""
    trunks: tuple[str, ...]
    countries: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    special_types: tuple[str, ...] = ()
    priority: int = 0


class DeviceAdd(Fields):
    """A new telephone of a user; what is left out has the default of model/device.py."""

    user: str
    """The user's login."""
    tenant: str | None = None
    name: str
    older: bool = False
    codecs: tuple[str, ...] = DEVICE_CODECS
    srtp: str = "offer"
    enabled: bool = True


class ByUsername(Fields):
    """A telephone; its user name is unique, so the company need not be told."""

    username: str
    tenant: str | None = None
