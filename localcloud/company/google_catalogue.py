"""What the company buys of Google Cloud: projects, SKUs with their units, and lines of usage.

Services have Google's ids. Prices are of the size of Google's public ones; SKU ids are invented, in Google's form.
"""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from localcloud.company.activity import Load

GIB = 2**30
MONTH_S = 2_628_000


@dataclass(frozen=True)
class Unit:
    """How Google counts: base unit, the unit that is priced, base units in one of those, and the least priced amount.

    `least` is so that a cost has no more than nine decimals.
    """

    base: str
    pricing: str
    factor: Decimal
    least: Decimal


HOUR = Unit("seconds", "hour", Decimal(3600), Decimal("0.01"))
SECOND = Unit("seconds", "second", Decimal(1), Decimal(1))
MINUTE = Unit("seconds", "minute", Decimal(60), Decimal(1))
GIB_HOUR = Unit("byte-seconds", "gibibyte hour", Decimal(GIB * 3600), Decimal("0.01"))
GIB_SECOND = Unit("byte-seconds", "gibibyte second", Decimal(GIB), Decimal(1))
GIB_MONTH = Unit("byte-seconds", "gibibyte month", Decimal(GIB * MONTH_S), Decimal("0.001"))
GIB_OF = Unit("bytes", "gibibyte", Decimal(GIB), Decimal("0.125"))
TIB_OF = Unit("bytes", "tebibyte", Decimal(GIB * 1024), Decimal("0.015625"))
REQUEST = Unit("requests", "count", Decimal(1), Decimal(1))
COUNT = Unit("count", "count", Decimal(1), Decimal(1))
SUPPORT_MONTH = Unit("seconds", "month", Decimal(MONTH_S), Decimal("0.001"))

SERVICES = {
    "Artifact Registry": "149C-F9EC-3994",
    "BigQuery": "24E6-581D-38E5",
    "Cloud Build": "4D65-FA34-8FF3",
    "Cloud DNS": "FA26-5236-A8B5",
    "Cloud Key Management Service (KMS)": "EE2F-D110-890C",
    "Cloud Logging": "5490-F7B7-8DF6",
    "Cloud Memorystore for Redis": "5AF5-2C11-D467",
    "Cloud Pub/Sub": "A1E8-BE35-7EBC",
    "Cloud Run": "152E-C115-5142",
    "Cloud SQL": "9662-B51E-5089",
    "Cloud Storage": "95FF-2EF5-5EA1",
    "Compute Engine": "6F81-5844-456A",
    "Datadog Pro": "7E7C-52C5-1A2D",
    "Invoice": "0000-0000-0000",
    "Kubernetes Engine": "CCD8-9BF1-090E",
    "Networking": "E505-1604-58F8",
    "Secret Manager": "EE82-7A5E-871C",
    "Support": "2062-016F-44A2",
    "Vertex AI": "C7E2-9256-1C43",
}
SELLERS = {"Datadog Pro": "Datadog, Inc."}
PROJECTS = {  # the end of the id, the name, and what environment it is
    "prod": ("Production", "production"),
    "staging": ("Staging", "staging"),
    "data": ("Data Platform", "production"),
    "ml": ("Machine Learning", "production"),
    "shared": ("Shared Services", "shared"),
    "sandbox": ("Sandbox", "development"),
}
FOLDERS = {"production": "8125", "staging": "8126", "shared": "8127", "development": "8128"}
ORGANIZATION = "410227"
COST_CENTERS = {"platform": "cc-100", "product": "cc-200", "data": "cc-300", "ml": "cc-310", "security": "cc-120"}
INSTANCES, DISKS = (
    "compute.googleapis.com/{project}/zones/{zone}/instances",
    "compute.googleapis.com/{project}/zones/{zone}/disks",
)
CLUSTERS = "container.googleapis.com/{project}/locations/{region}/clusters"
DATABASES = "cloudsql.googleapis.com/{project}/instances"
BUCKETS = "storage.googleapis.com/{project}/buckets"
DATASETS = "bigquery.googleapis.com/{project}/datasets"
RUN_SERVICES = "run.googleapis.com/{project}/locations/{region}/services"


