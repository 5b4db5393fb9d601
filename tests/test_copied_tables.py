"""The tables that orgs of tests are given are those that onboarding makes."""

import json
from typing import Any

import pytest

from cloudact import clients
from localcloud.onboarding import NewOrg, onboard
from tests.conftest import Local, NewOrgs

OWN = ("id", "etag", "selfLink", "creationTime", "lastModifiedTime", "tableReference")  # what no two tables share


def tables(local: Local, dataset: str) -> dict[str, dict[str, Any]]:
    """All that BigQuery tells of each table of a dataset, by name."""
    client = clients.bigquery(local.settings)
    told = {each.table_id: client.get_table(each.reference).to_api_repr() for each in client.list_tables(dataset)}
    return {name: {key: value for key, value in table.items() if key not in OWN} for name, table in told.items()}


def records(local: Local, dataset: str) -> list[dict[str, Any]]:
    """What is recorded of the scripts that a dataset has."""
    columns = "scope, script, version, checksum, applied_by"
    return local.query(
        f"SELECT {columns} FROM organizations.schema_migrations WHERE dataset = '{dataset}' ORDER BY script"
    )


@pytest.mark.parametrize("views", [False, True])
def test_copied_tables_are_those_of_onboarding(local: Local, new_org: NewOrgs, *, views: bool) -> None:
    """Columns, descriptions, partitions, clustering, views and records are the same, and there is no other table."""
    copied, source = new_org(views=views), {"source_project": "p", "source_dataset": "d", "source_table": "t"}
    made = onboard(local.settings, NewOrg(f"made_{next(local.numbers)}", source, views=views))
    found, expected = tables(local, copied.org_slug), tables(local, made.org_slug)
    assert json.loads(json.dumps(found).replace(copied.org_slug, made.org_slug)) == expected
    assert records(local, copied.org_slug) == records(local, made.org_slug) != []
