"""Settings: what the environment must say, and that local and cloud differ in endpoints only."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.clock import next_midnight
from cloudact.errors import ConfigError
from cloudact.orgs.org import RESERVED_SLUGS, RESERVED_WORDS, is_new_slug, is_slug, key_hash, new_api_key
from cloudact.runs.run import Run, run_id
from cloudact.settings import Settings
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, billing_run

REQUIRED = {
    "CLOUDACT_PROJECT": "p",
    "CLOUDACT_LOCATION": "us-central1",
    "CLOUDACT_INSTALLATION": "test",
    "CLOUDACT_KMS_KEY": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
    "CLOUDACT_DISPATCHER_SERVICE_ACCOUNT": "d@p.iam.gserviceaccount.com",
}


def test_google_is_the_default() -> None:
    """Without endpoints in the environment everything goes to Google."""
    settings = Settings.from_env(REQUIRED)
    assert settings.job_run_url == "https://run.googleapis.com/v2/projects/p/locations/us-central1/jobs/runner:run"
    assert settings.token_uri == "https://oauth2.googleapis.com/token"
    assert settings.bigquery_endpoint == settings.tasks_endpoint == settings.kms_endpoint == ""


def test_all_mistakes_are_named_at_once() -> None:
    """Every missing or wrong variable is in one error."""
    with pytest.raises(ConfigError) as refusal:
        Settings.from_env({"CLOUDACT_PROJECT": "p", "CLOUDACT_DATASET": "a-b", "CLOUDACT_LATE_DAYS": "x"})
    for name in (
        "CLOUDACT_LOCATION",
        "CLOUDACT_INSTALLATION",
        "CLOUDACT_KMS_KEY",
        "CLOUDACT_DATASET",
        "CLOUDACT_LATE_DAYS",
    ):
        assert name in str(refusal.value)


def test_only_a_local_machine_may_be_slow(local: Local) -> None:
    """Time-outs are longer for the local cloud alone: at Google a task fires before a long one has passed."""
    with pytest.raises(ConfigError, match=r"CLOUDACT_TIMEOUT_FACTOR: .* local cloud only"):
        Settings.from_env(REQUIRED | {"CLOUDACT_TIMEOUT_FACTOR": "2"})
    assert Settings.from_env(REQUIRED).time_out(2.0) == 2.0
    assert local.settings.time_out(2.0) == 30.0


def test_settings_survive_the_environment(local: Local) -> None:
    """What a job is deployed with is what it reads."""
    assert Settings.from_env(local.settings.to_env()) == local.settings


@pytest.mark.parametrize(
    ("memory_gib", "file_mib", "mib"), [("1", "0", 640), ("0.5", "0", 128), ("4", "0", 3712), ("1", "50", 50)]
)
def test_a_days_files_take_what_the_process_leaves(local: Local, memory_gib: str, file_mib: str, mib: int) -> None:
    """The room for files follows the container's memory, unless it is set."""
    changed = {"job_memory_gib": Decimal(memory_gib), "day_file_mib": Decimal(file_mib)}
    assert local.settings.model_copy(update=changed).day_file_bytes == mib * 2**20


def test_a_run_survives_the_queue() -> None:
    """The message that the functions write is the run that the job reads."""
    run = billing_run(OnboardedOrg("acmecorp", "", {}), generation=2)
    assert Run.model_validate_json(run.model_dump_json()) == run
    assert run.pipeline_id == "acmecorp-gcp-billing"


BAD_URLS = (
    "https://user:pw@host", "https://@", "https://host:99999", "https://host:0", "https://[::1", "https://x\\@evil.com",
    "https://\u202ehost", "https:///path", "api.openai.com", "ftp://a", "https://a?b=c",
)  # fmt: skip
BAD_TEXTS = ("openai", "[]", '{"openai": 1}', '{"a": "https://a", "a": "https://b"}')


@pytest.mark.parametrize("text", [*BAD_TEXTS, *(json.dumps({"openai": url}) for url in BAD_URLS)])
def test_addresses_of_providers_are_urls(text: str) -> None:
    """What is no JSON object of URLs is refused by the name of its variable."""
    with pytest.raises(ConfigError, match="CLOUDACT_PROVIDER_URLS: "):
        Settings.from_env(REQUIRED | {"CLOUDACT_PROVIDER_URLS": text})


@pytest.mark.parametrize("name", ["CLOUDACT_OPENAI_URL", "CLOUDACT_ANTHROPIC_URL"])
def test_an_address_that_would_be_ignored_is_refused(name: str) -> None:
    """Ignored, it would send keys to another place than somebody meant; the command line's own settings do no harm."""
    with pytest.raises(ConfigError, match=f"{name} is no setting any more: give CLOUDACT_PROVIDER_URLS"):
        Settings.from_env(REQUIRED | {name: "https://proxy.example.com"})
    assert Settings.from_env(REQUIRED | {"CLOUDACT_API_URL": "https://api.example.com"})


def test_addresses_of_providers() -> None:
    """They are read from JSON, and go into a container's environment as they came."""
    text = '{"openai": "http://127.0.0.1:9052", "anthropic": "https://proxy.example.com/anthropic"}'
    settings = Settings.from_env(REQUIRED | {"CLOUDACT_PROVIDER_URLS": text})
    assert settings.urls_of_providers["anthropic"] == "https://proxy.example.com/anthropic"
    assert Settings.from_env(settings.to_env()) == settings
    assert Settings.from_env(REQUIRED).urls_of_providers == {}


@given(
    st.tuples(st.from_regex(r"[a-zA-Z0-9_]{3,50}", fullmatch=True), st.dates(), st.integers(1, 999)),
    st.tuples(st.from_regex(r"[a-zA-Z0-9_]{3,50}", fullmatch=True), st.dates(), st.integers(1, 999)),
)
def test_run_ids_name_runs(one: tuple[str, object, int], other: tuple[str, object, int]) -> None:
    """Equal requests have equal run ids, different ones different ids."""
    ids = [run_id(slug, "gcp_billing", day, generation) for slug, day, generation in (one, other)]  # type: ignore[arg-type]
    assert (ids[0] == ids[1]) == (one == other)


@pytest.mark.parametrize(
    "slug",
    [
        *sorted(RESERVED_SLUGS),
        "Runs",
        "_abc",
        "ab",
        "a" * 51,
        "a-b",
        "añb",
        "abc\n",
        "",
    ],
)
def test_what_cannot_name_an_org(slug: str) -> None:
    """Reserved, short, long and exotic slugs are refused."""
    assert not is_slug(slug)
    assert not is_new_slug(slug)


@pytest.mark.parametrize("slug", [*sorted(RESERVED_WORDS), "INFORMATION_SCHEMA", "Select"])
def test_what_no_new_org_may_be_called(slug: str) -> None:
    """A reserved word of BigQuery is no new slug, but is known where an org has it already."""
    assert not is_new_slug(slug)
    assert is_slug(slug) is (len(slug) >= 3)


def test_api_keys() -> None:
    """A key is the slug, `_api_` and 256 random bits; only its SHA-256 is comparable."""
    key = new_api_key("acmecorp")
    assert key.startswith("acmecorp_api_")
    assert len(key.removeprefix("acmecorp_api_")) == 43
    assert key_hash(key) != key_hash(new_api_key("acmecorp"))


@given(st.datetimes(max_value=dt.datetime(9000, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_midnight_is_after_now_and_within_a_day(now: dt.datetime) -> None:
    """The quota resets at the next 00:00 UTC."""
    left = next_midnight(now) - now
    assert dt.timedelta() < left <= dt.timedelta(days=1)
