"""The settings of a Google Cloud integration: where the billing export is, and what of it is left out."""

from typing import Annotated

from pydantic import Field

from providers.gcp.names import DATASET, PROJECT, TABLE
from providers.settings import IntegrationSettings, Rule

_ProjectId = Annotated[str, Field(pattern=f"^(?:{PROJECT.pattern})$", max_length=100)]


class GcpSettings(IntegrationSettings):
    """The settings of a Google Cloud integration. Defaults: the key's own project, and Google's proposed names."""

    source_project: Annotated[_ProjectId, Rule("must be a Google Cloud project id, such as acme-billing")] = Field(
        default="", examples=["acme-billing"], description="default: the key's project"
    )
    source_dataset: Annotated[str, Rule("must be a BigQuery dataset's name: letters, digits and underscores")] = Field(
        default="", pattern=f"^{DATASET.pattern}$", description="default: `billing_export`"
    )
    source_table: Annotated[str, Rule("must be a BigQuery table's name: letters, digits, underscores and hyphens")] = (
        Field(
            default="", pattern=f"^{TABLE.pattern}$", description="the table, or the beginning that only its name has"
        )
    )
    inactive_projects: Annotated[list[_ProjectId], Rule("must be a list of at most 1000 Google Cloud project ids")] = (
        Field(default=[], max_length=1000, description="whose rows are left out")
    )
