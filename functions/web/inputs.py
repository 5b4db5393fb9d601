"""Shapes of bodies and query strings. Endpoints read with them, and the OpenAPI document is made from them.

A field's refusal is a `Problem` of its own, in plain words; pydantic lets it through as it is.
"""

import datetime as dt
import re
from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias, TypeVar, get_origin

from flask import Request
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from werkzeug.datastructures import MultiDict

from cloudact.error_codes import Code
from cloudact.runs.run import Status, TriggerType
from functions.web.parameters import any_date, body_object, only_known
from functions.web.problems import Problem, bad_field, bad_request
from functions.web.waiting import LONGEST_S

STATUSES = {status.value: status for status in Status} | {"COMPLETED": Status.SUCCESS, "COMPLETE": Status.SUCCESS}
_INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})"
PIPELINE = r"^[A-Za-z0-9_-]{1,101}$"


class Input(BaseModel):
    """A body or a query string; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
    missing: ClassVar[str] = "{field} is required."  # the refusal of a body that lacks a required field


Body = TypeVar("Body", bound=Input)


def in_body(request: Request, kind: type[Body]) -> Body:
    """Reads the JSON object of the body; no body counts as an empty object. Raises 400 or 415 for anything else."""
    body = body_object(request, kind.model_fields)
    _require(kind, body)
    return kind.model_validate(body)


def in_query(args: MultiDict[str, str], kind: type[Body]) -> Body:
    """Reads the query string, each filter under any of its names. Raises 400 for anything else.

    A field that is a tuple may be given several times.
    """
    names = {field: names_of(field, info) for field, info in kind.model_fields.items()}
    several = [field for field, info in kind.model_fields.items() if get_origin(info.annotation) is tuple]
    only_known(args, [name for field in names for name in names[field]], several)
    fields = {field: _either(args, names[field]) for field in names if field not in several}
    given: dict[str, str | list[str]] = {field: text for field, text in fields.items() if text is not None}
    given |= {field: args.getlist(field) for field in several if field in args}
    _require(kind, given)
    return kind.model_validate(given)


def _require(kind: type[Input], given: Container[str]) -> None:
    """Raises 400 for a required field that is not given, before pydantic looks at the others."""
    for field, info in kind.model_fields.items():
        if info.is_required() and field not in given:
            raise Problem(400, kind.missing.format(field=field), code=Code.FIELD_MISSING, field=field)


def names_of(field: str, info: FieldInfo) -> tuple[str, ...]:
    """The name of a field in a query string and, after it, its other names."""
    alias = info.validation_alias
    return tuple(str(name) for name in alias.choices) if isinstance(alias, AliasChoices) else (field,)


def _either(args: Mapping[str, str], names: Iterable[str]) -> str | None:
    values = {name: args[name] for name in names if name in args}
    if len(set(values.values())) > 1:
        both = " and ".join(values)
        raise bad_request(f"{both} are the same filter and differ; give one of them.", Code.FIELDS_CONFLICT)
    return next(iter(values.values()), None)


def _day(text: object, info: ValidationInfo) -> dt.date:
    return any_date(info.field_name or "", text)


def _moment(text: object, info: ValidationInfo) -> dt.datetime:
    if isinstance(text, str) and re.fullmatch(_INSTANT, text, re.ASCII):
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    raise bad_field(info.field_name, "must be an instant such as 2026-11-12T12:00:05.000Z")


def _flag(value: object, info: ValidationInfo) -> bool:
    if not isinstance(value, bool):
        raise bad_field(info.field_name, "must be true or false")
    return value


def written_flag() -> BeforeValidator:
    """Reads `true` or `false`."""

    def read(text: object, info: ValidationInfo) -> bool:
        if text not in ("true", "false"):
            raise bad_field(info.field_name, "must be true or false")
        return text == "true"

    return BeforeValidator(read)


def whole(least: int, most: int) -> BeforeValidator:
    """Reads a whole number that is written in digits."""

    def read(value: object, info: ValidationInfo) -> int:
        text = str(value)
        number = int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else least - 1
        if not least <= number <= most:
            raise bad_field(info.field_name, f"must be a whole number from {least} to {most}")
        return number

    return BeforeValidator(read)


def _count(least: int, most: int) -> BeforeValidator:
    """Reads a whole JSON number or null; 24.0 is a whole one, as in JSON Schema."""

    def read(value: object, info: ValidationInfo) -> int | None:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            number = int(value)
            if number == value:
                return number
        raise bad_field(info.field_name, f"must be a whole number from {least} to {most}")

    return BeforeValidator(read)


def name_of(longest: int) -> BeforeValidator:
    """Reads a name that people give: 1 to `longest` characters, none of them a control character, not only spaces."""
    pattern = re.compile(rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{{1,{longest}}}")

    def read(value: object, info: ValidationInfo) -> str | None:
        if value is None or (isinstance(value, str) and pattern.fullmatch(value) and value.strip()):
            return value
        raise bad_field(info.field_name, f"must be 1 to {longest} characters without control characters")

    return BeforeValidator(read)


def word_of(allowed: Mapping[str, object], *, in_any_case: bool = False) -> BeforeValidator:
    """Reads a word as what it stands for; a 400 lists the words that are allowed, which are upper case for any case."""

    def read(text: object, info: ValidationInfo) -> object:
        word = text.upper() if in_any_case and isinstance(text, str) and text.isascii() else text
        if not isinstance(word, str) or word not in allowed:
            raise bad_field(info.field_name, f"must be one of {', '.join(allowed)}")
        return allowed[word]

    return BeforeValidator(read)


def _pipeline(text: object, info: ValidationInfo) -> str:
    if not isinstance(text, str) or not re.fullmatch(PIPELINE, text) or text.endswith("\n"):
        raise bad_field(info.field_name, "must be 1 to 101 letters, digits, underscores or hyphens")
    return text


_DAY = WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
Day: TypeAlias = Annotated[dt.date, BeforeValidator(_day), _DAY]
Moment: TypeAlias = Annotated[
    dt.datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_INSTANT}$"}),
]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_flag)]


class TriggerQuery(Input):
    """The query string of a trigger."""

    date: Day | None = Field(default=None, description="as in the body; default: yesterday (UTC)")


class TriggerBody(Input):
    """What to run. An empty body is fine."""

    date: Day | None = Field(
        default=None,
        description="UTC date to load, from 2015-01-01 to today; default: yesterday",
        examples=["2025-11-25"],
    )
    force_refresh: Flag = Field(default=False, description="run again what has succeeded already")


class Reprocess(StrEnum):
    """Which dates that have run before are run again."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class BackfillBody(Input):
    """Which dates to load. A date that was never loaded is run in any case."""

    pipeline: Annotated[str, BeforeValidator(_pipeline), WithJsonSchema({"type": "string", "pattern": PIPELINE})] = (
        Field(description="registry id", examples=["gcp_billing"])
    )
    start_date: Day = Field(description="first UTC date, from 2015-01-01", examples=["2025-09-01"])
    end_date: Day = Field(description="last UTC date, inclusive; at most 366 dates", examples=["2025-11-25"])
    reprocess: Annotated[
        Reprocess,
        word_of({choice.value: choice for choice in Reprocess}),
        WithJsonSchema({"type": "string", "enum": [choice.value for choice in Reprocess]}),
    ] = Field(
        default=Reprocess.NONE,
        description="failed: also dates whose last run failed or was cancelled; completed: also those that succeeded",
    )
    dry_run: Flag = Field(default=False, description="tell what would be run, and start nothing")


