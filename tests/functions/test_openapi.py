"""The OpenAPI document: valid, complete, and kept by the running API whatever it is sent (schemathesis)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate

from cloudact.error_codes import Code, ProviderFailure, Topic, provider_code
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.composition import compose
from functions.ops_routes import OPS, PRIVATE
from functions.routes import PUBLIC, public_app, public_document
from functions.web.openapi import document, paths_of
from functions.web.problems import PROBLEM_JSON, TYPE
from functions.web.refusals import ANY_REQUEST, NO_ENDPOINT
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from providers import PROVIDERS
from tests.conftest import FIXTURE_DAY, NOON, Local, billing_run
from tests.copied_tables import CopiedTables
from tests.day_histories import Found, load_histories
from tests.sessions import bearer

# What a JSON schema cannot say: dates end today, a start is not after its end, a cursor excludes an offset, two names
# of one filter must not differ. So these may be refused with 400 although each of their parts is fine.
# A host name that fits the pattern may still be an inner one.
# How many groups may be told depends on the number of periods, and some questions have no answer.
# A credential is judged by its provider, and what is not set up cannot be judged.
# An If-Match may be any text, and is seldom the tag of what is there.
ACROSS_FIELDS = (
    "members",
    "timeline",
    "runs",
    "own_runs",
    "trigger",
    "trigger_2",
    "backfill",
    "set_up",
    "validate",
    "put_webhook",
    "add_invoices",  # a schema cannot say what the rows of CSV may be
    "costs",
    "focus_metadata",
    "unit_costs",
    "export_costs",
    "put_labels",  # a schema cannot say that shares are 1 together
    "put_budgets",  # nor that a label is there, or a month after another
    "put_balances",
    "budget_standings",  # nor that a month has begun
    "forecast",
)
DOCUMENT = json.loads(json.dumps(public_document()))
SOURCE = {
    "source_project": "contract-billing",
    "source_dataset": "d",
    "source_table": "gcp_billing_export_v1_X",
}


def config(*, may_refuse: bool) -> dict[str, Any]:
    """How schemathesis is to ask operations that may refuse what their schema allows, or those that may not.

    One configuration for both, with exceptions by operation, is put together anew for each answer that is judged.
    """
    accepted = ["2xx", "400", "401", "403", "404", "409", "412", "429"]
    checks = {"checks": {"positive_data_acceptance": {"expected-statuses": accepted}}} if may_refuse else {}
    return {"generation": {"deterministic": True, "with-security-parameters": False}, **checks}


def test_the_document_is_valid(api: FlaskClient) -> None:
    """It is OpenAPI 3.1, the same at both paths, public and cached by its ETag."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")
    other = api.get("/api/v1/openapi.json")
    assert other.get_json() == DOCUMENT
    assert api.get("/openapi.json", headers={"If-None-Match": other.headers["ETag"]}).status_code == 304


def test_every_route_is_documented(local: Local) -> None:
    """Each of Flask's routes is an endpoint, each endpoint is in the document, and nothing else is."""
    app = public_app(compose(local.settings, local.clock))
    routes = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in (rule.methods or set()) - {"HEAD"}}
    assert routes == {(endpoint.method, base + endpoint.path) for endpoint in PUBLIC for base in endpoint.bases}
    documented = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert documented == {(endpoint.method, path) for endpoint in PUBLIC for path in paths_of(endpoint)}


def test_guarded_unless_public() -> None:
    """Every operation that is not public accepts a key or a session, and documents its refusals."""
    public = {path for endpoint in PUBLIC if endpoint.public for path in paths_of(endpoint)}
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            guarded = operation["security"] == [{"ApiKey": []}, {"Session": []}]
            assert guarded == (path not in public)
            assert not guarded or {"400", "401", "403", "413", "500", "503"} <= set(operation["responses"])


def codes_of(described: dict[str, Any]) -> dict[str, set[str]]:
    """The codes that each operation may be refused with, by its id."""
    found = {}
    for item in described["paths"].values():
        for operation in item.values():
            contents = [answer.get("content", {}).get(PROBLEM_JSON) for answer in operation["responses"].values()]
            listed = [content["schema"]["properties"]["code"]["examples"] for content in contents if content]
            assert all(listed), "a refusal without a code"
            found[operation["operationId"]] = {code for codes in listed for code in codes}
    return found


