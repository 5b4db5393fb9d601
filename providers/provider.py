"""What a provider is to the rest of the product: one record. Nothing outside its folder knows more of it.

Imports no SDK and no job's module: a record is read by functions too, whose cold start it belongs to.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudact.clock import Clock
from cloudact.errors import ConfigError
from cloudact.orgs.org import Auth, Onboarded, fingerprint, key_hash
from cloudact.pipelines.steps import ProcessorSteps
from cloudact.redaction import KeyForms
from cloudact.settings import Settings
from providers.settings import IntegrationSettings

if TYPE_CHECKING:
    from providers.calls import Calls
    from providers.directory import Directory
    from providers.source import Source, SourceContext

NO_KEYS = KeyForms()
KEY, KEY_FILE, KEYLESS = "key", "key_file", "keyless"
_ID, _INTEGRATION = re.compile(r"[a-z]{1,50}"), re.compile(r"[A-Z][A-Z0-9_]{0,49}")


@dataclass(frozen=True)
class Credential:
    """Credential as it is encrypted, and 64 bits of a hash to recognise it by, which reveal nothing of it."""

    plaintext: bytes = field(repr=False)
    fingerprint: str
    auth: Auth | None = None

    @classmethod
    def of(cls, plaintext: str, secret: str, auth: Auth = Auth.KEY) -> "Credential":
        """The credential that `secret` recognises. A key is the rule, so its kind is not recorded."""
        return cls(plaintext.encode(), fingerprint(key_hash(secret)), None if auth is Auth.KEY else auth)


@dataclass(frozen=True)
class Proof:
    """What a provider's answer lets expect: the first date that can have rows, if it tells, and what will be lost."""

    oldest_date: date | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckContext:
    """What a provider's credential is read and checked with.

    `url` is where its API is. `foreign_keys` says, by their beginning, whose keys people hand over by mistake: those
    of all other providers of this process.
    """

    settings: Settings
    clock: Clock
    url: str
    foreign_keys: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Provider:
    """One vendor. `id` is the word of the API and the registry, `integration` that of the tables.

    `url` is its API's; `CLOUDACT_PROVIDER_URLS` overrides it. `key_beginnings` tells its keys from those of others:
    by a key's beginning, what it is (`a key of OpenAI`). `takes` is how `setup` is handed a credential: `key` (one
    line, which can be asked for on a terminal), `key_file` (a JSON document), `keyless` (an account that lets us act
    as it); `credential_help` says the same to people. `read_credential` keeps of what was handed over only what is
    needed, or raises `Stop`; `check` asks the provider whether a run could read with it: cheap, quick, and raises
    `Stop` for what a person must change, `Retry` for what passes. `open_source` opens one UTC day for a run; only jobs
    call it, and it imports its module when it is called. `open_directory`, in the same way, opens the lists of what has
    a name, such as projects and keys, where the provider has any. `sql_folder` has the scripts of its tables and its
    view of charges where they do not ship in `sql/org`.
    """

    id: str
    integration: str
    name: str
    steps: ProcessorSteps
    settings: type[IntegrationSettings]
    read_credential: Callable[[CheckContext, str], Credential]
    check: Callable[[CheckContext, Onboarded, bytes, IntegrationSettings], Proof]
    open_source: "Callable[[SourceContext], Source]"
    url: str = ""
    secret_patterns: KeyForms = NO_KEYS
    key_beginnings: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[str, ...] = (KEY,)
    credential_help: str = "the admin key"
    open_directory: "Callable[[SourceContext, Calls], Directory] | None" = None
    sql_folder: Path | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or not _INTEGRATION.fullmatch(self.integration):
            raise ConfigError(
                f"A provider is named like openweb and OPENWEB, not {self.id!r} and {self.integration!r}."
            )


def by_id(providers: Iterable[Provider]) -> dict[str, Provider]:
    """The providers by the word of the API."""
    return {provider.id: provider for provider in providers}


def by_integration(providers: Iterable[Provider]) -> dict[str, Provider]:
    """The providers by the word of the tables."""
    return {provider.integration: provider for provider in providers}


def ids(providers: Iterable[Provider]) -> dict[str, str]:
    """The providers' ids by their integrations."""
    return {provider.integration: provider.id for provider in providers}


def secret_patterns(providers: Iterable[Provider]) -> list[KeyForms]:
    """What logs and messages of a process that knows `providers` must never show."""
    return [provider.secret_patterns for provider in providers]


def sql_folders(providers: Iterable[Provider]) -> dict[str, Path]:
    """The folders with the scripts of providers outside `sql/`, by the provider's id: what `load_scripts` takes."""
    return {provider.id: provider.sql_folder for provider in providers if provider.sql_folder}


@dataclass(frozen=True)
class Connector:
    """A provider as one process reaches it: where it is, and with whose keys its own are confused."""

    provider: Provider
    context: CheckContext

    def read_settings(self, given: Mapping[str, Any]) -> IntegrationSettings:
        """The integration's settings; raises `Stop` that names the field and what is allowed."""
        return self.provider.settings.read(given)

    def read_credential(self, text: str) -> Credential:
        """What the customer handed over, without what we do not need. Raises `Stop`."""
        return self.provider.read_credential(self.context, text)

    def check(self, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
        """Asks the provider. Raises `Stop` or `Retry`."""
        return self.provider.check(self.context, org, plaintext, settings)


def connect(settings: Settings, clock: Clock, providers: Sequence[Provider]) -> dict[str, Connector]:
    """The providers by integration, each where `settings` say that it is.

    Raises `ConfigError` where an address is set for what is no provider: with a typing mistake keys would go elsewhere.
    """
    known = by_id(providers)
    unknown = sorted(set(settings.urls_of_providers) - set(known))
    if unknown:
        raise ConfigError(f"CLOUDACT_PROVIDER_URLS names {', '.join(unknown)}; allowed are {', '.join(known)}.")
    return {
        provider.integration: Connector(
            provider,
            CheckContext(
                settings,
                clock,
                url=settings.urls_of_providers.get(provider.id, provider.url),
                foreign_keys=_foreign_keys(provider, providers),
            ),
        )
        for provider in providers
    }


def _foreign_keys(provider: Provider, providers: Iterable[Provider]) -> dict[str, str]:
    others = (other for other in providers if other is not provider)
    return {begins: f"This is {what}." for other in others for begins, what in other.key_beginnings.items()}