@dataclass(frozen=True)
class Line:
    """A SKU in one project and place: what is used on the first Monday, in priced units, at what price in US dollars.

    `resource` is the collection and the name of what used it. `committed` is how much of a day is covered, by the
    commitment `by`; `free` is how much of a day is free of charge; `credit` a type of discount with its share.
    """

    project: str
    service: str
    sku: str
    unit: Unit
    price: Decimal
    daily: Decimal
    load: Load
    team: str
    place: str = "us-central1"
    zone: str = ""
    resource: tuple[str, str] | None = None
    committed: Decimal = Decimal(0)
    by: str = ""
    free: Decimal = Decimal(0)
    credit: tuple[str, Decimal] | None = None

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.project}/{self.sku}/{self.resource[1] if self.resource else self.place}"

    @property
    def sku_id(self) -> str:
        """An id in Google's form, the same for the same SKU."""
        text = sha256(f"{self.service}/{self.sku}".encode()).hexdigest().upper()
        return "-".join(text[start : start + 4] for start in (0, 4, 8))


@dataclass(frozen=True)
class Commitment:
    """A committed use discount that the company has bought for a year, and the lines of usage that it covers.

    The older model bills `hours` of machines a day at `price` and credits the usage; the newer one bills money that is
    committed (`hours` of `price` each), charges usage at `share` of its price, and offsets the fee.
    """

    id: str
    sku: str
    unit: Unit
    price: Decimal
    hours: Decimal
    share: Decimal | None = None


def _lines(project: str, team: str, *rows: tuple[object, ...]) -> tuple[Line, ...]:
    """Lines of one project and team: service, SKU, unit, price, daily amount, load, and what else there is."""
    return tuple(
        Line(project, str(service), str(sku), unit, Decimal(str(price)), Decimal(str(daily)), load, team, **more)  # type: ignore[arg-type]
        for service, sku, unit, price, daily, load, more in rows
    )


N2_CPU = Commitment("n2-cpu", "Commitment v1: N2 Cpu in Americas for 1 Year", HOUR, Decimal("0.019915"), Decimal(1536))
N2_RAM = Commitment(
    "n2-ram", "Commitment v1: N2 Ram in Americas for 1 Year", GIB_HOUR, Decimal("0.002669"), Decimal(6144)
)
FLEX = Commitment(
    "flex", "Compute Flexible Committed Use Discounts - 1 Year", HOUR, Decimal(1), Decimal(24), Decimal("0.72")
)
COMMITMENTS = (N2_CPU, N2_RAM, FLEX)
FLEX_MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"}
DEFAULT_MODEL = {"id": "7754-699E-0EBF", "description": "Default"}

STEADY, TRAFFIC, ASSISTANT = Load.STEADY, Load.TRAFFIC, Load.ASSISTANT
WORK, NIGHTLY, MISTAKE = Load.WORK, Load.NIGHTLY, Load.MISTAKE
_CORE = {"zone": "us-central1-a", "resource": (INSTANCES, "gke-prod-core-pool")}
_WEB = {"zone": "us-central1-b", "resource": (INSTANCES, "gke-prod-web-pool")}
_CI = {"zone": "us-central1-a", "resource": (INSTANCES, "ci-runner")}
_A100 = {"zone": "us-central1-c", "resource": (INSTANCES, "gke-ml-a100-pool")}
_SERVING = {"zone": "us-central1-a", "resource": (INSTANCES, "gke-ml-serving-pool")}
_MAIN_DB, _STAGING_DB = {"resource": (DATABASES, "orders-pg")}, {"resource": (DATABASES, "orders-pg-staging")}
_API = {"resource": (RUN_SERVICES, "assistant-api")}
_UPLOADS, _LAKE = {"place": "us", "resource": (BUCKETS, "uploads")}, {"place": "us", "resource": (BUCKETS, "lake")}
_EVENTS, _WAREHOUSE = (
    {"place": "us", "resource": (DATASETS, "events")},
    {"place": "us", "resource": (DATASETS, "warehouse")},
)

