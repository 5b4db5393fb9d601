"""What an invented billing account buys: SKUs, projects, places, labels, and the lines of usage made of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

ACCOUNT = "012345-6789AB-CDEF01"
SERVICES = (
    "Compute Engine", "Cloud Storage", "BigQuery", "Vertex AI", "Cloud SQL", "Cloud Run", "Kubernetes Engine",
    "Networking", "Cloud Logging", "Cloud Pub/Sub", "Secret Manager", "Cloud Spanner", "Dataflow", "Gemini API",
)  # fmt: skip
REGIONS = (
    ("us-central1", "US"), ("us-east1", "US"), ("europe-west1", "BE"), ("europe-west4", "NL"),
    ("asia-northeast1", "JP"), ("us", "US"), ("global", None),
)  # fmt: skip
SELLERS = ("Anthropic", "MongoDB Inc.", "Datadog, Inc.")


@dataclass(frozen=True)
class Unit:
    """A base unit, the unit its price is for, how much of it one base unit is, and a busy hour's amount."""

    base: str
    pricing: str
    factor: float
    hourly: float


UNITS = (
    Unit("seconds", "hour", 1 / 3600, 3600.0),
    Unit("byte-seconds", "gibibyte month", 1 / (2**30 * 2_592_000), 3e14),
    Unit("bytes", "gibibyte", 1 / 2**30, 5e9),
    Unit("requests", "count", 1.0, 50.0),
    Unit("count", "1000000 count", 1e-6, 250_000.0),
)


@dataclass(frozen=True)
class Sku:
    """A SKU with its price in billing currency, also as the export writes it; `seller` is set for marketplace goods."""

    service: Row
    sku: Row
    unit: Unit
    unit_price: float
    price: Row
    seller: str | None


@dataclass(frozen=True)
class Line:
    """A line of usage that recurs over the hours: one SKU in one project and place, with labels and resource."""

    sku: Sku
    project: Row | None
    location: Row
    labels: list[Row]
    resource: Row | None


@dataclass(frozen=True)
class Catalogue:
    """What stays the same over days: a few hundred SKUs, projects, places and label sets of one account."""

    account: str
    skus: tuple[Sku, ...]
    projects: tuple[Row, ...]
    locations: tuple[Row, ...]
    labels: tuple[list[Row], ...]

    @classmethod
    def of(cls, rng: random.Random, account: str) -> Catalogue:
        """A catalogue of 400 SKUs and 120 projects; the same for the same state of `rng`."""
        return cls(
            account=account,
            skus=tuple(_sku(rng, n) for n in range(400)),
            projects=tuple(_project(rng, n) for n in range(120)),
            locations=tuple(_location(rng) for _ in range(40)),
            labels=tuple(_labels(rng) for _ in range(60)),
        )

    def line(self, rng: random.Random) -> Line:
        """A line drawn from the catalogue; one in a hundred belongs to no project."""
        project = None if rng.random() < 0.01 else rng.choice(self.projects)
        resource = _resource(rng, project) if project and rng.random() < 0.7 else None
        labels = rng.choice(self.labels)
        return Line(rng.choice(self.skus), project, rng.choice(self.locations), labels, resource)


def _sku(rng: random.Random, number: int) -> Sku:
    service = number % len(SERVICES)
    unit = UNITS[number % len(UNITS)]
    unit_price = round(10 ** rng.uniform(-6, -1), 9)
    return Sku(
        service={"id": f"5E2C-{service:04X}-0A1B", "description": SERVICES[service]},
        sku={"id": _id(rng), "description": f"{SERVICES[service]} SKU {number} ({unit.pricing})"},
        unit=unit,
        unit_price=unit_price,
        price=_price(unit, unit_price),
        seller=SELLERS[number % len(SELLERS)] if number % 23 == 0 else None,
    )


def _price(unit: Unit, unit_price: float) -> Row:
    """The export's `price` record; its numbers are NUMERIC, hence text."""
    text = f"{unit_price:.9f}"
    return {
        "effective_price": text, "tier_start_amount": "0", "unit": unit.pricing, "pricing_unit_quantity": "1",
        "list_price": f"{unit_price * 1.25:.9f}", "effective_price_default": text,
        "list_price_consumption_model": text,
    }  # fmt: skip


def _id(rng: random.Random) -> str:
    return "-".join(f"{rng.getrandbits(16):04X}" for _ in range(3))


def _project(rng: random.Random, number: int) -> Row:
    digits = str(100_000_000_000 + rng.getrandbits(36))
    return {
        "id": f"acme-{('prod', 'dev', 'data', 'ml')[number % 4]}-{number:03d}",
        "number": digits,
        "name": f"Acme {number:03d}",
        "labels": [{"key": "env", "value": "prod" if number % 4 == 0 else "dev"}],
        "ancestry_numbers": f"/1111/{rng.randint(2000, 2009)}/",
        "ancestors": [{"resource_name": f"projects/{digits}", "display_name": f"Acme {number:03d}"}],
    }


def _location(rng: random.Random) -> Row:
    region, country = rng.choice(REGIONS)
    zone = f"{region}-{rng.choice('abc')}" if region[-1].isdigit() and rng.random() < 0.5 else None
    return {"location": zone or region, "country": country, "region": region if country else None, "zone": zone}


def _labels(rng: random.Random) -> list[Row]:
    # In no order: what reads them must sort. Values hold what JSON has to escape.
    values = {"team": ("search", "ads", "ml"), "app": ('a"b', "c\\d", "naïve"), "cost-center": ("", "cc-1", "cc-2")}
    keys = rng.sample(sorted(values), rng.randint(0, 3))
    return [{"key": key, "value": rng.choice(values[key])} for key in keys]


def _resource(rng: random.Random, project: Row) -> Row:
    name = f"vm-{rng.randrange(50)}"
    return {"name": name, "global_name": f"//compute.googleapis.com/projects/{project['number']}/instances/{name}"}
