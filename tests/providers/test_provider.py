"""A provider is one record: whoever hands the roots one more has it everywhere, and no list elsewhere is edited."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import redaction
from cloudact.clock import utc_now
from cloudact.errors import ConfigError, Stop
from cloudact.pipelines.config import read_pipeline
from cloudact.pipelines.registry import load_registry
from cloudact.pipelines.steps import Vocabulary
from cloudact.redaction import KeyForms, cleared, without_keys
from cloudact.settings import ROOT
from functions.composition import compose
from functions.routes import public_app, public_document
from infra import check_configs
from jobs.composition import compose as compose_job
from localcloud.onboarding import OnboardedOrg
from localcloud.stack import local_settings
from providers import PROVIDERS
from providers.provider import (
    Provider,
    by_id,
    by_integration,
    connect,
    secret_patterns,
)
from tests.conftest import Local, NewOrgs
from tests.providers import invented
from tests.providers.fourth import FOUR, write_configs
from tests.providers.invented.stand_in import KEY, running

NOWHERE = "http://nowhere.invalid"
AQUA = invented.PROVIDER


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """The shipped configs and a pipeline of the fourth provider."""
    return write_configs(tmp_path)


@pytest.fixture
def api(local: Local, configs: Path) -> Iterator[FlaskClient]:
    """The function with four providers."""
    with running() as vendor:
        urls = json.dumps({**local.settings.urls_of_providers, AQUA.id: vendor.url})
        settings = local.settings.model_copy(update={"configs_dir": configs, "provider_urls": urls})
        yield public_app(compose(settings, local.clock, providers=FOUR)).test_client()


def asked(api: FlaskClient, org: OnboardedOrg, method: str, path: str = "", **body: Any) -> TestResponse:
    headers, url = {"X-API-Key": org.api_key}, f"/api/v1/integrations/{org.org_slug}{path}"
    return api.open(url, method=method, headers=headers, json=body or None)


def test_one_more_provider_is_set_up(api: FlaskClient, new_org: NewOrgs) -> None:
    """A provider that only the root knows is listed, connected with its own settings, proven again and removed."""
    org = new_org(accounts=())
    listed = asked(api, org, "GET").get_json()["integrations"]
    assert [each["provider"] for each in listed] == [each.id for each in FOUR]
    told = asked(api, org, "POST", "/aqua/setup", credential=KEY, metadata={"region": "eu"})
    assert (told.status_code, told.get_json()["status"], told.get_json()["settings"]) == (
        201,
        "VALID",
        {"region": "eu"},
    )
    assert asked(api, org, "POST", "/aqua/validate").get_json()["status"] == "VALID"
    wrong = asked(api, org, "POST", "/aqua/setup", credential=KEY, metadata={"region": "asia"})
    assert (wrong.status_code, wrong.get_json()["detail"]) == (400, "metadata.region must be eu or us.")
    assert asked(api, org, "DELETE", "/aqua").get_json()["status"] == "NOT_CONFIGURED"
    unknown = asked(api, org, "POST", "/fire/validate").get_json()["detail"]
    assert unknown == f"Unknown provider: fire. Available: {', '.join(each.id for each in FOUR)}"


def test_one_more_provider_is_documented(api: FlaskClient) -> None:
    """Catalogue and OpenAPI document of a process name the providers that it was handed, and their settings."""
    shapes = api.get("/openapi.json").get_json()["components"]["schemas"]
    assert shapes["IntegrationState"]["properties"]["provider"]["enum"][-1] == "aqua"
    assert shapes["IntegrationState"]["properties"]["integration"]["enum"][-1] == "AQUA"
    assert "aqua: region" in shapes["SetupBody"]["properties"]["metadata"]["description"]
    assert "aqua" not in json.dumps(public_document())
    found = api.get("/api/v1/validator/pipelines?provider=aqua").get_json()
    assert [each["id"] for each in found["pipelines"]] == ["aqua_usage_cost"]


def test_its_keys_are_scrubbed(local: Local) -> None:
    """From the moment in which a root has been handed a provider, no text of the process shows a key of its form."""
    roots: tuple[Callable[..., object], ...] = (compose, compose_job)
    for number, root in enumerate(roots):
        key = f"aqu{number}-" + "4f" * 16
        forms = KeyForms(keys=(rf"aqu{number}-[0-9a-f]{{32}}",), marks=(f"aqu{number}-",))
        assert cleared(f"key {key}") == f"key {key}"
        root(local.settings, local.clock, providers=(*PROVIDERS, replace(AQUA, secret_patterns=forms)))
        assert (cleared(f"key {key}"), without_keys(f"m:{key}")) == ("key [key]", "m:[key]")


FUNCTION = """
import os
from werkzeug.test import EnvironBuilder
import functions.main
os.environ.clear()
functions.main.{}(EnvironBuilder().get_request())
"""


@pytest.mark.parametrize(
    "entry_point", [FUNCTION.format("api"), FUNCTION.format("ops"), "from jobs.main import main\nmain({})"]
)
def test_entry_points_know_all_keys(entry_point: str) -> None:
    """A process that cannot even start scrubs the keys of all shipped providers from its first line on."""
    keys = ["sk-proj-aB3xK9mQ2vT7", "sk-ant-api03-aB3xK9mQ2vT7pL5z", "AIza" + "aB3xK9mQ2vT7pL5zaB3xK9mQ2vT7pL5zaB3"]
    script = f"{entry_point}\nimport logging\nfor key in {keys}: logging.getLogger('x').error('key %s', key)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["message"] for line in lines if line["logger"] == "x"] == ["key [key]"] * len(keys)
    assert len(lines) > len(keys)  # what was wrong with the environment


def test_the_registry_is_read_with_the_providers(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config may name what was handed in and nothing else, and the check of configs goes by the same records."""
    entry = load_registry(configs, FOUR).resolve(["aqua", "usage_cost"])
    assert (entry.path, entry.required_integration) == ("aqua//usage_cost", "AQUA")
    for wrong in ("provider: Input should be 'gcp', ", "required_integration: Input should be 'GCP_SA', "):
        with pytest.raises(ConfigError, match=rf"pipelines\[\d\]\.{wrong}"):
            load_registry(configs, PROVIDERS)
    assert (check_configs.main(FOUR, configs), check_configs.main(PROVIDERS, configs)) == (0, 1)
    assert "aqua_usage_cost" in capsys.readouterr().out


