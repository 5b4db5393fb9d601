"""`/integrations/{org}`: an org's credentials are set up, looked at, proven again and removed; never shown."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from flask import Response, request
from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema

from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.json_types import JsonObject
from cloudact.orgs.integrations import Integration
from cloudact.orgs.org import Auth, IntegrationStatus
from functions.auth.authenticate import Actor, Authentication, let_in, presented
from functions.auth.limits import TokenBuckets, too_many
from functions.orgs.connections import NOT_THE_CUSTOMERS_FAULT, Connections, SetUpRequest
from functions.orgs.readable import wait_until
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_body, name_of
from functions.web.parameters import no_input, no_query
from functions.web.problems import Problem, bad_field
from providers.provider import Provider, by_id, by_integration

log = logging.getLogger(__name__)
LONGEST_WAIT_S = 3600.0  # who asks for more is asked again in an hour
LARGEST_CREDENTIAL_BYTES = 60 * 1024  # Cloud KMS encrypts 64 KiB


def _credential(value: object) -> str:
    text = json.dumps(value) if isinstance(value, dict) else value
    if not isinstance(text, str) or not text.strip():
        raise bad_field(
            "credential",
            "must be the service account key (a JSON object or its text), a keyless credential (the same) or the "
            "admin key",
        )
    if len(text.encode(errors="replace")) > LARGEST_CREDENTIAL_BYTES:
        raise bad_field("credential", "must be at most 60 KiB")
    return text


def _never(value: object) -> bool:
    if value is not False:
        raise bad_field(
            "skip_validation",
            "must be false or left out: a credential is stored once its provider has accepted it",
        )
    return False


def _object(value: object, info: ValidationInfo) -> dict[str, object] | None:
    if value is None or isinstance(value, dict):
        return value
    raise bad_field(info.field_name, "must be a JSON object")


_SENTENCES = {
    IntegrationStatus.VALID: "The integration {} is set up.",
    IntegrationStatus.INVALID: "The integration {} does not work; validation_error says why.",
    IntegrationStatus.NOT_CONFIGURED: "The integration {} is not set up.",
}


class SetupBody(Input):
    """A credential, and where the provider's data lies. What is left out stays as it was set up before."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    credential: Annotated[dict[str, object] | str, BeforeValidator(_credential)] = Field(
        repr=False, description="what the provider is asked with"
    )
    credential_name: Annotated[str | None, name_of(100)] = Field(
        default=None, description="what you call it", examples=["billing reader"]
    )
    metadata: Annotated[dict[str, object] | None, BeforeValidator(_object)] = Field(
        default=None,
        description="settings",
        examples=[{"source_dataset": "billing_export"}],
    )
    skip_validation: Annotated[bool, BeforeValidator(_never), WithJsonSchema({"type": "boolean", "enum": [False]})] = (
        Field(default=False, description="for clients that send it; true is refused, since every credential is proven")
    )


class IntegrationState(Answer):
    """An integration, without its credential. The last four fields tell clients that expect them the same again."""

    integration: str
    provider: str
    takes: list[str] = Field(
        description="how a credential is handed over. key: one line; key_file: a JSON document; keyless: an account "
        "that lets us act as it"
    )
    status: IntegrationStatus
    auth: Auth | None = Field(description="key, or keyless: a service account that lets us act as it")
    credential_name: str | None
    fingerprint: str | None = Field(description="recognises the credential; nothing can be told from it")
    settings: dict[str, object]
    validated_at: Instant | None = Field(description="when the provider was last asked")
    last_error: str | None = Field(description="why it is INVALID")
    warnings: list[str] = Field(
        default=[], description="what the source is known to lose; told when it is set up or validated, else left out"
    )
    success: bool = Field(description="false where validation has just found the credential INVALID, else true")
    validation_status: IntegrationStatus = Field(description="the same as status")
    validation_error: str | None = Field(description="the same as last_error")
    message: str = Field(description="the status in a sentence")


