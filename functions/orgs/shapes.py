"""Shapes of the bodies and answers of `/ops/orgs`."""

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from cloudact.error_codes import Code
from cloudact.orgs.members import Role
from cloudact.orgs.org import (
    BILLING_WORDS,
    NEW_SLUG_RULE,
    SLUG_RULE,
    IntegrationStatus,
    SubscriptionStatus,
    is_new_slug,
    is_slug,
)
from functions.orgs.tenant import ProfileStatus
from functions.web.answers import Answer, Instant, Key
from functions.web.inputs import Flag, Input, name_of, word_of
from functions.web.problems import bad_request

STATUSES = {status.value: status for status in SubscriptionStatus} | BILLING_WORDS
ROLES = {role.value: role for role in Role}
LONGEST_NAME = 200
_SLUG_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_]{2,49}$", "examples": ["acmecorp"]}
)
_NAME_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}, {"type": "null"}]}
)
_PLAN = Annotated[object, WithJsonSchema({"anyOf": [{"type": "string", "examples": ["STARTER"]}, {"type": "null"}]})]


def _without_default(schema: JsonDict) -> None:
    """Drops `default: null` from a schema: the field may be left out, but null may not be sent."""
    del schema["default"]


def slug(text: object, _info: ValidationInfo | None = None) -> str:
    """The text if it can name an org, else 400 with the rule."""
    if not isinstance(text, str) or not is_slug(text):
        raise bad_request(f"org_slug must be {SLUG_RULE}.", Code.SLUG_INVALID)
    return text


def _new_slug(text: object, _info: ValidationInfo | None = None) -> str:
    """The text if an org may be onboarded with it, else 400 with the rule."""
    if not isinstance(text, str) or not is_new_slug(text):
        raise bad_request(f"org_slug must be {NEW_SLUG_RULE}.", Code.SLUG_INVALID)
    return text


class OnboardBody(Input):
    """An org to be onboarded, for the first time or again."""

    missing: ClassVar[str] = f"org_slug must be {NEW_SLUG_RULE}."

    org_slug: Annotated[str, BeforeValidator(_new_slug), _SLUG_SCHEMA]
    name: Annotated[str | None, name_of(LONGEST_NAME), _NAME_SCHEMA] = Field(
        default=None, description="default: the slug", examples=["Acme Corp"]
    )
    plan: _PLAN = Field(default=None, description="default: the one that configs/system/plans.yml names")
    reactivate: Flag = Field(default=False, description="bring back a customer who was off-boarded")


class SubscriptionBody(Input):
    """The status, the plan, or both. What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    status: Annotated[
        SubscriptionStatus | None,
        word_of(STATUSES),
        WithJsonSchema({"type": "string", "enum": list(STATUSES)}),
    ] = Field(
        default=None,
        description="in the billing provider's words or in ours",
        json_schema_extra=_without_default,
    )
    plan: _PLAN = Field(default=None)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if not self.model_fields_set:
            raise bad_request("Give status, plan or both.", Code.FIELD_MISSING)
        return self


class OffboardBody(Input):
    """The slug, typed again, and whether the data goes too."""

    missing: ClassVar[str] = "confirm must be the organization's slug, typed again."

    confirm: Annotated[object, WithJsonSchema({"type": "string"})] = Field(description="the organization's slug")
    delete_data: Flag = Field(default=False, description="drop the organization's dataset, which cannot be undone")


class MemberBody(Input):
    """What someone is in an org."""

    missing: ClassVar[str] = f"role must be one of {', '.join(ROLES)}."

    role: Annotated[Role, word_of(ROLES), WithJsonSchema({"type": "string", "enum": list(ROLES)})]


class SetUpState(Answer):
    """Whether an integration is set up."""

    integration: str
    status: IntegrationStatus


class OrgState(Answer):
    """An org: profile, subscription and integrations. A field is null where nothing is stored of it."""

    org_slug: str = Field(examples=["acmecorp"])
    name: str | None
    dataset: str | None
    status: ProfileStatus | None
    created_at: Instant | None
    plan: str | None
    subscription_status: SubscriptionStatus | str | None
    daily_limit: int | None = Field(description="runs of a UTC day that people and keys may ask for")
    integrations: list[SetUpState]


class Member(Answer):
    """A person who may act for an org."""

    user_id: str = Field(description="the subject of their sessions")
    role: Role
    since: Instant = Field(description="when they got this role")


class OrgDetail(OrgState):
    """An org with the keys that open it, newest first, and the people who may act for it."""

    api_keys: list[Key]
    members: list[Member]


class ChangedOrg(OrgState):
    """An org after a change."""

    changed: bool = Field(description="false where it was so before")


class OnboardedOrg(ChangedOrg):
    """An org that is onboarded. Only the call that has made its first key has `api_key` and `fingerprint`."""

    api_key: str = Field(default="", description="shown this once; stored nowhere")
    fingerprint: str = ""
    message: str


class OffboardedOrg(ChangedOrg):
    """An org that is off-boarded."""

    message: str


class DatasetsLetIn(Answer):
    """Orgs whose datasets have let in the service accounts of the settings, by this call."""

    admitted: list[str]
    failed: list[str] = Field(description="the log tells why; the next call tries them again")
    left: int = Field(description="orgs that this call has not tried: call again")


class MemberState(Answer):
    """What a user is in an org from now on; `role` is null for no member."""

    org_slug: str
    user_id: str
    role: Role | None
    message: str
