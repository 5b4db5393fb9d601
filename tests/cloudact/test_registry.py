"""The registry and the pipeline configs: the shipped ones, both step shapes, and what wrong ones say."""

import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any, ClassVar

import pytest
import yaml

from cloudact.errors import ConfigError
from cloudact.pipelines.config import PipelineConfig, read_pipeline
from cloudact.pipelines.registry import Registry, UnknownPipeline, load_registry
from cloudact.pipelines.steps import StepType, Templated, Vocabulary
from providers import PROVIDERS
from providers.gcp.steps import ExtractConfig, LoadConfig, TransformConfig

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
OLDER_SHAPE = """
pipeline: {name: gcp_billing, description: Extract GCP billing costs and store in BigQuery}
steps:
  - {name: extract, type: bigquery_query, source_table: billing_export.gcp_billing_export_v1}
  - {name: transform, type: sql_transform, operations: [aggregate_by_service, filter_date_range]}
  - {name: load, type: bigquery_load, target_table: gcp_billing_daily_raw}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(CONFIGS, PROVIDERS)


def read(path: Path) -> PipelineConfig:
    return read_pipeline(path, Vocabulary(PROVIDERS))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "billing.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_configs_load(registry: Registry) -> None:
    """The registry that ships enables the three pipelines of the product; whatever it enables has steps to run."""
    enabled = [entry for entry in registry.entries if entry.enabled]
    assert {entry.id for entry in enabled} >= {"gcp_billing", "openai_usage_cost", "anthropic_usage_cost"}
    assert all(registry.config(entry).steps for entry in enabled)


@pytest.mark.parametrize("path", ["gcp/cost/billing", "gcp//billing", "gcp/billing"])
def test_an_empty_or_missing_domain_resolves(registry: Registry, path: str) -> None:
    """A pipeline is found with its domain, with an empty one and without one."""
    assert registry.resolve(path.split("/")).id == "gcp_billing"


@pytest.mark.parametrize(
    "path", ["gcp/cost/x", "gcp/x/billing", "gcp", "gcp/cost/billing/more", "openai/cost/usage_cost", ""]
)
def test_unknown_paths_name_what_exists(registry: Registry, path: str) -> None:
    """What does not exist is unknown, and the error lists what is available."""
    with pytest.raises(UnknownPipeline, match=r"Unknown pipeline: .*Available: gcp/cost/billing"):
        registry.resolve(path.split("/"))


def test_a_disabled_pipeline_is_unknown(tmp_path: Path) -> None:
    """What is disabled does not resolve and is not offered, but stays in the registry."""
    changed(tmp_path, pipeline=1, enabled=False)
    registry = load_registry(tmp_path, PROVIDERS)
    with pytest.raises(UnknownPipeline, match=r"Available: (?!.*openai)gcp/cost/billing, anthropic//usage_cost"):
        registry.resolve(["openai", "", "usage_cost"])
    assert registry.get("openai_usage_cost").enabled is False


def test_newer_step_shape(registry: Registry) -> None:
    """`processor` and `config` become typed steps."""
    steps = registry.config(registry.get("gcp_billing")).steps
    assert [type(step.config) for step in steps] == [ExtractConfig, TransformConfig, LoadConfig]


def test_older_step_shape(tmp_path: Path) -> None:
    """`type` with inline keys becomes the same steps; `dataset.table` is split."""
    steps = read(written(tmp_path, OLDER_SHAPE)).steps
    assert [step.type for step in steps] == [StepType.EXTRACT, StepType.TRANSFORM, StepType.LOAD]
    extract = steps[0].config
    assert isinstance(extract, ExtractConfig)
    assert (extract.source_dataset, extract.source_table) == ("billing_export", "gcp_billing_export_v1")


def test_placeholders_are_filled_per_run(registry: Registry) -> None:
    """`{source_table}` and its like are replaced by what the org has set."""
    extract = registry.config(registry.get("gcp_billing")).steps[0].config
    assert isinstance(extract, ExtractConfig)
    filled = extract.filled({"source_project": "acme-billing", "source_dataset": "export", "source_table": "costs"})
    assert (filled.source_project, filled.source_dataset, filled.source_table) == ("acme-billing", "export", "costs")


class Drops(Templated):
    """A config of a provider that is not there yet."""

    placeholders: ClassVar[tuple[str, ...]] = (*Templated.placeholders, "drop_size")
    drop: str = ""


@pytest.mark.parametrize(
    ("model", "text", "complaint"),
    [
        (
            Drops,
            "{source_table}",
            r"unknown placeholder \{source_table\}; allowed are org_slug, org_dataset, drop_size",
        ),
        (ExtractConfig, "{drop_size}", r"unknown placeholder .*org_slug, org_dataset, source_project, .*source_table"),
    ],
)
def test_placeholders_are_the_providers_own(model: type[Templated], text: str, complaint: str) -> None:
    """A provider's config has placeholders of its own beside the org's, and none of another provider."""
    assert Drops(drop="{drop_size} of {org_slug}").filled({"drop_size": "1", "org_slug": "a"}).drop == "1 of a"
    with pytest.raises(ValueError, match=complaint):
        model.model_validate({"drop" if model is Drops else "source_table": text})


def one_step(**step: object) -> dict[str, object]:
    return {"steps": [{"name": "a", **step}]}


MISTAKES = [
    (
        one_step(processor="gcp.x", config={"source_table": "t"}),
        r"steps\[0\]: processor must be one of gcp\.bq_etl, openai",
    ),
    (one_step(type="sql_transform", operations=["drop"]), r"steps\[0\]: config\.operations\.0: .*aggregate_by_service"),
    (one_step(type="copy"), r"steps\[0\]: .*bigquery_query, sql_transform, bigquery_load"),
    (
        one_step(type="bigquery_query", source_table="t", limit=1),
        r"unknown key limit in a bigquery_query step; allowed",
    ),
    (
        one_step(processor="gcp.bq_etl", config={"source_table": "{x}"}),
        r"unknown placeholder \{x\}; allowed are org_slug",
    ),
    (one_step(processor="gcp.bq_etl"), r"steps\[0\]: config must hold exactly one of source_table, operations"),
    ({"steps": []}, r"steps: .*at least 1"),
    ({"retries": 3}, r"retries: unknown key; allowed are pipeline, required_integrations, parameters, steps"),
    ({"required_integrations": ["NO_SUCH"]}, r"required_integrations\[0\]: .*GCP_SA"),
    ({"parameters": [{"name": "region", "type": "string"}]}, r"parameters\[0\]\.name: .*'date'"),
    ({"pipeline": {"name": "x", "description": "y", "owner": "z"}}, r"pipeline\.owner: unknown key; allowed are name"),
]


@pytest.mark.parametrize(("change", "complaint"), MISTAKES)
def test_mistakes_name_file_key_and_what_is_allowed(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    """A wrong config is refused with the file, the key and the allowed values in one message."""
    path = written(tmp_path, yaml.safe_dump(yaml.safe_load(OLDER_SHAPE) | change))
    with pytest.raises(ConfigError, match=complaint) as refusal:
        read(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps: [", "is not YAML"),
        ("a: 1\na: 2", "key 'a' stands twice"),
        ("- 1", r"\(the whole file\): must be a mapping; its keys are pipeline, .*steps"),
        ("", r"\(the whole file\): must be a mapping; its keys are pipeline, .*steps"),
        ("banana", r"\(the whole file\): must be a mapping; its keys are pipeline, .*steps"),
        ("pipeline: billing\nsteps: []", r"pipeline: must be a mapping; its keys are name, description, version"),
        ("? [a, b]\n: 1", r"key \['a', 'b'\] is no text; allowed are texts"),
        ("? {a: b}\n: 1", r"key \{'a': 'b'\} is no text"),
        (
            "steps:\n- {name: a, processor: gcp.bq_etl, config: {source_table: t, 5: x}}",
            r"(?s)key 5 is no text.*line 2",
        ),
        ("steps:\n- {name: a, type: bigquery_query, source_table: t, yes: x}", r"(?s)key True is no text.*line 2"),
        ("steps: " + "[" * 5000, "nested too deep"),
        ("steps: " + "{a: " * 5000, "nested too deep"),
        ("steps: 2026-13-45", r"is not YAML: month must be in 1\.\.12"),
        ("steps: 2026-11-10 25:61:61", "is not YAML: hour must be in"),
        ("steps: " + "7" * 5000, "is not YAML: Exceeds the limit"),
        ("steps: \0", "is not YAML"),
    ],
    ids=itertools.count(),
)
def test_what_is_not_a_config_at_all(tmp_path: Path, text: str, complaint: str) -> None:
    """Broken YAML, repeated or odd keys, impossible values and other shapes are errors that name the file."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=complaint) as refusal:
        read(path)
    assert str(path) in str(refusal.value)


