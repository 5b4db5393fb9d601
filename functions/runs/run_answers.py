"""Runs and their steps as clients see them: from the stored rows to the shapes of the answers."""

import datetime as dt
from collections.abc import Iterable

from cloudact.error_codes import Code
from cloudact.runs.result import plain
from cloudact.runs.run import Status, TriggerType
from cloudact.runs.run_cost import Cost
from functions.runs.run_rows import ListedRun, StoredStep
from functions.web.answers import CostEstimate, Message, RunAnswer, RunError, RunParameters, Step


def run_answer(run: ListedRun) -> RunAnswer:
    """Run as clients see it, the older names beside the newer."""
    return RunAnswer(
        run_id=run.run_id,
        pipeline_logging_id=run.run_id,
        org_slug=run.org_slug,
        pipeline_id=run.pipeline_id,
        pipeline=run.pipeline,
        provider=run.provider,
        domain=run.domain,
        status=run.status,
        date=run.date,
        requested_date=run.requested_date,
        generation=run.generation,
        trigger_type=TriggerType(run.trigger_type),
        triggered_by=run.triggered_by,
        created_at=run.created_at,
        started_at=run.started_at,
        completed_at=run.completed_at,
        duration_seconds=None if run.duration_ms is None else run.duration_ms / 1000,
        rows_processed=run.rows_processed,
        bytes_billed=run.bytes_billed,
        cost_estimate=cost_answer(run.cost),
        error_message=run.error_message,
        parameters=RunParameters.model_validate_json(run.parameters),
        start_time=run.started_at,
        end_time=run.completed_at,
        duration_ms=run.duration_ms,
    )


def cost_answer(cost: Cost | None) -> CostEstimate | None:
    """Estimate of what a run costs the service, in US dollars; `None` where nothing is recorded."""
    if cost is None:
        return None
    return CostEstimate(
        currency="USD",
        total=plain(cost.total_usd),
        bigquery=plain(cost.bigquery_usd),
        compute=plain(cost.compute_usd),
        vcpu_seconds=plain(cost.vcpu_seconds),
        memory_gib_seconds=plain(cost.memory_gib_seconds),
        bytes_billed=cost.service_bytes_billed,
        prices_of=cost.prices_of,
    )


def step_answer(step: StoredStep, run: ListedRun) -> Step:
    """Step as clients see it. A step that was at work when the run was settled ended with it."""
    cut_off = step.status is Status.RUNNING and run.status.final
    return Step(
        step_logging_id=step.step_logging_id,
        step_index=step.step_index,
        step_name=step.step_name,
        step_type=step.step_type,
        status=run.status if cut_off else step.status,
        started_at=step.started_at,
        completed_at=run.completed_at if cut_off else step.completed_at,
        duration_ms=step.duration_ms,
        rows_processed=step.rows_processed,
        progress=step.progress,
        error_message=step.error_message,
        messages=[Message(at=at, level=level, text=text) for at, level, text in _messages(step)],
    )


def _messages(step: StoredStep) -> Iterable[tuple[dt.datetime, str | None, str]]:
    """Messages of a step's last try, each once: an append may be two rows, and a retry repeats its text."""
    last = [each for each in step.messages or () if each.attempt == step.attempt]
    return dict.fromkeys((each.occurred_at, each.level, each.text) for each in last)


def error_answer(run: ListedRun) -> RunError | None:
    """Error of a FAILED run; `None` for any other."""
    if run.status is not Status.FAILED:
        return None
    return RunError(
        code=run.error_code or Code.UNKNOWN,
        message=run.error_message or "The run failed without saying why.",
        retryable=bool(run.error_retryable),
        hint=run.error_hint,
    )
