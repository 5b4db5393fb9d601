"""What a run costs: seconds and bytes times prices, to the last digit that the ledger keeps."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cloudact.runs.run_cost import Tariff
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import MIB
from jobs.meter import Meter
from tests.conftest import Local

TARIFF = Tariff(
    vcpus=Decimal(2),
    memory_gib=Decimal(4),
    vcpu_second_usd=Decimal("0.000018"),
    memory_gib_second_usd=Decimal("0.000002"),
    bigquery_tib_usd=Decimal("6.25"),
    prices_of=date(2026, 11, 27),
)


def test_seconds_and_bytes_have_prices() -> None:
    """17.8 s of 2 vCPUs and 4 GiB, and 20 MiB of queries."""
    cost = TARIFF.cost(Decimal("17.8"), 20 * MIB)
    assert (cost.vcpu_seconds, cost.memory_gib_seconds) == (Decimal("35.6"), Decimal("71.2"))
    assert cost.compute_usd == Decimal("35.6") * Decimal("0.000018") + Decimal("71.2") * Decimal("0.000002")
    assert cost.bigquery_usd == Decimal("0.000119209")  # 0.00011920928955078125
    assert cost.total_usd == Decimal("0.000902409")


def test_tries_add_up_at_the_prices_of_their_time() -> None:
    """What an earlier try cost stays what it was, whatever prices are now."""
    first = TARIFF.cost(Decimal(10), MIB * 10)
    dearer = replace(TARIFF, vcpu_second_usd=Decimal(1), prices_of=date(2027, 1, 1))
    both = dearer.cost(Decimal(1), 0).after(first)
    assert both.compute_usd == first.compute_usd + 2 + Decimal("0.000008")
    assert (both.vcpu_seconds, both.service_bytes_billed, both.prices_of) == (Decimal(22), 10 * MIB, date(2027, 1, 1))
    assert first.after(None) == first


def test_the_ledger_keeps_plain_numbers() -> None:
    """No exponent reaches BigQuery's NUMERIC, however small an amount is."""
    cost = TARIFF.cost(Decimal(0), 1000)
    assert cost.row["bigquery_usd"] == "0.000000006"
    assert cost.row["compute_usd"] == "0.000000000"


def test_the_meter_counts_from_its_beginning(local: Local) -> None:
    """Seconds since it was built, and what the warehouse's queries were billed since then: 10 MiB for each table."""
    seconds = iter([100.0, 103.5])
    warehouse = local.warehouse
    meter = Meter(TARIFF, warehouse, lambda: next(seconds))
    warehouse.rows("ready")  # reads nothing
    warehouse.rows("api_keys", key_hashes=["x" * 64])
    cost = meter.cost()
    assert (cost.vcpu_seconds, cost.service_bytes_billed) == (Decimal(7), warehouse.bytes_billed)
    assert cost.service_bytes_billed in (0, 10 * MIB)  # nothing, where the table is still empty


@pytest.mark.parametrize("name", ["JOB_CPU", "PRICE_VCPU_SECOND", "PRICES_OF"])
def test_prices_are_settings(local: Local, name: str) -> None:
    """What operators set is what is counted with; what cannot be a price is refused by its name."""
    env = local.settings.to_env()
    changed = Settings.from_env(env | {"CLOUDACT_PRICE_VCPU_SECOND": "0.5", "CLOUDACT_JOB_CPU": "0.25"})
    assert Tariff.of(changed).cost(Decimal(4), 0).compute_usd == Decimal("0.500008")
    with pytest.raises(Exception, match=f"CLOUDACT_{name}"):
        Settings.from_env(env | {f"CLOUDACT_{name}": "-1 dollar"})