class RunQuery(Input):
    """The query string of one run."""

    requested_date: Day | None = Field(
        default=None,
        description="UTC day the run was asked for, as its answers and Location tell: it is found at once then",
        examples=["2025-11-26"],
    )


class RunDetailQuery(RunQuery):
    """The query string of one run's detail."""

    wait: Annotated[
        int | None, whole(0, LONGEST_S), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LONGEST_S})
    ] = Field(
        default=None,
        description="seconds to hold the answer back while the run is as If-None-Match has it; `Prefer: wait=25` "
        "does the same",
    )
    since: Moment | None = Field(
        default=None,
        description="leaves out steps and messages that are older; what happened in that very millisecond is repeated",
        examples=["2026-11-12T12:00:05.000Z"],
    )


class ProviderQuery(Input):
    """The query string of the catalogue."""

    provider: str | None = Field(default=None, examples=["gcp"])


class RunsQuery(Input):
    """Filters of a list; days are UTC days of the request, inclusive."""

    status: Annotated[
        Status | None,
        word_of(STATUSES, in_any_case=True),
        WithJsonSchema({"type": "string", "enum": list(STATUSES)}),
    ] = Field(
        default=None,
        validation_alias=AliasChoices("status", "status_filter"),
        description="in upper or lower case; COMPLETED and COMPLETE mean SUCCESS",
    )
    pipeline_id: Annotated[
        str | None, BeforeValidator(_pipeline), WithJsonSchema({"type": "string", "pattern": PIPELINE})
    ] = Field(
        default=None,
        validation_alias=AliasChoices("pipeline_id", "pipelineId"),
        description="`gcp_billing` or `acmecorp-gcp-billing`",
        examples=["gcp_billing"],
    )
    start_date: Day | None = Field(default=None, validation_alias=AliasChoices("start_date", "startDate"))
    end_date: Day | None = Field(default=None, validation_alias=AliasChoices("end_date", "endDate"))
    date: Day | None = Field(default=None, description="the day whose costs were loaded")
    trigger_type: Annotated[
        TriggerType | None,
        word_of({trigger.value: trigger for trigger in TriggerType}),
        WithJsonSchema({"type": "string", "enum": [trigger.value for trigger in TriggerType]}),
    ] = Field(default=None)
    limit: Annotated[int, whole(1, 100), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 100})] = 20
    offset: Annotated[
        int | None, whole(0, 10_000_000), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10_000_000})
    ] = Field(default=None, description="excludes cursor; default: 0")
    cursor: str | None = Field(default=None, description="next_cursor of the page before; excludes offset")
    total: Annotated[bool, written_flag(), WithJsonSchema({"type": "boolean"})] = Field(
        default=True, description="whether to count all that match, which a page does not need"
    )


class RotateBody(Input):
    """Terms on which the new key and the old ones end."""

    grace_hours: Annotated[int | None, _count(0, 168)] = Field(
        default=None, ge=0, le=168, description="that old keys go on working; default: 24"
    )
    expires_in_days: Annotated[int | None, _count(1, 3650)] = Field(
        default=None, ge=1, le=3650, description="default: never"
    )
