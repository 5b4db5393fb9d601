"""Who may use a dataset: kept, answered, and never overwritten by someone who has not seen it."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import Forbidden, PreconditionFailed
from google.cloud import bigquery
from google.cloud.bigquery import AccessEntry
from google.cloud.bigquery.enums import DatasetView

from tests.localcloud.bigquery.running import PROJECT, Api

RUNNER = AccessEntry("WRITER", "userByEmail", "runner@p.iam.gserviceaccount.com")


def test_access_is_stored_and_answered(client: bigquery.Client, dataset: str) -> None:
    """A new dataset has the access that Google gives; an entry added to it stays beside that."""
    made = client.get_dataset(dataset)
    given = made.access_entries
    assert ("OWNER", "specialGroup", "projectOwners") in [(e.role, e.entity_type, e.entity_id) for e in given]
    made.access_entries = [*given, RUNNER]
    client.update_dataset(made, ["access_entries"])
    assert client.get_dataset(dataset).access_entries == [*given, RUNNER]


def test_an_update_of_what_was_not_seen_is_refused(client: bigquery.Client, dataset: str) -> None:
    """Of two who read the same dataset and change it, the second is told to read again."""
    one, other = client.get_dataset(dataset), client.get_dataset(dataset)
    one.labels = {"team": "data"}
    client.update_dataset(one, ["labels"])
    other.access_entries = [*other.access_entries, RUNNER]
    with pytest.raises(PreconditionFailed):
        client.update_dataset(other, ["access_entries"])


def test_the_access_takes_a_right_of_its_own(api: Api, client: bigquery.Client, dataset: str) -> None:
    """Under the granular access model whoever may not see a dataset's policy reads its metadata, and nothing more."""
    client.update_dataset(labelled(client.get_dataset(dataset)), ["labels"])
    denial = {"project": PROJECT, "permission": "bigquery.datasets.getIamPolicy", "dataset": dataset}
    api.http.post("/local/deny", json=denial)
    plain = client.get_dataset(dataset, dataset_view=DatasetView.METADATA)
    assert (plain.labels, plain.access_entries) == ({"team": "data"}, [])
    for view in (None, DatasetView.FULL, DatasetView.ACL):
        with pytest.raises(Forbidden, match=r"bigquery\.datasets\.getIamPolicy"):
            client.get_dataset(dataset, dataset_view=view)


def labelled(dataset: bigquery.Dataset) -> bigquery.Dataset:
    dataset.labels = {"team": "data"}
    return dataset
