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
    """The credential that is stored instead of a key: the e-mail of a service account of the customer's."""

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
        """The kind of credential."""
        return Auth.KEYLESS

    @property
    def project_id(self) -> str:
        """The project that the account is in, where its queries run."""
        match = _ACCOUNT.fullmatch(self.service_account)
        assert match  # noqa: S101 - the field's own pattern
        return f"{match['domain']}:{match['project']}" if match["domain"] else match["project"]

    @property
    def secret(self) -> str:
        """The text that recognises the credential: the account's e-mail, which is no secret."""
        return self.service_account

    def as_json(self) -> str:
        """The JSON that is encrypted and stored."""
        return self.model_dump_json()

    def must_belong_to(self, org: Onboarded) -> None:
        """Raises `Stop` for an account that is named for another org, or for an earlier onboarding of this one."""
        expected = account_id(org)
        if self.service_account.partition("@")[0] != expected:
            message = f"This service account does not belong to {org.org_slug}: its name must be {expected}."
            raise Stop(Code.CREDENTIAL_INVALID, message, _SHOW)


@dataclass(frozen=True)
class Command:
    """A command that the customer runs, and why."""

    why: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The command line, quoted for a shell."""
        return shlex.join(self.arguments)


def account_id(org: Onboarded) -> str:
    """The name that this org's service account must have in this installation: `cloudact-` and 20 digits."""
    text = own_name(f"cloudact/keyless/v1/{org.org_slug}/{org.generation}", org.installation)
    return f"cloudact-{hashlib.sha256(text.encode()).hexdigest()[:CODE_DIGITS]}"


def offered(reader: str) -> str:
    """The reader's e-mail, which customers let act as their accounts. Raises `Stop` where the installation has none."""
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
    """Whether the credential is a keyless one, well formed or not."""
    try:
        document = json.loads(plaintext)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("type") == "keyless"


def commands(account: KeylessAccount, reader: str, export_project: str, dataset: str) -> Iterator[Command]:
    """Yields the commands that make the account and let `reader` act as it, each after those that it needs."""
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
    """The command that grants BigQuery Job User on the account's own project."""
    project = account.project_id
    member = f"--member=serviceAccount:{account.service_account}"
    role = ("--role=roles/bigquery.jobUser", "--condition=None")
    return ("gcloud", "projects", "add-iam-policy-binding", project, member, *role)


def may_read(account: KeylessAccount, export_project: str, dataset: str) -> tuple[str, ...]:
    """The command that grants BigQuery Data Viewer on the dataset; `bq update` would replace those who may read it."""
    sql = (
        f"GRANT `roles/bigquery.dataViewer` ON SCHEMA `{export_project}.{dataset}` "
        f'TO "serviceAccount:{account.service_account}"'
    )
    return ("bq", f"--project_id={account.project_id}", "query", "--use_legacy_sql=false", sql)


def may_act(account: KeylessAccount, reader: str) -> tuple[str, ...]:
    """The command that grants the reader Service Account Token Creator on the account, and on nothing else."""
    where = (account.service_account, f"--project={account.project_id}")
    return (
        *("gcloud", "iam", "service-accounts", "add-iam-policy-binding", *where),
        *(f"--member=serviceAccount:{reader}", f"--role={ROLE}"),
    )
