"""The settings of an integration: where the provider's data lies. Nothing that could leave a table's name gets in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloudact.error_codes import Code
from cloudact.errors import Stop
from providers.gcp.export import DATASET, PROJECT, TABLE


class Settings(BaseModel):
    """What is not understood is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_ProjectId = Annotated[str, Field(pattern=f"^(?:{PROJECT.pattern})$", max_length=100)]


class GcpSettings(Settings):
    """Where the billing export is; what is left out is the key's own project and the names that Google proposes."""

    source_project: _ProjectId = Field(default="", examples=["acme-billing"], description="default: the key's project")
    source_dataset: str = Field(default="", pattern=f"^{DATASET.pattern}$", description="default: `billing_export`")
    source_table: str = Field(
        default="", pattern=f"^{TABLE.pattern}$", description="the table, or the beginning that only its name has"
    )
    inactive_projects: list[_ProjectId] = Field(default=[], max_length=1000, description="whose rows are left out")


class OpenAiSettings(Settings):
    """None so far."""


class AnthropicSettings(Settings):
    """Which generation of the API is read."""

    api: Literal["reports", "analytics"] = "reports"


AnySettings = GcpSettings | OpenAiSettings | AnthropicSettings
KINDS: Mapping[str, type[AnySettings]] = {
    "GCP_SA": GcpSettings,
    "OPENAI": OpenAiSettings,
    "ANTHROPIC": AnthropicSettings,
}
_RULES = {
    "source_project": "must be a Google Cloud project id, such as acme-billing",
    "source_dataset": "must be a BigQuery dataset's name: letters, digits and underscores",
    "source_table": "must be a BigQuery table's name: letters, digits, underscores and hyphens",
    "inactive_projects": "must be a list of at most 1000 Google Cloud project ids",
    "api": "must be reports or analytics",
}


def read_settings(integration: str, given: Mapping[str, Any]) -> AnySettings:
    """The settings, or a `Stop` that names the field and what is allowed."""
    kind = KINDS[integration]
    try:
        return kind.model_validate(dict(given))
    except ValidationError as err:
        wrong = err.errors(include_input=False)[0]
    name = str(wrong["loc"][0])
    if wrong["type"] == "extra_forbidden":
        allowed = ", ".join(kind.model_fields) or "none"
        raise Stop(Code.SETTINGS_INVALID, f"Unknown field {name[:50]!r} in metadata. Allowed: {allowed}.")
    raise Stop(Code.SETTINGS_INVALID, f"metadata.{name} {_RULES[name]}.")
