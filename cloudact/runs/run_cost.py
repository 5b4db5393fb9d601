"""Cost of a run to the service: container seconds and bytes billed of its own queries, at list prices.

An estimate: free tiers, discounts, storage and streaming inserts are not in it, nor what a customer's own project pays.
"""

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Self

from cloudact.settings import Settings

TIB = 2**40
_NUMERIC = Decimal("0.000000001")  # what BigQuery's NUMERIC keeps


@dataclass(frozen=True)
class Cost:
    """Cost of all tries of a run so far: seconds times vCPUs or GiB, and US dollars."""

    vcpu_seconds: Decimal
    memory_gib_seconds: Decimal
    service_bytes_billed: int
    compute_usd: Decimal
    bigquery_usd: Decimal
    prices_of: date

    @property
    def total_usd(self) -> Decimal:
        """Compute plus BigQuery, in US dollars."""
        return self.compute_usd + self.bigquery_usd

    def after(self, earlier: "Cost | None") -> "Cost":
        """Sum of this cost and that of earlier tries, each at the prices of its time."""
        if earlier is None:
            return self
        return Cost(
            self.vcpu_seconds + earlier.vcpu_seconds,
            self.memory_gib_seconds + earlier.memory_gib_seconds,
            self.service_bytes_billed + earlier.service_bytes_billed,
            self.compute_usd + earlier.compute_usd,
            self.bigquery_usd + earlier.bigquery_usd,
            self.prices_of,
        )

    @property
    def row(self) -> dict[str, str | int]:
        """Columns of an event that hold the cost, in what JSON can hold without loss."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True)
class CostColumns:
    """Cost columns of a stored run; all are set, or none."""

    vcpu_seconds: Decimal | None
    memory_gib_seconds: Decimal | None
    service_bytes_billed: int | None
    compute_usd: Decimal | None
    bigquery_usd: Decimal | None
    prices_of: date | None

    @property
    def cost(self) -> Cost | None:
        """Cost of the run's tries so far; `None` where no container has recorded one."""
        known = {field.name: getattr(self, field.name) for field in fields(Cost)}
        return None if known["vcpu_seconds"] is None else Cost(**known)


@dataclass(frozen=True)
class Tariff:
    """Size of the job's container, and the prices of the container and of BigQuery."""

    vcpus: Decimal
    memory_gib: Decimal
    vcpu_second_usd: Decimal
    memory_gib_second_usd: Decimal
    bigquery_tib_usd: Decimal
    prices_of: date

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Tariff of the deployment."""
        return cls(
            settings.job_cpu,
            settings.job_memory_gib,
            settings.price_vcpu_second,
            settings.price_memory_gib_second,
            settings.price_bigquery_tib,
            settings.prices_of,
        )

    def cost(self, seconds: Decimal, bytes_billed: int) -> Cost:
        """Cost of `seconds` of container time and `bytes_billed` of queries."""
        vcpu_seconds, gib_seconds = seconds * self.vcpus, seconds * self.memory_gib
        compute = vcpu_seconds * self.vcpu_second_usd + gib_seconds * self.memory_gib_second_usd
        bigquery = bytes_billed * self.bigquery_tib_usd / TIB
        return Cost(
            _rounded(vcpu_seconds),
            _rounded(gib_seconds),
            bytes_billed,
            _rounded(compute),
            _rounded(bigquery),
            self.prices_of,
        )


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(_NUMERIC)


def _plain(value: Decimal | int | date) -> str | int:
    """Value that JSON can hold, without exponents."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, int) else str(value)
