"""Requests against Google's discovery documents: what Google would refuse is refused in its words, all else passes."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.settings import ROOT
from infra.discovery.check import NotDescribed, check, tally
from infra.discovery.documents import APIS, document
from infra.discovery.exceptions import ALLOWED
from infra.discovery.sent import NotWellFormed, Sent, metadata, parts
from infra.discovery.values import faults

TASKS = "/v2/projects/p/locations/l/queues/q/tasks"
QUERIES = "/bigquery/v2/projects/p/queries"
UPLOADS = "/upload/bigquery/v2/projects/p/jobs"


def sent(verb: str, path: str, body: Any = None, query: str = "") -> Sent:
    """A request with JSON."""
    return Sent(verb, path, query, b"" if body is None else json.dumps(body).encode())


def refusal(request: Sent) -> str:
    """Google's words."""
    with pytest.raises(NotWellFormed) as refused:
        check(request)
    return str(refused.value).removeprefix("Invalid JSON payload received. ")


@pytest.mark.parametrize("name", APIS)
def test_methods_are_found_by_a_path_of_their_own(name: str) -> None:
    """Each API that we speak to has a document, and whatever fills its templates leads to the method or its like."""
    for method in document(name):
        path = method.pattern.pattern.replace("[^/]+", "x").replace("[^/:]+", "x").replace("\\", "")
        found = document(name).find(method.described["httpMethod"], path)
        assert found
        assert found.described.get("request") == method.described.get("request"), path


@pytest.mark.parametrize(
    ("verb", "path", "name"),
    [
        ("POST", QUERIES, "bigquery.jobs.query"),
        ("POST", UPLOADS, "bigquery.jobs.insert"),
        ("PATCH", "/bigquery/v2/projects/p/datasets/d", "bigquery.datasets.patch"),
        ("POST", "/bigquery/v2/projects/p/datasets/d/tables/t$20260101/insertAll", "bigquery.tabledata.insertAll"),
        ("POST", TASKS, "cloudtasks.projects.locations.queues.tasks.create"),
        ("POST", "/v2/projects/p/locations/l/jobs/runner:run", "run.projects.locations.jobs.run"),
        ("POST", "/v2/projects/p/locations/l/jobs/j/executions/e:cancel",
         "run.projects.locations.jobs.executions.cancel"),
        ("POST", "/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k:encrypt",
         "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt"),
        ("GET", "/v1/projects/p/secrets/s/versions/1:access", "secretmanager.projects.secrets.versions.access"),
        ("POST", "/v1/projects/-/serviceAccounts/a@b.c:generateIdToken",
         "iamcredentials.projects.serviceAccounts.generateIdToken"),
        ("POST", "/v1/projects/p/locations/l/jobs", "cloudscheduler.projects.locations.jobs.create"),
        ("PUT", "/apis/serving.knative.dev/v1/namespaces/p/services/api", "run.namespaces.services.replaceService"),
    ],
)  # fmt: skip
def test_methods_are_found_by_verb_and_path(verb: str, path: str, name: str) -> None:
    """Also where a path is that of an upload, or ends in a verb."""
    query = "uploadType=media" if path == UPLOADS else ""
    method = check(Sent(verb, path, query))
    assert method
    assert method.name == name


def test_what_google_does_not_have() -> None:
    """Another path, verb or custom verb is no method; what bq asks of every address passes uncounted."""
    for verb, path in (("POST", "/v2/nothing"), ("PUT", QUERIES), ("POST", "/v2/projects/p/locations/l/jobs/j:stop")):
        with pytest.raises(NotDescribed):
            check(Sent(verb, path))
    before = tally().counts()
    assert check(Sent("GET", "/$discovery/rest")) is None
    assert tally().counts() == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"task": {"retries": 1}}, "Unknown name \"retries\" at 'task': Cannot find field."),
        ({"tusk": {}}, 'Unknown name "tusk": Cannot find field.'),
        ({"task": {"httpRequest": {"url": 1}}}, "Invalid value at 'task.http_request.url' (TYPE_STRING), int"),
        ({"task": {"httpRequest": {"body": "#"}}}, "Invalid value at 'task.http_request.body' (TYPE_BYTES), \"#\""),
        ({"task": {"httpRequest": {"httpMethod": "FETCH"}}},
         "Invalid value at 'task.http_request.http_method' (TYPE_ENUM), \"FETCH\""),
        ({"task": {"scheduleTime": "tomorrow"}},
         "Invalid value at 'task.schedule_time' (type.googleapis.com/google.protobuf.Timestamp), \"tomorrow\""),
        ({"task": {"dispatchDeadline": "15"}},
         "Invalid value at 'task.dispatch_deadline' (type.googleapis.com/google.protobuf.Duration), \"15\""),
        ({"task": {"createTime": "2026-01-01T00:00:00Z"}}, "Field 'task.create_time' is output only."),
        ({"task": []}, "Invalid value at 'task' (Task), list"),
        ({"task": {"httpRequest": {"headers": {"a": 1}}}},
         "Invalid value at 'task.http_request.headers.a' (TYPE_STRING), int"),
    ],
)  # fmt: skip
def test_a_body_that_google_refuses(body: Any, words: str) -> None:
    """Unknown fields, wrong types, enums, bytes, times and durations, and fields that are output only."""
    assert refusal(sent("POST", TASKS, body)) == words


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("maxResults", [1, "1", 1.0], ["a", 1.5, True, 2**32, -1]),  # uint32
        ("maximumBytesBilled", [1, str(2**62)], [str(2**63), "1.5", []]),  # int64 as text
        ("useLegacySql", [True, False, None], [0, "yes"]),
        ("jobCreationMode", ["JOB_CREATION_OPTIONAL", 1], ["SOMETIMES", True]),
        ("labels", [{"a": "b"}, {}], [{"a": 1}, "a"]),
        ("queryParameters", [[], [{"name": "a"}]], [{}, [None], [{"nam": "a"}]]),
        ("use_query_cache", [True], ["x"]),  # by its proto name
    ],
)
def test_types(field: str, good: list[Any], bad: list[Any]) -> None:
    """What Google's JSON takes for a type passes, nothing else does."""
    for value in good:
        check(sent("POST", QUERIES, {"query": "SELECT 1", field: value}))
    for value in bad:
        assert "Invalid value" in (words := refusal(sent("POST", QUERIES, {field: value}))) or "Unknown" in words


