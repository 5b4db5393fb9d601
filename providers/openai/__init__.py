"""OpenAI: the usage and the costs of an organization, read with an admin key."""

from typing import TYPE_CHECKING

from cloudact.orgs.org import Onboarded
from cloudact.redaction import RANDOM, RANDOM_WORD, KeyForms
from providers.openai.names import ID, NAME
from providers.openai.steps import STEPS
from providers.provider import CheckContext, Credential, Proof, Provider
from providers.settings import IntegrationSettings

if TYPE_CHECKING:
    from providers.calls import Calls
    from providers.directory import Directory
    from providers.source import Source, SourceContext


class OpenAiSettings(IntegrationSettings):
    """The settings of an OpenAI integration: none so far."""


def _read(context: CheckContext, text: str) -> Credential:
    from providers.openai.api import ADMIN_KEY

    return ADMIN_KEY.read(context, text)


def _check(context: CheckContext, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
    from providers.openai.api import ADMIN_KEY

    return ADMIN_KEY.prove(context, org, plaintext, settings)


def _open_source(context: "SourceContext") -> "Source":
    from providers.openai.source import open_source

    return open_source(context)


def _open_directory(context: "SourceContext", calls: "Calls") -> "Directory":
    from providers.openai.source import open_directory

    return open_directory(context, calls)


PROVIDER = Provider(
    id=ID,
    integration="OPENAI",
    name=NAME,
    url="https://api.openai.com",
    steps=STEPS,
    settings=OpenAiSettings,
    read_credential=_read,
    check=_check,
    open_source=_open_source,
    open_directory=_open_directory,
    secret_patterns=KeyForms(
        keys=(
            rf"sk-(?:proj|svcacct|admin|None)-{RANDOM}[\w-]{{40,}}",
            r"sk-[\w-]{16,160}?T3BlbkFJ[\w-]{16,}",
            rf"sk-{RANDOM}[A-Za-z0-9]{{48,}}",
            rf"sess-{RANDOM_WORD}[A-Za-z0-9]{{40,}}",
            r"sk-[\w-]{0,60}\*{3,}[\w*-]*",  # masked by the vendor; its last characters are nobody's business either
        ),
        marks=("sk-", "sess-"),
        fragments=(r"sk-(?:proj|svcacct|admin|None)-(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{8,}[\w-]*",),
    ),
    key_beginnings=dict.fromkeys(("sk-proj-", "sk-admin-", "sk-svcacct-", "sk-None-", "sess-"), "a key of OpenAI"),
)
