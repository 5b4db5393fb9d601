"""`timeline`: what has happened in an org, in one list."""

import re
from collections.abc import Iterator

import click

from cli.completion import complete_words
from cli.days import DAY
from cli.json_object import JsonObject
from cli.pages import after_option, say_more
from cli.readable import ago
from cli.run_ids import shortened
from cli.screen import on_terminal, say, table
from cli.session import Api, asks_api
from cli.text import words

KINDS = ("run", "restatement", "given_up", "credential", "quota", "budget", "anomaly")
COLUMNS = ("WHEN", "KIND", "STATE", "WHAT")
LEFT_OUT_FIRST = ("KIND",)  # where a terminal is narrow
LISTED = 3  # dates of one event; of more the first and the last
SAID = {  # of an event, by its type: names stand for fields of its data
    "quota_near": "{pipelines_today} of {daily_limit} runs of {usage_date}",
    "quota_reached": "{pipelines_today} of {daily_limit} runs of {usage_date}",
    "dates_given_up": "{pipeline} {dates}",
    "cost_fell": "{pipeline} {date} {run_id}",
    "cost_anomaly": "{of.key} {since}: {cost.amount} instead of {cost.expected} {cost.currency}",
    "budget_threshold": "{budget.name}: {cost.spent} of {cost.budget} {cost.currency} in {month}",
    "budget_forecast": "{budget.name}: {cost.forecast.amount} of {cost.budget} {cost.currency} in {month}",
    "balance_low": "{provider}: {balance.left} of {balance.amount} {balance.currency}, {days_left} days left",
}
_FIELD = re.compile(r"{([\w.]+)}")


@click.command()
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    shell_complete=complete_words(KINDS),
    help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}; all, if left out. May be repeated.",
)
@click.option("--start-date", type=DAY, help="The first UTC day.")
@click.option("--end-date", type=DAY, help="The last UTC day, inclusive.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@after_option
@asks_api
def timeline(api: Api, /, kinds: tuple[str, ...], limit: int, **others: str | None) -> None:
    """List what has happened, newest first: runs, restatements, credentials, quota, budgets, anomalies."""
    filters: JsonObject = {"kind": [kind.lower() for kind in kinds], **others}
    answer = api.call("GET", "organizations", api.org, "timeline", query={**filters, "limit": limit})
    api.screen.answer(answer, lambda body: _show(body, filtered=any(filters.values())))


def _show(body: JsonObject, *, filtered: bool) -> None:
    entries = body["entries"]
    if not entries:
        say("Nothing matches." if filtered else "Nothing has happened yet.")
        return
    ids = [each["run"]["run_id"] for each in entries if each["run"]]
    shown = dict(zip(ids, shortened(ids) if on_terminal() else ids, strict=True))
    rows = [[ago(each["at"]), words(each["kind"]), *_told(each, shown)] for each in entries]
    table(COLUMNS, rows, LEFT_OUT_FIRST)
    say_more(body)


def _told(entry: JsonObject, ids: JsonObject) -> tuple[str, str]:
    """State of what has happened, and of what it is; `ids` are what runs' ids are shown as."""
    if run := entry["run"]:
        return run["status"], " ".join([run["pipeline"], run["date"], *_outcome(run), ids[run["run_id"]]])
    if credential := entry["credential"]:
        parts = (credential[name] for name in ("integration", "name", "fingerprint"))
        return words(credential["what"]), " ".join(filter(None, parts))
    event = entry["event"]
    return words(event["type"]), _sentence(event["type"], event["data"])


def _outcome(run: JsonObject) -> Iterator[str]:
    """Words on what a run has changed of its date, or why it has failed."""
    if run["error_code"]:
        yield run["error_code"]
    change = run["change"] or {"rows": None, "cost": {}}
    if change["rows"] is not None:
        yield f"{change['rows']:+} rows"
    for currency, amount in change["cost"].items():
        yield f"{amount if amount.startswith('-') else f'+{amount}'} {currency}"


def _sentence(kind: str, data: JsonObject) -> str:
    if kind not in SAID:
        return ", ".join(f"{words(name)} {value}" for name, value in data.items() if isinstance(value, str | int))
    return _FIELD.sub(lambda field: _text(data, field[1].split(".")), SAID[kind])


def _text(value: object, path: list[str]) -> str:
    """Text of the field at this path; a question mark where the event does not have it."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        return " / ".join(str(each) for each in value.values() if each) or "total"
    if isinstance(value, list):
        return ", ".join(map(str, value)) if len(value) <= LISTED else f"{value[0]} … {value[-1]} ({len(value)})"
    return "?" if value is None else str(value)
