"""Anthropic: the usage and the costs of an organization, read with an admin key or an analytics key."""

from typing import TYPE_CHECKING, Annotated, Literal

from cloudact.orgs.org import Onboarded
from cloudact.redaction import RANDOM, KeyForms
from providers.anthropic.names import ID, NAME
from providers.anthropic.steps import STEPS
from providers.provider import CheckContext, Credential, Proof, Provider
from providers.settings import IntegrationSettings, Rule

if TYPE_CHECKING:
    from providers.calls import Calls
    from providers.directory import Directory
    from providers.source import Source, SourceContext


class AnthropicSettings(IntegrationSettings):
    """The settings of an Anthropic integration: which generation of the API is read."""

    api: Annotated[Literal["reports", "analytics"], Rule("must be reports or analytics")] = "reports"


def _read(context: CheckContext, text: str) -> Credential:
    from providers.anthropic.api import ADMIN_KEY

    return ADMIN_KEY.read(context, text)


def _check(context: CheckContext, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
    """Asks the API that runs will read, and no other: a key may have the right to one alone."""
    from providers.anthropic.api import ADMIN_KEY, ANALYTICS_KEY

    assert isinstance(settings, AnthropicSettings)  # noqa: S101 - what the record names
    read_by_runs = ANALYTICS_KEY if settings.api == "analytics" else ADMIN_KEY
    return read_by_runs.prove(context, org, plaintext, settings)


def _open_source(context: "SourceContext") -> "Source":
    from providers.anthropic.source import open_source

    return open_source(context)


def _open_directory(context: "SourceContext", calls: "Calls") -> "Directory":
    from providers.anthropic.source import open_directory

    return open_directory(context, calls)


PROVIDER = Provider(
    id=ID,
    integration="ANTHROPIC",
    name=NAME,
    url="https://api.anthropic.com",
    steps=STEPS,
    settings=AnthropicSettings,
    read_credential=_read,
    check=_check,
    open_source=_open_source,
    open_directory=_open_directory,
    secret_patterns=KeyForms(
        keys=(rf"sk-ant-[a-z]{{2,12}}[0-9]{{2}}-{RANDOM}[\w-]{{40,}}",),  # API, admin, OAuth (oat), refresh (ort)
        fragments=(r"sk-ant-(?:api|admin|oat|ort)[0-9]{2}-[\w-]{16,}",),
        marks=("sk-ant-", "claude_code_key_"),
        # Claude Code names the keys that it makes claude_code_key_<user>_<four random characters>.
        persons=(r"(?<=claude_code_key_)[\w.+@%-]+?(?=(?:_[A-Za-z0-9]{4})?(?![\w.+@%-]))",),
    ),
    key_beginnings={"sk-ant-": "a key of Anthropic"},
)
