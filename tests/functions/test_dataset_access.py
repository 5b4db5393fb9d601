"""POST /ops/access: the service accounts of the settings get into the datasets of orgs that were there before them."""

from collections.abc import Iterator

import pytest
import requests

from cloudact import clients
from cloudact.settings import Settings
from cloudact.warehouse.datasets import claim_org_dataset
from functions.orgs.dataset_access import DatasetAccess
from tests.conftest import Local
from tests.functions.fleet import Fleet, new_fleet

API, RUNNER = "cloudact-api@p.iam.gserviceaccount.com", "cloudact-runner@p.iam.gserviceaccount.com"


@pytest.fixture
def fleet(local: Local) -> Fleet:
    return new_fleet(local, dataset_readers=API)


def orgs(fleet: Fleet, *names: str) -> list[str]:
    """Orgs with a dataset each, which were onboarded before the setting."""
    slugs = [f"{fleet.settings.dataset}_{name}" for name in names]
    for slug in slugs:
        claim_org_dataset(fleet.warehouse, slug)
    fleet.add(slugs)
    return slugs


def let_in(fleet: Fleet, settings: Settings | None = None) -> dict[str, object]:
    """What a call tells."""
    answer = fleet.ops(settings).post("/ops/access", headers={"Authorization": f"Bearer {fleet.token}"})
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, object] = answer.get_json()
    return told


def roles(fleet: Fleet, slug: str, email: str = API) -> list[str | None]:
    entries = clients.bigquery(fleet.settings).get_dataset(slug).access_entries
    return [entry.role for entry in entries if entry.entity_id == email]


def asked(fleet: Fleet) -> int:
    """How many of BigQuery's requests were checked so far."""
    told = requests.get(f"{fleet.settings.bigquery_endpoint}/local/schemas", timeout=10).json()
    return int(told["bigquery.v2"])


def test_orgs_of_before_let_the_reader_in_once(fleet: Fleet) -> None:
    """Every active org's dataset gets one entry, READER; a second call is one query, and tells of nobody."""
    slugs = orgs(fleet, "a", "b")
    assert let_in(fleet) == {"admitted": slugs, "failed": [], "left": 0}
    assert [roles(fleet, slug) for slug in slugs] == [["READER"], ["READER"]]
    before = asked(fleet)
    assert let_in(fleet) == {"admitted": [], "failed": [], "left": 0}
    assert asked(fleet) - before == 1


def test_another_account_is_let_in_beside(fleet: Fleet) -> None:
    """Where the settings name others, all orgs are behind again, and who was in before stays."""
    (slug,) = orgs(fleet, "a")
    let_in(fleet)
    changed = fleet.settings.model_copy(update={"dataset_writers": RUNNER})
    assert let_in(fleet, changed)["admitted"] == [slug]
    assert (roles(fleet, slug), roles(fleet, slug, RUNNER)) == (["READER"], ["WRITER"])


def test_an_org_that_ends_shuts_the_reader_out(local: Local) -> None:
    """Off-boarding takes the api's access to the dataset that stays, also of an org that ended before; whoever writes
    stays, for runs that go on to their end. The org that comes back lets the reader in again."""
    fleet = new_fleet(local, dataset_readers=API, dataset_writers=RUNNER)
    headers = {"Authorization": f"Bearer {fleet.token}"}
    slug = f"{fleet.settings.dataset}_e"
    ops = fleet.ops()

    def call(method: str, path: str, **body: object) -> dict[str, object]:
        answer = ops.open(path, method=method, headers=headers, json=body)
        assert answer.status_code in (200, 201), answer.get_json()
        told: dict[str, object] = answer.get_json()
        return told

    call("POST", "/ops/orgs", org_slug=slug)
    assert (roles(fleet, slug), roles(fleet, slug, RUNNER)) == (["READER"], ["WRITER"])
    for changed in (True, False):
        assert call("DELETE", f"/ops/orgs/{slug}", confirm=slug)["changed"] is changed
        assert (roles(fleet, slug), roles(fleet, slug, RUNNER)) == ([], ["WRITER"])
    fleet.warehouse.admit(slug, {API: "READER"})
    assert call("DELETE", f"/ops/orgs/{slug}", confirm=slug)["changed"]
    assert roles(fleet, slug) == []
    call("POST", "/ops/orgs", org_slug=slug, reactivate=True)
    assert (roles(fleet, slug), roles(fleet, slug, RUNNER)) == (["READER"], ["WRITER"])


@pytest.fixture
def strange(fleet: Fleet) -> Iterator[str]:
    """An org whose dataset is a stranger's."""
    slug = f"{fleet.settings.dataset}_s"
    clients.bigquery(fleet.settings).create_dataset(slug)
    fleet.add([slug])
    yield slug
    clients.bigquery(fleet.settings).delete_dataset(slug)


def test_one_that_fails_holds_up_no_other(fleet: Fleet, strange: str) -> None:
    """A dataset of a stranger's, and one that is gone, are named and let nobody in; they are tried again."""
    (slug,) = orgs(fleet, "z")
    gone = f"{fleet.settings.dataset}_gone"
    fleet.add([gone])
    assert let_in(fleet) == {"admitted": [slug], "failed": [gone, strange], "left": 0}
    assert roles(fleet, strange) == []
    assert let_in(fleet) == {"admitted": [], "failed": [gone, strange], "left": 0}


def test_a_call_ends_in_time(fleet: Fleet) -> None:
    """A call lets a bounded number of orgs in, and says how many are left for the next one."""
    slugs = orgs(fleet, "a", "b", "c")
    access = DatasetAccess(fleet.warehouse, fleet.settings.dataset_accounts)
    first, second = access.let_in(most=2), access.let_in(most=2)
    assert (first.admitted, first.left, second.admitted, second.left) == (slugs[:2], 1, slugs[2:], 0)


def test_nobody_is_to_be_let_in(local: Local) -> None:
    """Without accounts in the settings no dataset is touched, and BigQuery is not asked."""
    fleet = new_fleet(local)
    (slug,) = orgs(fleet, "a")
    access = clients.bigquery(fleet.settings).get_dataset(slug).access_entries
    before = asked(fleet)
    assert let_in(fleet) == {"admitted": [], "failed": [], "left": 0}
    assert asked(fleet) == before
    assert clients.bigquery(fleet.settings).get_dataset(slug).access_entries == access
