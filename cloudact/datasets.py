"""Datasets with their tables and views: the service's own, and one for each org. Runs the scripts of `infra/sql/`."""

from cloudact.errors import Stop
from cloudact.settings import ROOT
from cloudact.warehouse import Warehouse

SQL = ROOT / "infra" / "sql"
LABEL = "cloudact_org"  # marks a dataset of ours with its org's slug, in the lower case that labels must have


def make_service_dataset(warehouse: Warehouse) -> None:
    """The dataset of the service, its tables and views. May be repeated."""
    warehouse.create_dataset(warehouse.dataset, {})
    _run_scripts(warehouse, "organizations", warehouse.dataset)


def claim_org_dataset(warehouse: Warehouse, org_slug: str) -> None:
    """The org's dataset, still empty if it is new; `Stop` where one of this name is not ours, or another org's."""
    labels = warehouse.create_dataset(org_slug, {LABEL: org_slug.lower()})
    if labels.get(LABEL) != org_slug.lower():
        message = f"A dataset named {org_slug} exists already and does not belong to this organization."
        raise Stop("dataset_taken", message, "Choose another slug, or remove the dataset.")


def fill_org_dataset(warehouse: Warehouse, org_slug: str, *, views: bool = True) -> None:
    """The org's tables and views. May be repeated."""
    _run_scripts(warehouse, "org", org_slug, "*.sql" if views else "*_raw.sql")


def drop_org_dataset(warehouse: Warehouse, org_slug: str) -> bool:
    """Deletes the org's dataset with all its data, if it is ours; whether there was one."""
    labels = warehouse.dataset_labels(org_slug)
    if labels is None or labels.get(LABEL) != org_slug.lower():
        return False
    warehouse.delete_dataset(org_slug)
    return True


def _run_scripts(warehouse: Warehouse, folder: str, dataset: str, names: str = "*.sql") -> None:
    for script in sorted((SQL / folder).glob(names)):
        warehouse.script(script.read_text(encoding="utf-8"), dataset=dataset)
