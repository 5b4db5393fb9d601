"""What a provider of the product has beside its record: a pipeline, tables, and a view of its charges."""

import pytest

from cloudact.orgs.integrations import UsableIntegration
from cloudact.orgs.org import Onboarded
from cloudact.pipelines.config import read_pipeline
from cloudact.pipelines.registry import Registry, load_registry
from cloudact.pipelines.steps import Vocabulary
from cloudact.settings import ROOT
from cloudact.warehouse.scripts import Scope, load_scripts
from localcloud.onboarding import OnboardedOrg
from providers import PROVIDERS, http
from providers.gcp.keyless import KeylessAccount
from providers.org_day import OrgDay
from providers.provider import Provider
from providers.source import Source, SourceContext
from tests.conftest import NOON, Local, billing_run
from tests.ddl_columns import ddl_columns

CONFIGS = ROOT / "configs"
CREDENTIAL = KeylessAccount(service_account="reader@acme.iam.gserviceaccount.com").model_dump_json().encode()
each_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(CONFIGS, PROVIDERS)


def opened(provider: Provider, local: Local) -> Source:
    """The provider's source of a day, of which nothing is read."""
    run = billing_run(OnboardedOrg("acme", "", {}))
    integration = UsableIntegration(
        org_slug="acme",
        integration=provider.integration,
        ciphertext="",
        org_dataset="acme",
        onboarded=Onboarded("acme", 1, "local"),
    )
    context = SourceContext(
        run=run,
        read_at=NOON,
        integration=integration,
        credential=CREDENTIAL,
        settings=local.settings,
        url=provider.url,
        foreign_keys={},
        day=OrgDay(run, "acme", local.warehouse),
        http=http.client,
        patience=http.IN_A_JOB,
        time=http.Time(),
    )
    return provider.open_source(context)


@each_provider
def test_its_pipelines_are_there(provider: Provider, registry: Registry) -> None:
    """The registry has a pipeline of it, whose file lies in its folder of configs and can be read, enabled or not."""
    entries = [entry for entry in registry.entries if entry.provider == provider.id]
    assert entries
    for entry in entries:
        assert entry.config.startswith(f"{provider.id}/")
        config = read_pipeline(CONFIGS / entry.config, Vocabulary(PROVIDERS))
        assert (config.pipeline.name, config.processor) == (entry.id, provider.steps.processor)


@each_provider
def test_its_tables_are_made(provider: Provider, local: Local) -> None:
    """Each table that its source may fill is made by a script, partitioned by day, with the columns of a run."""
    ddl = "".join(script.text for script in load_scripts(Scope.ORG) if script.version)
    for table in opened(provider, local).fills:
        assert f"CREATE TABLE IF NOT EXISTS org_dataset.{table.name} (" in ddl
        columns = {column.name for column in ddl_columns(table.name).schema}
        assert {"usage_date", "org_slug", "run_id", "ingested_at"} <= columns
        assert {table.money} - {None} <= columns


@each_provider
def test_its_charges_are_in_the_view_of_all(provider: Provider) -> None:
    """A script makes the view of its charges from a table of its own, and the view `charges` reads it."""
    scripts = {script.name: script.text for script in load_scripts(Scope.ORG)}
    view = scripts[f"views_charges_{provider.id}"]
    assert f"'{provider.id}' AS provider," in view
    assert f"FROM org_dataset.{provider.id}_" in view
    assert f"FROM org_dataset.charges_{provider.id}" in scripts["views_charges"]
