"""The shapes of answers. What an endpoint returns is one of these, and the OpenAPI document is made from them."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict

from flask import Response, jsonify
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from cloudact.clock import instant
from cloudact.error_codes import Code, ProviderFailure
from cloudact.orgs.org import SubscriptionStatus
from cloudact.runs.result import HalfLoad, Result
from cloudact.runs.run import Status, TriggerType

OlderStatus = Literal["PENDING", "RUNNING", "COMPLETE", "FAILED", "CANCELLED"]
Instant = Annotated[AwareDatetime, PlainSerializer(instant)]
# https://opensource.zalando.com/restful-api-guidelines/#112: clients must not break when a code is added.
_CODES = [*Code]
_CODE = (
    "Extensible enum. A stable word that programs compare; the examples are those of today, others may come. "
    f"Those of a provider are its id and one of {', '.join(f'_{failure}' for failure in ProviderFailure)}."
)
_EXAMPLES = {
    "run_id": "f3b6c1de-6b0f-5f43-9d0c-3a9a34c7f1a2",
    "org_slug": "acmecorp",
    "pipeline_id": "acmecorp-gcp-billing",
    "pipeline": "gcp_billing",
    "date": "2025-11-25",
    "at": "2025-11-26T08:00:00.000Z",
}


class Answer(BaseModel):
    """An answer; a field that its shape does not name cannot be set."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def answered(answer: Answer, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The HTTP response with the answer as JSON; fields that were not set are left out."""
    response = jsonify(answer.model_dump(mode="json", exclude_unset=True))
    response.status_code = status
    response.headers.extend(dict(headers or {}))
    return response


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457). `detail` is one plain sentence."""

    type: str = Field(
        description="page of the code: a path of the API and of its documentation", examples=["/errors/run_unknown"]
    )
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(examples=["Run not found: 42"])
    instance: str
    request_id: str | None = None
    code: str = Field(description=_CODE, examples=_CODES)
    field: str | None = Field(default=None, description="the one field that is wrong, where it is one")


class ErrorPage(Answer):
    """Meaning of an error code."""

    code: str = Field(examples=["quota_exceeded"])
    retryable: bool | None = Field(description="whether it passes by itself; null where that differs")
    meaning: str
    remedy: str = Field(description="what to do")


class Document(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(frozen=True, extra="allow")

    openapi: str = Field(examples=["3.1.0"])


class Health(Answer):
    """The process answers."""

    status: Literal["ok"]


class CallerName(Answer):
    """E-mail address of the service account that calls `ops`."""

    caller: str


class Readiness(Answer):
    """What the service depends on can be reached."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, Literal["ok", "unavailable"]] = Field(examples=[{"bigquery": "ok", "cloud_tasks": "ok"}])


class Parameter(Answer):
    """Parameter of a pipeline."""

    name: str
    type: str
    required: bool
    default: str | int | bool | None
    description: str


class Pipeline(Answer):
    """An entry of the catalogue."""

    id: str = Field(examples=[_EXAMPLES["pipeline"]])
    name: str
    description: str
    provider: str = Field(examples=["gcp"])
    domain: str = Field(description="may be empty", examples=["cost"])
    pipeline: str = Field(description="last part of the path", examples=["billing"])
    required_integration: str
    enabled: bool
    schedule: str
    parameters: list[Parameter]


class Catalogue(Answer):
    """All pipelines."""

    success: Literal[True]
    pipelines: list[Pipeline]
    total: int


class Started(Answer):
    """A run that was admitted, or that answers the request already."""

    status: Status
    run_id: str = Field(examples=[_EXAMPLES["run_id"]])
    pipeline_logging_id: str = Field(description="the same as run_id", examples=[_EXAMPLES["run_id"]])
    pipeline_id: str = Field(examples=[_EXAMPLES["pipeline_id"]])
    org_slug: str = Field(examples=[_EXAMPLES["org_slug"]])
    pipeline: str = Field(examples=[_EXAMPLES["pipeline"]])
    date: dt.date = Field(examples=[_EXAMPLES["date"]])
    requested_date: dt.date = Field(description="the UTC day the run was asked for", examples=["2025-11-26"])
    deduplicated: bool = Field(description="true where an existing run answers")
    message: str


class Skipped(Answer):
    """A date that is not run."""

    date: dt.date = Field(examples=[_EXAMPLES["date"]])
    reason: Literal["already_completed", "already_running", "failed_before", "too_old", "before_export", "quota"]


class Backfilled(Answer):
    """What a backfill runs and what not, the newest dates first."""

    run: list[dt.date] = Field(examples=[[_EXAMPLES["date"]]])
    skip: list[Skipped]
    remaining: int = Field(description="dates that the quota leaves to another day")


class Cancelled(Answer):
    """A run that will not load any more."""

    status: Literal[Status.CANCELLED]
    run_id: str = Field(examples=[_EXAMPLES["run_id"]])
    pipeline_logging_id: str = Field(examples=[_EXAMPLES["run_id"]])
    message: str


class RunParameters(BaseModel):
    """What a run was asked with."""

    model_config = ConfigDict(frozen=True, extra="allow")

    date: dt.date
    force_refresh: bool


