"""GET /costs/{org}/anomalies: what has changed in an org's costs, since when and by how much."""

import datetime as dt
from collections.abc import Iterator

from flask import Response, request
from pydantic import Field

from cloudact.anomalies.anomaly import Anomaly, Kind
from cloudact.anomalies.cost_days import DAY, SHOWN_DAYS, Window
from cloudact.anomalies.query_text import query_text
from cloudact.anomalies.series import LayerWord
from cloudact.runs.run import FIRST_DATE
from functions.auth.authenticate import let_in, presented
from functions.costs.anomaly_answers import FoundAnomalies
from functions.costs.collaborators import OrgCosts
from functions.costs.endpoints import measured, refusing, revalidated
from functions.costs.shapes import Amount, plain
from functions.web.answers import Answer
from functions.web.inputs import Day, Input, in_query
from functions.web.problems import bad_field


class AnomaliesQuery(Input):
    """Query string of anomalies."""

    end: Day | None = Field(
        default=None,
        description="last UTC day of the 30 that are looked at; default: yesterday",
        examples=["2025-11-25"],
    )

    def window(self, today: dt.date) -> Window:
        """Days that are asked about. Raises 400 for a day that is not over, or before our first one."""
        end = self.end or today - DAY
        if not FIRST_DATE <= end < today:
            raise bad_field("end", f"must be a day from {FIRST_DATE.isoformat()} to yesterday")
        return Window.ending(end, SHOWN_DAYS)


class CostAnomaly(Answer):
    """Anomaly of an organization's costs."""

    kind: Kind
    layer: LayerWord = Field(description="what the anomaly is of")
    key: dict[str, str | None] = Field(
        description="which one it is; empty for the total", examples=[{"service": "Compute Engine"}]
    )
    names: dict[str, str] = Field(description="names of ids, where known", examples=[{"sub_account": "Search"}])
    currency: str = Field(description="ISO 4217", examples=["USD"])
    since: dt.date = Field(description="first UTC day", examples=["2025-11-18"])
    last_date: dt.date = Field(description="last UTC day that differs so far", examples=["2025-11-20"])
    days: int = Field(description="how many days of these differ")
    amount: Amount = Field(description="of the first day")
    expected: Amount = Field(description="what the first day was expected to cost: the median of the same weekdays")
    difference: Amount = Field(description="amount less expected")
    total_difference: Amount = Field(description="of all days that differ")
    is_masked: bool = Field(description="whether other costs went the other way, so that the total hides most of it")
    query: str = Field(description="GoogleSQL that shows it in the organization's dataset")


class SettledUntil(Answer):
    """Last UTC day of a provider that is settled, so judged."""

    provider: str
    date: dt.date


class CostAnomalies(Answer):
    """Anomalies of an organization's costs."""

    org_slug: str = Field(examples=["acmecorp"])
    start: dt.date = Field(description="first UTC day on which an anomaly of these may have begun")
    end: dt.date
    anomalies: list[CostAnomaly] = Field(description="the newest first, of one day the largest first")
    settled_until: list[SettledUntil] = Field(description="of each provider; later days are not judged yet")


def show_anomalies(api: OrgCosts, org: str) -> Response:
    """200 with the anomalies, or 304 where no load has changed the costs since the answer that the request knows."""
    credential = presented(api.auth, org)
    window = in_query(request.args, AnomaliesQuery).window(api.clock().date())
    let_in(api.auth, org, credential)
    etag = api.answers.etag(org, window)
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    with refusing():
        found, processed = api.anomalies.find(org, window, etag)
    return measured(_shown(org, found), etag, processed)


def _shown(org: str, found: FoundAnomalies) -> CostAnomalies:
    return CostAnomalies(
        org_slug=org,
        start=found.window.begins,
        end=found.window.last,
        anomalies=list(_anomalies(org, found)),
        settled_until=[SettledUntil(provider=name, date=day) for name, day in found.settled_until.items()],
    )


def _anomalies(org: str, found: FoundAnomalies) -> Iterator[CostAnomaly]:
    for each in found.anomalies:
        yield CostAnomaly(
            kind=each.kind,
            layer=each.series.layer.word,
            key=each.series.values,
            names=each.series.names(found.names),
            currency=each.currency,
            since=each.since,
            last_date=each.last,
            days=each.days,
            **_amounts(each),
            is_masked=each.is_masked,
            query=query_text(each, org),
        )


def _amounts(anomaly: Anomaly) -> dict[str, str]:
    return {
        "amount": plain(anomaly.first.amount),
        "expected": plain(anomaly.first.expected),
        "difference": plain(anomaly.first.difference),
        "total_difference": plain(anomaly.difference),
    }
