"""Rules for values that Google documents and no schema holds: one table, each rule with its source.

A source in brackets is a discovery document of infra/discovery and a field of it, whose description says so.
"""

import re

from infra.rehearsal.calls import Call
from infra.rehearsal.rules import (
    Rule,
    at_most,
    between,
    bytes_at_most,
    labels,
    labels_but_googles,
    matches,
    parallelism,
    rotation,
)
from infra.rehearsal.schedules import is_cron, is_time_zone
from infra.rehearsal.sizes import cpus, enough_cpus, enough_memory, gibibytes, seconds


def broken_rules(method: str, call: Call) -> list[str]:
    """Sentences on the rules that a call breaks; empty where it may pass."""
    broken = (rule for rule in RULES if not rule.is_kept(method, call))
    return [f"{rule.at.removeprefix('query:') or 'request'}: {rule.words}" for rule in broken]


_JOBS = r"run\.namespaces\.jobs\.(create|replaceJob)"
_SERVICES = r"run\.namespaces\.services\.(create|replaceService)"
_ANY_RUN = r"run\.namespaces\.(jobs|services)\.(create|replaceJob|replaceService)"
_QUEUES = r"cloudtasks\.projects\.locations\.queues\.(create|patch)"
_CALLS = r"cloudscheduler\.projects\.locations\.jobs\.(create|patch)"
_KEYS = r"cloudkms\.projects\.locations\.keyRings\.cryptoKeys\.(create|patch)"
_ALERTS = r"monitoring\.projects\.alertPolicies\.(create|patch)"
_METRICS = r"logging\.projects\.metrics\.(create|update)"
_DATASETS = r"bigquery\.datasets\.(insert|patch|update)"
_EXECUTION = "spec.template.spec"
_TASK = f"{_EXECUTION}.template.spec"
_SERVICE = "spec.template.spec"
_GCLOUD = "Google Cloud SDK 528, googlecloudsdk/command_lib/run/flags.py"
_RUN = "https://cloud.google.com/run"