def test_each_operation_lists_its_own_codes() -> None:
    """Beside what may happen to any request, no code is listed everywhere, and telling ones only where they belong."""
    of_api, of_ops = codes_of(DOCUMENT), codes_of(document(OPS, PRIVATE))
    any_request = {code.value for _, code in ANY_REQUEST}
    for listed in (of_api, of_ops):
        assert set.intersection(*listed.values()) == any_request
    where = {code: {name for name, codes in of_api.items() if code in codes} for code in {*chain(*of_api.values())}}
    assert where["quota_exceeded"] == {"trigger", "trigger_2", "retry"}
    assert where["admissions_limited"] == {"trigger", "trigger_2", "retry", "backfill"}
    assert where["run_unknown"] == {"run", "own_run", "cancel", "retry"}
    assert where["openai_rate_limited"] == {"set_up", "validate"}
    assert where["role_required"] == {
        "rotate", "put_webhook", "delete_webhook", "set_up", "remove", "add_invoices", "remove_invoice",
        "put_labels", "put_member", "delete_member", "put_budgets", "put_balances",
    }  # fmt: skip
    assert not {"api_key_invalid", "body_slow"} & of_api["health"]
    assert not {"api_key_required", "session_invalid"} & {*chain(*of_ops.values())}


def test_every_code_of_a_refusal_is_listed_somewhere() -> None:
    """What can only be said to a caller stands in one of the documents, or is of what is no endpoint: paths, pages."""
    listed = {*chain(*codes_of(DOCUMENT).values(), *codes_of(document(OPS, PRIVATE)).values())}
    elsewhere = {code.value for _, code in NO_ENDPOINT} | {Code.FORM_FOREIGN.value}
    ours = {code.value for code in Code if code.topic in (Topic.CALLER, Topic.REQUEST, Topic.MISSING)}
    assert ours <= listed | elsewhere
    families = {provider_code(provider.id, failure) for provider in PROVIDERS for failure in ProviderFailure}
    assert listed <= {*Code} | families


@pytest.mark.parametrize("code", ["quota_exceeded", "the_customer's_bigquery_unavailable", "openai_rate_limited"])
def test_the_type_of_a_problem_is_a_page(api: FlaskClient, code: str) -> None:
    """Meaning and remedy of a code are at the path that its problem documents have as their type."""
    page = api.get(TYPE.format(code=code))
    assert (page.status_code, page.get_json()["code"]) == (200, code)
    assert page.get_json()["meaning"].endswith(".")


@pytest.mark.parametrize("code", ["nonsense", "gcp", "openai_", "rate_limited", "Quota_Exceeded"])
def test_a_code_that_nobody_knows_has_no_page(api: FlaskClient, code: str) -> None:
    """The refusal is a problem document as any other."""
    page = api.get(TYPE.format(code=code))
    assert (page.status_code, page.get_json()["type"]) == (404, "/errors/code_unknown")


def test_no_example_is_a_secret() -> None:
    """Nothing in the document looks like a key, a token or a certificate."""
    text = json.dumps(DOCUMENT).replace("not_api_key", "")  # a filter
    for mark in ("_api_", "eyJ", "BEGIN", "ya29", "sk-"):
        assert mark not in text


SLUG, STRANGER = "contract_org", "contract_stranger"
RUNS = {
    status: billing_run(OnboardedOrg(SLUG, "", {}), FIXTURE_DAY.replace(day=day))
    for day, status in enumerate((Status.PENDING, Status.SUCCESS, Status.FAILED), start=1)
}
PARTS = {
    "org": [SLUG, STRANGER],
    "provider": ["gcp"],
    "domain": ["cost"],
    "pipeline": ["billing", "gcp_billing"],
    "run_id": [run.run_id for run in RUNS.values()],
    "pipeline_logging_id": [run.run_id for run in RUNS.values()],
}


@dataclass(frozen=True)
class Schemas:
    """What schemathesis is to ask: with leave to refuse what is allowed, for these operations, and without."""

    lenient: Any
    strict: Any
    may_refuse: frozenset[str]

    def only(self, operation: str) -> Any:
        """The schema of this operation alone."""
        schema = self.lenient if operation in self.may_refuse else self.strict
        return schema.include(lambda context: context.operation.label == operation)  # so it tries other methods too


