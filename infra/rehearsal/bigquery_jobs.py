"""BigQuery's jobs and tables, as far as bq copies and restores: every job is done at once and has read nothing."""

import re

from infra.rehearsal.calls import Call, Json, Reply, missing
from infra.rehearsal.store import Store

TABLE = re.compile(r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/(?P<id>[^/]+)")
TABLES = re.compile(r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables")
JOBS = re.compile(r"/bigquery/v2/projects/(?P<project>[^/]+)/(?P<kind>jobs|queries)(?:/(?P<id>[^/]+))?")
NO_ROWS = {"jobComplete": True, "totalRows": "0", "schema": {"fields": []}}


def answer(call: Call, store: Store) -> Reply | None:
    """Answer for tables, which never exist, and for jobs, which are over."""
    if TABLES.fullmatch(call.path) and call.method == "GET":
        return Reply({"kind": "bigquery#tableList", "totalItems": 0})
    if TABLE.fullmatch(call.path):
        return missing("Table")
    if not (match := JOBS.fullmatch(call.path)):
        return None
    if match["kind"] == "jobs" and call.method == "POST":
        return Reply(_done(call, store, match["project"]))
    if call.method == "POST":
        query = {"configuration": {"query": call.body}}
        job = _done(Call(call.method, call.path, call.query, query, call.url), store, match["project"])
        return Reply({"jobReference": job["jobReference"], **NO_ROWS})
    held = store.resources.get(f"bigquery/jobs/{match['id']}")
    if held is None:
        return missing(f"Job {match['id']}")
    if match["kind"] == "jobs":
        return Reply(held)
    return Reply({"jobReference": held["jobReference"], **NO_ROWS})


def _done(call: Call, store: Store, project: str) -> Json:
    reference = {"projectId": project, "location": "US", **call.body.get("jobReference", {})}
    reference.setdefault("jobId", f"job_{len(store.below('bigquery/jobs'))}")
    kind = next(each for each in ("query", "copy", "load", "extract") if each in call.body["configuration"])
    configuration = {**call.body["configuration"], "jobType": kind.upper()}
    job: Json = {
        "kind": "bigquery#job",
        "id": f"{project}:{reference['jobId']}",
        "jobReference": reference,
        "configuration": configuration,
        "status": {"state": "DONE"},
        "statistics": {"creationTime": "0", "startTime": "0", "endTime": "0", kind: {"statementType": "SELECT"}},
    }
    store.resources[f"bigquery/jobs/{reference['jobId']}"] = job
    return job