class IntegrationList(Answer):
    """Every integration there can be."""

    org_slug: str
    integrations: list[IntegrationState]


def with_providers(document: JsonObject, providers: Sequence[Provider]) -> JsonObject:
    """The OpenAPI document, completed in place by the words of these providers, which the shapes above leave open."""
    state, body = (partial(_schema, document, shape.__name__) for shape in (IntegrationState, SetupBody))
    state("integration")["enum"] = [provider.integration for provider in providers]
    state("provider")["enum"] = [provider.id for provider in providers]
    taken = dict.fromkeys(kind for provider in providers for kind in provider.takes)
    state("takes", "items")["enum"] = list(taken)
    helps = "; ".join(f"{provider.id}: {provider.credential_help}" for provider in providers)
    body("credential")["description"] = helps
    fields = {provider.id: ", ".join(provider.settings.model_fields) for provider in providers}
    named = "; ".join(f"{name}: {names}" for name, names in fields.items() if names)
    _schema(document, "InvoiceBody", "issuer")["enum"] = [provider.id for provider in providers]
    body("metadata")["description"] = f"settings. {named}"
    return document


def _schema(document: JsonObject, shape: str, *path: str) -> dict[str, object]:
    """The schema of a shape's field in the document, or of a part of that field."""
    part: object = document
    for name in ("components", "schemas", shape, "properties", *path):
        part = part[name] if isinstance(part, dict) else None
    if not isinstance(part, dict):
        raise TypeError(f"the document has no schema of {shape}.{'.'.join(path)}")
    return part


@dataclass(frozen=True)
class OrgIntegrations:
    """The collaborators of the endpoints of integrations. `reader` is our service account that reads without keys.

    `checks` bounds, for each org, how often its credentials are checked at a provider; `changed` is called with an org
    whose integration was written.
    """

    auth: Authentication
    providers: tuple[Provider, ...]
    connections: Connections
    reader: str
    checks: TokenBuckets[str]
    changed: Callable[[str], None]


def list_integrations(room: OrgIntegrations, org: str) -> Response:
    """200 with the integrations of all providers, set up or not."""
    credential = presented(room.auth, org)
    no_query(request)
    let_in(room.auth, org, credential)
    return answered(IntegrationList(org_slug=org, integrations=integration_states(room, org)))


def integration_states(room: OrgIntegrations, org: str) -> list[IntegrationState]:
    """Integrations of the org with all providers, set up or not."""
    return [_state(room, row) for row in room.connections.all(org)]


def show_integration(room: OrgIntegrations, org: str, provider: str) -> Response:
    """200 with the integration as the list has it, set up or not."""
    credential = presented(room.auth, org)
    no_query(request)
    integration = integration_of(room, provider)
    let_in(room.auth, org, credential)
    (row,) = [each for each in room.connections.all(org) if each.integration == integration]
    return answered(_state(room, row))


def set_up(room: OrgIntegrations, org: str, provider: str) -> Response:
    """201 for the first credential, 200 for one that replaces another; it is stored only if the provider accepts it."""
    credential = presented(room.auth, org)
    no_query(request)
    body = in_body(request, SetupBody)
    integration = integration_of(room, provider)
    return set_up_requested(room, let_in(room.auth, org, credential), integration, body)


def set_up_requested(room: OrgIntegrations, actor: Actor, integration: str, body: SetupBody) -> Response:
    """201 or 200 as `set_up`, for a caller who was let in and a body that was read."""
    org = actor.org_slug
    actor.require_admin()
    _count_check(room, org)
    requested = SetUpRequest(str(body.credential), body.credential_name, body.metadata)
    with translating_provider_errors():
        stored, new = room.connections.set_up(org, integration, requested)
    return _answer(room, stored, 201 if new else 200)


def validate(room: OrgIntegrations, org: str, provider: str) -> Response:
    """200 with VALID or INVALID, as the provider says now. Members may ask too, as a run of theirs would."""
    credential = presented(room.auth, org)
    no_input(request)
    integration = integration_of(room, provider)
    let_in(room.auth, org, credential)
    return validate_requested(room, org, integration)