LINES = (
    *_lines(
        "prod", "platform",
        ("Kubernetes Engine", "Regional Kubernetes Clusters", HOUR, "0.1", 24, STEADY,
         {"resource": (CLUSTERS, "prod")}),
        ("Compute Engine", "N2 Instance Core running in Americas", HOUR, "0.031611", 2304, STEADY,
         _CORE | {"committed": Decimal(1536), "by": "n2-cpu"}),
        ("Compute Engine", "N2 Instance Ram running in Americas", GIB_HOUR, "0.004237", 9216, STEADY,
         _CORE | {"committed": Decimal(6144), "by": "n2-ram"}),
        ("Compute Engine", "E2 Instance Core running in Americas", HOUR, "0.021811", 1720, TRAFFIC,
         _WEB | {"committed": Decimal(960), "by": "flex"}),
        ("Compute Engine", "E2 Instance Ram running in Americas", GIB_HOUR, "0.002923", 6900, TRAFFIC,
         _WEB | {"committed": Decimal(3840), "by": "flex"}),
        ("Compute Engine", "SSD backed PD Capacity", GIB_MONTH, "0.17", "131.5", STEADY,
         {"zone": "us-central1-a", "resource": (DISKS, "prod-data")}),
        ("Networking", "Cloud Load Balancer Forwarding Rule Minimum Global", HOUR, "0.025", 24, STEADY,
         {"place": "global"}),
        ("Networking", "Global External Application Load Balancer Outbound Data Processing", GIB_OF, "0.008", 640,
         TRAFFIC, {"place": "global"}),
        ("Networking", "Network Internet Data Transfer Out from Americas to Americas", GIB_OF, "0.085", 430, TRAFFIC,
         {}),
        ("Networking", "Network Inter Zone Data Transfer Out", GIB_OF, "0.01", 1240, TRAFFIC, {}),
        ("Networking", "Cloud NAT Gateway: Data Processing", GIB_OF, "0.045", 72, TRAFFIC, {}),
        ("Cloud Logging", "Log Storage cost", GIB_OF, "0.5", 46, TRAFFIC,
         {"place": "global", "free": Decimal("1.625")}),
        ("Cloud Memorystore for Redis", "Redis Capacity Standard M3 Iowa", GIB_HOUR, "0.046", 384, STEADY, {}),
        ("Secret Manager", "Secret access operations", COUNT, "0.000003", 64000, TRAFFIC, {"place": "global"}),
    ),
    *_lines(
        "prod", "product",
        ("Cloud SQL", "Cloud SQL for PostgreSQL: Regional - vCPU in Iowa", HOUR, "0.0826", 384, STEADY, _MAIN_DB),
        ("Cloud SQL", "Cloud SQL for PostgreSQL: Regional - RAM in Iowa", GIB_HOUR, "0.014", 2496, STEADY, _MAIN_DB),
        ("Cloud SQL", "Cloud SQL for PostgreSQL: Regional - Standard storage in Iowa", GIB_MONTH, "0.34", "49.3",
         STEADY, _MAIN_DB),
        ("Cloud Storage", "Standard Storage US Multi-region", GIB_MONTH, "0.026", 606, STEADY, _UPLOADS),
        ("Cloud Storage", "Regional Standard Class A Operations", REQUEST, "0.00001", 820000, TRAFFIC, _UPLOADS),
        ("Cloud Storage", "Regional Standard Class B Operations", REQUEST, "0.0000004", 5600000, TRAFFIC, _UPLOADS),
        ("Cloud Pub/Sub", "Message Delivery Basic", TIB_OF, "40", "0.09375", TRAFFIC, {"place": "global"}),
        ("Cloud Run", "Services CPU (Instance-based billing) in us-central1", SECOND, "0.000018", 1180000, ASSISTANT,
         _API),
        ("Cloud Run", "Services Memory (Instance-based billing) in us-central1", GIB_SECOND, "0.000002", 2360000,
         ASSISTANT, _API),
        ("Cloud Run", "Requests", COUNT, "0.0000004", 3400000, ASSISTANT, _API | {"free": Decimal(66000)}),
        ("Datadog Pro", "Datadog Pro (usage)", COUNT, "0.01", 3900, STEADY, {"place": "global"}),
    ),
    *_lines(
        "staging", "platform",
        ("Kubernetes Engine", "Zonal Kubernetes Clusters", HOUR, "0.1", 24, STEADY,
         {"resource": (CLUSTERS, "staging")}),
        ("Compute Engine", "N1 Predefined Instance Core running in Americas", HOUR, "0.031611", 240, WORK,
         {"zone": "us-central1-f", "resource": (INSTANCES, "gke-staging-pool"),
          "credit": ("SUSTAINED_USAGE_DISCOUNT", Decimal("0.1"))}),
        ("Compute Engine", "N1 Predefined Instance Ram running in Americas", GIB_HOUR, "0.004237", 900, WORK,
         {"zone": "us-central1-f", "resource": (INSTANCES, "gke-staging-pool"),
          "credit": ("SUSTAINED_USAGE_DISCOUNT", Decimal("0.1"))}),
        ("Cloud SQL", "Cloud SQL for PostgreSQL: Zonal - vCPU in Iowa", HOUR, "0.0413", 48, STEADY, _STAGING_DB),
        ("Cloud SQL", "Cloud SQL for PostgreSQL: Zonal - RAM in Iowa", GIB_HOUR, "0.007", 180, STEADY, _STAGING_DB),
        ("Cloud Logging", "Log Storage cost", GIB_OF, "0.5", 4, WORK, {"place": "global", "free": Decimal("1.625")}),
    ),
    *_lines(
        "data", "data",
        ("BigQuery", "Analysis", TIB_OF, "6.25", "4.6875", WORK, {"place": "us"}),
        ("BigQuery", "Analysis (US)", TIB_OF, "6.25", "2.1875", NIGHTLY, _WAREHOUSE),
        ("BigQuery", "Active Logical Storage", GIB_MONTH, "0.02", 860, STEADY, _WAREHOUSE),
        ("BigQuery", "Long Term Logical Storage", GIB_MONTH, "0.01", 940, STEADY, _EVENTS),
        ("BigQuery", "Streaming Insert", GIB_OF, "0.05", 62, TRAFFIC, _EVENTS),
        ("Cloud Storage", "Nearline Storage US Multi-region", GIB_MONTH, "0.015", 990, STEADY, _LAKE),
        ("Compute Engine", "Spot Preemptible E2 Instance Core running in Americas", HOUR, "0.006543", 960, NIGHTLY,
         {"zone": "us-central1-b", "resource": (INSTANCES, "dataproc-nightly")}),
        ("Compute Engine", "Spot Preemptible E2 Instance Ram running in Americas", GIB_HOUR, "0.000877", 3840, NIGHTLY,
         {"zone": "us-central1-b", "resource": (INSTANCES, "dataproc-nightly")}),
        ("Cloud Pub/Sub", "Message Delivery Basic", TIB_OF, "40", "0.0625", TRAFFIC, {"place": "global"}),
    ),
    *_lines(
        "ml", "ml",
        ("Compute Engine", "Nvidia L4 GPU running in Americas", HOUR, "0.560004", 48, ASSISTANT, _SERVING),
        ("Compute Engine", "G2 Instance Core running in Americas", HOUR, "0.024988", 288, ASSISTANT, _SERVING),
        ("Compute Engine", "G2 Instance Ram running in Americas", GIB_HOUR, "0.002927", 1152, ASSISTANT, _SERVING),
        ("Vertex AI", "Custom Model Training: n1-standard core running in Americas", HOUR, "0.036353", 180, WORK,
         {"credit": ("PROMOTION", Decimal("0.25"))}),
        ("Vertex AI", "Custom Model Training: Nvidia Tesla T4 GPU running in Americas", HOUR, "0.4025", 24, WORK,
         {"credit": ("PROMOTION", Decimal("0.25"))}),
        ("Compute Engine", "Nvidia Tesla A100 GPU running in Americas", HOUR, "2.933908", 96, MISTAKE, _A100),
        ("Compute Engine", "A2 Instance Core running in Americas", HOUR, "0.031611", 1152, MISTAKE, _A100),
        ("Compute Engine", "A2 Instance Ram running in Americas", GIB_HOUR, "0.004237", 8160, MISTAKE, _A100),
    ),
    *_lines(
        "shared", "platform",
        ("Artifact Registry", "Artifact Registry Storage", GIB_MONTH, "0.1", "29.6", STEADY, {}),
        ("Cloud Build", "E2 Standard Build Minutes in us-central1", MINUTE, "0.006", 2900, WORK, {}),
        ("Compute Engine", "E2 Instance Core running in Americas", HOUR, "0.021811", 280, WORK, _CI),
        ("Compute Engine", "E2 Instance Ram running in Americas", GIB_HOUR, "0.002923", 1120, WORK, _CI),
        ("Cloud DNS", "DNS Query (port 53)", COUNT, "0.0000004", 2100000, TRAFFIC, {"place": "global"}),
        ("Support", "Enhanced Support Subscription", SUPPORT_MONTH, "500", "0.033", STEADY, {"place": "global"}),
    ),
    *_lines(
        "shared", "security",
        ("Networking", "VPN Tunnel in us-central1", HOUR, "0.05", 48, STEADY, {}),
        ("Cloud Key Management Service (KMS)", "Cryptographic operations with Cloud KMS", COUNT, "0.000003", 91000,
         TRAFFIC, {"place": "global"}),
    ),
    *_lines(
        "sandbox", "product",
        ("Compute Engine", "E2 Instance Core running in Americas", HOUR, "0.021811", 64, WORK,
         {"zone": "us-central1-f", "resource": (INSTANCES, "try-out")}),
        ("Compute Engine", "E2 Instance Ram running in Americas", GIB_HOUR, "0.002923", 256, WORK,
         {"zone": "us-central1-f", "resource": (INSTANCES, "try-out")}),
        ("BigQuery", "Analysis", TIB_OF, "6.25", "0.1875", WORK, {"place": "us"}),
    ),
)  # fmt: skip
