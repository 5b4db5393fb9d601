"""`/integrations/{org}`: an org's credentials are set up, looked at, proven again and removed; never shown."""

import json
import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from flask import Response, request
from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from cloudact.errors import Retry, Stop
from cloudact.orgs.integrations import Integration
from cloudact.orgs.org import Auth, IntegrationStatus
from functions.auth.authenticate import authenticate
from functions.composition import Api
from functions.orgs.connections import OURS, Wanted
from functions.orgs.readable import wait_until
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_body
from functions.web.parameters import body_object, only_known
from functions.web.problems import Problem, bad_request
from providers.http import Busy
from providers.provider import Provider, by_id, by_integration

log = logging.getLogger(__name__)
LONGEST_WAIT_S = 3600.0  # who asks for more is asked again in an hour
LARGEST_CREDENTIAL_BYTES = 60 * 1024  # Cloud KMS encrypts 64 KiB
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,100}")


def _credential(given: Any) -> str:
    text = json.dumps(given) if isinstance(given, dict) else given
    if not isinstance(text, str) or not text.strip():
        raise bad_request(
            "credential must be the service account key (a JSON object or its text), a keyless credential "
            "(the same) or the admin key."
        )
    if len(text.encode(errors="replace")) > LARGEST_CREDENTIAL_BYTES:
        raise bad_request("credential must be at most 60 KiB.")
    return text


def _name(given: Any, info: ValidationInfo) -> str | None:
    if given is not None and not (isinstance(given, str) and _NAME.fullmatch(given) and given.strip()):
        raise bad_request(f"{info.field_name} must be 1 to 100 characters without control characters.")
    return given


def _object(given: Any, info: ValidationInfo) -> dict[str, Any] | None:
    if given is not None and not isinstance(given, dict):
        raise bad_request(f"{info.field_name} must be a JSON object.")
    return given


class SetupBody(Input):
    """A credential, and where the provider's data lies. What is left out stays as it was set up before."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    credential: Annotated[dict[str, Any] | str, BeforeValidator(_credential)] = Field(
        repr=False, description="what the provider is asked with"
    )
    credential_name: Annotated[str | None, BeforeValidator(_name)] = Field(
        default=None, description="what you call it", examples=["billing reader"]
    )
    metadata: Annotated[dict[str, Any] | None, BeforeValidator(_object)] = Field(
        default=None,
        description="settings",
        examples=[{"source_dataset": "billing_export"}],
    )

    @model_validator(mode="before")
    @classmethod
    def _is_there(cls, raw: Any) -> Any:
        if "credential" not in raw:
            raise bad_request("credential is required.")
        return raw


class IntegrationState(Answer):
    """An integration, without its credential."""

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


def with_providers(document: dict[str, Any], providers: Sequence[Provider]) -> dict[str, Any]:
    """The OpenAPI document with the words of these providers, which the shapes above leave open."""
    shapes = document["components"]["schemas"]
    state, body = (shapes[shape.__name__]["properties"] for shape in (IntegrationState, SetupBody))
    state["integration"]["enum"] = [provider.integration for provider in providers]
    state["provider"]["enum"] = [provider.id for provider in providers]
    taken = dict.fromkeys(kind for provider in providers for kind in provider.takes)
    state["takes"]["items"]["enum"] = list(taken)
    helps = "; ".join(f"{provider.id}: {provider.credential_help}" for provider in providers)
    body["credential"]["description"] = helps
    fields = {provider.id: ", ".join(provider.settings.model_fields) for provider in providers}
    named = "; ".join(f"{name}: {names}" for name, names in fields.items() if names)
    body["metadata"]["description"] = f"settings. {named}"
    return document


def list_integrations(api: Api, org: str) -> Response:
    """Those of all providers, set up or not."""
    authenticate(api, org)
    only_known(request.args, allowed=())
    states = [_state(api, row) for row in api.connections.all(org)]
    return answered(IntegrationList(org_slug=org, integrations=states))


def set_up(api: Api, org: str, provider: str) -> Response:
    """201 for the first credential, 200 for one that replaces another; in force only if the provider accepts it."""
    authenticate(api, org).require_admin()
    only_known(request.args, allowed=())
    body = in_body(request, SetupBody)
    integration = _integration(api, provider)
    wanted = Wanted(str(body.credential), body.credential_name, body.metadata)
    with told_plainly():
        stored, new = api.connections.set_up(org, integration, wanted)
    return _answer(api, stored, 201 if new else 200)


def validate(api: Api, org: str, provider: str) -> Response:
    """VALID or INVALID, as the provider says now; both are answers. Members may ask too, as a run of theirs would."""
    authenticate(api, org)
    _no_input()
    with told_plainly():
        stored = api.connections.validate(org, _integration(api, provider))
    return _answer(api, stored)


def remove(api: Api, org: str, provider: str) -> Response:
    """NOT_CONFIGURED from now on; it may be repeated."""
    authenticate(api, org).require_admin()
    _no_input()
    with told_plainly():
        stored = api.connections.remove(org, _integration(api, provider))
    return _answer(api, stored)


def _no_input() -> None:
    only_known(request.args, allowed=())
    body_object(request, allowed=())


def _integration(api: Api, provider: str) -> str:
    known = by_id(api.providers)
    if provider not in known:
        raise Problem(404, f"Unknown provider: {provider[:50]}. Available: {', '.join(known)}")
    return known[provider].integration


@contextmanager
def told_plainly() -> Iterator[None]:
    """What a person must change is 400 with what to do; what passes is 503."""
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
    if err.code in OURS:
        return err
    if err.code == "org_unknown":
        return Problem(404, err.message)
    hint = "" if err.code == "integration_missing" else err.hint
    return Problem(400, f"{err.message} {hint}".rstrip(), code=err.code)


def _answer(api: Api, row: Integration, status: int = 200) -> Response:
    """A run that is asked for next finds the integration as it is told here."""
    wait_until(lambda: api.connections.shows(row))
    return answered(_state(api, row), status)


def _state(api: Api, row: Integration) -> IntegrationState:
    provider = by_integration(api.providers)[row.integration]
    told: dict[str, Any] = {name: getattr(row, name) for name in IntegrationState.model_fields if name in vars(row)}
    auth = None if row.status is IntegrationStatus.NOT_CONFIGURED else row.auth or Auth.KEY
    if not row.warnings:
        del told["warnings"]
    return IntegrationState.model_validate(
        told | {"provider": provider.id, "takes": list(provider.takes), "auth": auth}
    )
