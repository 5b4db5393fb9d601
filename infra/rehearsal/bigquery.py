"""BigQuery's datasets and their access, as far as bq uses them."""

import re
import shutil
from pathlib import Path

from infra.rehearsal.calls import Call, Reply, missing
from infra.rehearsal.store import Store

DATASETS = re.compile(r"/bigquery/v2/(?P<collection>projects/[^/]+/datasets)(?:/(?P<id>[^/]+))?")
DESCRIPTION = "platform/bq/discovery_next/bigquery.json"  # of the API, in Google's own SDK
OWNERS = [{"role": "OWNER", "specialGroup": "projectOwners"}, {"role": "WRITER", "specialGroup": "projectWriters"}]


def answer(call: Call, store: Store) -> Reply | None:
    """Answer for the description of the API, and its datasets."""
    if call.path in ("/$discovery/rest", "/discovery/v1/apis/bigquery/v2/rest"):
        return Reply(_description())
    if not (match := DATASETS.fullmatch(call.path)):
        return None
    collection, identity = match["collection"], match["id"]
    if call.method == "POST":
        identity = call.body["datasetReference"]["datasetId"]
        store.resources[f"{collection}/{identity}"] = {"access": OWNERS, "location": "US", **call.body, "etag": "e1"}
    name = f"{collection}/{identity}"
    if identity is None:
        return Reply({"kind": "bigquery#datasetList", "datasets": store.below(collection)})
    if name not in store.resources:
        return missing(f"Dataset {identity}")
    if call.method in ("PUT", "PATCH"):
        store.resources[name] = {**store.resources[name], **call.body}
    if call.method == "DELETE":
        del store.resources[name]
        return Reply({})
    return Reply({"kind": "bigquery#dataset", "id": identity, **store.resources[name]})


def _description() -> bytes:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise FileNotFoundError("gcloud")
    return (Path(gcloud).resolve().parents[1] / DESCRIPTION).read_bytes()
