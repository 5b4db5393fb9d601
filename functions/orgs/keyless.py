"""`/integrations/{org}/gcp/keyless`: the commands by which an org lets us read without a key."""

import re
from typing import Annotated, Any, TypeAlias

from flask import Response, request
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from functions.auth.authenticate import let_in, presented
from functions.orgs.integrations import OrgIntegrations, translating_provider_errors
from functions.web.answers import Answer, answered
from functions.web.inputs import Input, in_query
from functions.web.problems import bad_field
from providers.gcp.keyless import KeylessAccount, commands, offered
from providers.gcp.names import DATASET, DEFAULT_DATASET, PROJECT

LONGEST = 100  # characters; Google allows more of a dataset alone
YOURS = "your-project-id"


def _named(pattern: re.Pattern[str], what: str) -> BeforeValidator:
    def read(text: Any, info: ValidationInfo) -> str:
        if not pattern.fullmatch(text) or len(text) > LONGEST:
            raise bad_field(info.field_name, f"must be {what}")
        return str(text)

    return BeforeValidator(read)


def _schema(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern.pattern})$", "maxLength": LONGEST})


_PROJECT_RULE = "a Google Cloud project id, such as acme-billing"
_DATASET_RULE = "a BigQuery dataset's name: letters, digits and underscores"
_Project: TypeAlias = Annotated[str, _named(PROJECT, _PROJECT_RULE), _schema(PROJECT)]
_Dataset: TypeAlias = Annotated[str, _named(DATASET, _DATASET_RULE), _schema(DATASET)]


class KeylessQuery(Input):
    """Values that the commands are filled in with."""

    project: _Project | None = Field(default=None, description="where the service account will be, and queries run")
    source_project: _Project | None = Field(default=None, description="where the billing export is; default: `project`")
    dataset: _Dataset | None = Field(default=None, description="of the billing export; default: `billing_export`")


class KeylessCommand(Answer):
    """Command ready to be pasted into a shell."""

    why: str
    command: str


class KeylessSetup(Answer):
    """Commands by which an org lets us read without a key. Afterwards `setup` takes `credential`."""

    org_slug: str
    reader: str = Field(description="our service account, which acts as the organization's")
    service_account: str = Field(description="the organization's; no other name is accepted")
    credential: dict[str, str]
    commands: list[KeylessCommand]


def show_keyless(room: OrgIntegrations, org: str) -> Response:
    """200 with the commands in order. Changes nothing and calls no other service."""
    credential = presented(room.auth, org)
    query = in_query(request.args, KeylessQuery)
    let_in(room.auth, org, credential)
    with translating_provider_errors():
        reader = offered(room.reader)
        account = KeylessAccount.of(room.connections.onboarded(org), query.project or YOURS)
    export_project, dataset = query.source_project or account.project_id, query.dataset or DEFAULT_DATASET
    needed = commands(account, reader, export_project, dataset)
    return answered(
        KeylessSetup(
            org_slug=org,
            reader=reader,
            service_account=account.service_account,
            credential=account.model_dump(),
            commands=[KeylessCommand(why=each.why, command=each.text) for each in needed],
        )
    )
