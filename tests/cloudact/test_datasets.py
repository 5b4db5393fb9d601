"""Who may read and write an org's dataset: the service accounts of the settings, beside whoever may already."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from google.cloud.bigquery import AccessEntry

from cloudact import clients
from cloudact.errors import ConfigError, Stop
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import DEFAULT_PROJECT_ACCESS
from cloudact.warehouse.datasets import claim_org_dataset
from functions.composition import compose
from tests.conftest import Local, SteppedClock
from tests.functions.operators import Operator

API, RUNNER, MIGRATOR = (f"cloudact-{name}@p.iam.gserviceaccount.com" for name in ("api", "runner", "migrator"))
WRITERS = {RUNNER: "WRITER", MIGRATOR: "WRITER"}


@pytest.fixture
def slug(local: Local) -> str:
    return f"dataset_{next(local.numbers)}"


def access(local: Local, dataset: str) -> list[tuple[Any, ...]]:
    entries = clients.bigquery(local.settings).get_dataset(dataset).access_entries
    return [(entry.role, entry.entity_type, entry.entity_id) for entry in entries]


def test_onboarding_lets_the_accounts_in(local: Local, slug: str) -> None:
    """A new org's dataset is read and written by the accounts of the settings, and still owned as Google has it."""
    changes = {"dataset_writers": f"{RUNNER}, {MIGRATOR}", "dataset_readers": API}
    onboarding = compose(local.settings.model_copy(update=changes), SteppedClock()).operations.onboarding
    onboarding.onboard(slug, "Inc", onboarding.plans.get("STARTER"))
    told = access(local, slug)
    assert told[-3:] == [
        ("READER", "userByEmail", API), ("WRITER", "userByEmail", MIGRATOR), ("WRITER", "userByEmail", RUNNER)
    ]  # fmt: skip
    assert ("OWNER", "specialGroup", "projectOwners") in told
    assert not {"projectReaders", "projectWriters"} & {entity for _, _, entity in told}


def test_onboarding_again_lets_in_who_is_new(local: Local, slug: str) -> None:
    """An org of before the setting lets the account in when it is onboarded again, and nothing else changes."""
    before = compose(local.settings, SteppedClock()).operations.onboarding
    before.onboard(slug, "Inc", before.plans.get("STARTER"))
    kept = [entry for entry in access(local, slug) if entry[2] not in DEFAULT_PROJECT_ACCESS]
    settings = local.settings.model_copy(update={"dataset_readers": API})
    for _ in range(2):
        after = compose(settings, SteppedClock()).operations.onboarding
        assert after.onboard(slug, "Inc", after.plans.get("STARTER")).changed is False
        assert access(local, slug) == [*kept, ("READER", "userByEmail", API)]


def test_one_who_writes_is_no_reader_beside(local: Local, slug: str) -> None:
    """Who is named as both may write; a writer of before needs no second entry to read, a reader one to write."""
    settings = local.settings.model_copy(update={"dataset_writers": RUNNER, "dataset_readers": f"{RUNNER},{API}"})
    assert settings.dataset_accounts == {RUNNER: "WRITER", API: "READER"}
    claim_org_dataset(local.warehouse, slug, {RUNNER: "WRITER", API: "READER"})
    local.warehouse.admit(slug, {RUNNER: "READER", API: "WRITER"})
    assert [entry[0] for entry in access(local, slug) if entry[2] == RUNNER] == ["WRITER"]
    assert [entry[0] for entry in access(local, slug) if entry[2] == API] == ["READER", "WRITER"]


def test_who_may_already_is_not_admitted_twice(local: Local, slug: str) -> None:
    """A repeated claim changes nothing, an owner needs no second entry, and what others have added stays."""
    client = clients.bigquery(local.settings)
    claim_org_dataset(local.warehouse, slug)
    made = client.get_dataset(slug)
    own = [AccessEntry("OWNER", "userByEmail", RUNNER), AccessEntry("READER", "userByEmail", "a@example.com")]
    made.access_entries = [*made.access_entries, *own]
    client.update_dataset(made, ["access_entries"])
    before = [entry for entry in access(local, slug) if entry[2] not in DEFAULT_PROJECT_ACCESS]
    for _ in range(2):
        claim_org_dataset(local.warehouse, slug, WRITERS)
    assert access(local, slug) == [*before, ("WRITER", "userByEmail", MIGRATOR)]


def test_claims_at_once_admit_all(local: Local, slug: str) -> None:
    """Of two who add different accounts at the same time neither undoes what the other did."""
    claim_org_dataset(local.warehouse, slug)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda email: local.warehouse.admit(slug, {email: "WRITER"}), (RUNNER, MIGRATOR)))
    assert {entry[2] for entry in access(local, slug)} >= {RUNNER, MIGRATOR}


def test_a_strangers_dataset_is_left_alone(local: Local, slug: str) -> None:
    """A dataset that is not ours is refused before anyone is let in."""
    clients.bigquery(local.settings).create_dataset(slug)
    before = access(local, slug)
    with pytest.raises(Stop, match="does not belong"):
        claim_org_dataset(local.warehouse, slug, WRITERS)
    assert access(local, slug) == before


def test_a_strangers_dataset_may_hide_its_access(local: Local, slug: str) -> None:
    """Where the access of a dataset takes a right that we lack there, the slug is refused all the same."""
    clients.bigquery(local.settings).create_dataset(slug)
    denial = {"project": local.settings.project, "permission": "bigquery.datasets.getIamPolicy", "dataset": slug}
    with controlled(local, "deny", denial):
        answer = Operator(local).onboard(slug)
    assert answer.status_code == 409
    assert "does not belong to this organization" in answer.get_json()["detail"]


@contextmanager
def controlled(local: Local, control: str, body: dict[str, Any]) -> Iterator[None]:
    """The local BigQuery with this trouble."""
    url = f"{local.settings.bigquery_endpoint}/local/{control}"
    requests.post(url, json=body, timeout=5).raise_for_status()
    yield
    requests.delete(url, timeout=5).raise_for_status()


@pytest.mark.parametrize(
    "wrong", ["someone@example.com", "allUsers", f"serviceAccount:{RUNNER}", f"{RUNNER};{MIGRATOR}", RUNNER.upper()]
)
def test_only_service_accounts_are_writers(local: Local, wrong: str) -> None:
    """Settings that would let anybody else in are refused."""
    env = local.settings.to_env() | {"CLOUDACT_DATASET_WRITERS": f"{MIGRATOR},{wrong}"}
    with pytest.raises(ConfigError, match=r"CLOUDACT_DATASET_WRITERS: .* is not a service account"):
        Settings.from_env(env)
