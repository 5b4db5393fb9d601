"""Settings: everything that differs between deployments, read once from the environment.

Local and cloud run the same code: locally the endpoints point at the local cloud, in the cloud they are empty.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from cloudact.errors import ConfigError
from cloudact.installation import PATTERN as INSTALLATION

PREFIX = "CLOUDACT_"
ROOT = Path(__file__).resolve().parent.parent
GOOGLE_RUN = "https://run.googleapis.com"
GOOGLE_IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_SECRET_VERSION = re.compile(r"projects/[^/]+(/locations/[^/]+)?/secrets/[\w-]+/versions/(\d+|latest)", re.ASCII)
_PROVIDER_URL = re.compile(rf"{PREFIX}(?!API_|OPS_)[A-Z0-9]+_URL")  # those two are the command line's
_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]+)?")  # without a slash at its end: paths are appended
# Of a job's process at its largest, without files: 230 were measured, 370 with a page that is not plain.
PROCESS_MIB = 384
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, not a secret


class Settings(BaseModel):
    """Settings of one deployment.

    Each field is the environment variable `CLOUDACT_<FIELD>`; an empty endpoint means Google's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(min_length=1, description="Google Cloud project of the service")
    location: str = Field(min_length=1, description="region of the queue, the job and the KMS key")
    installation: str = Field(
        pattern=f"^{INSTALLATION}$", description="the identity that infra/setup.sh gave the dataset as a label"
    )
    bigquery_location: str = "US"
    dataset: str = "organizations"
    queue: str = "runs"
    webhook_queue: str = Field(default="notifications", description="of calls to customers' webhooks")
    job: str = "runner"
    kms_key: str = Field(min_length=1, description="projects/…/cryptoKeys/… that encrypts credentials")
    dispatcher_service_account: str = Field(min_length=1, description="the identity that starts the job")
    configs_dir: Path = ROOT / "configs"
    late_days: int = Field(
        default=60, ge=1, le=400, description="days after the date in which late billing rows are looked for"
    )
    max_bytes_billed: int = Field(default=200 * 2**30, ge=10 * 2**20, description="per query on a customer's export")
    task_max_retries: int = Field(default=3, ge=0, le=10, description="the job's --max-retries")
    batch_size: int = Field(default=200, ge=1, le=200, description="runs of one execution in the daily fan-out")
    task_runs: int = Field(
        default=12, ge=1, le=200, description="of them, runs of one org in one task, one after another"
    )
    task_timeout_s: int = Field(default=3600, ge=60, le=86_400, description="the job's --task-timeout, of one attempt")
    run_seconds: Decimal = Field(default=Decimal(20), gt=0, le=3600, description="a run takes on the whole, at least")
    region_vcpus: Decimal = Field(
        default=Decimal(20), gt=0, le=999_999, description="quota of Cloud Run: 20 in a new project"
    )
    region_memory_gib: Decimal = Field(
        default=Decimal(40), gt=0, le=999_999, description="quota of Cloud Run, the same"
    )
    job_runs_per_minute: int = Field(
        default=16,
        ge=1,
        le=600,
        description="executions that the daily fan-out starts; triggers need some too",
    )
    provider_attempts: int = Field(default=6, ge=1, le=20, description="of one call to a provider")
    provider_longest_wait_s: float = Field(default=120, ge=0, le=600, description="between two of them")

    job_cpu: Decimal = Field(default=Decimal(1), gt=0, le=8, description="vCPUs of the job's container, its --cpu")
    job_memory_gib: Decimal = Field(default=Decimal(1), gt=0, le=32, description="its --memory, in GiB")
    day_file_mib: Decimal = Field(
        default=Decimal(0),
        ge=0,
        le=32_768,
        description="MiB that a run's files may take of its container's memory; 0: what is left beside 384 MiB",
    )
    # List prices in US dollars, to be set by operators where theirs differ: none has been compared with a bill.
    price_bigquery_tib: Decimal = Field(
        default=Decimal("6.25"), ge=0, description="on-demand queries, per TiB: Google's list price of the US"
    )
    price_vcpu_second: Decimal = Field(
        default=Decimal("0.000018"),
        ge=0,
        description="an assumption: what copies of cloud.google.com/run/pricing give for jobs in tier 1 regions",
    )
    price_memory_gib_second: Decimal = Field(default=Decimal("0.000002"), ge=0, description="the same assumption")
    prices_of: date = Field(
        default=date(2026, 11, 27), description="as of when the three prices are; goes into each run"
    )

    ops_audience: str = Field(default="", description="the URL of the function ops; tokens must be made for it")
    ops_callers: str = Field(default="", description="service accounts that may call ops, separated by commas")
    ops_invoker_check: bool = Field(
        default=False,
        description="Cloud Run checks who calls ops, and removes the signatures of the tokens that it passes on",
    )
    token_issuer: str = "https://accounts.google.com"  # noqa: S105 - an address, not a secret
    token_keys_url: str = "https://www.googleapis.com/oauth2/v3/certs"  # noqa: S105

    jwt_issuer: str = Field(default="", description="who signs people's sessions; their `iss`")
    jwt_audience: str = "authenticated"
    jwt_jwks_url: str = Field(default="", description="where the issuer's public keys are")
    jwt_secret: str = Field(
        default="",
        validate_default=True,
        description="instead of keys: projects/…/secrets/…/versions/… of an HS256 secret",
    )

    dataset_writers: str = Field(
        default="", description="service accounts that may write into every org's dataset, separated by commas"
    )
    dataset_readers: str = Field(
        default="", description="service accounts that may read every org's dataset, separated by commas"
    )

    reader_service_account: str = Field(
        default="", description="who customers let act as their service accounts; empty: they can only give keys"
    )

    cors_origins: str = Field(
        default="", description="whose scripts may call the API: origins as browsers send them, separated by commas"
    )

    webhook_secret: str = Field(
        default="",
        description="projects/…/secrets/…/versions/… that webhooks' keys are derived from; empty: no webhooks",
    )

    console_secret: str = Field(
        default="",
        description="projects/…/secrets/…/versions/… that the console's sessions are signed with; that of the webhooks "
        "will do, since each purpose has a key of its own; empty: no console",
    )
    console_url: str = Field(default="", description="where browsers reach the API, for the identity provider's answer")
    console_client_id: str = Field(
        default="",
        validate_default=True,
        description="what the identity provider calls the console; empty: people sign in with a key only",
    )

    bigquery_endpoint: str = ""
    tasks_endpoint: str = ""
    webhook_allow_http: bool = Field(
        default=False, validate_default=True, description="receivers on this machine; for the local cloud only"
    )
    timeout_factor: float = Field(
        default=1,
        ge=1,
        le=100,
        validate_default=True,
        description="times as long as in the cloud may calls take; for a busy machine with the local cloud",
    )
    console_demo_user: str = Field(
        default="",
        validate_default=True,
        description="whom one click signs in to the console; for the local cloud only",
    )
    kms_endpoint: str = ""
    secrets_endpoint: str = ""
    run_endpoint: str = GOOGLE_RUN
    iam_endpoint: str = GOOGLE_IAM_CREDENTIALS
    token_uri: str = GOOGLE_TOKEN_URI
    provider_urls: str = Field(
        default="", description="JSON object: a provider's id and where its API is, instead of at the provider"
    )

    @field_validator("dataset")
    @classmethod
    def _is_dataset_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,1023}", name):
            raise ValueError("is not a BigQuery dataset name (letters, digits and underscores)")
        return name

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, text: str) -> str:
        for origin in filter(None, map(str.strip, text.split(","))):
            if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", origin):
                raise ValueError(f"{origin} is not an origin like https://app.example.com")
        return text

    @field_validator("dataset_writers", "dataset_readers", "reader_service_account")
    @classmethod
    def _are_service_accounts(cls, text: str) -> str:
        for email in filter(None, map(str.strip, text.split(","))):
            if not _SERVICE_ACCOUNT.fullmatch(email):
                raise ValueError(f"{email} is not a service account like runner@project.iam.gserviceaccount.com")
        return text

    @field_validator("jwt_secret")
    @classmethod
    def _is_the_only_way(cls, name: str, info: ValidationInfo) -> str:
        """Refuses two ways to verify one token: whoever signs could choose the weaker."""
        if name and info.data.get("jwt_jwks_url"):
            raise ValueError(f"excludes {PREFIX}JWT_JWKS_URL: sessions are verified in one way")
        if name and not _SECRET_VERSION.fullmatch(name):
            raise ValueError("must be projects/…/secrets/…/versions/…")
        if (name or info.data.get("jwt_jwks_url")) and not info.data.get("jwt_issuer"):
            raise ValueError(f"or JWT_JWKS_URL is set, so {PREFIX}JWT_ISSUER must be too")
        return name

    @field_validator("console_client_id")
    @classmethod
    def _can_be_signed_in(cls, client_id: str, info: ValidationInfo) -> str:
        if client_id and not (info.data.get("jwt_issuer") and info.data.get("jwt_jwks_url")):
            raise ValueError(f"is set, so {PREFIX}JWT_ISSUER and {PREFIX}JWT_JWKS_URL must be too")
        if client_id and not re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", info.data.get("console_url") or ""):
            raise ValueError(f"is set, so {PREFIX}CONSOLE_URL must be an origin like https://api.example.com")
        return client_id

    @field_validator("webhook_secret", "console_secret")
    @classmethod
    def _is_secret_version(cls, name: str) -> str:
        if name and not _SECRET_VERSION.fullmatch(name):
            raise ValueError("must be projects/…/secrets/…/versions/…")
        return name

    @field_validator("provider_urls")
    @classmethod
    def _are_urls(cls, text: str) -> str:
        urls = _read_object(text) if text else {}
        wrong = [name for name, url in urls.items() if not (isinstance(url, str) and _is_api_url(url))]
        if wrong:
            raise ValueError(f"{wrong[0]} has no URL like https://api.example.com")
        return text

    @field_validator("webhook_allow_http", "console_demo_user")
    @classmethod
    def _is_local(cls, allowed: bool | str, info: ValidationInfo) -> bool | str:
        if allowed and not info.data.get("tasks_endpoint"):
            raise ValueError("is for the local cloud only")
        return allowed

    @field_validator("timeout_factor")
    @classmethod
    def _is_of_a_local_machine(cls, factor: float, info: ValidationInfo) -> float:
        if factor != 1 and not info.data.get("tasks_endpoint"):
            raise ValueError("is for the local cloud only")
        return factor

    def time_out(self, seconds: float) -> float:
        """Seconds that a call may take here, which may take so many in the cloud."""
        return seconds * self.timeout_factor

    @property
    def day_file_bytes(self) -> int:
        """Bytes that the files of one run may take together: the file system of Cloud Run is the container's memory."""
        memory_mib = self.job_memory_gib * 1024
        return int((self.day_file_mib or max(memory_mib - PROCESS_MIB, memory_mib / 4)) * 2**20)

    @property
    def urls_of_providers(self) -> Mapping[str, str]:
        """Base URLs of providers' APIs that differ from their own records, by provider id."""
        return _read_object(self.provider_urls) if self.provider_urls else {}

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose scripts may call the API."""
        return frozenset(filter(None, map(str.strip, self.cors_origins.split(","))))

    @property
    def dataset_accounts(self) -> Mapping[str, str]:
        """BigQuery's role in orgs' datasets, `READER` or `WRITER`, by service account; who writes may read too."""
        listed = (("READER", self.dataset_readers), ("WRITER", self.dataset_writers))
        return {email: role for role, text in listed for email in filter(None, map(str.strip, text.split(",")))}

    @property
    def queue_path(self) -> str:
        """Resource name of the queue of runs."""
        return f"projects/{self.project}/locations/{self.location}/queues/{self.queue}"

    @property
    def webhook_queue_path(self) -> str:
        """Resource name of the queue of notifications."""
        return f"projects/{self.project}/locations/{self.location}/queues/{self.webhook_queue}"

    @property
    def job_url(self) -> str:
        """URL of the job in the Cloud Run Admin API v2."""
        return f"{self.run_endpoint}/v2/projects/{self.project}/locations/{self.location}/jobs/{self.job}"

    @property
    def job_run_url(self) -> str:
        """URL that a task on the queue posts to: `jobs.run`."""
        return f"{self.job_url}:run"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Reads `CLOUDACT_*`; names every variable that is missing or wrong in one `ConfigError`."""
        names = {PREFIX + field.upper(): field for field in cls.model_fields}
        urls = sorted(name for name in env if _PROVIDER_URL.fullmatch(name) and name not in names and env[name])
        if urls:  # of an older version; ignored, it would send keys to another address than somebody meant
            raise ConfigError(f"{urls[0]} is no setting any more: give {PREFIX}PROVIDER_URLS, by provider id.")
        values = {field: env[name] for name, field in names.items() if env.get(name)}
        try:
            return cls.model_validate(values)
        except ValidationError as err:
            wrong = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in err.errors())
            raise ConfigError(f"The environment is not usable: {wrong}.") from err

    def to_env(self) -> dict[str, str]:
        """Environment from which `from_env` reads these settings."""
        return {PREFIX + field.upper(): str(value) for field, value in self.model_dump().items()}


def _is_api_url(text: str) -> bool:
    """Whether keys may be sent there: a host and perhaps a port and a path, and nobody's name or password."""
    try:
        url = urlsplit(text)
        named = bool(url.hostname) and url.username is None and url.password is None and url.port != 0
    except ValueError:
        return False
    return named and text.isascii() and text.isprintable() and "\\" not in text and bool(_URL.fullmatch(text))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _read_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError('must be a JSON object such as {"name": "https://api.example.com"}')
    return value
