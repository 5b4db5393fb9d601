"""Service accounts of customers that we read with without a key: how they are named, handed over and made.

The name belongs to one onboarding of one org, so that no org can point at what another has granted to our reader
(docs/adr/0016). Calls nobody; `impersonation` does.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.installation import own_name
from cloudact.orgs.org import Auth, Onboarded

CODE_DIGITS = 20  # hex, so 80 bits; with the prefix 29 of the 30 characters that Google allows
ROLE = "roles/iam.serviceAccountTokenCreator"
SOON = "What was made or granted just now takes Google some minutes to know."
_SUFFIX = ".iam.gserviceaccount.com"
_ACCOUNT = re.compile(
    r"[a-z](?:[-a-z0-9]*[a-z0-9])?@(?P<project>[a-z][-a-z0-9]*)(?:\.(?P<domain>[a-z0-9.-]+))?" + re.escape(_SUFFIX)
)
_SHOW = "See which commands make it: cloudact integrations setup gcp --keyless, or GET …/gcp/keyless."


class KeylessAccount(BaseModel):
    """What is handed over, and stored, instead of a key: the e-mail of a service account of the customer's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["keyless"] = "keyless"
    service_account: str = Field(max_length=320)

    @field_validator("service_account")
    @classmethod
    def _is_one(cls, email: str) -> str:
        if not _ACCOUNT.fullmatch(email):
            raise ValueError("is not the e-mail of a service account")
        return email

    @classmethod
    def of(cls, org: Onboarded, project: str) -> Self:
        """The account of this org in this project, `acme-billing` or `example.com:acme-billing`."""
        domain, _, name = project.rpartition(":")
        return cls(service_account=f"{account_id(org)}@{name}{'.' * bool(domain)}{domain}{_SUFFIX}")

    @property
    def auth(self) -> Auth:
        """How it is known to Google."""
        return Auth.KEYLESS

    @property
    def project_id(self) -> str:
        """The project it is in, where its queries run."""
        found = _ACCOUNT.fullmatch(self.service_account)
        assert found  # noqa: S101 - the field's own pattern
        return f"{found['domain']}:{found['project']}" if found["domain"] else found["project"]

    @property
    def secret(self) -> str:
        """What it is recognised by; nothing of it is secret."""
        return self.service_account

    def as_json(self) -> str:
        """What is encrypted."""
        return self.model_dump_json()

    def must_belong_to(self, org: Onboarded) -> None:
        """Raises `Stop` for an account that is named for another org, or for an earlier onboarding of this one."""
        expected = account_id(org)
        if self.service_account.partition("@")[0] != expected:
            message = f"This service account does not belong to {org.org_slug}: its name must be {expected}."
            raise Stop(Code.CREDENTIAL_INVALID, message, _SHOW)


@dataclass(frozen=True)
class Command:
    """What the customer runs, and why."""

    why: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is pasted into a shell."""
        return shlex.join(self.arguments)


def account_id(org: Onboarded) -> str:
    """The name that this org's service account must have in this installation: `cloudact-` and 20 digits."""
    text = own_name(f"cloudact/keyless/v1/{org.org_slug}/{org.generation}", org.installation)
    return f"cloudact-{hashlib.sha256(text.encode()).hexdigest()[:CODE_DIGITS]}"


def offered(reader: str) -> str:
    """The reader that customers let act as their accounts; raises `Stop` where the installation has none."""
    if not reader:
        message = "This installation has no reader, so it cannot read without a key."
        raise Stop(Code.KEYLESS_UNAVAILABLE, message, "Set up the integration with a service account key.")
    return reader


def parse_keyless(plaintext: bytes) -> KeylessAccount:
    """The credential `{"type": "keyless", "service_account": …}`; raises `Stop` that says what is wrong."""
    try:
        return KeylessAccount.model_validate_json(plaintext)
    except ValidationError as err:
        wrong = err.errors(include_input=False)[0]
    name = str(wrong["loc"][0])[:50] if wrong["loc"] else "file"
    if wrong["type"] == "extra_forbidden":
        message = f"Unknown field {name!r} in a keyless credential. Allowed: type, service_account."
    else:
        message = f"{name} must be a service account like cloudact-0123456789abcdef0123@acme-billing{_SUFFIX}."
    raise Stop(Code.CREDENTIAL_INVALID, message, _SHOW)


def is_keyless(plaintext: bytes) -> bool:
    """Whether this is meant to be read without a key."""
    try:
        document = json.loads(plaintext)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("type") == "keyless"


def commands(account: KeylessAccount, reader: str, export_project: str, dataset: str) -> Iterator[Command]:
    """What makes the account and lets `reader` act as it, in an order in which each finds what it needs."""
    project, email = account.project_id, account.service_account
    apis = ("bigquery", "iam", "iamcredentials")
    yield Command(
        "Enable what is used below.",
        ("gcloud", "services", "enable", *(f"{api}.googleapis.com" for api in apis), f"--project={project}"),
    )
    yield Command(
        "Make the service account. Its name belongs to your organization here; no other name is accepted.",
        (
            *("gcloud", "iam", "service-accounts", "create", email.partition("@")[0]),
            *(f"--project={project}", "--display-name=CloudAct reads the billing export"),
        ),
    )
    yield Command("Let it run queries; they are billed to this project.", may_query(account))
    yield Command("Let it read the billing export.", may_read(account, export_project, dataset))
    yield Command("Let our reader act as it, for minutes at a time.", may_act(account, reader))


def may_query(account: KeylessAccount) -> tuple[str, ...]:
    """BigQuery Job User on the account's own project."""
    project = account.project_id
    member = f"--member=serviceAccount:{account.service_account}"
    role = ("--role=roles/bigquery.jobUser", "--condition=None")
    return ("gcloud", "projects", "add-iam-policy-binding", project, member, *role)


def may_read(account: KeylessAccount, export_project: str, dataset: str) -> tuple[str, ...]:
    """BigQuery Data Viewer on the dataset. GRANT adds to who may read it; `bq update` would replace them."""
    sql = (
        f"GRANT `roles/bigquery.dataViewer` ON SCHEMA `{export_project}.{dataset}` "
        f'TO "serviceAccount:{account.service_account}"'
    )
    return ("bq", f"--project_id={account.project_id}", "query", "--use_legacy_sql=false", sql)


def may_act(account: KeylessAccount, reader: str) -> tuple[str, ...]:
    """Service Account Token Creator on the account, and on nothing else."""
    where = (account.service_account, f"--project={account.project_id}")
    return (
        *("gcloud", "iam", "service-accounts", "add-iam-policy-binding", *where),
        *(f"--member=serviceAccount:{reader}", f"--role={ROLE}"),
    )