def test_a_missing_file_is_named() -> None:
    """A registry entry whose file is missing says which file."""
    with pytest.raises(ConfigError, match=r"nowhere\.yml: cannot be read"):
        read(Path("nowhere.yml"))


def test_a_registry_entry_and_its_file_must_agree(tmp_path: Path) -> None:
    """An entry that points at another pipeline's file is refused when the registry is read."""
    changed(tmp_path, pipeline=0, id="gcp_costs")
    with pytest.raises(ConfigError, match=r"gcp_costs: gcp/cost/billing\.yml calls itself 'gcp_billing'"):
        load_registry(tmp_path, PROVIDERS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"config": "gcp/cost/a\0b.yml"}, r"pipelines\[0\]\.config: String should match pattern"),
        ({"restate_days": [10**12]}, r"pipelines\[0\]\.restate_days\[0\]: .*less than or equal to 366"),
        ({"restate_days": [367]}, r"pipelines\[0\]\.restate_days\[0\]: .*less than or equal to 366"),
        ({"restate_days": [2, 0]}, r"pipelines\[0\]\.restate_days\[1\]: .*greater than or equal to 1"),
        ({"restate_days": [-1]}, r"pipelines\[0\]\.restate_days\[0\]: .*greater than or equal to 1"),
        ({"restate_days": [True]}, r"pipelines\[0\]\.restate_days\[0\]: .*valid integer"),
        ({"restate_days": ["3"]}, r"pipelines\[0\]\.restate_days\[0\]: .*valid integer"),
        ({"restate_days": [2.0]}, r"pipelines\[0\]\.restate_days\[0\]: .*valid integer"),
        ({"restate_days": [7, 2, 2]}, r"pipelines\[0\]\.restate_days: days stand once .*allowed is \[2, 7\]"),
        ({"restate_days": [2, 2]}, r"pipelines\[0\]\.restate_days: days stand once .*allowed is \[2\]"),
        ({"max_age_days": 10**30}, r"pipelines\[0\]\.max_age_days: .*less than or equal to 36600"),
        ({"max_age_days": 0}, r"pipelines\[0\]\.max_age_days: .*greater than or equal to 1"),
        ({"max_age_days": True}, r"pipelines\[0\]\.max_age_days: .*valid integer"),
        ({"max_age_days": "365"}, r"pipelines\[0\]\.max_age_days: .*valid integer"),
        ({"config": "../plans.yml"}, r"pipelines\[0\]\.config: String should match pattern"),
    ],
)
def test_an_entry_that_could_not_work_is_refused(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    """What the registry cannot mean is refused with the file, the entry and what is allowed."""
    changed(tmp_path, pipeline=0, **change)
    with pytest.raises(ConfigError, match=complaint) as refusal:
        load_registry(tmp_path, PROVIDERS)
    assert "pipelines.yml" in str(refusal.value)


def test_two_pipelines_never_fill_one_table(tmp_path: Path) -> None:
    """A table belongs to one enabled pipeline, as each run replaces its whole day; a disabled one takes none away."""
    add_second_billing(tmp_path, enabled=False)
    assert len(load_registry(tmp_path, PROVIDERS).entries) == len(load_registry(CONFIGS, PROVIDERS).entries) + 1
    add_second_billing(tmp_path, enabled=True)
    complaint = (
        r"gcp_again: gcp/again\.yml loads gcp_billing_daily_raw, and so does gcp_billing; allowed is one enabled"
    )
    with pytest.raises(ConfigError, match=complaint) as refusal:
        load_registry(tmp_path, PROVIDERS)
    assert "pipelines.yml" in str(refusal.value)


def add_second_billing(folder: Path, *, enabled: bool) -> None:
    """A copy of the shipped configs with a second pipeline of the same steps."""
    copytree(CONFIGS, folder, dirs_exist_ok=True)
    text = (folder / GCP).read_text(encoding="utf-8").replace("name: gcp_billing", "name: gcp_again")
    (folder / "gcp" / "again.yml").write_text(text, encoding="utf-8")
    file = folder / "system" / "pipelines.yml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    second = {"id": "gcp_again", "pipeline": "again", "config": "gcp/again.yml", "enabled": enabled}
    raw["pipelines"].append(raw["pipelines"][0] | second)
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")


def changed(folder: Path, pipeline: int, **change: object) -> None:
    """A copy of the shipped configs in which one entry of the registry is another."""
    copytree(CONFIGS, folder, dirs_exist_ok=True)
    file = folder / "system" / "pipelines.yml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    raw["pipelines"][pipeline] |= change
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")


GCP, OPENAI, ANTHROPIC = "gcp/cost/billing.yml", "openai/usage_cost.yml", "anthropic/usage_cost.yml"
Raw = dict[str, Any]
Change = Callable[[Raw], object]


def keeping(*words: str) -> Change:
    """The file's own steps of these names, in this order; a name may stand twice."""

    def change(raw: Raw) -> None:
        known = {step["name"]: step for step in raw["steps"]}
        raw["steps"] = [{**known[word], "name": f"{word}_{index}"} for index, word in enumerate(words)]

    return change


def with_steps_of(path: str, *indices: int) -> Change:
    """The steps with these indices (all, if none is given) are those of another file."""

    def change(raw: Raw) -> None:
        others = yaml.safe_load((CONFIGS / path).read_text(encoding="utf-8"))["steps"]
        raw["steps"] = [
            others[index] if not indices or index in indices else step for index, step in enumerate(raw["steps"])
        ]

    return change


def with_key(step: int, **keys: object) -> Change:
    return lambda raw: raw["steps"][step]["config"].update(keys)


def with_words(step: int, **keys: object) -> Change:
    return lambda raw: raw["steps"][step].update(keys)


def with_version(version: str) -> Change:
    return lambda raw: raw["pipeline"].update(version=version)


def with_date(**keys: object) -> Change:
    return lambda raw: raw["parameters"][0].update(keys)


GCP_ORDER = r"gcp\.bq_etl has these steps, .*in this order: extract \(source_table\), transform \(operations\), load"
NONSENSE: list[tuple[str, Change, str]] = [
    (GCP, keeping("extract"), rf"steps: there is no transform step; {GCP_ORDER}"),
    (GCP, keeping("load"), rf"steps: there is no extract step; {GCP_ORDER}"),
    (GCP, keeping("transform"), rf"steps: there is no extract step; {GCP_ORDER}"),
    (GCP, keeping("extract", "load"), rf"steps: there is no transform step; {GCP_ORDER}"),
    (GCP, keeping("extract", "transform"), rf"steps: there is no load step; {GCP_ORDER}"),
    (GCP, keeping("load", "extract", "transform"), rf"step load_0 stands before step extract_1; {GCP_ORDER}"),
    (GCP, keeping("extract", "load", "transform"), rf"step load_1 stands before step transform_2; {GCP_ORDER}"),
    (
        GCP,
        keeping("extract", "transform", "load", "load"),
        rf"steps load_2 and load_3 are both load steps; {GCP_ORDER}",
    ),
    (GCP, keeping("extract", "extract", "transform", "load"), r"steps extract_0 and extract_1 are both extract steps"),
    (OPENAI, keeping("load"), r"there is no extract step; openai\.usage_cost has these steps"),
    (OPENAI, keeping("extract"), r"there is no load step; .*reconcile \(tolerance; may be left out\), load"),
    (OPENAI, keeping("reconcile", "extract", "load"), r"step reconcile_0 stands before step extract_1"),
    (OPENAI, keeping("extract", "load", "reconcile"), r"step load_1 stands before step reconcile_2"),
    (ANTHROPIC, keeping("load", "extract"), r"step load_0 stands before step extract_1; anthropic\.usage_cost has"),
    (ANTHROPIC, keeping("extract", "reconcile", "reconcile", "load"), r"are both reconcile steps"),
    (OPENAI, with_steps_of(GCP), r"openai_usage_cost: .*is of gcp\.bq_etl; allowed is openai\.usage_cost"),
    (
        OPENAI,
        with_steps_of(ANTHROPIC),
        r"step extract of .* is of anthropic\.usage_cost; allowed is openai\.usage_cost",
    ),
    (GCP, with_steps_of(OPENAI), r"gcp_billing: .*is of openai\.usage_cost; allowed is gcp\.bq_etl"),
    (OPENAI, with_steps_of(ANTHROPIC, 1), r"step reconcile is of anthropic\.usage_cost, but step extract is of openai"),
    (ANTHROPIC, with_steps_of(OPENAI, 2), r"step load is of openai\.usage_cost, but step extract is of anthropic"),
    (GCP, with_date(default="tomorrow"), r"parameters\[0\]\.default: .*'yesterday' or 'today'"),
    (GCP, with_date(default="2026-11-10"), r"parameters\[0\]\.default: .*'yesterday' or 'today'"),
    (GCP, with_date(required=True), r"parameters\[0\]: date is required, so it has no default"),
    (GCP, with_date(default=None), r"parameters\[0\]: date is not required, so it needs a default: yesterday or today"),
    (GCP, lambda raw: raw["parameters"].append(raw["parameters"][0]), r"parameters"),
    (GCP, lambda raw: raw.update(parameters=[]), r"parameters"),
    (GCP, with_key(2, target_dataset="elsewhere"), r'target_dataset: must be "\{org_dataset\}": a run writes into'),
    (GCP, with_key(2, target_dataset="{source_dataset}"), r'target_dataset: must be "\{org_dataset\}"'),
    (GCP, with_key(2, target_dataset="x_{org_dataset}"), r'target_dataset: must be "\{org_dataset\}"'),
    (OPENAI, with_key(2, target_dataset="acmecorp"), r'target_dataset: must be "\{org_dataset\}"'),
    (GCP, with_key(2, target_table="openai_cost_daily_raw"), r"target_table: .*gcp_billing_daily_raw"),
    (GCP, with_key(2, write_disposition="WRITE_APPEND"), r"write_disposition: .*WRITE_TRUNCATE"),
    (OPENAI, with_key(0, reports=["costs", "costs"]), r"each report is read once"),
    (OPENAI, with_key(0, reports=["messages"]), r"reports\.0: .*completions"),
    (
        GCP,
        with_words(0, type="banana"),
        r"steps\[0\]: unknown key type in a step with a processor; allowed are name, processor, config$",
    ),
    (GCP, with_words(0, type="bigquery_load"), r"steps\[0\]: unknown key type in a step with a processor"),
    (OPENAI, with_words(2, type="bigquery_load", retries=3), r"steps\[2\]: unknown key retries, type in a step"),
    (
        GCP,
        with_key(0, source_table="{source_table!z}"),
        r"steps\[0\]: config\.source_table: \{source_table!z\} formats .*allowed is its name alone: \{source_table\}",
    ),
    (GCP, with_key(0, source_table="{source_table:d}"), r"steps\[0\]: config\.source_table: .*allowed is its name"),
    (
        GCP,
        with_key(0, source_table="{source_table:{nope}}"),
        r"steps\[0\]: config\.source_table: .*allowed is its name",
    ),
    (GCP, with_key(0, source_table="{source_table"), r"steps\[0\]: config\.source_table: expected '\}'"),
    (GCP, with_key(0, source_table=""), r"steps\[0\]: config\.source_table: String should match pattern"),
    (GCP, with_key(0, source_table=" "), r"steps\[0\]: config\.source_table: String should match pattern"),
    (GCP, with_key(0, source_dataset=""), r"steps\[0\]: config\.source_dataset: String should match pattern"),
    (GCP, with_key(0, source_project=""), r"steps\[0\]: config\.source_project: String should match pattern"),
    (GCP, with_version(""), r"pipeline\.version: String should match pattern '\^\[0-9A-Za-z\]"),
    (GCP, with_version("1" * 51), r"pipeline\.version: String should match pattern"),
    (GCP, with_version("1.0\n"), r"pipeline\.version: String should match pattern"),
    (GCP, with_version("1.0\n2"), r"pipeline\.version: String should match pattern"),
]


@pytest.mark.parametrize(("file", "change", "complaint"), NONSENSE)
def test_a_pipeline_that_could_not_work_is_refused(tmp_path: Path, file: str, change: Change, complaint: str) -> None:
    """What could not load a day, or not its own org's, is refused with the file, the step and what is allowed."""
    copytree(CONFIGS, tmp_path, dirs_exist_ok=True)
    raw = yaml.safe_load((tmp_path / file).read_text(encoding="utf-8"))
    change(raw)
    (tmp_path / file).write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as refusal:
        load_registry(tmp_path, PROVIDERS)
    assert file in str(refusal.value)


def test_the_integration_is_the_processors(tmp_path: Path) -> None:
    """A registry entry cannot hand a processor another vendor's credential."""
    changed(tmp_path, pipeline=1, required_integration="GCP_SA")
    with pytest.raises(ConfigError, match=r"openai_usage_cost: required_integration is GCP_SA, .* reads with OPENAI"):
        load_registry(tmp_path, PROVIDERS)


@pytest.mark.parametrize("file", [OPENAI, ANTHROPIC])
def test_reconcile_may_be_left_out(tmp_path: Path, file: str) -> None:
    """A pipeline may do without the comparison with the provider's own total."""
    raw = yaml.safe_load((CONFIGS / file).read_text(encoding="utf-8"))
    keeping("extract", "load")(raw)
    assert len(read(written(tmp_path, yaml.safe_dump(raw))).steps) == 2


def test_the_older_word_for_the_orgs_dataset_is_read(tmp_path: Path) -> None:
    """`{org_slug}` as target dataset says the same as `{org_dataset}`, the only dataset that a run writes into."""
    raw = yaml.safe_load((CONFIGS / GCP).read_text(encoding="utf-8"))
    with_key(2, target_dataset="{org_slug}")(raw)
    load = read(written(tmp_path, yaml.safe_dump(raw))).steps[2].config
    assert isinstance(load, LoadConfig)
    assert load.target_dataset == "{org_dataset}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("{name: date, type: string, default: yesterday}", date(2026, 11, 11)),
        ("{name: date, type: string, default: today}", date(2026, 11, 12)),
        ("{name: date, type: string, required: true}", None),
    ],
)
def test_the_default_date_is_the_files(tmp_path: Path, parameters: str, expected: date | None) -> None:
    """A run without a date is of the day that the file says, or is not possible."""
    config = read(written(tmp_path, f"{OLDER_SHAPE}parameters: [{parameters}]\n"))
    assert config.date.default_on(date(2026, 11, 12)) == expected
