"""`/integrations/{org}`: an org's credentials are set up, looked at, proven again and removed; never shown."""

import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo

from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.orgs.integrations import PROVIDERS, Integration
from cloudact.orgs.org import Auth, IntegrationStatus
from functions.auth.authenticate import Authentication, authenticate
from functions.orgs.connections import NOT_THE_CUSTOMERS_FAULT, Connections, Wanted
from functions.orgs.readable import wait_until
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_body, name_of
from functions.web.parameters import no_input, no_query
from functions.web.problems import Problem, bad_request
from providers.http import Busy

log = logging.getLogger(__name__)
LONGEST_WAIT_S = 3600.0  # who asks for more is asked again in an hour
LARGEST_CREDENTIAL_BYTES = 60 * 1024  # Cloud KMS encrypts 64 KiB
_WORDS = {integration: provider for provider, integration in PROVIDERS.items()}


def _credential(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, dict) else value
    if not isinstance(text, str) or not text.strip():
        raise bad_request(
            "credential must be the service account key (a JSON object or its text), a keyless credential "
            "(the same) or the admin key."
        )
    if len(text.encode(errors="replace")) > LARGEST_CREDENTIAL_BYTES:
        raise bad_request("credential must be at most 60 KiB.")
    return text


def _object(value: Any, info: ValidationInfo) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise bad_request(f"{info.field_name} must be a JSON object.")
    return value


class SetupBody(Input):
    """A credential, and where the provider's data lies. What is left out stays as it was set up before."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    credential: Annotated[dict[str, Any] | str, BeforeValidator(_credential)] = Field(
        repr=False,
        description="gcp: the service account key, as JSON object or text, or `{type: keyless, service_account}`; "
        "others: the admin key",
    )
    credential_name: Annotated[str | None, name_of(100)] = Field(
        default=None, description="what you call it", examples=["billing reader"]
    )
    metadata: Annotated[dict[str, Any] | None, BeforeValidator(_object)] = Field(
        default=None,
        description="settings. gcp: source_project, source_dataset, source_table, inactive_projects; anthropic: api",
        examples=[{"source_dataset": "billing_export"}],
    )


class IntegrationState(Answer):
    """An integration, without its credential."""

    integration: Literal["GCP_SA", "OPENAI", "ANTHROPIC"]
    provider: Literal["gcp", "openai", "anthropic"]
    status: IntegrationStatus
    auth: Auth | None = Field(description="key, or keyless: a service account that lets us act as it")
    credential_name: str | None
    fingerprint: str | None = Field(description="recognises the credential; nothing can be told from it")
    settings: dict[str, Any]
    validated_at: Instant | None = Field(description="when the provider was last asked")
    last_error: str | None = Field(description="why it is INVALID")
    warnings: list[str] = Field(
        default=[], description="what the source is known to lose; told when it is set up or validated, else left out"
    )


class IntegrationList(Answer):
    """Every integration there can be."""

    org_slug: str
    integrations: list[IntegrationState]


@dataclass(frozen=True)
class OrgIntegrations:
    """The collaborators of the endpoints of integrations. `reader` is our service account that reads without keys."""

    auth: Authentication
    connections: Connections
    reader: str


def list_integrations(room: OrgIntegrations, org: str) -> Response:
    """All three, set up or not."""
    authenticate(room.auth, org)
    no_query(request)
    states = [_state(row) for row in room.connections.all(org)]
    return answered(IntegrationList(org_slug=org, integrations=states))


def set_up(room: OrgIntegrations, org: str, provider: str) -> Response:
    """201 for the first credential, 200 for one that replaces another; in force only if the provider accepts it."""
    authenticate(room.auth, org).require_admin()
    no_query(request)
    body = in_body(request, SetupBody)
    integration = _integration(provider)
    wanted = Wanted(str(body.credential), body.credential_name, body.metadata)
    with translating_provider_errors():
        stored, new = room.connections.set_up(org, integration, wanted)
    return _answer(room, stored, 201 if new else 200)


def validate(room: OrgIntegrations, org: str, provider: str) -> Response:
    """VALID or INVALID, as the provider says now; both are answers. Members may ask too, as a run of theirs would."""
    authenticate(room.auth, org)
    no_input(request)
    with translating_provider_errors():
        stored = room.connections.validate(org, _integration(provider))
    return _answer(room, stored)


def remove(room: OrgIntegrations, org: str, provider: str) -> Response:
    """NOT_CONFIGURED from now on; it may be repeated."""
    authenticate(room.auth, org).require_admin()
    no_input(request)
    with translating_provider_errors():
        stored = room.connections.remove(org, _integration(provider))
    return _answer(room, stored)


def _integration(provider: str) -> str:
    if provider not in PROVIDERS:
        raise Problem(404, f"Unknown provider: {provider[:50]}. Available: {', '.join(PROVIDERS)}")
    return PROVIDERS[provider]


@contextmanager
def translating_provider_errors() -> Iterator[None]:
    """Raises a `Problem` for what a provider check raises: 400 for a `Stop`, with its hint; 503 for a `Retry`."""
    try:
        yield
    except Stop as err:
        raise _refusal(err) from err
    except Retry as err:
        log.warning(err.message, extra={"fields": {"code": err.code}}, exc_info=err)
        wait_s = err.wait_s if isinstance(err, Busy) and err.wait_s else 0.0
        headers = {"Retry-After": str(math.ceil(min(max(wait_s, 10.0), LONGEST_WAIT_S)))}
        raise Problem(503, f"{err.message} Please send the same request again.", headers) from err


def _refusal(err: Stop) -> Exception:
    if err.code in NOT_THE_CUSTOMERS_FAULT:
        return err
    if err.code == Code.ORG_UNKNOWN:
        return Problem(404, err.message)
    hint = "" if err.code == Code.INTEGRATION_MISSING else err.hint
    return Problem(400, f"{err.message} {hint}".rstrip(), code=err.code)


def _answer(room: OrgIntegrations, row: Integration, status: int = 200) -> Response:
    """The answer, once a run that is triggered next would find the integration in this state."""
    wait_until(lambda: room.connections.shows(row))
    return answered(_state(row), status)


def _state(row: Integration) -> IntegrationState:
    fields: dict[str, Any] = {name: getattr(row, name) for name in IntegrationState.model_fields if name in vars(row)}
    auth = None if row.status is IntegrationStatus.NOT_CONFIGURED else row.auth or Auth.KEY
    if not row.warnings:
        del fields["warnings"]
    return IntegrationState.model_validate(fields | {"provider": _WORDS[row.integration], "auth": auth})
