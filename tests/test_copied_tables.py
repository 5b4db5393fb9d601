"""The tables that orgs of tests are given are those that onboarding makes."""

import json
from typing import Any

import pytest

from cloudact import clients
from localcloud.onboarding import NewOrg, onboard
from localcloud.provision import provision
from tests.conftest import Local, NewOrgs
from tests.functions.fleet import new_fleet

OWN = ("id", "etag", "selfLink", "creationTime", "lastModifiedTime", "tableReference")  # what no two tables share


def tables(local: Local, dataset: str) -> dict[str, dict[str, Any]]:
    """All that BigQuery tells of each table of a dataset, by name."""
    client = clients.bigquery(local.settings)
    told = {each.table_id: client.get_table(each.reference).to_api_repr() for each in client.list_tables(dataset)}
    return {name: {key: value for key, value in table.items() if key not in OWN} for name, table in told.items()}


def records(local: Local, dataset: str, service: str = "organizations") -> list[dict[str, Any]]:
    """What is recorded of the scripts that a dataset has."""
    columns = "scope, script, version, checksum, applied_by"
    return local.query(f"SELECT {columns} FROM {service}.schema_migrations WHERE dataset = '{dataset}' ORDER BY script")


@pytest.mark.parametrize("views", [False, True])
def test_copied_tables_are_those_of_onboarding(local: Local, new_org: NewOrgs, *, views: bool) -> None:
    """Columns, descriptions, partitions, clustering, views and records are the same, and there is no other table."""
    copied, source = new_org(views=views), {"source_project": "p", "source_dataset": "d", "source_table": "t"}
    made = onboard(local.settings, NewOrg(f"made_{next(local.numbers)}", source, views=views))
    found, expected = tables(local, copied.org_slug), tables(local, made.org_slug)
    assert json.loads(json.dumps(found).replace(copied.org_slug, made.org_slug)) == expected
    assert records(local, copied.org_slug) == records(local, made.org_slug) != []


def test_copied_tables_of_a_fleet_are_those_of_provisioning(local: Local) -> None:
    """Tables and records are the same, and every view is there."""
    copied, made = new_fleet(local).settings.dataset, f"made_{next(local.numbers)}"
    provision(local.settings.model_copy(update={"dataset": made}))
    of_copy, of_product = (tables(local, each) for each in (copied, made))
    assert set(of_copy) == set(of_product)
    of_copy, of_product = (
        {name: table for name, table in each.items() if table["type"] == "TABLE"} for each in (of_copy, of_product)
    )
    of_copy["schema_migrations"] |= {"numBytes": of_product["schema_migrations"]["numBytes"]}  # they name the dataset
    assert of_copy == of_product != {}
    assert records(local, copied, copied) == records(local, made, made) != []
