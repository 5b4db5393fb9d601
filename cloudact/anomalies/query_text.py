"""Query that shows an anomaly in its org's dataset: text for a reader, its literals quoted. Nothing here runs it."""

import json
from datetime import timedelta

from cloudact.anomalies.anomaly import Anomaly

COLUMNS = {
    "provider": "x_Provider",
    "service": "ServiceName",
    "model": "x_Model",
    "sub_account": "SubAccountId",
    "api_key": "x_ApiKeyId",
}


def query_text(anomaly: Anomaly, dataset: str) -> str:
    """GoogleSQL that tells the anomaly's costs by day: the eight weeks before it, its own days and the week after."""
    first, last = anomaly.since - timedelta(weeks=8), anomaly.last + timedelta(weeks=1)
    conditions = [
        f"x_UsageDate BETWEEN DATE '{first}' AND DATE '{last}'",
        "ChargeCategory = 'Usage'",
        "ChargeClass IS NULL",
        f"BillingCurrency = {quoted(anomaly.currency)}",
        *(_equals(COLUMNS[word], value) for word, value in anomaly.series.values.items()),
    ]
    where = "\n  AND ".join(conditions)
    return (
        f"SELECT x_UsageDate, SUM(ContractedCost) AS cost\nFROM `{dataset}`.focus_costs\nWHERE {where}\n"
        "GROUP BY x_UsageDate\nORDER BY x_UsageDate"
    )


def quoted(text: str) -> str:
    """String literal of GoogleSQL. It escapes as JSON does, whose escapes GoogleSQL all knows."""
    return json.dumps(text, ensure_ascii=False)


def _equals(column: str, value: str | None) -> str:
    return f"{column} IS NULL" if value is None else f"{column} = {quoted(value)}"