def test_parameters_of_the_query() -> None:
    """Unknown ones, wrong types and lists are refused; Google's clients' ways of writing pass."""
    path = "/bigquery/v2/projects/p/queries/j"
    check(Sent("GET", path, "maxResults=0&formatOptions.useInt64Timestamp=True&location=US&prettyPrint=false&alt=json"))
    check(Sent("GET", TASKS, "responseView=2&%24alt=json%3Benum-encoding%3Dint"))
    assert refusal(Sent("GET", path, "maxResult=1")).startswith('Unknown name "maxResult": Cannot bind query')
    assert "TYPE_UINT32" in refusal(Sent("GET", path, "maxResults=many"))
    assert "not repeating" in refusal(Sent("GET", path, "location=US&location=EU"))


def test_a_body_where_none_belongs() -> None:
    """A method without a request takes an empty body only."""
    check(sent("GET", TASKS, {}))
    assert "Cannot find field" in refusal(sent("GET", TASKS, {"a": 1}))


@pytest.mark.parametrize("line", ["\r\n", "\n"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_an_upload(line: str, quote: str) -> None:
    """The description of a file is checked as a body is; the file, and its chunks, are anything."""
    job = {"configuration": {"load": {"sourceFormat": "PARQUET", "writeDispositon": "x"}}}
    text = line.join(["--=b=", "Content-Type: application/json", "", json.dumps(job), "--=b=", "", "\0PAR1", "--=b=--"])
    request = Sent(
        "POST", UPLOADS, "uploadType=multipart", text.encode(), f"multipart/related; boundary={quote}=b={quote}"
    )
    assert (metadata(request), parts(request)[1]) == (job, b"\0PAR1")
    assert refusal(request) == "Unknown name \"writeDispositon\" at 'job.configuration.load': Cannot find field."
    check(Sent("PUT", UPLOADS, "uploadType=resumable&upload_id=1", b"\0PAR1"))


def test_a_body_that_cannot_be_read() -> None:
    """Malformed JSON and a multipart body without its parts are 400, not a crash."""
    assert refusal(Sent("POST", QUERIES, "", b"{"))
    assert refusal(Sent("POST", UPLOADS, "uploadType=multipart", b"x", "multipart/related; boundary=b"))
    assert refusal(Sent("POST", QUERIES, "", b"[]")) == "Invalid value at '' (QueryRequest), list"


def test_exceptions_say_why_and_are_needed() -> None:
    """Each is about something that the documents do not allow, and gives its reason."""
    assert all(allowed.reason for allowed in ALLOWED)
    check(Sent("GET", "/bigquery/v2/projects/p/jobs/j", "projection=full"))
    assert "projection" in refusal(Sent("GET", "/bigquery/v2/projects/p/queries/j", "projection=full"))


def test_every_request_is_counted() -> None:
    """By API, refused ones too."""
    before = tally().counts()
    check(sent("POST", QUERIES, {"query": "SELECT 1"}))
    refusal(sent("POST", QUERIES, {"q": 1}))
    after = tally().counts()
    assert (after["bigquery.v2"] - before["bigquery.v2"], after["refused"] - before.get("refused", 0)) == (2, 1)


FIELDS = st.sampled_from(["query", "maxResults", "timeoutMs", "labels", "queryParameters", "dryRun", "x"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
    max_leaves=10,
)


@given(ANY_JSON)
def test_any_json_is_judged(body: Any) -> None:
    """Whatever is sent is refused or passes; nothing makes the check itself fail."""
    schemas = document("bigquery.v2").schemas
    assert isinstance(faults(schemas, {"$ref": "QueryRequest"}, body), list)


def test_documents_are_read_when_they_are_needed() -> None:
    """Importing reads none, and a request of BigQuery reads BigQuery's alone; the client library is never imported."""
    script = (
        "import sys; from infra.discovery import check, documents; from infra.discovery.sent import Sent\n"
        "print(documents.document.cache_info().currsize)\n"
        f"check.check(Sent('GET', {QUERIES + '/j'!r}))\n"
        "print(documents.document.cache_info().currsize, 'googleapiclient' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1", "False"]