@dataclass(frozen=True)
class Contract:
    """What schemathesis is to ask whom, and the headers of two who may ask."""

    schemas: Schemas
    key: dict[str, str]
    session: dict[str, str]


@pytest.fixture(scope="module")
def running(session_cloud: Local, copied_tables: CopiedTables) -> Contract:
    """The app over the local cloud, with an org that has runs and one that has a stranger's."""
    session_cloud.clock.now = NOON
    org, _ = (
        onboard(session_cloud.settings, NewOrg(slug, SOURCE, daily_limit=1000, views=slug == SLUG), copied_tables)
        for slug in (SLUG, STRANGER)
    )
    load_histories(session_cloud, SLUG, {SLUG: [Found(FIXTURE_DAY, NOON, "settling", changed=True)]})
    for status, run in RUNS.items():
        session_cloud.ledger.append_run(run, RunEvent(status, started_at=NOON if status.final else None), NOON)
    app = public_app(compose(session_cloud.settings, session_cloud.clock))
    schemas = known(public_document(), PARTS, ACROSS_FIELDS, app)
    return Contract(schemas, {"X-API-Key": org.api_key}, bearer(session_cloud, org.user_id))


def known(
    described: dict[str, Any],
    parts: dict[str, list[str]],
    across_fields: Sequence[str],
    app: Any,
    any_id: str = "(none)",
) -> Schemas:
    """The schemas with ids that exist, so that more than refusals is reached; paths with `any_id` in them take any."""
    for item in (item for path, item in described["paths"].items() if any_id not in path):
        for operation in item.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in parts:
                    parameter["schema"] = {"type": "string", "enum": parts[parameter["name"]]}
                    parameter.pop("example", None)
    lenient, strict = (asked(described, app, may_refuse=may_refuse) for may_refuse in (True, False))
    names = {label: operation["operationId"] for label, operation in by_label(described).items()}
    assert set(across_fields) <= set(names.values())
    return Schemas(lenient, strict, frozenset(label for label, name in names.items() if name in across_fields))


def asked(described: dict[str, Any], app: Any, *, may_refuse: bool) -> Any:
    """The schema, for an app whose code tells schemathesis no values to try."""
    import schemathesis  # here, since every worker of pytest-xdist imports this file and one runs it
    from schemathesis.config import SchemathesisConfig

    given = SchemathesisConfig.from_dict(config(may_refuse=may_refuse))
    schema = schemathesis.openapi.from_dict(described, config=given)
    schema.app = lambda environ, start_response: app(environ, start_response)
    return schema


def by_label(described: dict[str, Any]) -> dict[str, Any]:
    """Each operation by its `METHOD path`."""
    items = described["paths"].items()
    return {f"{method.upper()} {path}": operation for path, item in items for method, operation in item.items()}


def keeps_its_word(schemas: Schemas, operation: str, headers: dict[str, str], examples: int) -> None:
    """Send what schemathesis makes for one operation, and judge each answer.

    Its own `parametrize` makes all requests of all operations at collection, in each worker.
    """
    from schemathesis.core.result import Ok
    from schemathesis.generation.hypothesis import builder
    from schemathesis.pytest.lazy import get_all_tests

    def validated(case: Any) -> None:
        case.call_and_validate(headers=headers)

    (built,) = get_all_tests(
        schema=schemas.only(operation), test_func=validated, settings=contract(examples), given_kwargs=None
    )
    assert isinstance(built, Ok), built
    _, test = built.ok()
    for complaint in (
        builder.UnsatisfiableExampleMark,
        builder.NonSerializableMark,
        builder.InvalidRegexMark,
        builder.InvalidHeadersExampleMark,
        builder.MissingPathParameters,
    ):
        assert not complaint.is_set(test), complaint
    test()


def contract(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("operation", by_label(DOCUMENT))
def test_the_api_keeps_its_word(running: Contract, operation: str) -> None:
    """Whatever is sent: documented statuses, headers and shapes, no 5xx, and nobody gets in without a credential."""
    keeps_its_word(running.schemas, operation, running.key, examples=4)


@pytest.mark.bench
@pytest.mark.parametrize("operation", by_label(DOCUMENT))
def test_the_api_keeps_its_word_to_a_person(running: Contract, operation: str) -> None:
    """The same with a session, and twenty times as many requests."""
    keeps_its_word(running.schemas, operation, running.session, examples=200)