RULES = (
    # Cloud Run, in the shape that gcloud uses. [run.v2] describes the same resources.
    Rule(_JOBS, _EXECUTION, parallelism, "parallelism must not exceed the number of tasks",
         f"[run.v2 Execution.parallelism]; {_RUN}/docs/configuring/parallelism; {_GCLOUD}, --parallelism"),
    Rule(_JOBS, f"{_EXECUTION}.taskCount", between(1, 10_000), "must be 1 to 10,000", f"{_RUN}/quotas"),
    Rule(_JOBS, f"{_TASK}.maxRetries", between(0, 10), "must be 0 to 10",
         f"{_RUN}/docs/configuring/max-retries"),
    Rule(_JOBS, f"{_TASK}.timeoutSeconds", between(1, 168 * 3600), "must be at most 168 hours",
         f"{_RUN}/docs/configuring/task-timeout"),
    Rule(_JOBS, "metadata.name", matches(r"(?!-)[a-z0-9-]{1,63}(?<!-)"),
         "must have at most 63 lowercase letters, digits and inner dashes", f"{_GCLOUD}, ValidateResource"),
    Rule(_SERVICES, "metadata.name", matches(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?"),
         "must begin with a letter, not end with a dash, and have fewer than 50 characters",
         "[run.v2 projects.locations.services.create serviceId]"),
    Rule(_SERVICES, f"{_SERVICE}.timeoutSeconds", between(1, 3600), "must be at most 3600 seconds",
         "[run.v1 RevisionSpec.timeoutSeconds]"),
    Rule(_SERVICES, f"{_SERVICE}.containerConcurrency", between(0, 1000), "must be at most 1000",
         f"{_RUN}/docs/about-concurrency"),
    Rule(_ANY_RUN, "metadata.labels", labels_but_googles, "labels are at most 64, of at most 63 lowercase characters",
         "https://cloud.google.com/resource-manager/docs/labels-overview#requirements"),
    *(
        Rule(methods, f"{spec}.containers.[].{at}", holds, words, source)
        for methods, spec in ((_JOBS, _TASK), (_SERVICES, _SERVICE))
        for at, holds, words, source in (
            ("env.[].name", at_most(32_768), "must have at most 32768 characters", "[run.v2 EnvVar.name]"),
            ("env.[].value", bytes_at_most(32_768), "must have at most 32768 bytes", "[run.v2 EnvVar.value]"),
            ("resources.limits", enough_cpus, "so much memory needs more CPUs",
             f"{_RUN}/docs/configuring/services/memory-limits"),
            ("resources.limits", enough_memory, "so many CPUs need more memory",
             f"{_RUN}/docs/configuring/services/cpu"),
            ("resources.limits.memory", lambda memory: 0.5 <= gibibytes(memory) <= 32, "must be 512 MiB to 32 GiB",
             f"{_RUN}/docs/configuring/jobs/memory-limits"),
            ("resources.limits.cpu", lambda amount: cpus(amount) <= 8, "must be at most 8 CPUs",
             f"{_RUN}/docs/configuring/jobs/cpu"),
        )
    ),
    # Cloud Tasks
    Rule(_QUEUES, "name", matches(r"[A-Za-z0-9-]{1,100}"), "must have at most 100 letters, digits and dashes",
         "[cloudtasks.v2 Queue.name]"),
    Rule(_QUEUES, "rateLimits.maxDispatchesPerSecond", between(0, 500), "must be at most 500",
         "[cloudtasks.v2 RateLimits.maxDispatchesPerSecond]"),
    Rule(_QUEUES, "rateLimits.maxConcurrentDispatches", between(0, 5000), "must be at most 5000",
         "[cloudtasks.v2 RateLimits.maxConcurrentDispatches]"),
    Rule(_QUEUES, "retryConfig.maxAttempts", between(-1, 2**31), "must be -1 or more",
         "[cloudtasks.v2 RetryConfig.maxAttempts]"),
    Rule(r"cloudtasks\..*\.tasks\.create", "task.dispatchDeadline", between(15, 1800), "must be 15 s to 30 min",
         "[cloudtasks.v2 Task.dispatchDeadline]"),
    # Cloud Scheduler
    Rule(_CALLS, "name", matches(r"[A-Za-z0-9_-]{1,500}"), "must have at most 500 letters, digits, _ and -",
         "[cloudscheduler.v1 Job.name]"),
    Rule(_CALLS, "schedule", is_cron, "must be a crontab line", "[cloudscheduler.v1 Job.schedule]"),
    Rule(_CALLS, "timeZone", is_time_zone, "must be of the tz database", "[cloudscheduler.v1 Job.timeZone]"),
    Rule(_CALLS, "attemptDeadline", between(15, 1800), "must be 15 s to 30 min",
         "[cloudscheduler.v1 Job.attemptDeadline]"),
    Rule(_CALLS, "retryConfig.retryCount", between(0, 5), "must be 0 to 5",
         "[cloudscheduler.v1 RetryConfig.retryCount]"),
    Rule(_CALLS, "description", at_most(500), "must have at most 500 characters",
         "[cloudscheduler.v1 Job.description]"),
    # Keys, secrets, identities, images
    Rule(r"cloudkms\..*\.keyRings\.create", "query:keyRingId", matches(r"[a-zA-Z0-9_-]{1,63}"),
         "must have 1 to 63 letters, digits, _ and -", "[cloudkms.v1 keyRings.create keyRingId]"),
    Rule(r"cloudkms\..*\.cryptoKeys\.create", "query:cryptoKeyId", matches(r"[a-zA-Z0-9_-]{1,63}"),
         "must have 1 to 63 letters, digits, _ and -", "[cloudkms.v1 cryptoKeys.create cryptoKeyId]"),
    Rule(_KEYS, "rotationPeriod", between(24 * 3600, 876_000 * 3600), "must be 24 to 876,000 hours",
         "[cloudkms.v1 CryptoKey.rotationPeriod]"),
    Rule(_KEYS, "", rotation, "rotationPeriod needs nextRotationTime", "[cloudkms.v1 CryptoKey.rotationPeriod]"),
    Rule(r"secretmanager\.projects\.secrets\.create", "query:secretId", matches(r"[A-Za-z0-9_-]{1,255}"),
         "must have at most 255 letters, digits, _ and -", "[secretmanager.v1 secrets.create secretId]"),
    Rule(r"secretmanager\.projects\.secrets\.(create|patch)", "labels", labels,
         "labels are at most 64, of at most 63 lowercase characters", "[secretmanager.v1 Secret.labels]"),
    Rule(r"iam\.projects\.serviceAccounts\.create", "accountId", matches(r"(?=.{6,30}$)[a-z]([-a-z0-9]*[a-z0-9])"),
         "must have 6 to 30 lowercase letters, digits and inner dashes",
         "[iam.v1 CreateServiceAccountRequest.accountId]"),
    Rule(r"iam\.projects\.serviceAccounts\.create", "serviceAccount.displayName", bytes_at_most(100),
         "must have at most 100 bytes", "[iam.v1 ServiceAccount.displayName]"),
    Rule(r"iam\.projects\.roles\.create", "roleId", matches(r"[A-Za-z0-9_.]{3,64}"),
         "must have 3 to 64 letters, digits, _ and .", "[iam.v1 CreateRoleRequest.roleId]"),
    Rule(r"iam\.projects\.roles\.(create|patch)", "role.title", bytes_at_most(100), "must have at most 100 bytes",
         "[iam.v1 Role.title]"),
    Rule(r"artifactregistry\..*\.repositories\.create", "labels", labels,
         "labels are at most 64, of at most 63 lowercase characters", "[artifactregistry.v1 Repository.labels]"),
    # Logs and alerts
    Rule(_METRICS, "name", lambda name: re.fullmatch(r"[A-Za-z0-9_.,+!*',()%/-]{1,100}", name) is not None,
         "must have at most 100 of its characters", "[logging.v2 LogMetric.name]"),
    Rule(_METRICS, "filter", at_most(20_000), "must have at most 20000 characters", "[logging.v2 LogMetric.filter]"),
    Rule(_METRICS, "description", at_most(8000), "must have at most 8000 characters",
         "[logging.v2 LogMetric.description]"),
    Rule(_ALERTS, "displayName", at_most(512), "must have at most 512 characters",
         "[monitoring.v3 AlertPolicy.displayName]"),
    Rule(_ALERTS, "userLabels", at_most(64), "must be at most 64", "[monitoring.v3 AlertPolicy.userLabels]"),
    Rule(_ALERTS, "documentation.content", bytes_at_most(10_240), "must have at most 10240 bytes",
         "[monitoring.v3 Documentation.content]"),
    Rule(_ALERTS, "conditions.[].conditionThreshold.filter", at_most(2048), "must have at most 2048 characters",
         "[monitoring.v3 MetricThreshold.filter]"),
    Rule(_ALERTS, "conditions.[].conditionPrometheusQueryLanguage.evaluationInterval",
         lambda interval: seconds(interval) > 0 and seconds(interval) % 30 == 0, "must be a multiple of 30 seconds",
         "[monitoring.v3 PrometheusQueryLanguageCondition.evaluationInterval]"),
    Rule(_ALERTS, "conditions", lambda conditions: 1 <= len(conditions) <= 6, "must be one to six",
         "[monitoring.v3 AlertPolicy.conditions]"),
    # BigQuery and Cloud Storage
    Rule(_DATASETS, "datasetReference.datasetId", matches(r"[A-Za-z0-9_]{1,1024}"),
         "must have letters, digits and _", "[bigquery.v2 DatasetReference.datasetId]"),
    Rule(_DATASETS, "labels", labels, "labels are at most 64, of at most 63 lowercase characters",
         "https://cloud.google.com/bigquery/docs/labels-intro#requirements"),
    Rule(r"bigquery\.jobs\.insert", "jobReference.jobId", matches(r"[A-Za-z0-9_-]{1,1024}"),
         "must have at most 1024 letters, digits, _ and -", "[bigquery.v2 JobReference.jobId]"),
    Rule(r"storage\.buckets\.insert", "name", matches(r"(?!goog)[a-z0-9][a-z0-9_.-]{1,61}[a-z0-9]"),
         "must have 3 to 63 lowercase letters, digits, dashes, _ and .",
         "https://cloud.google.com/storage/docs/buckets#naming"),
)  # fmt: skip
