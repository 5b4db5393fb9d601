"""A second installation in the same project: whatever Google remembers of the first decides nothing any more."""

import re
import secrets
import uuid
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.cloud.bigquery import Dataset
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.errors import ConfigError
from cloudact.installation import LABEL, ORIGINAL, PATTERN, own_name
from cloudact.notify.notifications import ping
from cloudact.notify.notifier import open_outbox, open_signing
from cloudact.notify.webhook_posts import _task_id
from cloudact.runs.run import NAMESPACE
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from cloudact.warehouse.datasets import drop_org_dataset, make_service_dataset
from cloudact.warehouse.migrations import Migrations
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from functions.runs.queue import second_task_id, slot_task_id
from infra.migrate import DONE, UNUSABLE, main
from localcloud.integrations import ProviderAccount, new_admin_key, register_admin_key
from localcloud.provision import provision
from tests.conftest import NOON, Local
from tests.functions.operators import AUDIENCE, operator_token

WITHIN_S = 60.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """The service with a dataset of its own; it shares queue, key and secrets with those before it."""

    local: Local
    settings: Settings

    @property
    def api(self) -> FlaskClient:
        return public_app(compose(self.settings, self.local.clock)).test_client()

    def ops(self, method: str, path: str = "", **body: Any) -> TestResponse:
        settings = self.settings.model_copy(update={"ops_audience": AUDIENCE})
        client = private_app(compose(settings, self.local.clock), Caller(settings)).test_client()
        headers = {"Authorization": f"Bearer {operator_token(self.local)}"}
        return client.open(f"/ops/orgs{path}", method=method, headers=headers, json=body)

    def status_of(self, key: str, org: str) -> int:
        return self.api.get(f"/api/v1/pipelines/{org}/runs", headers={"X-API-Key": key}).status_code

    def connect(self, org: str, key: str, credential: Mapping[str, str]) -> None:
        path, body = f"/api/v1/integrations/{org}/openai/setup", {"credential": credential["api_key"]}
        assert self.api.post(path, headers={"X-API-Key": key}, json=body).status_code == 201

    def run(self, org: str, key: str) -> Json:
        """The detail of yesterday's run, from its admission until it has ended."""
        headers = {"X-API-Key": key}
        asked = self.api.post(f"/api/v1/pipelines/run/{org}/openai/usage_cost", headers=headers)
        assert asked.status_code == 202, asked.get_json()
        self.local.clock.advance(seconds=3)
        wait(self.local.google.dispatcher.dispatch_due(), timeout=WITHIN_S)
        assert self.local.google.region.wait_idle(WITHIN_S)
        ended: Json = self.api.get(asked.headers["Location"], headers=headers).get_json()
        return ended

    def onboard(self, org: str) -> TestResponse:
        return self.ops("POST", org_slug=org)

    def labels(self, org: str) -> dict[str, str] | None:
        return open_warehouse(self.settings).dataset_labels(org)

    def make_older(self, org: str) -> None:
        """The org's dataset as it was made before it told its installation."""
        client = clients.bigquery(self.settings)
        client.delete_dataset(org, delete_contents=True, not_found_ok=True)
        older = Dataset(f"{client.project}.{org}")
        older.labels = {"cloudact_org": org}
        client.create_dataset(older)

    def label(self, org: str) -> None:
        """As the refusal says."""
        client = clients.bigquery(self.settings)
        dataset = client.get_dataset(org)
        dataset.labels = {**dataset.labels, LABEL: self.settings.installation}
        client.update_dataset(dataset, ["labels"])

    def tear_down(self, *orgs: str) -> None:
        """As infra/teardown.sh --datasets does. Jobs and the names of tasks are remembered."""
        for dataset in (self.settings.dataset, *orgs):
            clients.bigquery(self.settings).delete_dataset(dataset, delete_contents=True)

    def set_up_again(self, identity: str) -> "Installation":
        again = Installation(self.local, self.settings.model_copy(update={"installation": identity}))
        provision(again.settings)
        return again


def planned(local: Local) -> Installation:
    """One with names of its own, of which nothing has been made."""
    name = f"again{next(local.numbers)}"
    own = {"dataset": name, "queue": name, "job": name, "webhook_queue": f"{name}-webhooks", "installation": "first"}
    return Installation(local, local.settings.model_copy(update=own))


@pytest.fixture
def first(local: Local) -> Installation:
    """The first one in its project, to be torn down."""
    installation = planned(local)
    provision(installation.settings)
    return installation


