"""Aqua's reports, read from a server that answers as its API does."""

from decimal import Decimal

import pytest

from cloudact.pipelines.config import read_pipeline
from cloudact.pipelines.steps import Vocabulary
from cloudact.redaction import cleared, know
from cloudact.settings import ROOT
from providers import http
from providers.http import IN_A_REQUEST, Refused
from providers.notes import Notes
from tests.conftest import FIXTURE_DAY
from tests.providers.invented import PROVIDER
from tests.providers.invented.api import AQUA
from tests.providers.invented.source import COST_TABLE, AquaReports
from tests.providers.invented.stand_in import KEY, StandIn, running

CONFIG = ROOT / "tests/providers/invented/usage_cost.yml"


def reports(vendor: StandIn, said: list[str]) -> AquaReports:
    """The reports of one day, as the server tells them."""
    with_key = AQUA.open(vendor.url, KEY, http.client(IN_A_REQUEST), IN_A_REQUEST)
    return AquaReports(with_key, FIXTURE_DAY, "eu", Notes(said.append))


def test_all_pages_are_read() -> None:
    """Each report is one table, the costs last; their sum is the total that the API tells of itself."""
    said: list[str] = []
    with running() as vendor:
        read = reports(vendor, said)
        rows = {table: list(lines) for table, lines in read.rows(("usage", "costs"))}
        total = read.total()
    assert list(rows)[-1] == COST_TABLE
    assert [len(lines) for lines in rows.values()] == [3, 3]
    assert {"EUR": sum((Decimal(str(row["amount"])) for row in rows[COST_TABLE]), Decimal())} == total
    assert said == []


def test_a_revoked_key() -> None:
    """A refused key is named as the reason, and never shown."""
    know([PROVIDER.secret_patterns])
    with running() as vendor:
        vendor.keys.clear()
        with pytest.raises(Refused) as refused:
            reports(vendor, []).total()
    assert refused.value.blames_credential
    assert KEY not in str(refused.value)
    assert cleared(f"key {KEY}.") == "key [key]."


def test_its_file_can_be_read() -> None:
    """The pipeline's file has the steps that the record allows."""
    assert read_pipeline(CONFIG, Vocabulary([PROVIDER])).processor == PROVIDER.steps.processor
