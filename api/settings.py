"""The settings: `PARVIS_*` environment variables or a `parvis.env` file, read once and passed down as values."""

from __future__ import annotations

import ipaddress
import os
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import Field as DataField
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.i18n import N_, _
from connectors.alerts import ReceiverSettings
from connectors.desks import DeskSettings
from connectors.directories import DirectorySettings
from connectors.letters import MailSettings
from connectors.registry import NetworkSettings, kinds, names
from models.errors import ParvisError
from models.text import web_link
from models.vocabulary import Role

PREFIX = "PARVIS_"
ENV_FILE = Path("parvis.env")
SECRET_LENGTH = 32
FOR_TESTS = frozenset({"PARVIS_REQUIRE_ALL"})
_USUAL = {
    "extra_forbidden": N_("is not a setting of Parvis: a typing mistake?"),
    "int_parsing": N_("must be a number"),
    "float_parsing": N_("must be a number"),
}


class SettingsError(ParvisError):
    """A setting is missing or cannot be used. The text is a sentence for the operator, one line a setting."""


class SecretMissing(SettingsError):
    """There is no secret key; the text says how to make one."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "PARVIS_SECRET_KEY is missing: it protects sessions and stored tokens. Make one with: "
                'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        )


def masked(text: str) -> str:
    """A setting or an error without the password of an address in it."""
    text = re.sub(r"(://[^:/@\s]*):.*@", r"\1:***@", text)
    return re.sub(r"([?&][^=&\s]*(?:pass|secret|token)[^=&\s]*=)[^&\s]*", r"\1***", text, flags=re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _web(value: str, like: str, *, empty: Sequence[str] = ()) -> SplitResult:
    """The parts of an address of the web, `empty` among them; else it must be `like` another one. Plain http stays on
    this machine.
    """
    parts = urlsplit(value)
    given = any(getattr(parts, name) for name in ("username", "fragment", *empty))
    if parts.scheme not in {"http", "https"} or not parts.hostname or given:
        raise PydanticCustomError("url", like)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise PydanticCustomError("plain", N_("plain http is for this machine alone; use https"))
    return parts


def _base_url(value: str) -> str:
    like = N_("must be like https://parvis.ville.example, without a path")
    parts = _web(value.rstrip("/"), like, empty=("path", "query"))
    return f"{parts.scheme}://{parts.netloc}"


def _form_url(value: str) -> str | None:
    if value and web_link(value) is None:
        raise PydanticCustomError("url", N_("must be an address on the web"))
    return value or None


def _tiles_url(value: str) -> str:
    like = N_("must be like https://tuiles.ville.example/{z}/{x}/{y}.png")
    parts, places = _web(value, like), ("{z}", "{x}", "{y}")
    # What the header of a page and an address in it take: no quotes, no blanks, nothing that ends a rule.
    plain = re.fullmatch(r"[\w.:/?&=%@{}~+-]+", value, re.ASCII)
    inside = all(value.count(place) == 1 and place not in parts.netloc for place in places)
    if not plain or not inside or value.count("{") != 3:
        raise PydanticCustomError("url", like)
    return value


def _desk_url(value: str) -> str:
    _web(value, N_("must be like https://311.ville.example/open311/v2"), empty=("query",))
    return value.rstrip("/")


def _pager_url(value: str) -> str:
    _web(value, N_("must be like https://garde.ville.example/parvis"), empty=("query",))
    return value


def _pager_secret(value: SecretStr) -> SecretStr:
    head, _, written = value.get_secret_value().partition("_")
    try:
        size = len(b64decode(written, validate=True))
    except ValueError:
        size = 0
    if head != "whsec" or not 24 <= size <= 64:
        raise PydanticCustomError("secret", N_("must be whsec_ and 24 to 64 bytes in base64"))
    return value


def _smtp_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    try:
        known = parts.scheme in {"smtp", "smtps"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or parts.path.strip("/") or parts.query or parts.fragment:
        raise PydanticCustomError("smtp", N_("must be like smtp://user:password@smtp.ville.example:587, or smtps://"))
    return value


def _smtp_from(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+", value) or not value.isascii():
        raise PydanticCustomError("email", N_("must be an address like parvis@ville.example"))
    return value


def _news_url(value: str) -> str:
    _web(value, N_("must be like https://www.ville.example/rss.xml"))
    return value


def _desk_form(value: str) -> str:
    if value not in {"xml", "json"}:
        raise PydanticCustomError("form", N_("must be “xml” or “json”"))
    return value


def _engine(value: str, others: ValidationInfo) -> str:
    if value not in {"embedded", "distributed", "off"}:
        raise PydanticCustomError("engine", N_("must be “embedded”, “distributed” or “off”"))
    url = others.data.get("database_url", value)
    if value == "distributed" and (not url or url.startswith("sqlite")):
        raise PydanticCustomError("distributed", N_("“distributed” needs PostgreSQL: set PARVIS_DATABASE_URL"))
    return value


def _roles(value: str) -> str:
    roles = [] if value == "off" else [part.strip() for part in value.split(",") if part.strip()]
    if not set(roles) <= set(Role):
        raise PydanticCustomError("roles", N_("must be “off”, or roles like admin,approver"))
    return ",".join(roles) or "off"


def _issuer(value: str) -> str:
    _web(value, N_("must be like https://login.ville.example/realms/ville"), empty=("query",))
    return value


def by_group(value: str) -> list[tuple[str, Role, str | None]]:
    """What `GROUP=ROLE,GROUP=ROLE:BOROUGH` says: groups, what each gives, and the code of where; ValueError."""
    found = []
    for part in filter(None, map(str.strip, value.split(","))):
        group, equals, given = part.rpartition("=")
        role, _colon, borough = given.partition(":")
        if not equals or not group.strip():
            raise ValueError(part)
        found.append((group.strip(), Role(role.strip()), borough.strip().casefold() or None))
    return found


def _by_group(value: str) -> str:
    try:
        given = by_group(value)
    except ValueError as error:
        like = N_("must be like GROUP=moderator,GROUP=approver:BOROUGH")
        raise PydanticCustomError("groups", like) from error
    if any(role is Role.ADMIN and borough for _group, role, borough in given):
        raise PydanticCustomError(
            "groups", N_("Administration is for the whole city: who invites people can give any role.")
        )
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError) as error:  # Which one depends on what the name looks like.
        raise PydanticCustomError("zone", N_("is not a time zone like America/Toronto")) from error
    return value


def _prefix(value: str) -> str:
    if not (1 <= len(value) <= 10 and value.isascii() and value.isalnum()):
        raise PydanticCustomError("prefix", N_("must be one to ten letters or digits"))
    return value.upper()


def _database(value: str) -> str:
    if not value:
        return value
    from sqlalchemy import make_url  # noqa: PLC0415  # Commands that read settings alone are not to wait for it.
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        url = make_url(value)
    except ArgumentError:
        url = None
    if url is not None and url.drivername != "sqlite" and "@" in f"{url.host}{url.database}":
        raise PydanticCustomError("escape", N_("has a password with an @ or a / in it: write them %%40 and %%2F"))
    if url is None or url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise PydanticCustomError("database", N_("must be like sqlite:///… or postgresql+psycopg://…"))
    return value


def by_network(value: str) -> dict[str, float]:
    """A number for each network that is named, and under "" for all others; ValueError."""
    numbers = {}
    for part in filter(None, map(str.strip, value.split(","))):
        name, _equals, number = part.rpartition("=")
        numbers[name.strip()] = float(number)
    return numbers


def _numbers(most: float, *, whole: bool = False) -> tuple[BeforeValidator, AfterValidator]:
    """A setting that is one number, or one for each network."""

    def check(value: str) -> str:
        try:
            numbers = by_network(value)
        except ValueError:
            numbers = {"?": 0.0}
        if not set(numbers) <= {"", *names()}:
            raise PydanticCustomError("by_network", N_("must be a number, or several like NETWORK=NUMBER with commas"))
        if not all(whole <= number <= most and (number.is_integer() or not whole) for number in numbers.values()):
            raise PydanticCustomError("range", N_("is not a number that makes sense there"))
        return value

    return BeforeValidator(str), AfterValidator(check)


def _secrets(value: SecretStr | None) -> SecretStr | None:
    if value is not None and any(len(part.strip()) < SECRET_LENGTH for part in value.get_secret_value().split(",")):
        raise PydanticCustomError("secret", N_("each key must have at least 32 characters"))
    return value


class Settings(BaseSettings):
    """What an installation chooses. Each field is the environment variable of its name after `PARVIS_`; `load` adds
    those of the networks.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, frozen=True, extra="ignore")

    home: Path = Path("var")
    """Folder of the database, the locks and what is made on the way."""
    database_url: Annotated[str, AfterValidator(_database)] = ""
    """SQLAlchemy's URL; empty: SQLite under `home`."""
    engine: Annotated[str, AfterValidator(_engine)] = "embedded"
    """Who does what happens by itself: each process of ours, workers that share it out among them (on PostgreSQL), or
    nobody (“off”: `parvis worker` then does, as if “embedded”).
    """
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    base_url: Annotated[str, AfterValidator(_base_url)] = "http://127.0.0.1:8000"
    """Where people reach Parvis; https makes cookies Secure and `__Host-`."""
    secret_key: Annotated[SecretStr | None, AfterValidator(_secrets)] = None
    """Comma list: the first closes, every one opens (rotation)."""
    second_factor: Annotated[str, AfterValidator(_roles)] = "admin"
    """Comma list of roles that must have a second factor, or “off”: whoever has one is led to set it up."""
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
    """The city's directory of people (OpenID Connect), exactly as it names itself; empty: people sign in here alone."""
    oidc_client_id: str | None = None
    """What the directory knows Parvis by."""
    oidc_client_secret: SecretStr | None = None
    """The secret that goes with it; empty: PKCE alone protects the sign-in."""
    oidc_groups_claim: str = "groups"
    """Where the directory says somebody's groups."""
    oidc_roles: Annotated[str, AfterValidator(_by_group)] = ""
    """What being in a group gives, at each sign-in: `GROUP=ROLE,GROUP=ROLE:BOROUGH`; empty: nothing."""
    oidc_by_email: Literal["never", "verified", "trusted"] = "never"
    """Whose e-mail in the directory makes them the person who has it here: nobody's; theirs of whom the directory says
    that it tried the address; everybody's.
    """
    oidc_unknown: Literal["refuse", "add"] = "refuse"
    """Whether somebody whom the directory knows and Parvis does not is refused, or added without a role."""
    timezone: Annotated[str, AfterValidator(_zone)] = "America/Toronto"
    request_prefix: Annotated[str, AfterValidator(_prefix)] = "PAR"
    """Of request numbers: LEV-2026-000123."""
    form_url: Annotated[str, AfterValidator(_form_url)] | None = None
    """The city’s official form, named in public where more is asked of somebody; empty: they are asked to dial 311."""
    satisfaction_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """How many of a hundred people whose request was done are asked how it went, by a private link; 0: nobody."""
    open311_url: Annotated[str, AfterValidator(_desk_url)] | None = None
    """Where the outside 311 is that takes the city's requests (GeoReport v2), up to the `/requests` of its addresses;
    empty: Parvis is the city's 311."""
    open311_api_key: SecretStr | None = None
    """What the outside 311 knows us by."""
    open311_jurisdiction: str | None = None
    """The city there, where that server has several."""
    open311_form: Annotated[str, AfterValidator(_desk_form)] = "xml"
    """“xml”, which every such server speaks, or “json”."""
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] | None = None
    """The mail server that carries notices: smtp:// asks for TLS (STARTTLS), smtps:// begins with it; empty: no letter
    leaves."""
    smtp_from: Annotated[str, AfterValidator(_smtp_from)] | None = None
    """Who the letters are from; empty: the user of `smtp_url`, where that is an address."""
    tiles_url: Annotated[str, AfterValidator(_tiles_url)] | None = None
    """Where the map of the requests has its background from, like https://tuiles.ville.example/{z}/{x}/{y}.png; empty:
    it has none, and no browser asks anybody outside."""
    tiles_credit: Annotated[str, Field(max_length=200)] = ""
    """Whose background it is, as its licence wants it said below the map; empty: the host of `tiles_url`."""
    news_url: Annotated[str, AfterValidator(_news_url)] | None = None
    """The feed (RSS or Atom) of the news of the city's own site, which become drafts; empty: none is read."""
    look_at_links: Literal["on", "off"] = "on"
    """Whether the pages that posts link to are looked at while a post is written, so that none leads nowhere; off: this
    machine asks nothing of the web but the networks."""
    model: str | None = None
    """Folder, label map or name of the classifier's model (`classifiers.engine.load`); empty: the one that ships."""
    film_mb: Annotated[int, Field(ge=1, le=2000)] = 200
    """How many megabytes a film of the library may have; each stands in the database, and in every copy of it."""
    undo_seconds: Annotated[float, Field(ge=0, le=3600)] = 8
    """How long a decision waits before it leaves, so that it can be undone without trace."""
    spacing_seconds: Annotated[float, Field(ge=0, le=600)] = 15
    """How long after each other the answers of one act leave: a network takes many at once for a machine."""
    break_after: Annotated[int, Field(ge=0, le=100)] = 10
    """After how many comments that are hard to read, within an hour, a break is suggested to somebody; 0: never."""
    requests_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 600
    """How many requests of one API key each process answers in a minute."""
    danger_minutes: Annotated[int, Field(ge=1, le=120)] = 5
    """How long whoever is on call has to answer for an immediate danger before the next one is told."""
    pager_url: Annotated[str, AfterValidator(_pager_url)] | None = None
    """Where the city's pager takes signed webhooks; empty: only e-mail reaches whoever is on call."""
    pager_secret: Annotated[SecretStr, AfterValidator(_pager_secret)] | None = None
    """What they are signed with: whsec_ and 24 to 64 bytes in base64 (Standard Webhooks)."""
    pull_seconds: Annotated[float, Field(ge=1, le=86400)] = 60
    """How often each account is read, beside the webhooks: they are never enough."""
    settle_seconds: Annotated[str, *_numbers(3_600)] = ""
    """How soon a network is asked whether it applied a call whose answer was lost, and how long between two readings;
    empty, like the two below: as its network was seen to need. One number, or `NETWORK=NUMBER,…`."""
    reads: Annotated[str, *_numbers(100, whole=True)] = ""
    """Readings that must all find nothing before it is sent again."""
    patience_seconds: Annotated[str, *_numbers(86_400)] = ""
    """How long public words that no reading found wait before they are sent again."""
    unread_days: Annotated[int, Field(ge=30, le=36_500)] = 365
    """How long what networks sent and nobody could read, or whose account nobody added, waits for a person."""
    backup_folder: Path | None = None
    """Where Parvis keeps copies of the database that it makes and tries by itself; empty: it makes none."""
    backup_hours: Annotated[float, Field(ge=1, le=744)] = 24
    """How often it makes one; when the last is twice as old, whoever administers is told."""
    backups_kept: Annotated[int, Field(ge=1, le=1000)] = 14
    """How many of them stay; the oldest goes when a newer one has proved good."""
    comment_days: Annotated[int, Field(ge=30, le=36_500)] | None = None
    """How long comments are kept, with all that was written about them; empty: until a person decides."""

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, values: dict[str, object]) -> dict[str, object]:
        """`PARVIS_X=` in a file means that the setting is not given."""
        return {name: value for name, value in values.items() if value != ""}

    @property
    def url(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'parvis.db'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys, the first one first; none when there is no setting."""
        return tuple(part.strip() for part in self.secret_key.get_secret_value().split(",")) if self.secret_key else ()

    @property
    def second_factor_roles(self) -> frozenset[Role]:
        """The roles whose people must have a second factor."""
        return frozenset() if self.second_factor == "off" else frozenset(map(Role, self.second_factor.split(",")))

    @property
    def outward(self) -> dict[str, str]:
        """What another process of ours needs to go out: where the proxy is, whom to trust; none of our settings."""
        names = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE")
        return {name: os.environ[name] for name in names if name in os.environ}

    @property
    def tiles_origin(self) -> str:
        """Of the pictures behind the map; empty: there are none."""
        parts = urlsplit(self.tiles_url or "")
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def desk(self) -> DeskSettings | None:
        """The outside 311; None: there is none."""
        if self.open311_url is None:
            return None
        key = self.open311_api_key.get_secret_value() if self.open311_api_key else None
        return DeskSettings(self.open311_url, key, self.open311_jurisdiction, self.open311_form)

    @property
    def mail(self) -> MailSettings | None:
        """The mail server; None: there is none, or nobody whom letters could be from."""
        if self.smtp_url is None:
            return None
        parts = urlsplit(self.smtp_url.get_secret_value())
        user, password = (unquote(one) if one is not None else None for one in (parts.username, parts.password))
        sender = self.smtp_from or (user if user is not None and "@" in user else None)
        if sender is None or parts.hostname is None:
            return None
        wrapped = parts.scheme == "smtps"
        port = parts.port or (465 if wrapped else 587)
        here = is_loopback(parts.hostname)
        return MailSettings(parts.hostname, port, sender, wrapped, user, password, here)

    @property
    def directory(self) -> DirectorySettings | None:
        """The city's directory; None: there is none, or it is half set."""
        if self.oidc_issuer is None or self.oidc_client_id is None:
            return None
        secret = self.oidc_client_secret.get_secret_value() if self.oidc_client_secret else None
        return DirectorySettings(self.oidc_issuer, self.oidc_client_id, secret, self.oidc_groups_claim)

    @property
    def pager(self) -> ReceiverSettings | None:
        """The city's pager; None: there is none, or nothing to sign with."""
        if self.pager_url is None or self.pager_secret is None:
            return None
        return ReceiverSettings(self.pager_url, self.pager_secret.get_secret_value())

    @property
    def networks(self) -> NetworkSettings:
        """What networks are spoken to with."""
        return NetworkSettings(*(kind(**dict(map(self._given, fields(kind)))) for kind in kinds()))

    def _given(self, one: DataField[Any]) -> tuple[str, Any]:
        value = getattr(self, one.metadata["setting"]) if "setting" in one.metadata else one.default
        return one.name, value.get_secret_value() if isinstance(value, SecretStr) else value

    def of_network(self, name: str, network: str) -> float | None:
        """What a setting with one number for each network says of this one; None: nothing."""
        numbers = by_network(getattr(self, name))
        return numbers.get(network, numbers.get(""))

    @property
    def https(self) -> bool:
        """Whether people reach Parvis by https."""
        return self.base_url.startswith("https:")

    def cookie(self, name: str) -> str:
        """How a cookie of ours is called: by https, `__Host-` binds it to this host."""
        return f"__Host-{name}" if self.https else name

    @property
    def named_host(self) -> str | None:
        """The host at which people reach Parvis; None: it is a number."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host
        return None

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.timezone)


def model() -> type[Settings]:
    """The settings of the house, with those that networks declare (`connectors.base.setting`)."""
    ours = {*Settings.model_fields, *dir(Settings)}
    declared: dict[str, Any] = {
        one.metadata["setting"]: (
            Annotated[(str if one.repr else SecretStr) | None, AfterValidator(_read(one))],
            Field(one.default, validate_default=False),
        )
        for kind in kinds()
        for one in fields(kind)
        if "setting" in one.metadata and one.metadata["setting"] not in ours
    }
    return create_model("Settings", __base__=Settings, **declared)


def _read(one: DataField[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return one.metadata["read"](value)
        except ValueError as error:
            raise PydanticCustomError("network", str(error)) from error

    return read


def load(**given: object) -> Settings:
    """The settings of this process; `given` wins over the environment. SettingsError says what is wrong with which."""
    try:
        return model()(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_context=False):
            name = "".join(str(part) for part in fault["loc"][:1]).upper()
            name = name if name.startswith(PREFIX) else PREFIX + name
            # Ours are sentences already; pydantic's own are English, and about its types.
            sentence = _USUAL.get(fault["type"], N_("cannot be used")) if "_" in fault["type"] else fault["msg"]
            lines.append(_("%(name)s: %(finding)s", name=name, finding=_(sentence)))
        raise SettingsError("\n".join(lines)) from error


def unknown() -> list[str]:
    """`PARVIS_*` variables of the environment or the file that mean nothing: often a typing mistake."""
    known = {PREFIX + name.upper() for name in model().model_fields} | FOR_TESTS
    given = {*os.environ, *(name.upper() for name in dotenv_values(ENV_FILE))}
    return sorted(name for name in given if name.startswith(PREFIX) and name not in known)


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the database; None: it is in PostgreSQL."""
    from sqlalchemy import make_url  # noqa: PLC0415  # As above.

    url = make_url(settings.url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def require_secret(settings: Settings) -> tuple[str, ...]:
    """The keys; SecretMissing."""
    if not settings.secrets:
        raise SecretMissing
    return settings.secrets
