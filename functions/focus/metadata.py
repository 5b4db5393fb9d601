"""GET /focus/{org}/metadata: the columns of `focus_costs`, how recent each day is, how it comes; reads no charge."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Response, request
from pydantic import Field

from cloudact.error_codes import Code
from functions.auth.authenticate import let_in, presented
from functions.focus.answers import (
    ColumnDefinition,
    CorrectionHandling,
    DataGenerator,
    DatasetInstance,
    DeliveryHandling,
    FocusMetadata,
    Recency,
    Schema,
    TimeSector,
)
from functions.focus.collaborators import Focus
from functions.web.answers import answered
from functions.web.inputs import Day, Input, in_query
from functions.web.problems import bad_field, bad_request, translating_unreadable_datasets

DAYS = 400  # of time sectors, where no other are asked for: a year and what is compared with it
MOST_DAYS = 1100
Row = Mapping[str, Any]

DELIVERY = DeliveryHandling(
    Mechanism="Overwrite",
    Scope="one UTC day of one provider",
    Frequency="daily, and again while the provider may still change the day",
)
CORRECTIONS = CorrectionHandling(
    Style="Replacement",
    Scope="one UTC day of one provider, which always is a complete snapshot",
    Rows="A correction that the provider sends as a row of its own is a row in that day, with ChargeClass Correction.",
)


class MetadataQuery(Input):
    """Days of the time sectors."""

    start_date: Day | None = Field(default=None, description=f"first UTC day; default: {DAYS - 1} days before the last")
    end_date: Day | None = Field(default=None, description=f"last UTC day; default: today. At most {MOST_DAYS} days")


def show_metadata(room: Focus, org: str) -> Response:
    """200 with the org's FOCUS metadata, or 304 where its ETag is what the request knows."""
    credential, query = presented(room.auth, org), in_query(request.args, MetadataQuery)
    first, last = _days(query, room.clock().date())
    let_in(room.auth, org, credential)
    with translating_unreadable_datasets():
        (found,) = room.warehouse.rows("focus_metadata", org, org_slug=org, first_day=first, last_day=last)
    answer = answered(_metadata(found))
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _days(query: MetadataQuery, today: dt.date) -> tuple[dt.date, dt.date]:
    last = query.end_date or today
    first = query.start_date or max(last, dt.date.min + dt.timedelta(days=DAYS)) - dt.timedelta(days=DAYS - 1)
    if first > last:
        raise bad_request("start_date must not be after end_date, which is today if left out.", Code.FIELDS_CONFLICT)
    if (last - first).days >= MOST_DAYS:
        raise bad_field("start_date", f"must be at most {MOST_DAYS - 1} days before end_date")
    return first, last


def _metadata(found: Row) -> FocusMetadata:
    instances = found["instances"]
    return FocusMetadata(
        DataGenerator=DataGenerator(DataGenerator="CloudAct Pipelines"),
        DatasetInstance=[DatasetInstance(**_named(DatasetInstance, each)) for each in instances],
        Schema=list(_schemas(found, instances)),
        Recency=list(_recency(found["sectors"], instances)),
        x_DeliveryHandling=DELIVERY,
        x_CorrectionHandling=CORRECTIONS,
    )


def _schemas(found: Row, instances: Sequence[Row]) -> Iterator[Schema]:
    created = {each["script"]: each["created_at"] for each in found["created"]}
    known = {
        "CostAndUsage": (found["columns_of_costs"], created.get("views_focus_schema")),
        "BillingPeriod": (found["columns_of_periods"], created.get("views_focus_billing_schema")),
    }
    for instance in instances:
        columns, created_at = known[instance["FocusDatasetId"]]
        yield Schema(
            SchemaId=columns[0]["SchemaId"],
            CreationDate=created_at,
            FocusVersion=columns[0]["FocusVersion"],
            DatasetInstanceId=instance["DatasetInstanceId"],
            ColumnDefinition=[ColumnDefinition(**_told(_named(ColumnDefinition, each))) for each in columns],
        )


def _recency(sectors: Sequence[Row], instances: Sequence[Row]) -> Iterator[Recency]:
    for instance in instances:
        own = [each for each in sectors if each["DatasetInstanceId"] == instance["DatasetInstanceId"]]
        if own:
            yield Recency(
                DatasetInstanceId=instance["DatasetInstanceId"],
                DatasetInstanceLastUpdated=instance["DatasetInstanceLastUpdated"],
                RecencyLastUpdated=instance["RecencyLastUpdated"],
                TimeSectors=[TimeSector(**_named(TimeSector, each)) for each in own],
            )


def _named(shape: type[DatasetInstance | ColumnDefinition | TimeSector], row: Row) -> dict[str, Any]:
    return {name: row[name] for name in shape.model_fields if name in row}


def _told(fields: Row) -> dict[str, Any]:
    """Fields without those that say nothing, which FOCUS has where they apply alone."""
    return {name: value for name, value in fields.items() if value}
