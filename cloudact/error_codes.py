"""The error codes: words that programs compare, and part of the API. A code is never renamed or given another meaning.

docs/errors.md is made from them. A provider's codes are `<provider id>_<failure>`, so that a new one has its codes.
"""

from enum import StrEnum
from typing import NewType

_AGAIN = "Nothing; it is tried again."
_LATER = "Send the same request again."
_NEW_RUN = "Start the run again."
_OURS = "Contact support."
_SIGN_IN = "Send an API key in `X-API-Key`, or a session as a bearer token."
_CORRECT = "Correct the request."
_READ_OPENAPI = "Look into the OpenAPI document at `/openapi.json`."
_SET_UP = "Set up the integration again, as the hint says."


class Topic(StrEnum):
    """Subject of a code: one section of docs/errors.md each."""

    ORG = "The organization"
    CREDENTIAL = "The credential"
    SOURCE = "What the provider tells"
    LOAD = "The day's rows"
    RUN = "The run itself"
    SERVICE = "The service and what it stands on"
    CALLER = "Who calls"
    REQUEST = "The request"
    MISSING = "What the request is about"


class Code(StrEnum):
    """Code of a failure that the service itself knows.

    `retryable` is as in `RunError`, `None` where it differs by case.
    """

    topic: Topic
    retryable: bool | None
    meaning: str
    remedy: str

    def __new__(cls, text: str, topic: Topic, retryable: bool | None, meaning: str, remedy: str) -> "Code":
        """Makes a member that equals its own text and has the other fields as attributes."""
        code = str.__new__(cls, text)
        code._value_ = text
        code.topic, code.retryable, code.meaning, code.remedy = topic, retryable, meaning, remedy
        return code

    ORG_UNKNOWN = (
        "org_unknown",
        Topic.ORG,
        False,
        "The organization is not onboarded, or was off-boarded.",
        "Complete backend onboarding first.",
    )
    ORG_OFFBOARDED = (
        "org_offboarded",
        Topic.ORG,
        False,
        "The organization was off-boarded.",
        'Onboard it with `"reactivate": true` if it is the same customer.',
    )
    SLUG_TAKEN = (
        "slug_taken",
        Topic.ORG,
        False,
        "The slug differs only in case from that of another organization.",
        "Choose another slug.",
    )
    SUBSCRIPTION_MISSING = (
        "subscription_missing",
        Topic.ORG,
        False,
        "The organization has no subscription.",
        "Onboard it again.",
    )
    DATASET_TAKEN = (
        "dataset_taken",
        Topic.ORG,
        False,
        "The dataset of this name does not belong to this organization, or belongs to another installation.",
        "Choose another slug, or remove the dataset.",
    )
    INTEGRATION_MISSING = (
        "integration_missing",
        Topic.CREDENTIAL,
        False,
        "The organization has no integration with this provider that is VALID.",
        "Set up the integration, then start the run again.",
    )
    CREDENTIAL_INVALID = (
        "credential_invalid",
        Topic.CREDENTIAL,
        False,
        "What was given, or is stored, is no credential of this provider, or belongs to another organization.",
        _SET_UP,
    )
    CREDENTIAL_REJECTED = (
        "credential_rejected",
        Topic.CREDENTIAL,
        False,
        "The provider refuses the credential: it is wrong, or was revoked; or its service account is gone or disabled.",
        "Create a new one and set up the integration with it. Until then it is INVALID.",
    )
    CREDENTIAL_UNREADABLE = (
        "credential_unreadable",
        Topic.CREDENTIAL,
        False,
        "The stored credential cannot be decrypted for this organization.",
        "Set up the integration again.",
    )
    PERMISSION_DENIED = (
        "permission_denied",
        Topic.CREDENTIAL,
        False,
        "The credential is known and may not do this: a role, a scope or `bigquery.jobs.create` is missing.",
        "Grant what the hint names; the command is in it where there is one.",
    )
    SETTINGS_INVALID = (
        "settings_invalid",
        Topic.CREDENTIAL,
        False,
        "A setting of the integration (`metadata`) is unknown or not what it may be.",
        "Correct the field that the message names.",
    )
    KEYLESS_UNAVAILABLE = (
        "keyless_unavailable",
        Topic.CREDENTIAL,
        False,
        "This installation cannot read without a key.",
        "Set up the integration with a service account key.",
    )
    CHECKS_LIMITED = (
        "checks_limited",
        Topic.CREDENTIAL,
        True,
        "The organization has set up and validated integrations too often within a few minutes.",
        "Send the same request again after the seconds of `Retry-After`.",
    )
    SOURCE_NOT_FOUND = (
        "source_not_found",
        Topic.SOURCE,
        False,
        "The dataset or table of the billing export does not exist or cannot be seen, or several could be meant.",
        "Correct the settings `source_project`, `source_dataset` and `source_table`.",
    )
    SOURCE_UNUSABLE = (
        "source_unusable",
        Topic.SOURCE,
        False,
        "The table is no Cloud Billing export, or a view or copy of one that cannot be read by date.",
        "Name the export's own table; the message says what this one is.",
    )
    SOURCE_QUERY_FAILED = (
        "source_query_failed",
        Topic.SOURCE,
        False,
        "BigQuery refused the query on the billing export.",
        "Read the message; the hint says what to look at.",
    )
    QUERY_TOO_LARGE = (
        "query_too_large",
        Topic.SOURCE,
        False,
        "Reading the day would bill more bytes than `CLOUDACT_MAX_BYTES_BILLED` allows.",
        "Contact support to have the limit raised.",
    )
    DAY_TOO_LARGE = (
        "day_too_large",
        Topic.SOURCE,
        False,
        "The day's rows are more than the container of the job holds. Nothing was loaded.",
        "An operator gives the job more memory; then start the run again.",
    )
    SOURCE_UNAVAILABLE = (
        "the_customer's_bigquery_unavailable",
        Topic.SOURCE,
        True,
        "The BigQuery of the organization could not be reached or is overloaded.",
        _AGAIN,
    )
    SOURCE_SLOW = (
        "source_slow",
        Topic.SOURCE,
        True,
        "The BigQuery of the organization is too slow while a request waits.",
        _LATER,
    )
    SOURCE_CHANGED = (
        "source_changed",
        Topic.SOURCE,
        True,
        "The billing export has lost rows while it was read.",
        _AGAIN,
    )
    IAM_UNAVAILABLE = (
        "iam_unavailable",
        Topic.SOURCE,
        True,
        "Google's IAM could not be reached when our reader asked to act as the organization's service account.",
        _AGAIN,
    )
    REPORT_UNEXPECTED = (
        "report_unexpected",
        Topic.SOURCE,
        False,
        "A report holds something that is not what it should be; the message names the field.",
        "Contact support: the provider has changed its report.",
    )
    AMOUNTS_MISSING = (
        "amounts_missing",
        Topic.SOURCE,
        False,
        "Too many cost rows have no amount for the rest to be believed; nothing was loaded.",
        "Start the run again when the provider tells the amounts.",
    )
    DAY_NOT_CLOSED = (
        "day_not_closed",
        Topic.SOURCE,
        False,
        "The provider has no complete bucket for the date yet.",
        "Start the run again in a few hours.",
    )
    LOAD_REFUSED = ("load_refused", Topic.LOAD, False, "BigQuery refused the rows for good.", _OURS)
    LOAD_FAILED = (
        "load_failed",
        Topic.LOAD,
        True,
        "BigQuery could not load the rows, three times, for a passing reason.",
        _AGAIN,
    )
    LOAD_QUOTA_EXCEEDED = (
        "load_quota_exceeded",
        Topic.LOAD,
        True,
        "The day's load jobs are used up; the day was left as it is.",
        "Nothing for what the service runs by itself; else start the run again in some hours.",
    )
    RESULT_SHRUNK = (
        "result_shrunk",
        Topic.LOAD,
        False,
        "The day would lose more than half of its rows or of a provider's money; what is loaded was kept.",
        "If the smaller result is right, start the run with `force_refresh`.",
    )
    DAY_CHANGED = (
        "day_changed",
        Topic.LOAD,
        True,
        "The organization's table was changed while its rows were read.",
        _AGAIN,
    )
    TABLE_MISSING = (
        "table_missing",
        Topic.LOAD,
        False,
        "A table of the organization's dataset is missing.",
        "Complete backend onboarding again.",
    )
    TABLE_OUTDATED = (
        "table_outdated",
        Topic.LOAD,
        False,
        "The organization's table lacks a column of the rows, since no migration has reached it yet.",
        "An operator runs the job `migrate`; then start the run again.",
    )
    ROWS_UNFIT = (
        "rows_unfit",
        Topic.LOAD,
        False,
        "The rows do not fit the table's columns. Nothing was loaded.",
        _OURS,
    )
    NOTHING_LOADED = ("nothing_loaded", Topic.LOAD, False, "The pipeline's steps loaded nothing.", _OURS)
    NEVER_STARTED = (
        "never_started",
        Topic.RUN,
        True,
        "The run was queued twice and never started; the sweep gave it up.",
        _NEW_RUN,
    )
    LOST = ("lost", Topic.RUN, True, "The run stopped reporting; the sweep gave it up.", _NEW_RUN)
    DUPLICATE = (
        "duplicate",
        Topic.RUN,
        False,
        "The same run was asked for on another day too, and is told of there.",
        "Look at the run of the other day.",
    )
    PIPELINE_WITHDRAWN = (
        "pipeline_withdrawn",
        Topic.RUN,
        False,
        "The pipeline was disabled or removed after the run was asked for. Nothing was loaded.",
        "Contact support if it should be there.",
    )
    STILL_LOADING = (
        "still_loading",
        Topic.RUN,
        True,
        "BigQuery is still loading the run's rows, so its end cannot be told yet.",
        _AGAIN,
    )
    TERMINATED = ("terminated", Topic.RUN, True, "The run's container was stopped before its end.", _NEW_RUN)
    INTERNAL_ERROR = (
        "internal_error",
        Topic.RUN,
        True,
        "Something unforeseen went wrong on our side.",
        "Nothing; it is tried again. Else contact support.",
    )
    MISCONFIGURED = (
        "misconfigured",
        Topic.RUN,
        False,
        "A config or a setting is wrong.",
        "Contact support, unless the hint says what to do.",
    )
    UNKNOWN = (
        "unknown",
        Topic.RUN,
        None,
        "The run failed without a code.",
        "Read the message; `retryable` says whether it can pass.",
    )
    BIGQUERY_UNAVAILABLE = (
        "bigquery_unavailable",
        Topic.SERVICE,
        True,
        "BigQuery could not be reached, is overloaded, or others keep changing the same thing.",
        _AGAIN,
    )
    BIGQUERY_QUOTA_EXCEEDED = (
        "bigquery_quota_exceeded",
        Topic.SERVICE,
        True,
        "A quota of BigQuery is used up; it refills within a day.",
        "Start the run again on the next day.",
    )
    DATASET_UNREADABLE = (
        "dataset_unreadable",
        Topic.SERVICE,
        False,
        "The organization's dataset is not there, has not let the API in, or lacks tables and views of this version.",
        _OURS,
    )
    CLOUD_TASKS_UNAVAILABLE = (
        "cloud_tasks_unavailable",
        Topic.SERVICE,
        True,
        "Cloud Tasks could not be reached or is overloaded.",
        _LATER,
    )
    CLOUD_TASKS_SLOW = (
        "cloud_tasks_slow",
        Topic.SERVICE,
        True,
        "Cloud Tasks is too slow to look for a free slot of the quota.",
        _LATER,
    )
    CLOUD_TASKS_UNCLEAR = (
        "cloud_tasks_unclear",
        Topic.SERVICE,
        True,
        "Cloud Tasks did not say whether the run was admitted.",
        "Send the same request again: what was admitted is found.",
    )
    CLOUD_RUN_UNAVAILABLE = (
        "cloud_run_unavailable",
        Topic.SERVICE,
        True,
        "Cloud Run could not be reached or is overloaded.",
        _LATER,
    )
    CLOUD_RUN_REFUSED = (
        "cloud_run_refused",
        Topic.SERVICE,
        True,
        "Cloud Run did not cancel the execution of a run.",
        "Nothing; the run does not load any more.",
    )
    CLOUD_KMS_UNAVAILABLE = (
        "cloud_kms_unavailable",
        Topic.SERVICE,
        True,
        "Cloud KMS could not be reached or is overloaded.",
        _AGAIN,
    )
    KMS_CORRUPTED = (
        "kms_corrupted",
        Topic.SERVICE,
        True,
        "The answer of Cloud KMS was damaged on its way.",
        _AGAIN,
    )
    SECRET_MANAGER_UNAVAILABLE = (
        "secret_manager_unavailable",
        Topic.SERVICE,
        True,
        "Secret Manager could not be reached or is overloaded.",
        _LATER,
    )
    SECRET_DAMAGED = (
        "secret_damaged",
        Topic.SERVICE,
        True,
        "A secret was damaged on its way from Secret Manager.",
        _LATER,
    )
    SESSION_KEYS_UNAVAILABLE = (
        "session_keys_unavailable",
        Topic.SERVICE,
        True,
        "The public keys of the identity provider cannot be read, so no session can be judged.",
        _LATER,
    )
    LOOK_UPS_LIMITED = (
        "look_ups_limited",
        Topic.SERVICE,
        True,
        "Too many callers that nobody knows were looked up lately, so unknown ones have to wait; known ones do not.",
        "Send the same request again after the seconds of `Retry-After`.",
    )
    FRONT_UNKNOWN = (
        "front_unknown",
        Topic.SERVICE,
        True,
        "Whether Cloud Run checks who calls `ops` is not known.",
        _LATER,
    )
    NOTIFICATION_REFUSED = (
        "notification_refused",
        Topic.SERVICE,
        False,
        "Cloud Tasks refused a notification for the organization's webhook.",
        "Operators look at the log; the run goes on.",
    )

    API_KEY_REQUIRED = ("api_key_required", Topic.CALLER, False, "The request has no credential.", _SIGN_IN)
    API_KEY_INVALID = (
        "api_key_invalid",
        Topic.CALLER,
        False,
        "The API key is unknown, revoked or expired; which of them is not told.",
        "Use a key that works, or have an operator make one.",
    )
    SESSION_INVALID = (
        "session_invalid",
        Topic.CALLER,
        False,
        "The session token is malformed, expired or not signed by the identity provider.",
        "Sign in again.",
    )
    CREDENTIALS_TWO = (
        "credentials_two",
        Topic.CALLER,
        False,
        "The request has an API key and a session, and either could be meant.",
        "Send one of them.",
    )
    ORG_FORBIDDEN = (
        "org_forbidden",
        Topic.CALLER,
        False,
        "The caller does not belong to the organization, or there is no such organization; which is not told.",
        "Use a credential of the organization in the path.",
    )
    ORG_AMBIGUOUS = (
        "org_ambiguous",
        Topic.CALLER,
        False,
        "The path names no organization, and the user is a member of several.",
        "Use the path with the organization in it.",
    )
    ROLE_REQUIRED = (
        "role_required",
        Topic.CALLER,
        False,
        "Only owners and admins of the organization may do this.",
        "Ask one of them.",
    )
    TOKEN_REQUIRED = (
        "token_required",
        Topic.CALLER,
        False,
        "The function `ops` was called without a bearer token.",
        "Send an identity token of a service account that may call.",
    )
    TOKEN_INVALID = (
        "token_invalid",
        Topic.CALLER,
        False,
        "The bearer token of the function `ops` is not valid.",
        "Send an identity token whose audience is this function.",
    )
    CALLER_FORBIDDEN = (
        "caller_forbidden",
        Topic.CALLER,
        False,
        "The service account may not call the function `ops`.",
        "An operator adds it to the callers.",
    )
    FORM_FOREIGN = (
        "form_foreign",
        Topic.CALLER,
        False,
        "A form of the console was not sent by a page of the session that it came with.",
        "Open the page anew, and send the form from there.",
    )
    REQUEST_MALFORMED = (
        "request_malformed",
        Topic.REQUEST,
        False,
        "The request is no HTTP that is understood.",
        _CORRECT,
    )
    ENDPOINT_UNKNOWN = ("endpoint_unknown", Topic.REQUEST, False, "The path leads to no endpoint.", _READ_OPENAPI)
    METHOD_NOT_ALLOWED = (
        "method_not_allowed",
        Topic.REQUEST,
        False,
        "The endpoint does not know the method.",
        "Use one that the header `Allow` lists.",
    )
    BODY_TOO_LARGE = ("body_too_large", Topic.REQUEST, False, "The body is larger than 256 KiB.", "Send less.")
    BODY_SLOW = ("body_slow", Topic.REQUEST, True, "The body did not arrive in time.", _LATER)
    BODIES_LIMITED = (
        "bodies_limited",
        Topic.REQUEST,
        True,
        "The body came slowly while many others did, so it was not waited for.",
        "Send the same request again after the seconds of `Retry-After`.",
    )
    BODY_BROKEN = (
        "body_broken",
        Topic.REQUEST,
        False,
        "The body broke off before its end, or its chunks are malformed.",
        _CORRECT,
    )
    BODY_NOT_JSON = (
        "body_not_json",
        Topic.REQUEST,
        False,
        "The body is said to be something else than JSON, or than what else the endpoint takes.",
        "Send JSON with `Content-Type: application/json`; invoices may be `text/csv` in UTF-8.",
    )
    BODY_INVALID = (
        "body_invalid",
        Topic.REQUEST,
        False,
        "The body is no JSON object, or has a field twice.",
        _CORRECT,
    )
    FIELD_UNKNOWN = (
        "field_unknown",
        Topic.REQUEST,
        False,
        "The body or the query string has a field that the endpoint does not know.",
        "Leave it out; the sentence lists those that are known.",
    )
    FIELD_MISSING = (
        "field_missing",
        Topic.REQUEST,
        False,
        "A field is needed and was not given.",
        "Give the field that the sentence names.",
    )
    FIELD_INVALID = (
        "field_invalid",
        Topic.REQUEST,
        False,
        "A field of the path, the query string or the body is not what it may be.",
        "Correct the field that the sentence names.",
    )
    LABEL_UNKNOWN = (
        "label_unknown",
        Topic.REQUEST,
        False,
        "The organization has no label of this name.",
        "Look at its labels, or group and filter by another dimension, such as `tag:<key>`.",
    )
    LABELS_CHANGED = (
        "labels_changed",
        Topic.REQUEST,
        False,
        "Somebody else has changed the organization's labels since they were read.",
        "Read them again, and change those.",
    )
    BUDGETS_CHANGED = (
        "budgets_changed",
        Topic.REQUEST,
        False,
        "Somebody else has changed the organization's budgets since they were read.",
        "Read them again, and change those.",
    )
    BALANCES_CHANGED = (
        "balances_changed",
        Topic.REQUEST,
        False,
        "Somebody else has changed the organization's prepaid balances since they were read.",
        "Read them again, and change those.",
    )
    COSTS_TOO_LARGE = (
        "costs_too_large",
        Topic.REQUEST,
        False,
        "The question would read more than 10 GiB, or its answer has too many amounts or rows.",
        "Ask for fewer days or groups, or filter by a provider.",
    )
    FIELDS_CONFLICT = (
        "fields_conflict",
        Topic.REQUEST,
        False,
        "Two fields, each fine by itself, contradict each other.",
        "Change or leave out one of them.",
    )
    SLUG_INVALID = (
        "slug_invalid",
        Topic.REQUEST,
        False,
        "The organization's slug is not what a slug may be.",
        "Correct it; the sentence says what is allowed.",
    )
    PAGE_CURSOR_INVALID = (
        "page_cursor_invalid",
        Topic.REQUEST,
        False,
        "The cursor is none that the list has given.",
        "Begin without a cursor.",
    )
    WEBHOOK_URL_INVALID = (
        "webhook_url_invalid",
        Topic.REQUEST,
        False,
        "Events cannot be posted to the address: its form, its host, or a redirect forbids it.",
        "Give an https address of a public host that answers by itself.",
    )
    PIPELINE_UNKNOWN = (
        "pipeline_unknown",
        Topic.MISSING,
        False,
        "There is no such pipeline, or it is disabled.",
        "Use one of those that the sentence lists.",
    )
    PROVIDER_UNKNOWN = (
        "provider_unknown",
        Topic.MISSING,
        False,
        "There is no such provider.",
        "Use one of those that the sentence lists.",
    )
    CODE_UNKNOWN = (
        "code_unknown",
        Topic.MISSING,
        False,
        "This version knows no error code of that name.",
        "Look into docs/errors.md.",
    )
    RUN_UNKNOWN = (
        "run_unknown",
        Topic.MISSING,
        False,
        "The organization has no such run.",
        "Look for it in the list of runs.",
    )
    RUN_FINAL = ("run_final", Topic.MISSING, False, "The run has ended and cannot be cancelled.", "Nothing.")
    RUN_ENDING = (
        "run_ending",
        Topic.MISSING,
        False,
        "The run is loading its rows and can no longer be cancelled.",
        "Wait for its end.",
    )
    RUN_NOT_RETRYABLE = (
        "run_not_retryable",
        Topic.MISSING,
        False,
        "Only a FAILED or CANCELLED run can be retried.",
        "Start the pipeline for the date, with `force_refresh` where it has succeeded.",
    )
    RUN_SUPERSEDED = (
        "run_superseded",
        Topic.MISSING,
        False,
        "A newer run of the same pipeline and date exists.",
        "Retry that one.",
    )
    API_KEY_UNKNOWN = (
        "api_key_unknown",
        Topic.MISSING,
        False,
        "The organization has no API key of this fingerprint.",
        "Look at its keys.",
    )
    INVOICE_UNKNOWN = (
        "invoice_unknown",
        Topic.MISSING,
        False,
        "The organization has told no invoice of this issuer and number, or it was removed.",
        "Look for it in the list of invoices.",
    )
    MEMBER_UNKNOWN = (
        "member_unknown",
        Topic.MISSING,
        False,
        "The organization has no such member.",
        "Look for the id in the list of members.",
    )
    MEMBER_LAST_OWNER = (
        "member_last_owner",
        Topic.MISSING,
        False,
        "The only owner of the organization can neither leave nor become anything else.",
        "Make somebody else an owner first.",
    )
    LABELS_UNKNOWN = (
        "labels_unknown",
        Topic.MISSING,
        False,
        "The organization's labels have no such version.",
        "Look at the version that counts: the older ones have lower numbers, from 1.",
    )
    BUDGETS_UNKNOWN = (
        "budgets_unknown",
        Topic.MISSING,
        False,
        "The organization's budgets have no such version.",
        "Look at the version that counts: the older ones have lower numbers, from 1.",
    )
    BALANCES_UNKNOWN = (
        "balances_unknown",
        Topic.MISSING,
        False,
        "The organization's prepaid balances have no such version.",
        "Look at the version that counts: the older ones have lower numbers, from 1.",
    )
    WEBHOOK_MISSING = (
        "webhook_missing",
        Topic.MISSING,
        False,
        "The organization has set up no webhook.",
        "Set one up first.",
    )
    WEBHOOKS_UNAVAILABLE = (
        "webhooks_unavailable",
        Topic.MISSING,
        False,
        "This installation sends no events.",
        _OURS,
    )
    SUBSCRIPTION_INACTIVE = (
        "subscription_inactive",
        Topic.ORG,
        False,
        "The organization's subscription allows no runs; the sentence has its status.",
        "Renew the subscription.",
    )
    QUOTA_EXCEEDED = (
        "quota_exceeded",
        Topic.ORG,
        True,
        "The runs of the organization's UTC day are used up.",
        "Wait for the next day (`Retry-After`), or upgrade.",
    )
    COSTS_LIMITED = (
        "costs_limited",
        Topic.ORG,
        True,
        "The organization has asked too many different questions about its costs within some minutes.",
        "Send the same request again after the seconds of `Retry-After`. An answer that is kept counts nothing.",
    )
    ADMISSIONS_LIMITED = (
        "admissions_limited",
        Topic.ORG,
        True,
        "The organization has sent too many triggers, retries and backfills that started no run.",
        "Send the same request again after the seconds of `Retry-After`. For many dates, send one backfill.",
    )