def validate_requested(room: OrgIntegrations, org: str, integration: str) -> Response:
    """200 as `validate`, for a caller who was let in."""
    _count_check(room, org)
    with translating_provider_errors():
        stored = room.connections.validate(org, integration)
    return _answer(room, stored, works=stored.status is IntegrationStatus.VALID)


def remove(room: OrgIntegrations, org: str, provider: str) -> Response:
    """200 with NOT_CONFIGURED, also where the integration was removed before."""
    credential = presented(room.auth, org)
    no_input(request)
    integration = integration_of(room, provider)
    return remove_requested(room, let_in(room.auth, org, credential), integration)


def remove_requested(room: OrgIntegrations, actor: Actor, integration: str) -> Response:
    """200 as `remove`, for a caller who was let in."""
    actor.require_admin()
    with translating_provider_errors():
        stored = room.connections.remove(actor.org_slug, integration)
    return _answer(room, stored)


def _count_check(room: OrgIntegrations, org: str) -> None:
    """Raises 429 for an org whose credentials were checked too often lately, by this instance."""
    if wait := room.checks.take(org):
        detail = "Integrations were set up and validated too often; please send the same request again later."
        raise too_many(detail, wait, Code.CHECKS_LIMITED)


def integration_of(room: OrgIntegrations, provider: str) -> str:
    """Integration with the provider of this id. Raises 404 where there is none."""
    known = by_id(room.providers)
    if provider not in known:
        detail = f"Unknown provider: {provider[:50]}. Available: {', '.join(known)}"
        raise Problem(404, detail, code=Code.PROVIDER_UNKNOWN)
    return known[provider].integration


@contextmanager
def translating_provider_errors() -> Iterator[None]:
    """Raises a `Problem` for what a provider check raises: 400 for a `Stop`, with its hint; 503 for a `Retry`."""
    try:
        yield
    except Stop as err:
        raise _refusal(err) from err
    except Retry as err:
        from providers.http import Busy  # an instance that checks no credential does without

        log.warning(err.message, extra={"fields": {"code": err.code}}, exc_info=err)
        wait_s = err.wait_s if isinstance(err, Busy) and err.wait_s else 0.0
        headers = {"Retry-After": str(math.ceil(min(max(wait_s, 10.0), LONGEST_WAIT_S)))}
        detail = f"{err.message} Please send the same request again."
        raise Problem(503, detail, headers, code=err.code) from err


def _refusal(err: Stop) -> Exception:
    if err.code in NOT_THE_CUSTOMERS_FAULT:
        return err
    if err.code == Code.ORG_UNKNOWN:
        return Problem(404, err.message, code=err.code)
    hint = "" if err.code == Code.INTEGRATION_MISSING else err.hint
    return Problem(400, f"{err.message} {hint}".rstrip(), code=err.code)


def _answer(room: OrgIntegrations, row: Integration, status: int = 200, *, works: bool = True) -> Response:
    """The answer, once a run that is triggered next would find the integration in this state."""
    wait_until(lambda: room.connections.shows(row))
    room.changed(row.org_slug)
    return answered(_state(room, row, works=works), status)


def _state(room: OrgIntegrations, row: Integration, *, works: bool = True) -> IntegrationState:
    provider = by_integration(room.providers)[row.integration]
    fields: dict[str, object] = {
        name: getattr(row, name) for name in IntegrationState.model_fields if name in vars(row)
    }
    auth = None if row.status is IntegrationStatus.NOT_CONFIGURED else row.auth or Auth.KEY
    if not row.warnings:
        del fields["warnings"]
    older = {"success": works, "validation_status": row.status, "validation_error": row.last_error}
    return IntegrationState.model_validate(
        fields
        | {"provider": provider.id, "takes": list(provider.takes), "auth": auth}
        | older
        | {"message": _SENTENCES[row.status].format(row.integration)}
    )
