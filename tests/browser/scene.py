"""What the browser is shown: an org with a history, in which something has failed, goes on and was never loaded."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.result import ChangeCause, Completeness, Difference, Fingerprint, Previous, Result, TableContent
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.runs.run_cost import Cost
from tests.conftest import NOON, Local

DAYS = 380
LISTED = 30  # of the newest runs: only their durations are seen
PIPELINES = (("gcp", "cost", "billing", 3000), ("openai", "", "usage_cost", 400), ("anthropic", "", "usage_cost", 300))
REFUSED = Stop(
    Code.CREDENTIAL_REJECTED,
    "Anthropic does not accept the key.",
    "Make a new admin key at Anthropic, and set up the integration again.",
)
LABELS = """[
  {"name": "team", "rules": [
    {"when": [{"dimension": "tag:team", "one_of": ["search", "ads"]}], "value": "search"},
    {"when": [{"dimension": "provider", "one_of": ["openai"]}, {"dimension": "model", "starts_with": "gpt-6"}],
     "shares": [{"value": "search", "share": "0.6"}, {"value": "assistant", "share": "0.4"}]},
    {"when": [{"dimension": "sub_account", "one_of": ["p-1", "p-2", ""]}], "value": "platform"}]},
  {"name": "env", "rules": [
    {"when": [{"dimension": "service", "one_of": ["Cloud SQL"]}], "value": "staging"}, {"value": "production"}]}
]"""
BUDGETS = """[
  {"name": "All", "currency": "USD", "amount": "42000", "first_month": "2026-10", "version": 1},
  {"name": "AI", "of": {"provider": "openai"}, "currency": "USD", "amount": "3500",
   "first_month": "2026-10", "version": 1},
  {"name": "Search team", "of": {"label": "team", "value": "search"}, "currency": "USD", "amount": "5000",
   "first_month": "2026-11", "months": [{"month": "2026-12", "amount": "6500"}], "version": 1}
]"""
BALANCES = """[
  {"provider": "openai", "currency": "USD", "amount": "9000", "as_of": "2026-10-01"},
  {"provider": "openai", "currency": "USD", "amount": "4000", "as_of": "2026-11-01"},
  {"provider": "anthropic", "currency": "USD", "amount": "1500", "as_of": "2026-11-02"}
]"""


def run_of(org: str, pipeline: int, day: date, **changes: object) -> Run:
    provider, domain, name, _ = PIPELINES[pipeline]
    fields: dict[str, object] = {
        "org_slug": org, "pipeline": f"{provider}_{name}", "provider": provider, "domain": domain, "name": name,
        "date": day, "generation": 1, "trigger_type": TriggerType.SCHEDULE, "triggered_by": "scheduler",
        "requested_at": NOON,
    }  # fmt: skip
    return Run.model_validate(fields | changes)


def history(org: str) -> Iterator[tuple[Run, RunEvent]]:
    """A run of the daily call for each day and pipeline; some days failed, were corrected or were never loaded."""
    for number in range(1, DAYS):
        day = NOON.date() - timedelta(days=number)
        for pipeline, (_, _, _, rows) in enumerate(PIPELINES):
            if (pipeline == 2 and number > 200) or (pipeline == 1 and 90 < number < 97):
                continue
            at = NOON - timedelta(days=number - 1, hours=6, minutes=-2 * pipeline)
            failed = pipeline == 2 and number in (1, 2, 40)
            run = run_of(org, pipeline, day, requested_at=at)
            yield run, _end(run, rows + number * 7 % 100, failed=failed, number=number)


def _end(run: Run, rows: int, *, failed: bool, number: int) -> RunEvent:
    at = run.requested_at + timedelta(seconds=4)
    cost = Cost(
        Decimal("17.8"), Decimal("17.8"), 20971520, Decimal("0.000356"), Decimal("0.000119"), date(2026, 11, 27)
    )
    if failed:
        return RunEvent(Status.FAILED, started_at=at, error=REFUSED, cost=cost)
    completeness = Completeness.SETTLING if number < 4 else Completeness.FINAL
    if number in (150, 151, 152) and run.provider == "gcp":
        completeness = Completeness.PARTIAL
    return RunEvent(Status.SUCCESS, started_at=at, rows=rows, result=_result(run, rows, completeness).text, cost=cost)


def _result(run: Run, rows: int, completeness: Completeness) -> Result:
    tables = {f"{run.pipeline}_daily_raw": TableContent(rows=rows, digest="1" * 32)}
    fingerprint = Fingerprint(
        rows=rows, cost={"USD": Decimal(rows) * Decimal("0.4271839")}, source_as_of=run.requested_at, tables=tables
    )
    before = Fingerprint(rows=rows - 12, cost={"USD": Decimal("1284.20")}, source_as_of=run.requested_at, tables=tables)
    return Result(
        fingerprint=fingerprint,
        previous=Previous(run_id=run.run_id, generation=1, fingerprint=before) if run.generation > 1 else None,
        difference=Difference(rows=12, cost={"USD": Decimal("3.71")}) if run.generation > 1 else None,
        unchanged=False,
        completeness=completeness,
        cause=ChangeCause.LATE_ROWS if run.generation > 1 else ChangeCause.FIRST_LOAD,
    )


def record(local: Local, org: str) -> dict[str, Run]:
    """Puts the history into the ledger, and newer runs with steps. Returns runs to look at, by what they show."""
    past = list(history(org))
    local.ledger.append_runs(past[LISTED:], NOON)
    for number, (run, event) in enumerate(past[:LISTED]):
        local.ledger.append_run(run, event, run.requested_at + timedelta(seconds=9 + 2.3 * (number % 5)))
    yesterday = NOON.date() - timedelta(days=1)
    done = run_of(
        org, 0, yesterday, generation=2, trigger_type=TriggerType.USER, triggered_by="demo-owner",
        requested_at=NOON - timedelta(minutes=12),
    )  # fmt: skip
    failed = run_of(org, 2, yesterday)
    failed = failed.model_copy(update={"requested_at": NOON - timedelta(hours=5, minutes=56)})
    going = run_of(
        org, 1, yesterday, generation=2, trigger_type=TriggerType.API, triggered_by="api_key:38cc62b96dcca9bf",
        requested_at=NOON - timedelta(seconds=31),
    )  # fmt: skip
    began = done.requested_at + timedelta(seconds=5)
    end = _end(done, 3012, failed=False, number=1)
    local.ledger.append_run(done, RunEvent(Status.RUNNING, started_at=began, pipeline_version="1.1"), began)
    _steps(
        local,
        done,
        [
            ("extract", "bigquery_query", 8.4, 3012),
            ("transform", "sql_transform", 0.4, 3012),
            ("load", "bigquery_load", 3.1, 3012),
        ],
    )
    ended = RunEvent(
        Status.SUCCESS, started_at=began, rows=3012, bytes_billed=73400320, result=end.result, cost=end.cost
    )
    local.ledger.append_run(done, ended, began + timedelta(seconds=12.2))
    _steps(local, failed, [("extract", "usage_report", 1.2, None)], fails=True)
    local.ledger.append_run(going, RunEvent(Status.RUNNING, started_at=going.requested_at + timedelta(seconds=4)), NOON)
    _steps(local, going, [("extract", "usage_report", None, None)])
    return {"done": done, "failed": failed, "going": going}


SAID = {
    "extract": [
        "Reading the day from the provider.",
        "Page 3 of the report is read.",
        "One page came late and was asked for again.",
    ],
    "transform": ["Costs are grouped by service."],
    "load": ["The day's partition is replaced.", "The totals agree with the provider's own."],
}


def _steps(
    local: Local, run: Run, steps: list[tuple[str, str, float | None, int | None]], *, fails: bool = False
) -> None:
    at = run.requested_at + timedelta(seconds=5)
    for index, (name, kind, seconds, rows) in enumerate(steps):

        def event(status: Status, key: str, **more: object) -> StepEvent:
            return StepEvent(index=index, name=name, type=kind, status=status, attempt=0, key=key, **more)  # type: ignore[arg-type]  # noqa: B023

        local.ledger.append_step(run, event(Status.RUNNING, "0"), at)
        for number, text in enumerate(SAID[name]):
            level = "WARNING" if "late" in text else "INFO"
            said_at = at + timedelta(seconds=(seconds or 20) * (number + 1) / 5)
            local.ledger.append_step(run, event(Status.RUNNING, f"m{number}", level=level, text=text), said_at)
        if seconds is not None:
            at += timedelta(seconds=seconds)
            status = Status.FAILED if fails else Status.SUCCESS
            error = REFUSED.message if fails else None
            local.ledger.append_step(run, event(status, "9", rows=rows, error=error), at)