def test_steps_of_another_provider_name_the_fourth(configs: Path) -> None:
    """The refusals of nonsense list the words of the providers that were handed in."""
    file = configs / "aqua" / "usage_cost.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("processor: aqua.usage_cost", "processor: aqua.drops"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"processor must be one of gcp\.bq_etl, openai\.\S+, .*aqua\.usage_cost"):
        load_registry(configs, FOUR)


def test_without_a_processor_of_the_older_shape(configs: Path) -> None:
    """Where no provider declares the older shape, a step that names no processor is refused as one that lacks it."""
    step = "{name: extract, type: bigquery_query, source_table: t}"
    file = configs / "aqua" / "usage_cost.yml"
    file.write_text(f"pipeline: {{name: a, description: b}}\nsteps: [{step}]", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"steps\[0\]: needs processor and config\n"):
        read_pipeline(file, Vocabulary([AQUA]))
    with pytest.raises(ConfigError, match=r"steps: there is no transform step; gcp\.bq_etl has these steps"):
        read_pipeline(file, Vocabulary(FOUR))


@pytest.mark.parametrize("pair", list(permutations(FOUR, 2)), ids=lambda pair: "-".join(each.id for each in pair))
def test_each_vendor_knows_the_others_keys(pair: tuple[Provider, Provider]) -> None:
    """Every provider is told what the keys of every other one begin with; its own are not foreign to it."""
    one, other = pair
    contexts = connect(local_settings(NOWHERE, NOWHERE, {}), utc_now, FOUR)
    foreign = contexts[one.integration].context.foreign_keys
    assert {begins: foreign[begins] for begins in other.key_beginnings} == {
        begins: f"This is {what}." for begins, what in other.key_beginnings.items()
    }
    assert not set(one.key_beginnings) & set(foreign)


def test_an_address_of_its_own() -> None:
    """`CLOUDACT_PROVIDER_URLS` overrides the record's address; one for what is no provider is refused."""
    connectors = connect(local_settings(NOWHERE, NOWHERE, {"openai": "http://127.0.0.1:1"}), utc_now, FOUR)
    told = {name: each.context.url for name, each in connectors.items()}
    assert told == {each.integration: each.url for each in FOUR} | {"OPENAI": "http://127.0.0.1:1"}
    with pytest.raises(ConfigError, match=r"PROVIDER_URLS names opnai; allowed are gcp, .*aqua\."):
        connect(local_settings(NOWHERE, NOWHERE, {"opnai": NOWHERE}), utc_now, FOUR)


@pytest.mark.parametrize("names", [("Aqua", "AQUA"), ("aqua", "aqua"), ("a_b", "AQUA"), ("", "AQUA"), ("aqua", "")])
def test_words_of_a_provider(names: tuple[str, str]) -> None:
    """A provider whose words could not stand in a path or a table is refused where it is made."""
    with pytest.raises(ConfigError, match="A provider is named like"):
        replace(AQUA, id=names[0], integration=names[1])


def test_no_two_providers_share_a_word() -> None:
    """Of the shipped providers each has its own id, integration and processor; one alone has the older shape."""
    assert len(by_id(PROVIDERS)) == len(by_integration(PROVIDERS)) == len(PROVIDERS)
    assert len({provider.steps.processor for provider in PROVIDERS}) == len(PROVIDERS)
    assert [provider.id for provider in PROVIDERS if provider.steps.older_shape] == ["gcp"]


RULED: Mapping[str, Mapping[str, Any]] = {
    "source_project": {"source_project": "NO"},
    "source_dataset": {"source_dataset": "a.b"},
    "source_table": {"source_table": "`x"},
    "inactive_projects": {"inactive_projects": ["NO"]},
}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)
def test_each_setting_says_what_is_allowed(provider: Provider) -> None:
    """A wrong value of any setting of any provider is refused with the field and the rule; an unknown one by name."""
    for name in provider.settings.model_fields:
        with pytest.raises(Stop, match=rf"^metadata\.{name} must be .*\.$"):
            provider.settings.read(RULED.get(name, {name: []}))
    allowed = ", ".join(provider.settings.model_fields) or "none"
    with pytest.raises(Stop, match=rf"^Unknown field 'x' in metadata\. Allowed: {allowed}\.$"):
        provider.settings.read({"x": 1})


def test_no_form_of_a_key_captures_or_repeats_without_bound() -> None:
    """Forms are joined into one expression, so none may have a group of its own; all compile alone and together."""
    for forms in secret_patterns(FOUR):
        for form in (*forms.keys, *forms.fragments, *forms.persons):
            assert re.compile(form, re.ASCII).groups == 0, form
    redaction.know(secret_patterns(FOUR))
    assert cleared(f"{KEY} sk-ant-api03-{'aB3-' * 12}") == "[key] [key]"