@pytest.fixture(scope="module")
def made_once(session_cloud: Local) -> Installation:
    """The same for tests that leave it as it was."""
    installation = planned(session_cloud)
    provision(installation.settings)
    return installation


@pytest.fixture
def lasting(made_once: Installation, local: Local) -> Installation:
    """The first one in its project, which stays; its clock is at noon."""
    return Installation(local, made_once.settings)


@pytest.fixture
def org(local: Local) -> str:
    """A slug that both onboard."""
    return f"again_org_{next(local.numbers)}"


def test_nothing_of_the_first_is_carried_out_again(first: Installation, org: str) -> None:
    """Keys of before, revoked or not, are unknown; a new one is shown; and the very same run runs again."""
    credential = new_admin_key("OPENAI")
    register_admin_key(first.settings, ProviderAccount("OPENAI", seed=7), credential)
    key = first.ops("POST", org_slug=org).get_json()["api_key"]
    second_key = first.ops("POST", f"/{org}/api-key").get_json()
    assert first.ops("DELETE", f"/{org}/api-keys/{second_key['fingerprint']}").status_code == 200
    first.connect(org, key, credential)
    before = first.run(org, key)
    first.tear_down(org)

    again = first.set_up_again("second")
    onboarded = again.ops("POST", org_slug=org)
    new = onboarded.get_json()["api_key"]
    assert onboarded.status_code == 201
    again.connect(org, new, credential)
    after = again.run(org, new)
    rotated = again.ops("POST", f"/{org}/api-key").get_json()["api_key"]
    assert [again.status_of(each, org) for each in (key, second_key["api_key"], new, rotated)] == [401, 401, 200, 200]
    assert (before["status"], after["status"]) == ("SUCCESS", "SUCCESS")
    assert (after["run_id"], after["rows_processed"]) == (before["run_id"], before["rows_processed"])


def test_google_remembers_and_the_identity_tells_them_apart(first: Installation, org: str) -> None:
    """With the identity of the first one, an onboarding would find itself decided and show no key."""
    assert first.ops("POST", org_slug=org).status_code == 201
    first.tear_down(org)
    same = first.set_up_again(first.settings.installation).ops("POST", org_slug=org)
    assert (same.status_code, "api_key" in same.get_json()) == (200, False)


def test_a_dataset_of_another_installation_is_refused(lasting: Installation) -> None:
    """Whoever migrates it with another identity changes nothing and says what to do."""
    other = lasting.settings.model_copy(update={"installation": "other"})
    warehouse = open_warehouse(other)
    with pytest.raises(ConfigError, match=r"belongs to the installation first, and CLOUDACT_INSTALLATION is other"):
        make_service_dataset(warehouse, Migrations(warehouse, applied_by="test"), "other")
    assert warehouse.dataset_labels(lasting.settings.dataset) == {LABEL: "first"}


def test_an_older_installation_keeps_its_names(lasting: Installation) -> None:
    """What was decided before there were identities is found under the same ids after the upgrade."""
    name = f"key_acme_{secrets.token_hex(8)}"
    clients.bigquery(lasting.settings).query("SELECT 1", job_id=name, job_retry=None)
    found = [
        open_warehouse(lasting.settings.model_copy(update={"installation": identity})).job(name)
        for identity in (ORIGINAL, "second")
    ]
    assert (found[0].job_id if found[0] else None, found[1]) == (name, None)


def test_the_longest_names_fit() -> None:
    """A task id has at most 500 characters, whatever the org, the event and the identity."""
    event = ping("o" * 50, "k", NOON)
    longest = slot_task_id("o" * 50, NOON.date(), 10**9), _task_id(event.event, event.id), second_task_id("r" * 36)
    assert max(len(own_name(name, "i" * 32)) for name in longest) < 200


def test_webhook_secrets_of_the_first_sign_nothing(lasting: Installation) -> None:
    """The service's secret may stay, and orgs' keys are counted from 1 again: another installation, other keys."""
    kept = [
        open_signing(lasting.settings.model_copy(update={"installation": each})) for each in (ORIGINAL, "a1b2", "c3d4")
    ]
    assert len({signing.secret("acmecorp", 1) for signing in kept}) == 3


