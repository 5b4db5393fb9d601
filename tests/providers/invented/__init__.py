"""Aqua: the usage and the costs of an account, read with an admin key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cloudact.orgs.org import Onboarded
from cloudact.redaction import KeyForms
from providers.provider import CheckContext, Credential, Proof, Provider
from providers.settings import IntegrationSettings, Rule
from tests.providers.invented.steps import STEPS

if TYPE_CHECKING:
    from providers.source import Source, SourceContext


class AquaSettings(IntegrationSettings):
    """Which of its regions the account is in."""

    region: Annotated[Literal["eu", "us"], Rule("must be eu or us")] = "eu"


def _read(context: CheckContext, text: str) -> Credential:
    from tests.providers.invented.api import admin_key

    return admin_key().read(context, text)


def _check(context: CheckContext, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
    from tests.providers.invented.api import admin_key

    return admin_key(settings.model_dump()["region"]).prove(context, org, plaintext, settings)


def _open_source(context: "SourceContext") -> "Source":
    from tests.providers.invented.source import open_source

    return open_source(context)


# FILL IN 1: the name in sentences, the address, the settings above, the form of whole keys, and how its keys begin.
PROVIDER = Provider(
    id="aqua",
    integration="AQUA",
    name="Aqua",
    url="https://api.aqua.invalid",
    steps=STEPS,
    settings=AquaSettings,
    read_credential=_read,
    check=_check,
    open_source=_open_source,
    secret_patterns=KeyForms(keys=(r"aqua-admin-[0-9a-f]{32}",), marks=("aqua-admin-",)),
    key_beginnings={"aqua-admin-": "a key of Aqua"},
    sql_folder=Path(__file__).parent / "sql",
)