class ProviderFailure(StrEnum):
    """Failure of a provider's HTTP API: the end of its code; the other fields are as in `Code`."""

    retryable: bool | None
    meaning: str
    remedy: str

    def __new__(cls, text: str, retryable: bool | None, meaning: str, remedy: str) -> "ProviderFailure":
        """Makes a member that equals its own text and has the other fields as attributes."""
        failure = str.__new__(cls, text)
        failure._value_ = text
        failure.retryable, failure.meaning, failure.remedy = retryable, meaning, remedy
        return failure

    UNAVAILABLE = (
        "unavailable",
        True,
        "The provider could not be reached, broke off, or answers with a passing status (5xx, 408, 409, 425).",
        _AGAIN,
    )
    UNREADABLE = (
        "unreadable",
        True,
        "The answer is not the provider's JSON: too large, another format, or a proxy has answered.",
        _AGAIN,
    )
    RATE_LIMITED = ("rate_limited", True, "The provider refuses more requests at the moment (429).", _AGAIN)
    PAGES_BROKEN = ("pages_broken", True, "The pages of a report do not lead to an end.", _AGAIN)
    NOT_ALLOWED = (
        "not_allowed",
        None,
        "401 or 403 with words that are not about the credential; a run asks twice, and is tried again.",
        "Try again later; if it stays so, ask the provider.",
    )
    REDIRECTED = ("redirected", False, "The provider answers with a redirect, which is not followed.", _OURS)
    REFUSED = ("refused", False, "The provider refuses the question (another 4xx) and says why.", _OURS)


ProviderCode = NewType("ProviderCode", str)
StoredCode = NewType("StoredCode", str)
ErrorCode = Code | ProviderCode | StoredCode

_CODES = {code.value: code for code in Code}


def provider_code(provider_id: str, failure: ProviderFailure) -> ProviderCode:
    """Code of a provider's failure, such as `<provider>_rate_limited`."""
    return ProviderCode(f"{provider_id}_{failure}")


def stored_code(text: str) -> ErrorCode:
    """`Code` of a stored word. A word that this version does not know is returned as it is."""
    return _CODES.get(text) or StoredCode(text)