def test_an_orgs_dataset_is_its_installations(first: Installation, org: str) -> None:
    """A dataset that the first one left behind is not adopted, nor deleted: it may be another customer's.

    Who has labelled it as the refusal says, before or after it, has the same customer's data again, and may delete it.
    """
    labelled = f"{org}_labelled"
    assert [first.onboard(each).status_code for each in (org, labelled)] == [201, 201]
    first.tear_down()
    again = first.set_up_again("second")
    again.label(labelled)
    assert again.onboard(labelled).status_code == 201
    refused = again.onboard(org)
    assert refused.status_code == 409
    assert "data of another installation, first; this is second" in refused.get_json()["detail"]
    assert drop_org_dataset(open_warehouse(again.settings), org) is False
    assert again.labels(org) == {"cloudact_org": org, LABEL: "first"}
    again.label(org)
    assert again.onboard(org).status_code == 201
    for each in (org, labelled):
        assert drop_org_dataset(open_warehouse(again.settings), each) is True
        assert again.labels(each) is None


@pytest.mark.parametrize(("identity", "status"), [(ORIGINAL, 201), ("second", 409)])
def test_a_dataset_without_a_label_is_the_original_ones(local: Local, org: str, identity: str, status: int) -> None:
    """It was made before there were labels, when there was one installation only; that may be torn down."""
    gone = planned(local)
    if identity == ORIGINAL:
        provision(gone.settings)
        gone.tear_down()
    gone.make_older(org)
    assert gone.set_up_again(identity).onboard(org).status_code == status


def test_who_comes_back_finds_the_older_dataset(lasting: Installation, org: str) -> None:
    """An org of this installation keeps its dataset through an off-boarding, and one with its data takes it along."""
    assert lasting.onboard(org).status_code == 201
    lasting.make_older(org)
    assert lasting.ops("DELETE", f"/{org}", confirm=org).status_code == 200
    assert lasting.ops("POST", org_slug=org, reactivate=True).status_code == 201
    assert lasting.labels(org) == {"cloudact_org": org}
    assert lasting.ops("DELETE", f"/{org}", confirm=org, delete_data=True).status_code == 200
    assert lasting.labels(org) is None


@given(st.from_regex(PATTERN, fullmatch=True))
def test_an_identity_is_a_label(identity: str) -> None:
    """Google takes up to 63 small letters, digits, `_` and `-` (https://cloud.google.com/bigquery/docs/labels-intro)."""
    assert re.fullmatch("[a-z0-9_-]{0,63}", identity)


def test_events_of_the_first_are_not_those_of_the_second(local: Local) -> None:
    """A receiver that remembers ids hears the second's event about an equal thing; an older one keeps its ids."""
    event = ping("acmecorp", "k", NOON)
    named = uuid.uuid5(NAMESPACE, "acmecorp/events/ping/k")
    settings = [local.settings.model_copy(update={"installation": each}) for each in (ORIGINAL, "a1b2", "c3d4")]
    outboxes = [open_outbox(each, open_signing(each), local.clock) for each in settings]
    ids = [outbox.own(event).id for outbox in outboxes if outbox]
    assert (ids[0], len(set(ids))) == (str(named), 3)


def relabel(installation: Installation, identity: str) -> None:
    client = clients.bigquery(installation.settings)
    dataset = client.get_dataset(installation.settings.dataset)
    dataset.labels = {LABEL: identity}
    client.update_dataset(dataset, ["labels"])


@pytest.mark.parametrize(("label", "told"), [(ORIGINAL, ORIGINAL), (ORIGINAL, "first")])
def test_a_lost_label_does_not_make_another_installation(lasting: Installation, label: str, told: str) -> None:
    """The tables know whose they are: a migration by another name changes nothing and says which label was lost."""
    relabel(lasting, label)
    try:
        with pytest.raises(
            ConfigError, match=r"belong to the installation first; .* --set_label=cloudact_installation:first"
        ):
            lasting.set_up_again(told)
        assert main(lasting.settings.model_copy(update={"installation": told}).to_env()) == UNUSABLE
    finally:
        relabel(lasting, "first")
    assert main(lasting.settings.to_env()) == DONE


def test_an_installation_from_before_the_table_is_recorded(first: Installation) -> None:
    """An upgrade writes down once whose the tables are."""
    client, table = clients.bigquery(first.settings), f"{first.settings.dataset}.installations"
    client.query_and_wait(f"DELETE FROM {table} WHERE TRUE")
    for _ in range(2):
        provision(first.settings)
    assert [row["identity"] for row in client.query_and_wait(f"SELECT identity FROM {table}")] == ["first"]
