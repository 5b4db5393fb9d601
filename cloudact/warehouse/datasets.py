"""Datasets with their tables and views: the service's own, and one for each org."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Stop
from cloudact.installation import LABEL as INSTALLATION
from cloudact.installation import ORIGINAL
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.migrations import Migrations
from cloudact.warehouse.scripts import NO_FOLDERS

NOBODY: Mapping[str, str] = MappingProxyType({})
LABEL = "cloudact_org"  # marks a dataset of ours with its org's slug, in the lower case that labels must have


def make_service_dataset(warehouse: Warehouse, migrations: Migrations, installation: str) -> None:
    """Creates the service's dataset, and the tables and views that it lacks. May be repeated.

    Raises `ConfigError` where the dataset is another installation's, by its label or by its table `installations`: its
    decisions have other names.
    """
    lacking = migrations.service_behind()
    recorded = _recorded_installation(warehouse)
    label = warehouse.create_dataset(warehouse.dataset, {INSTALLATION: installation}).get(INSTALLATION)
    if recorded not in (None, label):
        raise _another_recorded(warehouse.dataset, recorded, label, installation)
    if label != installation:
        raise ConfigError(
            f"The dataset {warehouse.dataset} belongs to the installation {label or '(none)'}, and "
            f"CLOUDACT_INSTALLATION is {installation}: run infra/setup.sh, then infra/deploy.sh, or make reset locally."
        )
    migrations.bring(warehouse.dataset, lacking)
    if recorded is None:
        warehouse.write("record_installation", identity=installation)


def _recorded_installation(warehouse: Warehouse) -> str | None:
    """Installation recorded in the dataset, whatever its label says; `None` before one was recorded."""
    rows = warehouse.rows("installation") if warehouse.has_table("installations") else []
    return rows[0]["identity"] if rows else None


def _another_recorded(dataset: str, recorded: str, label: str | None, installation: str) -> ConfigError:
    return ConfigError(
        f"The tables of the dataset {dataset} belong to the installation {recorded}; its label {INSTALLATION} is "
        f"{label or '(none)'}, and CLOUDACT_INSTALLATION is {installation}. With another identity claims, webhook "
        f"secrets and keyless accounts of before are lost. Label it, then run infra/deploy.sh: "
        f"bq update --set_label={INSTALLATION}:{recorded} {dataset}"
    )


def look_at_org_dataset(warehouse: Warehouse, org_slug: str, *, returning: bool = False) -> None:
    """Raises `Stop` where `claim_org_dataset` would; creates nothing."""
    labels = warehouse.dataset_labels(org_slug)
    if labels is not None:
        _refuse_anothers(warehouse, org_slug, labels, returning)


def claim_org_dataset(
    warehouse: Warehouse, org_slug: str, accounts: Mapping[str, str] = NOBODY, *, returning: bool = False
) -> None:
    """Creates the org's dataset, still empty; raises `Stop` where it is another org's, installation's or owner's.

    `accounts` are the service accounts that are let in besides its creator, with their roles. Of a `returning` org this
    installation has a profile: a dataset that is older than labels of installations is its own.
    """
    labels = warehouse.create_dataset(org_slug, {LABEL: org_slug.lower(), INSTALLATION: warehouse.installation})
    _refuse_anothers(warehouse, org_slug, labels, returning)
    warehouse.admit(org_slug, accounts)


def let_into_org_dataset(warehouse: Warehouse, org_slug: str, accounts: Mapping[str, str]) -> bool:
    """Lets service accounts into an org's dataset, with their roles; who may already stays in.

    Returns whether there is a dataset. Raises `Stop` where it is another org's or installation's.
    """
    labels = warehouse.dataset_labels(org_slug)
    if labels is None:
        return False
    _refuse_anothers(warehouse, org_slug, labels, returning=True)
    warehouse.admit(org_slug, accounts)
    return True


def shut_org_dataset_to_readers(warehouse: Warehouse, org_slug: str, accounts: Mapping[str, str]) -> bool:
    """Takes the role READER in an org's dataset from those of these accounts that have it; returns whether any had.

    Whoever writes may go on: a run that is at work when its org ends goes on to its end. A dataset that is not there,
    or not this installation's, is left alone.
    """
    readers = [email for email, role in accounts.items() if role == "READER"]
    return bool(readers) and _is_ours(warehouse, org_slug) and warehouse.dismiss(org_slug, readers, "READER")


def _refuse_anothers(warehouse: Warehouse, org_slug: str, labels: Mapping[str, str], returning: bool) -> None:
    _refuse_a_strangers(org_slug, labels)
    _refuse_another_installations(warehouse, org_slug, labels, warehouse.installation if returning else ORIGINAL)


def _refuse_a_strangers(org_slug: str, labels: Mapping[str, str]) -> None:
    if labels.get(LABEL) != org_slug.lower():
        message = f"A dataset named {org_slug} exists already and does not belong to this organization."
        raise Stop(Code.DATASET_TAKEN, message, "Choose another slug, or remove the dataset.")


def _refuse_another_installations(
    warehouse: Warehouse, org_slug: str, labels: Mapping[str, str], unlabelled: str
) -> None:
    owner = labels.get(INSTALLATION, unlabelled)
    if owner != warehouse.installation:
        raise Stop(
            Code.DATASET_TAKEN,
            f"The dataset {org_slug} holds data of another installation, {owner}; this is {warehouse.installation}.",
            "Choose another slug, or remove the dataset with its data. Only if it is the same customer's: bq update "
            f"--set_label={INSTALLATION}:{warehouse.installation} {org_slug}",
        )


def fill_org_dataset(
    warehouse: Warehouse, org_slug: str, *, views: bool = True, folders: Mapping[str, Path] = NO_FOLDERS
) -> None:
    """Creates or updates the org's tables and views to what this code ships. May be repeated.

    `folders` are the folders with the scripts of providers outside `sql/`, by provider id. Everything is applied
    whatever the records say: an org that comes back may have lost its dataset meanwhile.
    """
    migrations = Migrations(warehouse, applied_by="onboarding", folders=folders)
    migrations.bring(org_slug, [script for script in migrations.org if views or script.version is not None])


def drop_org_dataset(warehouse: Warehouse, org_slug: str) -> bool:
    """Deletes the org's dataset with all its data, if it is this installation's. Returns whether there was one.

    The installation has a profile of the org: a dataset that is older than labels of installations is its own.
    """
    if not _is_ours(warehouse, org_slug):
        return False
    warehouse.delete_dataset(org_slug)
    return True


def _is_ours(warehouse: Warehouse, org_slug: str) -> bool:
    labels = warehouse.dataset_labels(org_slug)
    if labels is None or labels.get(LABEL) != org_slug.lower():
        return False
    return labels.get(INSTALLATION, warehouse.installation) == warehouse.installation