class CostEstimate(Answer):
    """What a run costs the service, at list prices; as far as its containers could tell."""

    currency: Literal["USD"]
    total: str = Field(description="a decimal number, as are the two it is the sum of", examples=["0.000475209"])
    bigquery: str = Field(description="of bytes_billed", examples=["0.000119209"])
    compute: str = Field(description="of the containers' vCPU and memory seconds", examples=["0.000356"])
    vcpu_seconds: str = Field(examples=["17.8"])
    memory_gib_seconds: str = Field(examples=["17.8"])
    bytes_billed: int = Field(description="by the containers' queries in the service's project", examples=[20971520])
    prices_of: dt.date = Field(description="as of when the prices are")


class RunAnswer(Answer):
    """A run. The last three fields are older names of fields above."""

    run_id: str = Field(examples=[_EXAMPLES["run_id"]])
    pipeline_logging_id: str = Field(examples=[_EXAMPLES["run_id"]])
    org_slug: str = Field(examples=[_EXAMPLES["org_slug"]])
    pipeline_id: str = Field(examples=[_EXAMPLES["pipeline_id"]])
    pipeline: str = Field(examples=[_EXAMPLES["pipeline"]])
    provider: str = Field(examples=["gcp"])
    domain: str = Field(examples=["cost"])
    status: Status
    date: dt.date = Field(description="the UTC date whose costs are loaded", examples=[_EXAMPLES["date"]])
    requested_date: dt.date = Field(description="the UTC day the run was asked for", examples=["2025-11-26"])
    generation: int = Field(ge=1, description="counts the runs of this pipeline and date")
    trigger_type: TriggerType
    triggered_by: str = Field(description="a key's name or a person's id; never an address")
    created_at: Instant
    started_at: Instant | None
    completed_at: Instant | None
    duration_seconds: float | None
    rows_processed: int | None
    bytes_billed: int | None = Field(
        description="by the run's queries on the organization's own export, in its project and at its expense"
    )
    cost_estimate: CostEstimate | None = Field(description="null where no container has told, as of a run that waits")
    error_message: str | None
    parameters: RunParameters
    start_time: Instant | None
    end_time: Instant | None
    duration_ms: int | None


class Message(Answer):
    """Message of a step to the run's owner."""

    at: Instant
    level: str | None = Field(examples=["INFO"])
    text: str


class Step(Answer):
    """A step of a run."""

    step_logging_id: str
    step_index: int
    step_name: str
    step_type: str
    status: Status
    started_at: Instant | None
    completed_at: Instant | None
    duration_ms: int | None
    rows_processed: int | None
    progress: str | None
    error_message: str | None
    messages: list[Message]


class RunError(Answer):
    """Why a run failed."""

    code: str = Field(description=_CODE, examples=_CODES)
    message: str
    retryable: bool
    hint: str | None = Field(description="what a person can do about it")


class RunDetail(RunAnswer):
    """A run with its steps."""

    pipeline_version: str | None = Field(
        description="of the pipeline's file that the run was worked with; null before it has begun, and for older runs",
        examples=["1.0"],
    )
    steps: list[Step]
    error: RunError | None = Field(description="null unless FAILED")
    result: Result | None = Field(description="null unless SUCCESS, or where nobody could tell it")
    half_loaded: HalfLoad | None = Field(
        description="of a FAILED run that had replaced some of its tables before it ended, so the day is of two runs; "
        "else null"
    )


class CountedRuns(TypedDict, total=False):
    """The fields of a page that tell how many runs match."""

    total: int | None
    total_is: Literal["exact", "unknown"]


class RunPage(Answer):
    """Runs, newest first."""

    runs: list[RunAnswer]
    total: int | None = Field(
        default=None,
        description="how many match; left out with a cursor or `total=false`, null where it was not known in time",
    )
    total_is: Literal["exact", "unknown"] = Field(default="unknown", description="what `total` is; left out with it")
    limit: int
    offset: int
    next_cursor: str | None = Field(description="for the next page; null on the last one")


class OlderRun(Answer):
    """A run as older clients read it."""

    pipeline_logging_id: str = Field(examples=[_EXAMPLES["run_id"]])
    pipeline_id: str = Field(examples=[_EXAMPLES["pipeline_id"]])
    status: OlderStatus
    start_time: Instant | None
    end_time: Instant | None
    duration_ms: int | None


class Quota(Answer):
    """What is left of an org's UTC day."""

    org_slug: str = Field(examples=[_EXAMPLES["org_slug"]])
    plan: str | None
    subscription_status: SubscriptionStatus | str
    usage_date: dt.date
    pipelines_today: int
    daily_limit: int
    remaining: int
    resets_at: Instant


class Key(Answer):
    """An API key, by what may be known of it."""

    fingerprint: str | None
    prefix: str | None
    created_at: Instant | None
    expires_at: Instant | None
    last_used_day: dt.date | None


class Keys(Key):
    """The newest key that works, and all that work."""

    org_slug: str = Field(examples=[_EXAMPLES["org_slug"]])
    keys: list[Key]


class RotatedKey(Answer):
    """A key, shown this once."""

    org_slug: str = Field(examples=[_EXAMPLES["org_slug"]])
    api_key: str = Field(description="shown this once; stored nowhere")
    fingerprint: str
    prefix: str
    created_at: Instant
    expires_at: Instant | None
    old_keys_valid_until: Instant | None


class RevokedKey(Answer):
    """A key that opens nothing any more."""

    org_slug: str
    fingerprint: str
    revoked_at: Instant
    changed: bool = Field(description="false where it was revoked before")
    message: str
