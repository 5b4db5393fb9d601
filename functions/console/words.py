"""Words of the console for what the API names by codes: statuses, who started a run, how complete a day is."""

from cloudact.orgs.org import IntegrationStatus
from cloudact.runs.run import Status, TriggerType
from functions.orgs.timeline_pages import TimelineKind

SCHEDULED = (TriggerType.SCHEDULE, TriggerType.RESTATEMENT)
STATUS = {
    Status.PENDING: "Waiting",
    Status.RUNNING: "Running",
    Status.SUCCESS: "Succeeded",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}
TRIGGER = {
    TriggerType.API: "API key",
    TriggerType.USER: "person",
    TriggerType.SCHEDULE: "daily call",
    TriggerType.BACKFILL: "backfill",
    TriggerType.RETRY: "retry",
    TriggerType.RESTATEMENT: "restatement",
}
TIMELINE_KIND = {
    TimelineKind.RUN: "Runs",
    TimelineKind.RESTATEMENT: "Restatements",
    TimelineKind.GIVEN_UP: "Dates given up",
    TimelineKind.CREDENTIAL: "Credentials",
    TimelineKind.QUOTA: "Quota",
    TimelineKind.BUDGET: "Budgets",
    TimelineKind.ANOMALY: "Anomalies",
}
INTEGRATION = {
    IntegrationStatus.VALID: "Works",
    IntegrationStatus.INVALID: "Does not work",
    IntegrationStatus.NOT_CONFIGURED: "Not set up",
}
COMPLETENESS = {
    "final": "complete",
    "settling": "may still change",
    "provisional": "loaded before the day was over",
    "partial": "the source lacks a part",
    "frozen": "kept as loaded before: the source has lost rows",
}
SKIPPED = {
    "already_completed": "loaded",
    "already_running": "running",
    "failed_before": "failed before",
    "too_old": "too old",
    "before_export": "before the export",
    "quota": "not today: quota",
}
CHANGE = {
    "first_load": "first load",
    "late_rows": "late rows",
    "provider_correction": "the provider's correction",
    "forced": "a forced run",
    "code": "a new version of the pipeline",
}


def status_kind(status: Status) -> str:
    """Class of a status in the style sheet."""
    return status.value.lower()
