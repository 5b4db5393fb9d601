"""Lines of the timeline: what has happened in words, its state, and the page that shows more of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from cloudact.runs.run import TriggerType
from functions.console.readable import NBSP, NO_VALUE, money, number
from functions.console.runs_page import run_path
from functions.console.words import CHANGE, STATUS, TRIGGER, status_kind
from functions.orgs.timeline import DayChange, TimelineCredential, TimelineEntry, TimelineEvent, TimelineRun
from functions.orgs.timeline_pages import TimelineKind

CREDENTIAL = {
    "set_up": ("Set up", "success", "Credential set up"),
    "changed": ("Changed", "cancelled", "Credential or its settings changed"),
    "removed": ("Removed", "cancelled", "Credential removed"),
    "invalid": ("Does not work", "failed", "The provider does not accept the credential any more"),
    "valid": ("Works", "success", "The provider accepts the credential again"),
    "key_made": ("Made", "success", "API key made"),
    "key_revoked": ("Revoked", "cancelled", "API key revoked"),
    "key_expired": ("Ended", "cancelled", "API key ended"),
}
KIND = {
    TimelineKind.RUN: "Run",
    TimelineKind.RESTATEMENT: "Restatement",
    TimelineKind.GIVEN_UP: "Dates",
    TimelineKind.CREDENTIAL: "Credential",
    TimelineKind.QUOTA: "Quota",
    TimelineKind.BUDGET: "Budget",
    TimelineKind.ANOMALY: "Anomaly",
}


@dataclass(frozen=True)
class Told:
    """What a line says: its state with a class of the style sheet, the words of its link, and what stands below."""

    state: str
    state_kind: str
    words: str
    path: str
    detail: str = ""


@dataclass(frozen=True)
class TimelineLine:
    """Entry of the timeline as a line of the page."""

    entry: TimelineEntry
    kind: str
    told: Told


def line_of(entry: TimelineEntry, org: str, providers: Mapping[str, str], names: Mapping[str, str]) -> TimelineLine:
    """Line of an entry; `providers` are provider ids by integration, `names` what these are called by id."""
    base = f"/console/{org}"
    if entry.run is not None:
        told = _run(entry.run, org)
    elif entry.credential is not None:
        told = _credential(entry.credential, base, providers)
    elif entry.event is not None and entry.kind is TimelineKind.GIVEN_UP:
        told = _given_up(entry.event.data, base, entry.at.date().isoformat())
    else:
        told = _event(entry.event or TimelineEvent(type="", data={}), base, names)
    return TimelineLine(entry, KIND[entry.kind], told)


def _run(run: TimelineRun, org: str) -> Told:
    details = [] if run.trigger_type == TriggerType.RESTATEMENT else [f"by {_trigger(run.trigger_type)}"]
    details += [f"no. {run.generation}"] if run.generation > 1 else []
    details += [_change(run.change)] if run.change else []
    if run.error_code:
        details.append(run.error_code)
    elif run.rows_processed is not None and not run.change:
        details.append(f"{number(run.rows_processed)} rows, nothing changed")
    path = run_path(org, run.run_id, run.requested_date)
    words = f"{run.pipeline} · {run.date.isoformat()}"
    return Told(STATUS[run.status], status_kind(run.status), words, path, " · ".join(details))


def _trigger(word: str) -> str:
    return TRIGGER[TriggerType(word)] if word in [*TriggerType] else word


def _change(change: DayChange) -> str:
    amounts = [f"{_signed(amount)}{NBSP}{currency}" for currency, amount in change.cost.items()]
    rows = [f"{change.rows:+,} rows"] if change.rows is not None else []
    why = [CHANGE.get(change.cause, change.cause)] if change.cause else []
    return ", ".join([*rows, *amounts, *why])


def _signed(amount: str) -> str:
    return money(amount) if amount.startswith("-") else f"+{money(amount)}"


def _credential(credential: TimelineCredential, base: str, providers: Mapping[str, str]) -> Told:
    state, kind, words = CREDENTIAL.get(credential.what, (credential.what, "cancelled", credential.what))
    if credential.integration is None:
        detail = f"{credential.name}… · {credential.fingerprint}"
        return Told(state, kind, words, f"{base}/settings/keys", detail)
    detail = " · ".join(each for each in (credential.name, credential.fingerprint) if each)
    provider = providers.get(credential.integration, "")
    return Told(state, kind, f"{credential.integration}: {words}", f"{base}/settings#{provider}", detail)


def _given_up(data: Mapping[str, JsonValue], base: str, last_request: str) -> Told:
    """Dates of a pipeline that are run no more; their last runs were all asked for on the same day."""
    dates, pipeline = data.get("dates"), data.get("pipeline")
    named = sorted(map(str, dates)) if isinstance(dates, list) else []
    words = named[0] if len(named) == 1 else f"{number(len(named))} dates, {named[0]} to {named[-1]}" if named else ""
    path = f"{base}/runs?status=FAILED&pipeline={pipeline}&from={last_request}&to={last_request}"
    why = "Failed for a week, and is run no more by itself: see why, and retry"
    return Told("Given up", "failed", f"{pipeline} · {words}", path, why)


def _event(event: TimelineEvent, base: str, names: Mapping[str, str]) -> Told:
    data = event.data
    if event.type in ("quota_near", "quota_reached"):
        day = data.get("usage_date", "")
        used = f"{data.get('pipelines_today')} of {data.get('daily_limit')} runs of {day}"
        path = f"{base}/runs?from={day}&to={day}"
        if event.type == "quota_reached":
            return Told("Used up", "failed", "The day's quota is used up", path, used)
        return Told("Near", "warned", "Four fifths of the day's quota are used", path, used)
    if event.type == "cost_anomaly":
        return _anomaly(data, base, names)
    if event.type.startswith("budget_") and (name := _fields(data.get("budget")).get("name")):
        return _budget(event.type, str(name), data, base)
    if event.type == "balance_low":
        return _balance(data, base, names)
    if event.type == "cost_fell":
        words = f"{data.get('pipeline')} · {data.get('date')} costs less than half of what it did"
        path = f"{base}/runs/{data.get('run_id')}?requested_date={data.get('requested_date')}"
        return Told("Fell", "warned", words, path)
    plain = [f"{name.replace('_', ' ')}: {value}" for name, value in data.items() if isinstance(value, str | int)]
    return Told("Told", "warned", event.type.replace("_", " ").capitalize(), base, " · ".join(plain[:5]))


def _anomaly(data: Mapping[str, JsonValue], base: str, names: Mapping[str, str]) -> Told:
    of, cost = _fields(data.get("of")), _fields(data.get("cost"))
    key, known = _fields(of.get("key")), {"provider": names.get(str(_fields(of.get("key")).get("provider")))}
    known |= {word: str(name) for word, name in _fields(of.get("names")).items() if name}
    named = " · ".join(known.get(word) or str(value) for word, value in key.items() if value)
    since, currency = data.get("since"), cost.get("currency")
    amounts = f"{_money(cost.get('amount'))}{NBSP}{currency} instead of {_money(cost.get('expected'))}{NBSP}{currency}"
    return Told(
        "Unusual",
        "warned",
        f"Costs of {named}" if named else "Costs in total",
        f"{base}/costs?start={since}&end={since}",
        f"{since}: {amounts}",
    )


def _budget(kind: str, name: str, data: Mapping[str, JsonValue], base: str) -> Told:
    cost = _fields(data.get("cost"))
    of = f"of {_money(cost.get('budget'))}{NBSP}{cost.get('currency')} in {data.get('month')}"
    if kind == "budget_forecast":
        expected = _money(_fields(cost.get("forecast")).get("amount"))
        return Told("Forecast", "warned", f"Budget {name} will be passed", base, f"{expected} expected {of}")
    words = f"Budget {name}: {data.get('threshold')}{NBSP}% is spent"
    return Told("Spent", "warned", words, base, f"{_money(cost.get('spent'))} {of}")


def _balance(data: Mapping[str, JsonValue], base: str, names: Mapping[str, str]) -> Told:
    provider = str(data.get("provider", ""))
    balance, ends = _fields(data.get("balance")), _fields(data.get("ends"))
    left = f"{_money(balance.get('left'))} of {_money(balance.get('amount'))}{NBSP}{balance.get('currency')} left"
    until = f", until {day}" if (day := ends.get("runs_out_on")) else ""
    days = data.get("days_left")
    words = f"Balance of {names.get(provider, provider)}: {days}{NBSP}{'day' if days == 1 else 'days'} left"
    return Told("Low", "warned", words, base, left + until)


def _fields(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _money(value: JsonValue) -> str:
    return money(value) if isinstance(value, str) else NO_VALUE
