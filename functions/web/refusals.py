"""Refusals: which codes an endpoint may answer with which status; the OpenAPI document lists them.

An endpoint names what is its own; what its path, its query, its body and its callers bring along is added.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from cloudact.error_codes import Code, ProviderFailure, provider_code

AnyCode: TypeAlias = Code | ProviderFailure
Refusals: TypeAlias = frozenset[tuple[int, AnyCode]]
NONE: Refusals = frozenset()


def refused(status: int, *codes: AnyCode) -> Refusals:
    """Refusals with this status and one of these codes; join them with `|`."""
    return frozenset((status, code) for code in codes)


def codes_by_status(refusals: Refusals, provider_ids: Iterable[str]) -> Mapping[int, Sequence[str]]:
    """The codes of each status, both in order; a provider's failure is one code for each provider."""
    ids = tuple(provider_ids)
    found: dict[int, set[str]] = {}
    for status, code in refusals:
        texts = [provider_code(each, code) for each in ids] if isinstance(code, ProviderFailure) else [code.value]
        found.setdefault(status, set()).update(texts)
    return {status: sorted(found[status]) for status in sorted(found)}


ANY_REQUEST = refused(413, Code.BODY_TOO_LARGE) | refused(500, Code.INTERNAL_ERROR, Code.MISCONFIGURED)
NO_ENDPOINT = (
    ANY_REQUEST
    | refused(400, Code.REQUEST_MALFORMED)
    | refused(404, Code.ENDPOINT_UNKNOWN)
    | refused(405, Code.METHOD_NOT_ALLOWED)
)
"""Refusals of a path or a method that no endpoint has."""

ORG_IN_PATH = refused(400, Code.SLUG_INVALID)
NO_QUERY = refused(400, Code.FIELD_UNKNOWN)
QUERY = NO_QUERY | refused(400, Code.FIELD_INVALID)
NO_BODY = (
    refused(400, Code.BODY_BROKEN, Code.BODY_INVALID, Code.FIELD_UNKNOWN)
    | refused(408, Code.BODY_SLOW)
    | refused(503, Code.BODIES_LIMITED)
    | refused(415, Code.BODY_NOT_JSON)
)
"""Refusals of an endpoint that accepts an empty object as its body, and nothing else."""
BODY = NO_BODY | refused(400, Code.FIELD_INVALID)
REQUIRED_FIELD = refused(400, Code.FIELD_MISSING)

BIGQUERY = refused(503, Code.BIGQUERY_UNAVAILABLE, Code.BIGQUERY_QUOTA_EXCEEDED)
ORG_DATASET = BIGQUERY | refused(503, Code.DATASET_UNREADABLE)
"""Refusals of an endpoint that reads the org's own dataset."""
CLOUD_TASKS = refused(503, Code.CLOUD_TASKS_UNAVAILABLE)
ADMISSION = (
    CLOUD_TASKS | refused(429, Code.ADMISSIONS_LIMITED) | refused(503, Code.CLOUD_TASKS_SLOW, Code.CLOUD_TASKS_UNCLEAR)
)
SECRETS = refused(503, Code.SECRET_MANAGER_UNAVAILABLE, Code.SECRET_DAMAGED)
VAULT = refused(503, Code.CLOUD_KMS_UNAVAILABLE, Code.KMS_CORRUPTED)

MEMBER_OR_KEY = (
    refused(400, Code.CREDENTIALS_TWO)
    | refused(401, Code.API_KEY_REQUIRED, Code.API_KEY_INVALID, Code.SESSION_INVALID, Code.ORG_UNKNOWN)
    | refused(403, Code.ORG_FORBIDDEN)
    | refused(429, Code.LOOK_UPS_LIMITED)
    | refused(503, Code.SESSION_KEYS_UNAVAILABLE)
    | SECRETS
    | BIGQUERY
)
"""Refusals of the callers of `api`."""
SERVICE_ACCOUNT = (
    refused(401, Code.TOKEN_REQUIRED, Code.TOKEN_INVALID)
    | refused(403, Code.CALLER_FORBIDDEN)
    | refused(503, Code.SESSION_KEYS_UNAVAILABLE, Code.FRONT_UNKNOWN)
)
"""Refusals of the callers of `ops`."""
ADMINS_ONLY = refused(403, Code.ROLE_REQUIRED)

PIPELINE = refused(404, Code.PIPELINE_UNKNOWN)
TENANT = refused(403, Code.SUBSCRIPTION_INACTIVE) | refused(400, Code.INTEGRATION_MISSING)
CHECKS = refused(429, Code.CHECKS_LIMITED)
QUOTA = refused(429, Code.QUOTA_EXCEEDED)
RUN = refused(404, Code.RUN_UNKNOWN)
RUN_LIST = refused(400, Code.FIELDS_CONFLICT, Code.PAGE_CURSOR_INVALID)
COSTS = (
    refused(400, Code.LABEL_UNKNOWN, Code.FIELDS_CONFLICT, Code.COSTS_TOO_LARGE)
    | refused(429, Code.COSTS_LIMITED)
    | ORG_DATASET
)
"""Refusals of a question about costs."""
ONBOARDED = refused(404, Code.ORG_UNKNOWN)

PROVIDER = refused(404, Code.PROVIDER_UNKNOWN, Code.ORG_UNKNOWN)
PROVIDER_AWAY = VAULT | refused(
    503,
    Code.SOURCE_UNAVAILABLE,
    Code.SOURCE_SLOW,
    Code.IAM_UNAVAILABLE,
    ProviderFailure.UNAVAILABLE,
    ProviderFailure.UNREADABLE,
    ProviderFailure.RATE_LIMITED,
    ProviderFailure.NOT_ALLOWED,
)
CREDENTIAL = refused(
    400,
    Code.CREDENTIAL_INVALID,
    Code.CREDENTIAL_REJECTED,
    Code.PERMISSION_DENIED,
    Code.SETTINGS_INVALID,
    Code.KEYLESS_UNAVAILABLE,
    Code.SOURCE_NOT_FOUND,
    Code.SOURCE_UNUSABLE,
    Code.SOURCE_QUERY_FAILED,
    Code.QUERY_TOO_LARGE,
    Code.REPORT_UNEXPECTED,
    ProviderFailure.NOT_ALLOWED,
    ProviderFailure.REDIRECTED,
    ProviderFailure.REFUSED,
)
"""Refusals of a credential that a provider does not accept, or with which a run could not read."""
